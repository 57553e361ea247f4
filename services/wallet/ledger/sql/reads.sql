-- name: player
-- A player with his profile, if he still has one, and his accounts.
SELECT p.brand, (SELECT row_to_json(t) FROM (
    SELECT p.player, p.brand, p.status, p.test, p.seq, (extract(epoch FROM p.created_at) * 1000)::bigint AS created_at_ms,
        coalesce((SELECT json_agg(json_build_object('currency', b.currency, 'balance', b.balance) ORDER BY b.currency)
            FROM balances b WHERE b.player = p.player), '[]') AS accounts,
        coalesce(f.operator_player_id, '') AS operator_player_id, coalesce(f.country, '') AS country,
        coalesce(f.language, '') AS language, p.excluded_until_ms) t) AS found
    FROM players p LEFT JOIN LATERAL (SELECT * FROM profiles f WHERE f.player = p.player OFFSET 0) f ON true
    WHERE p.player = $1;

-- name: session
-- One session of a player.
SELECT p.brand, (SELECT row_to_json(s) FROM sessions s WHERE s.player = p.player AND s.session_id = $2) AS found
    FROM players p WHERE p.player = $1;

-- name: played
-- What was played in a session, less what was rolled back: bets, stakes and wins that stand after all undos of undos. Looks at $4
-- operations of the player from $3 (Unix milliseconds) on, a minute earlier for what the clocks of two wallets differ; null where
-- there are more.
SELECT p.brand, (
    WITH RECURSIVE near AS MATERIALIZED (
        SELECT o.seq, o.kind, o.status, o.session_id, o.target_seq, o.stake, o.win, coalesce(o.nominal_stake, 0) AS nominal,
            coalesce(o.free_rounds_asked, 0) AS asked
        FROM operations o
        WHERE o.player = p.player
            AND o.seq >= first_operation_since(p.player, 'epoch'::timestamptz + ($3::bigint - 60000) * interval '1 millisecond')
        ORDER BY o.seq LIMIT $4::integer + 1),
    own AS MATERIALIZED (SELECT * FROM near n WHERE n.session_id = $2 AND n.status = 'applied'),
    undos AS (
        SELECT o.seq AS root, o.seq, 0 AS depth FROM own o WHERE o.kind IN ('bet', 'win', 'bet_and_win', 'settle_round')
        UNION ALL
        SELECT u.root, o.seq, u.depth + 1 FROM undos u JOIN own o ON o.target_seq = u.seq),
    standing AS (SELECT u.root FROM undos u GROUP BY u.root HAVING max(u.depth) % 2 = 0)
    SELECT CASE WHEN (SELECT count(*) FROM near) <= $4 THEN json_build_object(
        'bets', count(*) FILTER (WHERE o.kind = 'bet' OR (o.kind = 'bet_and_win' AND o.stake + o.nominal + o.asked > 0)),
        'staked', coalesce(sum(o.stake), 0), 'won', coalesce(sum(o.win), 0)) END
    FROM standing s JOIN own o ON o.seq = s.root) AS found
    FROM players p WHERE p.player = $1;

-- name: authenticate
-- The session that a token belongs to; should there be several, the newest.
SELECT p.brand, (SELECT row_to_json(s) FROM sessions s WHERE s.player = p.player AND s.token_sha256 = $2 AND s.token_sha256 <> ''
    ORDER BY s.opened_at_ms DESC LIMIT 1) AS found
    FROM players p WHERE p.player = $1;

-- name: round
-- One round of a player.
SELECT p.brand, (SELECT row_to_json(r) FROM rounds r WHERE r.player = p.player AND r.provider_account = $2 AND r.round_id = $3) AS found
    FROM players p WHERE p.player = $1;

-- name: limits
-- A player's limits, and what counts towards them since gaming day $2.
SELECT p.brand, json_build_object('brand', p.brand, 'excluded_until_ms', p.excluded_until_ms,
    'limits', coalesce((SELECT json_agg(json_build_object('player', l.player, 'kind', l.kind, 'window', l.window_name,
            'currency', l.currency, 'value', l.value, 'next_value', l.next_value, 'next_from_ms', l.next_from_ms)
            ORDER BY l.currency, l.kind, l.window_name)
        FROM limits l WHERE l.player = p.player), '[]'),
    'usage', coalesce((SELECT json_agg(row_to_json(u)) FROM usage u WHERE u.player = p.player AND u.gaming_day >= $2::date), '[]')) AS found
    FROM players p WHERE p.player = $1;

-- name: sessions
-- A player's sessions before (opened_at_ms, session_id), newest first. The condition on the time is that of the index.
SELECT p.brand, (SELECT json_agg(t.s) FROM (
    SELECT s FROM sessions s WHERE s.player = p.player AND s.opened_at_ms >= 0 AND (s.opened_at_ms, s.session_id) < ($2::bigint, $3::text)
        ORDER BY s.opened_at_ms DESC, s.session_id DESC LIMIT $4) t) AS found
    FROM players p WHERE p.player = $1;

-- name: grant
-- One grant of a player.
SELECT p.brand, (SELECT row_to_json(g) FROM grants g WHERE g.player = p.player AND g.grant_id = $2) AS found
    FROM players p WHERE p.player = $1;

-- name: grants
-- A player's grants before (expires_at_ms, grant_id), newest expiry first. The condition on the count is that of the index.
SELECT p.brand, (SELECT json_agg(t.g) FROM (
    SELECT g FROM grants g WHERE g.player = p.player AND g.count > 0 AND (g.expires_at_ms, g.grant_id) < ($2::bigint, $3::text)
        ORDER BY g.expires_at_ms DESC, g.grant_id DESC LIMIT $4) t) AS found
    FROM players p WHERE p.player = $1;

-- name: operations
-- A player's operations with a number below the given one, newest first, as they were published.
SELECT p.brand, (SELECT json_agg(operation_json(t.o)) FROM (
    SELECT o FROM operations o WHERE o.player = p.player AND o.seq < $2 ORDER BY o.seq DESC LIMIT $3) t) AS found
    FROM players p WHERE p.player = $1;
