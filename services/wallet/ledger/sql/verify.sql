-- Statements of `stakewire verify`: each is short, and takes its own snapshot. Look-ups go key by key (LATERAL ... OFFSET 0), so that
-- none of them is planned as a join over whole tables.

-- name: end
-- The last player's name that any table knows: where a full walk over the players ends.
SELECT greatest((SELECT max(player) FROM players), (SELECT max(player) FROM operations), (SELECT max(player) FROM movements),
    (SELECT max(player) FROM balances), (SELECT max(player) FROM anchors));

-- name: plan
-- A page of players with the number of operations to read: all that are here ($3), or those after the sealed head.
SELECT p.player, p.seq - coalesce(CASE WHEN NOT $3 THEN h.seq END, a.seq, 0) AS todo
    FROM players p
    LEFT JOIN LATERAL (SELECT a.seq FROM anchors a WHERE a.player = p.player OFFSET 0) a ON true
    LEFT JOIN LATERAL (SELECT h.seq FROM sealed_heads h WHERE h.player = p.player COLLATE "C" OFFSET 0) h ON true
    WHERE p.player > $1 ORDER BY p.player LIMIT $2;

-- name: heads
-- The players of a range with all that is known of where their chains begin, are sealed and end, as one statement sees it.
SELECT p.player, p.brand, p.seq, encode(p.chain_head, 'hex') AS hash,
        (SELECT coalesce(json_object_agg(b.currency, b.balance), '{}') FROM balances b WHERE b.player = p.player) AS balances,
        a.seq AS anchor_seq, encode(a.hash, 'hex') AS anchor_hash, a.balances AS anchor_balances, a.accounts AS anchor_accounts,
        h.seal, h.seq AS sealed_seq, encode(h.hash, 'hex') AS sealed_hash, h.balances AS sealed_balances,
        (SELECT encode(o.hash, 'hex') FROM operations o WHERE o.player = p.player AND o.seq = h.seq) AS hash_at_seal,
        (SELECT o.seq FROM operations o WHERE o.player = p.player ORDER BY o.seq LIMIT 1) AS first_operation,
        (SELECT o.seq FROM operations o WHERE o.player = p.player ORDER BY o.seq DESC LIMIT 1) AS last_operation,
        (SELECT m.seq FROM movements m WHERE m.player = p.player ORDER BY m.seq LIMIT 1) AS first_movement,
        (SELECT m.seq FROM movements m WHERE m.player = p.player ORDER BY m.seq DESC LIMIT 1) AS last_movement
    FROM players p
    LEFT JOIN LATERAL (SELECT * FROM anchors a WHERE a.player = p.player OFFSET 0) a ON true
    LEFT JOIN LATERAL (SELECT * FROM sealed_heads h WHERE h.player = p.player COLLATE "C" OFFSET 0) h ON true
    WHERE p.player > $1 AND p.player <= $2 ORDER BY p.player;

-- name: anchors
-- How far the players of a range are archived.
SELECT a.player, a.seq FROM anchors a WHERE a.player > $1 AND a.player <= $2;

-- name: operations
-- The operations of some stretches (player, after, up to), as they were published, each with who shares its key or its target and
-- with the movements of its target, unless that is in the archive.
SELECT t.operation, t.same_key, t.same_target, t.target
    FROM unnest($1::text[], $2::bigint[], $3::bigint[]) WITH ORDINALITY u(player, after, until, n)
    CROSS JOIN LATERAL (
        SELECT o.seq, operation_json(o) AS operation,
            (SELECT json_agg(json_build_array(q.seq, q.status)) FROM operations q WHERE q.player = o.player
                AND q.provider_account = o.provider_account AND q.namespace = o.namespace AND q.external_id = o.external_id) AS same_key,
            CASE WHEN o.target_seq IS NOT NULL THEN (SELECT array_agg(q.seq) FROM operations q
                WHERE q.player = o.player AND q.target_seq = o.target_seq) END AS same_target,
            CASE WHEN o.target_seq > coalesce((SELECT a.seq FROM anchors a WHERE a.player = o.player), 0) THEN (
                SELECT coalesce(json_agg(json_build_object('debit_account', m.debit_account, 'credit_account', m.credit_account,
                    'amount', m.amount, 'currency', m.currency, 'balance_after', m.balance_after)), '[]')
                FROM movements m WHERE m.player = o.player AND m.seq = o.target_seq) END AS target
        FROM operations o WHERE o.player = u.player AND o.seq > u.after AND o.seq <= u.until OFFSET 0) t
    ORDER BY u.n, t.seq;

-- name: stray_movements
-- Movements of those stretches that belong to no operation: there are no foreign keys, so this is asked here.
SELECT m.player, m.seq FROM unnest($1::text[], $2::bigint[], $3::bigint[]) u(player, after, until)
    CROSS JOIN LATERAL (SELECT m.player, m.seq FROM movements m WHERE m.player = u.player AND m.seq > u.after AND m.seq <= u.until
        AND NOT EXISTS (SELECT FROM operations o WHERE o.player = m.player AND o.seq = m.seq OFFSET 0) LIMIT 100) m
    LIMIT 100;

-- name: strangers
-- Who has operations, movements, balances or an anchor in a range of names, and is no player. Goes from name to name by the index.
WITH RECURSIVE
o(player) AS (
    (SELECT x.player FROM operations x WHERE x.player > $1 AND x.player <= $2 ORDER BY x.player LIMIT 1)
    UNION ALL
    SELECT (SELECT x.player FROM operations x WHERE x.player > o.player AND x.player <= $2 ORDER BY x.player LIMIT 1)
        FROM o WHERE o.player IS NOT NULL),
m(player) AS (
    (SELECT x.player FROM movements x WHERE x.player > $1 AND x.player <= $2 ORDER BY x.player LIMIT 1)
    UNION ALL
    SELECT (SELECT x.player FROM movements x WHERE x.player > m.player AND x.player <= $2 ORDER BY x.player LIMIT 1)
        FROM m WHERE m.player IS NOT NULL)
SELECT f.what, f.player FROM (
    SELECT 'operation' AS what, player FROM o UNION ALL SELECT 'movement', player FROM m
    UNION ALL SELECT 'balance', b.player FROM balances b WHERE b.player > $1 AND b.player <= $2
    UNION ALL SELECT 'anchor', a.player FROM anchors a WHERE a.player > $1 AND a.player <= $2) f
    WHERE f.player IS NOT NULL AND NOT EXISTS (SELECT FROM players p WHERE p.player = f.player OFFSET 0)
    LIMIT 100;
