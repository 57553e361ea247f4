-- name: players_after
-- A page of players with operations, each with the number and the time of his newest one. Always whole pages, so that no
-- statement goes far however few of them are wanted.
SELECT p.player, p.seq, (SELECT o.occurred_at FROM operations o WHERE o.player = p.player AND o.seq <= p.seq ORDER BY o.seq DESC LIMIT 1) AS newest
    FROM (SELECT player, seq FROM players WHERE player > $1 ORDER BY player LIMIT $2) p;

-- name: head
-- A player's row.
SELECT p.seq, p.status, p.brand, encode(p.chain_head, 'hex') AS chain_head FROM players p WHERE p.player = $1;

-- name: span
-- A player's operations with first < seq <= last that happened in [from, until), as they were published.
SELECT operation_json(t.o) AS operation FROM (
    SELECT o FROM operations o WHERE o.player = $1 AND o.seq > $2 AND o.seq <= $3
        AND ($4::timestamptz IS NULL OR o.occurred_at >= $4) AND ($5::timestamptz IS NULL OR o.occurred_at < $5) ORDER BY o.seq) t;

-- name: by_external_id
-- A player's operations under an external id, in any namespace, at one provider account or at any.
SELECT operation_json(t.o) AS operation FROM (
    SELECT o FROM operations o WHERE o.player = $1 AND o.external_id = $2 AND ($3::text = '' OR o.provider_account = $3) ORDER BY o.seq LIMIT $4) t;

-- name: by_seq
-- One operation of a player.
SELECT operation_json(t.o) AS operation FROM (
    SELECT o FROM operations o WHERE o.player = $1 AND o.seq >= $2 ORDER BY o.seq LIMIT 1) t;

-- name: undone_by
-- The operation that takes another one back.
SELECT operation_json(t.o) AS operation FROM (
    SELECT o FROM operations o WHERE o.player = $1 AND o.target_seq = $2 LIMIT 1) t;

-- name: round
-- A round as it is now.
SELECT to_jsonb(r) AS found FROM rounds r WHERE r.player = $1 AND r.provider_account = $2 AND r.round_id = $3;

-- name: session
-- A session as it is now; nothing of its token.
SELECT to_jsonb(s) - 'token_sha256' AS found FROM sessions s WHERE s.player = $1 AND s.session_id = $2;

-- name: grant
-- A grant as it is now.
SELECT to_jsonb(g) AS found FROM grants g WHERE g.player = $1 AND g.grant_id = $2;

-- name: pages
-- How many pages the operations take up on disk.
SELECT pg_relation_size('operations') / current_setting('block_size')::bigint;

-- name: in_pages
-- Operations under an external id that lie in the pages [first, last). New rows are put at the end, so the last pages hold the
-- newest operations; a range of pages is read without an index and without the rest of the table.
SELECT o.player, o.seq FROM operations o
    WHERE o.ctid >= format('(%s,0)', $1::bigint)::tid AND o.ctid < format('(%s,0)', $2::bigint)::tid
        AND o.external_id = $3 AND ($4::text = '' OR o.provider_account = $4) LIMIT $5;

-- name: oldest_in_pages
-- When the first operation of a range of pages happened.
SELECT o.occurred_at FROM operations o
    WHERE o.ctid >= format('(%s,0)', $1::bigint)::tid AND o.ctid < format('(%s,0)', $2::bigint)::tid LIMIT 1;

-- name: hashes
-- The hashes of operations by their numbers; `n` is the caller's number.
SELECT u.n, t.hash FROM json_to_recordset($1::json) u(n integer, player text, seq bigint)
    CROSS JOIN LATERAL (SELECT encode(o.hash, 'hex') AS hash FROM operations o WHERE o.player = u.player AND o.seq = u.seq OFFSET 0) t;

-- name: by_keys
-- Operations by their keys, each with the number of the one that took it back (0: none); `n` is the caller's number of the key.
SELECT u.n, operation_json(t.r) AS operation,
        coalesce((SELECT b.seq FROM operations b WHERE b.player = u.player AND b.target_seq = (t.r).seq LIMIT 1), 0) AS undone_by
    FROM json_to_recordset($1::json) u(n integer, player text, account text, namespace text, external_id text)
    CROSS JOIN LATERAL (SELECT o AS r FROM operations o WHERE o.player = u.player AND o.provider_account = u.account
        AND o.namespace = u.namespace AND o.external_id = u.external_id OFFSET 0) t;
