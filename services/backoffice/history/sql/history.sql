-- name: settings
-- For the transaction of one page: a plan for just these filters, and the time it may take.
SELECT set_config('plan_cache_mode', 'force_custom_plan', true), set_config('statement_timeout', $1, true);

-- name: player
-- Whose history it is; the key is looked up before the operator's id is.
SELECT player, brand, country, test, status, seq, created_at, last_at FROM projections.players
WHERE player = ANY ($1::text[]) AND ($2::text IS NULL OR brand = $2)
ORDER BY player = ($1::text[])[1] DESC LIMIT 1;

-- name: seq_at
-- The first operation of a player at or after $2: they are numbered in the order of time, so it is found by halving.
-- One that was not read (the topic forgets) counts as older.
WITH RECURSIVE halves AS (
    SELECT 1::bigint AS low, p.seq + 1 AS high FROM projections.players AS p WHERE p.player = $1
    UNION ALL
    SELECT CASE WHEN coalesce(o.occurred_at, '-infinity') < $2 THEN m.middle + 1 ELSE h.low END,
           CASE WHEN coalesce(o.occurred_at, '-infinity') < $2 THEN h.high ELSE m.middle END
    FROM halves AS h
    CROSS JOIN LATERAL (SELECT (h.low + h.high) / 2 AS middle) AS m
    LEFT JOIN LATERAL (
        SELECT occurred_at FROM projections.operations AS o WHERE o.player = $1 AND o.seq = m.middle OFFSET 0
    ) AS o ON true
    WHERE h.low < h.high
)
SELECT low FROM halves WHERE low >= high;

-- name: operations_older
-- A page, the newest first: $1 player, from $2 on and before $3 by number, of the time $4 to $5; $6 to $16 filters, null for all
-- and '-' for what has none; $17 at most so many.
SELECT o.seq, o.occurred_at, o.gaming_day, o.provider_account, o.namespace, o.external_id, o.kind, o.status, o.result, o.currency,
    o.stake, o.win, o.nominal_stake, o.round_id, o.game_id, o.free_round, o.target_seq, o.balance_after, o.promo_class,
    o.limit_name, coalesce(g.name, '') AS game_name
FROM projections.operations AS o
LEFT JOIN projections.games AS g ON g.provider_account = o.provider_account AND g.game_id = o.game_id
WHERE o.player = $1 AND o.seq >= $2 AND o.seq < $3 AND o.occurred_at >= $4 AND o.occurred_at < $5
    AND ($6::text IS NULL OR o.provider_account = $6)
    AND ($7::text IS NULL OR o.game_id = $7)
    AND ($8::text IS NULL OR coalesce(g.section, '') = CASE $8 WHEN '-' THEN '' ELSE $8 END)
    AND ($9::text IS NULL OR coalesce(g.studio, '') = CASE $9 WHEN '-' THEN '' ELSE $9 END)
    AND ($10::text IS NULL OR CASE $10 WHEN '-' THEN coalesce(cardinality(g.tags), 0) = 0 ELSE $10 = ANY (g.tags) END)
    AND ($11::text IS NULL OR ($11 = '-') <> EXISTS (
        SELECT FROM projections.collections AS m WHERE m.brand = o.brand AND m.provider_account = o.provider_account
            AND m.game_id = o.game_id AND ($11 = '-' OR m.collection_id = $11)
    ))
    AND ($12::text IS NULL OR o.kind = $12)
    AND ($13::text IS NULL OR o.status = $13)
    AND ($14::text IS NULL OR o.currency = $14)
    AND ($15::bigint IS NULL OR greatest(o.stake, o.win) >= $15)
    AND ($16::bigint IS NULL OR greatest(o.stake, o.win) <= $16)
ORDER BY o.seq DESC
LIMIT $17;

-- name: operations_newer
-- The same, the oldest first.
SELECT o.seq, o.occurred_at, o.gaming_day, o.provider_account, o.namespace, o.external_id, o.kind, o.status, o.result, o.currency,
    o.stake, o.win, o.nominal_stake, o.round_id, o.game_id, o.free_round, o.target_seq, o.balance_after, o.promo_class,
    o.limit_name, coalesce(g.name, '') AS game_name
FROM projections.operations AS o
LEFT JOIN projections.games AS g ON g.provider_account = o.provider_account AND g.game_id = o.game_id
WHERE o.player = $1 AND o.seq >= $2 AND o.seq < $3 AND o.occurred_at >= $4 AND o.occurred_at < $5
    AND ($6::text IS NULL OR o.provider_account = $6)
    AND ($7::text IS NULL OR o.game_id = $7)
    AND ($8::text IS NULL OR coalesce(g.section, '') = CASE $8 WHEN '-' THEN '' ELSE $8 END)
    AND ($9::text IS NULL OR coalesce(g.studio, '') = CASE $9 WHEN '-' THEN '' ELSE $9 END)
    AND ($10::text IS NULL OR CASE $10 WHEN '-' THEN coalesce(cardinality(g.tags), 0) = 0 ELSE $10 = ANY (g.tags) END)
    AND ($11::text IS NULL OR ($11 = '-') <> EXISTS (
        SELECT FROM projections.collections AS m WHERE m.brand = o.brand AND m.provider_account = o.provider_account
            AND m.game_id = o.game_id AND ($11 = '-' OR m.collection_id = $11)
    ))
    AND ($12::text IS NULL OR o.kind = $12)
    AND ($13::text IS NULL OR o.status = $13)
    AND ($14::text IS NULL OR o.currency = $14)
    AND ($15::bigint IS NULL OR greatest(o.stake, o.win) >= $15)
    AND ($16::bigint IS NULL OR greatest(o.stake, o.win) <= $16)
ORDER BY o.seq
LIMIT $17;

-- name: rounds_older
-- A page of rounds, the one that began last first. Parameters as of operations_older; $12 is not used, $13 the round's status.
SELECT r.first_seq AS seq, r.provider_account, r.round_id, r.game_id, r.currency, r.status, r.bets, r.operations, r.stake, r.win,
    r.free_win, r.nominal_stake, r.last_seq, r.opened_at, r.last_at, l.balance_after, coalesce(g.name, '') AS game_name
FROM projections.rounds AS r
LEFT JOIN projections.games AS g ON g.provider_account = r.provider_account AND g.game_id = r.game_id
LEFT JOIN LATERAL (
    SELECT balance_after FROM projections.operations AS o WHERE o.player = r.player AND o.seq = r.last_seq OFFSET 0
) AS l ON true
WHERE r.player = $1 AND r.first_seq >= $2 AND r.first_seq < $3 AND r.opened_at >= $4 AND r.opened_at < $5
    AND ($6::text IS NULL OR r.provider_account = $6)
    AND ($7::text IS NULL OR r.game_id = $7)
    AND ($8::text IS NULL OR coalesce(g.section, '') = CASE $8 WHEN '-' THEN '' ELSE $8 END)
    AND ($9::text IS NULL OR coalesce(g.studio, '') = CASE $9 WHEN '-' THEN '' ELSE $9 END)
    AND ($10::text IS NULL OR CASE $10 WHEN '-' THEN coalesce(cardinality(g.tags), 0) = 0 ELSE $10 = ANY (g.tags) END)
    AND ($11::text IS NULL OR ($11 = '-') <> EXISTS (
        SELECT FROM projections.collections AS m WHERE m.brand = r.brand AND m.provider_account = r.provider_account
            AND m.game_id = r.game_id AND ($11 = '-' OR m.collection_id = $11)
    ))
    AND $12::text IS NULL
    AND ($13::text IS NULL OR r.status = $13)
    AND ($14::text IS NULL OR r.currency = $14)
    AND ($15::bigint IS NULL OR greatest(r.stake, r.win + r.free_win) >= $15)
    AND ($16::bigint IS NULL OR greatest(r.stake, r.win + r.free_win) <= $16)
ORDER BY r.first_seq DESC
LIMIT $17;

-- name: rounds_newer
-- The same, the one that began first before the others.
SELECT r.first_seq AS seq, r.provider_account, r.round_id, r.game_id, r.currency, r.status, r.bets, r.operations, r.stake, r.win,
    r.free_win, r.nominal_stake, r.last_seq, r.opened_at, r.last_at, l.balance_after, coalesce(g.name, '') AS game_name
FROM projections.rounds AS r
LEFT JOIN projections.games AS g ON g.provider_account = r.provider_account AND g.game_id = r.game_id
LEFT JOIN LATERAL (
    SELECT balance_after FROM projections.operations AS o WHERE o.player = r.player AND o.seq = r.last_seq OFFSET 0
) AS l ON true
WHERE r.player = $1 AND r.first_seq >= $2 AND r.first_seq < $3 AND r.opened_at >= $4 AND r.opened_at < $5
    AND ($6::text IS NULL OR r.provider_account = $6)
    AND ($7::text IS NULL OR r.game_id = $7)
    AND ($8::text IS NULL OR coalesce(g.section, '') = CASE $8 WHEN '-' THEN '' ELSE $8 END)
    AND ($9::text IS NULL OR coalesce(g.studio, '') = CASE $9 WHEN '-' THEN '' ELSE $9 END)
    AND ($10::text IS NULL OR CASE $10 WHEN '-' THEN coalesce(cardinality(g.tags), 0) = 0 ELSE $10 = ANY (g.tags) END)
    AND ($11::text IS NULL OR ($11 = '-') <> EXISTS (
        SELECT FROM projections.collections AS m WHERE m.brand = r.brand AND m.provider_account = r.provider_account
            AND m.game_id = r.game_id AND ($11 = '-' OR m.collection_id = $11)
    ))
    AND $12::text IS NULL
    AND ($13::text IS NULL OR r.status = $13)
    AND ($14::text IS NULL OR r.currency = $14)
    AND ($15::bigint IS NULL OR greatest(r.stake, r.win + r.free_win) >= $15)
    AND ($16::bigint IS NULL OR greatest(r.stake, r.win + r.free_win) <= $16)
ORDER BY r.first_seq
LIMIT $17;

-- name: round
-- One round.
SELECT r.first_seq AS seq, r.provider_account, r.round_id, r.game_id, r.currency, r.status, r.bets, r.operations, r.stake, r.win,
    r.free_win, r.nominal_stake, r.last_seq, r.opened_at, r.last_at, l.balance_after, coalesce(g.name, '') AS game_name
FROM projections.rounds AS r
LEFT JOIN projections.games AS g ON g.provider_account = r.provider_account AND g.game_id = r.game_id
LEFT JOIN LATERAL (
    SELECT balance_after FROM projections.operations AS o WHERE o.player = r.player AND o.seq = r.last_seq OFFSET 0
) AS l ON true
WHERE r.player = $1 AND r.provider_account = $2 AND r.round_id = $3;

-- name: operations_of_round
-- All that names a round, in order; also what was refused, and prizes that stand beside it.
SELECT o.seq, o.occurred_at, o.gaming_day, o.provider_account, o.namespace, o.external_id, o.kind, o.status, o.result, o.currency,
    o.stake, o.win, o.nominal_stake, o.round_id, o.game_id, o.free_round, o.target_seq, o.balance_after, o.promo_class,
    o.limit_name, coalesce(g.name, '') AS game_name
FROM projections.operations AS o
LEFT JOIN projections.games AS g ON g.provider_account = o.provider_account AND g.game_id = o.game_id
WHERE o.player = $1 AND o.provider_account = $2 AND o.round_id = $3 AND o.round_id <> ''
ORDER BY o.seq
LIMIT $4;

-- name: operation
-- One operation whole, with the number of what undid it (0 = nothing did).
SELECT o.seq, o.occurred_at, o.gaming_day, o.provider_account, o.namespace, o.external_id, o.kind, o.status, o.result, o.currency,
    o.stake, o.win, o.nominal_stake, o.round_id, o.game_id, o.free_round, o.target_seq, o.balance_after, o.promo_class,
    o.limit_name, coalesce(g.name, '') AS game_name,
    o.jackpot_contribution, o.closes_round, o.session_id, o.grant_id, o.details, encode(o.hash, 'hex') AS hash, o.movements,
    coalesce((
        SELECT u.seq FROM projections.operations AS u
        WHERE u.player = o.player AND u.target_seq = o.seq AND u.target_seq <> 0 AND u.status = 'applied' ORDER BY u.seq DESC LIMIT 1
    ), 0) AS undone_by
FROM projections.operations AS o
LEFT JOIN projections.games AS g ON g.provider_account = o.provider_account AND g.game_id = o.game_id
WHERE o.player = $1 AND o.seq = $2;

-- name: callbacks_of_operation
-- The callbacks of a player in a stretch of time that name an external id of a provider account, the oldest first.
SELECT received_at, request_id, provider_account, dialect, method, kind, player, external_id, verdict, result, response_status,
    remote_address, diagnosis, finding, finding_facts, request_headers, request_body, request_base64, response_body, response_base64,
    verify_us, parse_us, wallet_us, total_us, keys
FROM projections.callbacks
WHERE player = $1 AND player <> '' AND received_at >= $2 AND received_at < $3 AND provider_account = $4
    AND (external_id = $5 OR position(to_json($5::text)::text IN keys) > 0)
ORDER BY received_at
LIMIT $6;

-- name: callback
-- One callback by its request id; the newest where a caller gave the same id twice.
SELECT received_at, request_id, provider_account, dialect, method, kind, player, external_id, verdict, result, response_status,
    remote_address, diagnosis, finding, finding_facts, request_headers, request_body, request_base64, response_body, response_base64,
    verify_us, parse_us, wallet_us, total_us, keys
FROM projections.callbacks WHERE request_id = $1 ORDER BY received_at DESC LIMIT 1;

-- name: operations_named
-- The operations of a player that stand under external ids of a provider account: what a callback led to.
SELECT o.seq, o.kind, o.external_id, o.namespace, o.status FROM projections.operations AS o
WHERE o.player = $1 AND o.provider_account = $2 AND o.external_id = ANY ($3::text[]) ORDER BY o.seq LIMIT 100;

-- name: kinds
-- The kinds and currencies of the newest operations of a player, for a filter.
SELECT DISTINCT kind, currency FROM (
    SELECT kind, currency FROM projections.operations WHERE player = $1 ORDER BY seq DESC LIMIT $2
) AS newest ORDER BY kind, currency;
