-- name: player
-- A player with his profile, if he still has one, and his accounts.
SELECT p.brand, (SELECT row_to_json(t) FROM (
    SELECT p.player, p.brand, p.status, p.test, p.seq, (extract(epoch FROM p.created_at) * 1000)::bigint AS created_at_ms,
        coalesce((SELECT json_agg(json_build_object('currency', b.currency, 'balance', b.balance) ORDER BY b.currency)
            FROM balances b WHERE b.player = p.player), '[]') AS accounts,
        coalesce(f.operator_player_id, '') AS operator_player_id, coalesce(f.country, '') AS country,
        coalesce(f.language, '') AS language) t) AS found
    FROM players p LEFT JOIN LATERAL (SELECT * FROM profiles f WHERE f.player = p.player OFFSET 0) f ON true
    WHERE p.player = $1;

-- name: session
-- One session of a player.
SELECT p.brand, (SELECT row_to_json(s) FROM sessions s WHERE s.player = p.player AND s.session_id = $2) AS found
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
