-- name: settings
-- For the transaction of one report: a plan for just these filters, the time it may take, and memory for its sums.
SELECT set_config('plan_cache_mode', 'force_custom_plan', true), set_config('statement_timeout', $1, true),
       set_config('work_mem', '32MB', true);

-- name: rows
-- Every number of every report. $1 and $2: first and last gaming day; $3 and $4: what it is told apart by, besides the currency;
-- $5: test players too; $6 to $15: filters, null for all and '-' for what has none; $16: no more rows than this.
WITH played AS (
    SELECT
        d.player, d.currency, d.stake, d.win, d.stake_undone, d.win_undone, d.free_win, d.promo_win, d.jackpot_win,
        d.nominal_stake, d.jackpot_contribution, d.bets, d.rounds, d.stake2, d.stake_win, d.win2,
        CASE WHEN r.low IS NULL THEN 0 ELSE d.stake - d.stake_undone END AS rtp_stake,
        coalesce((d.stake - d.stake_undone) * r.low, 0) AS rtp_low,
        coalesce((d.stake - d.stake_undone) * r.high, 0) AS rtp_high,
        CASE $3
            WHEN 'day' THEN d.gaming_day::text
            WHEN 'week' THEN to_char(d.gaming_day, 'IYYY-"W"IW')
            WHEN 'month' THEN to_char(d.gaming_day, 'YYYY-MM')
            WHEN 'game' THEN d.provider_account || '/' || d.game_id
            WHEN 'section' THEN coalesce(g.section, '')
            WHEN 'studio' THEN coalesce(g.studio, '')
            WHEN 'tag' THEN coalesce(t.tag, '')
            WHEN 'collection' THEN coalesce(c.collection_id, '')
            WHEN 'provider_account' THEN d.provider_account
            WHEN 'country' THEN d.country
            WHEN 'brand' THEN d.brand
            WHEN 'player' THEN d.player
            ELSE ''
        END AS key_1,
        CASE $4
            WHEN 'day' THEN d.gaming_day::text
            WHEN 'week' THEN to_char(d.gaming_day, 'IYYY-"W"IW')
            WHEN 'month' THEN to_char(d.gaming_day, 'YYYY-MM')
            WHEN 'game' THEN d.provider_account || '/' || d.game_id
            WHEN 'section' THEN coalesce(g.section, '')
            WHEN 'studio' THEN coalesce(g.studio, '')
            WHEN 'tag' THEN coalesce(t.tag, '')
            WHEN 'collection' THEN coalesce(c.collection_id, '')
            WHEN 'provider_account' THEN d.provider_account
            WHEN 'country' THEN d.country
            WHEN 'brand' THEN d.brand
            WHEN 'player' THEN d.player
            ELSE ''
        END AS key_2
    FROM projections.player_days AS d
    LEFT JOIN projections.games AS g ON g.provider_account = d.provider_account AND g.game_id = d.game_id
    LEFT JOIN (
        SELECT v.provider_account, v.game_id, min(v.variant::numeric) AS low, max(v.variant::numeric) AS high
        FROM (SELECT provider_account, game_id, unnest(rtp) AS variant FROM projections.games) AS v
        WHERE v.variant ~ '^[0-9]{1,3}([.][0-9]{1,6})?$'
        GROUP BY v.provider_account, v.game_id
    ) AS r ON r.provider_account = d.provider_account AND r.game_id = d.game_id
    LEFT JOIN (SELECT DISTINCT provider_account, game_id, unnest(tags) AS tag FROM projections.games) AS t
        ON 'tag' IN ($3, $4) AND t.provider_account = d.provider_account AND t.game_id = d.game_id
    LEFT JOIN projections.collections AS c
        ON 'collection' IN ($3, $4) AND c.brand = d.brand AND c.provider_account = d.provider_account AND c.game_id = d.game_id
    WHERE d.gaming_day BETWEEN $1 AND $2
        AND ($5 OR NOT d.test)
        AND ($6::text IS NULL OR d.brand = $6)
        AND ($7::text IS NULL OR d.provider_account = $7)
        AND ($8::text IS NULL OR d.game_id = $8)
        AND ($9::text IS NULL OR d.currency = $9)
        AND ($10::text IS NULL OR d.country = CASE $10 WHEN '-' THEN '' ELSE $10 END)
        AND ($11::text IS NULL OR d.player = $11)
        AND ($12::text IS NULL OR coalesce(g.section, '') = CASE $12 WHEN '-' THEN '' ELSE $12 END)
        AND ($13::text IS NULL OR coalesce(g.studio, '') = CASE $13 WHEN '-' THEN '' ELSE $13 END)
        AND ($14::text IS NULL OR CASE $14 WHEN '-' THEN coalesce(cardinality(g.tags), 0) = 0 ELSE $14 = ANY (g.tags) END)
        AND ($15::text IS NULL OR ($15 = '-') <> EXISTS (
            SELECT FROM projections.collections AS m
            WHERE m.brand = d.brand AND m.provider_account = d.provider_account AND m.game_id = d.game_id
                AND ($15 = '-' OR m.collection_id = $15)
        ))
),
by_player AS (
    SELECT key_1, key_2, currency, player, sum(rounds) > 0 OR sum(bets) > 0 AS has_played,
        sum(stake) AS stake, sum(win) AS win, sum(stake_undone) AS stake_undone, sum(win_undone) AS win_undone,
        sum(free_win) AS free_win, sum(promo_win) AS promo_win, sum(jackpot_win) AS jackpot_win,
        sum(nominal_stake) AS nominal_stake, sum(jackpot_contribution) AS jackpot_contribution, sum(bets) AS bets,
        sum(rounds) AS rounds, sum(stake2) AS stake2, sum(stake_win) AS stake_win, sum(win2) AS win2,
        sum(rtp_stake) AS rtp_stake, sum(rtp_low) AS rtp_low, sum(rtp_high) AS rtp_high
    FROM played
    GROUP BY key_1, key_2, currency, player
)
SELECT key_1, key_2, currency, count(*) FILTER (WHERE has_played) AS players,
    sum(stake) AS stake, sum(win) AS win, sum(stake_undone) AS stake_undone, sum(win_undone) AS win_undone,
    sum(free_win) AS free_win, sum(promo_win) AS promo_win, sum(jackpot_win) AS jackpot_win,
    sum(nominal_stake) AS nominal_stake, sum(jackpot_contribution) AS jackpot_contribution, sum(bets) AS bets,
    sum(rounds) AS rounds, sum(stake2) AS stake2, sum(stake_win) AS stake_win, sum(win2) AS win2,
    sum(rtp_stake) AS rtp_stake, sum(rtp_low) AS rtp_low, sum(rtp_high) AS rtp_high
FROM by_player
GROUP BY key_1, key_2, currency
ORDER BY key_1, key_2, currency
LIMIT $16;

-- name: game_names
-- What the games of a report are called; $1: `<provider account>/<game id>` of each.
SELECT w.key, g.name
FROM unnest($1::text[]) AS w (key)
JOIN projections.games AS g
    ON g.provider_account = split_part(w.key, '/', 1) AND g.game_id = substr(w.key, length(split_part(w.key, '/', 1)) + 2);

-- name: collection_titles
-- What the collections of a brand (null: of all) are called.
SELECT DISTINCT collection_id, title FROM projections.collections
WHERE $1::text IS NULL OR brand = $1 ORDER BY collection_id, title LIMIT $2;

-- name: choices
-- What the filters offer: sections, studios and tags of the games, and what was played: currencies, countries, brands, accounts.
SELECT kind, value FROM (
    SELECT 'section' AS kind, section AS value FROM projections.games WHERE section <> ''
    UNION SELECT 'studio', studio FROM projections.games WHERE studio <> ''
    UNION SELECT 'tag', tag FROM (SELECT unnest(tags) AS tag FROM projections.games) AS t WHERE tag <> ''
    UNION SELECT 'provider_account', provider_account FROM projections.games
) AS known
ORDER BY kind, value LIMIT $1;

-- name: rollbacks
-- What was undone on the days of a report, each against its original. $1 to $11: days, test, brand, account, game, currency,
-- country, player, section, studio; $12 and $13: tag, collection; $14 to $16: the last one of the page before; $17: at most so many.
SELECT
    o.gaming_day, o.player, o.seq, o.occurred_at, o.provider_account, o.game_id, o.currency, o.stake, o.win, o.round_id,
    o.namespace, o.external_id, position('"restores":true' IN o.details) > 0 AS restores, o.brand,
    o.target_seq, b.kind AS original_kind, b.gaming_day AS original_day, b.occurred_at AS original_at,
    b.external_id AS original_external_id, b.stake AS original_stake, b.win AS original_win
FROM projections.operations AS o
LEFT JOIN LATERAL (
    SELECT * FROM projections.operations AS b WHERE b.player = o.player AND b.seq = o.target_seq OFFSET 0
) AS b ON true
LEFT JOIN projections.players AS p ON p.player = o.player
LEFT JOIN projections.games AS g ON g.provider_account = o.provider_account AND g.game_id = o.game_id
WHERE o.target_seq <> 0 AND o.status = 'applied' AND o.gaming_day BETWEEN $1 AND $2
    AND ($3 OR NOT o.test)
    AND ($4::text IS NULL OR o.brand = $4)
    AND ($5::text IS NULL OR o.provider_account = $5)
    AND ($6::text IS NULL OR o.game_id = $6)
    AND ($7::text IS NULL OR o.currency = $7)
    AND ($8::text IS NULL OR coalesce(p.country, '') = CASE $8 WHEN '-' THEN '' ELSE $8 END)
    AND ($9::text IS NULL OR o.player = $9)
    AND ($10::text IS NULL OR coalesce(g.section, '') = CASE $10 WHEN '-' THEN '' ELSE $10 END)
    AND ($11::text IS NULL OR coalesce(g.studio, '') = CASE $11 WHEN '-' THEN '' ELSE $11 END)
    AND ($12::text IS NULL OR CASE $12 WHEN '-' THEN coalesce(cardinality(g.tags), 0) = 0 ELSE $12 = ANY (g.tags) END)
    AND ($13::text IS NULL OR ($13 = '-') <> EXISTS (
        SELECT FROM projections.collections AS m
        WHERE m.brand = o.brand AND m.provider_account = o.provider_account AND m.game_id = o.game_id
            AND ($13 = '-' OR m.collection_id = $13)
    ))
    AND ($14::date IS NULL OR (o.gaming_day, o.player, o.seq) > ($14, $15::text, $16::bigint))
ORDER BY o.gaming_day, o.player, o.seq
LIMIT $17;

-- name: forget_collections
-- Before the collections of a brand are written anew.
DELETE FROM projections.collections WHERE brand = $1;

-- name: keep_collections
-- $2 to $5: in arrays of one length.
INSERT INTO projections.collections (brand, collection_id, title, provider_account, game_id)
SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[], $5::text[])
ON CONFLICT DO NOTHING;
