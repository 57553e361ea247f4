-- name: players
-- A page of players with their heads and balances, as one statement sees them.
SELECT p.player, p.seq, encode(p.chain_head, 'hex') AS chain_head,
        (SELECT coalesce(json_object_agg(b.currency, b.balance), '{}') FROM balances b WHERE b.player = p.player) AS balances
    FROM players p WHERE p.player > $1 ORDER BY p.player LIMIT $2;

-- name: operations
-- The next operations after (player, seq), up to and with the last player of the page, as they were published.
SELECT operation_json(t.o) AS operation FROM (
    SELECT o FROM operations o WHERE (o.player, o.seq) > ($1, $2) AND o.player <= $3 ORDER BY o.player, o.seq LIMIT $4) t;

-- name: strays
-- Operations, movements or balances of players that do not exist: there are no foreign keys, so this is asked here.
SELECT 'operation' AS what, o.player FROM operations o WHERE NOT EXISTS (SELECT FROM players p WHERE p.player = o.player)
UNION ALL
SELECT 'movement', m.player FROM movements m WHERE NOT EXISTS (SELECT FROM operations o WHERE o.player = m.player AND o.seq = m.seq)
UNION ALL
SELECT 'balance', b.player FROM balances b WHERE NOT EXISTS (SELECT FROM players p WHERE p.player = b.player)
LIMIT 100;
