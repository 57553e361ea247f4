-- The archive of closed months. Where every player's chain was cut last lies in a temporary table, ordered by bytes as the files are.

-- name: cuts_table
-- Where the archive's chains end so far.
CREATE TEMPORARY TABLE cuts (
    player text COLLATE "C" PRIMARY KEY, brand text NOT NULL, seq bigint NOT NULL, hash text NOT NULL, balances text NOT NULL,
    accounts text NOT NULL
);

-- name: add_players
-- Players whom no file knows yet: from their anchor, or from their first operation.
INSERT INTO cuts SELECT p.player, p.brand, coalesce(a.seq, 0), coalesce(encode(a.hash, 'hex'), repeat('0', 64)),
        coalesce(a.balances, '{}'), coalesce(a.accounts, '{}')
    FROM players p LEFT JOIN anchors a ON a.player = p.player ON CONFLICT DO NOTHING;

-- name: gone
-- A player of whom the database gave up more than these files hold.
SELECT a.player, a.seq, a.month FROM anchors a JOIN cuts c ON c.player = a.player COLLATE "C" WHERE a.seq > c.seq LIMIT 1;

-- name: page
-- A page of chains.
SELECT * FROM cuts c WHERE c.player > $1 COLLATE "C" ORDER BY c.player LIMIT $2;

-- name: first_moment
-- When the next operation of a page of chains happened that is in no file yet, in ms; and the last player of the page.
SELECT min((extract(epoch FROM x.occurred_at) * 1000)::bigint) AS moment, max(c.player) AS last
    FROM (SELECT * FROM cuts c WHERE c.player > $1 COLLATE "C" ORDER BY c.player LIMIT $2) c
    LEFT JOIN LATERAL (SELECT o.occurred_at FROM operations o WHERE o.player = c.player COLLATE "default" AND o.seq > c.seq
        ORDER BY o.seq LIMIT 1) x ON true;

-- name: ends
-- Up to which number each player's operations happened before a moment: the one before the first that happened later.
SELECT u.player, coalesce(
        (SELECT o.seq - 1 FROM operations o WHERE o.player = u.player AND o.seq > u.after AND o.occurred_at >= $3
            ORDER BY o.seq LIMIT 1), p.seq) AS until
    FROM unnest($1::text[], $2::bigint[]) u(player, after)
    CROSS JOIN LATERAL (SELECT p.seq FROM players p WHERE p.player = u.player OFFSET 0) p;

-- name: move_cuts
-- The chains of a page end further on now.
UPDATE cuts c SET seq = u.seq, hash = u.hash, balances = u.balances, accounts = u.accounts
    FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::text[]) u(player, seq, hash, balances, accounts)
    WHERE c.player = u.player COLLATE "C";

-- name: given_up
-- The months whose operations are no longer in the database.
SELECT month FROM archives ORDER BY month;

-- name: standing
-- How far some players are archived, sealed, and present: the anchor, the sealed head, and the operations of a stretch.
SELECT u.player, a.seq AS anchor_seq, encode(a.hash, 'hex') AS anchor_hash, h.seq AS sealed_seq,
        (SELECT encode(o.hash, 'hex') FROM operations o WHERE o.player = u.player AND o.seq = u.until) AS hash
    FROM unnest($1::text[], $2::bigint[]) WITH ORDINALITY u(player, until, n)
    LEFT JOIN LATERAL (SELECT * FROM anchors a WHERE a.player = u.player OFFSET 0) a ON true
    LEFT JOIN LATERAL (SELECT h.seq FROM sealed_heads h WHERE h.player = u.player COLLATE "C" OFFSET 0) h ON true
    ORDER BY u.n;

-- name: set_anchor
-- Where a player's chain in the database begins from now on.
INSERT INTO anchors (player, seq, hash, balances, accounts, month) VALUES ($1, $2, decode($3, 'hex'), $4, $5, $6)
    ON CONFLICT (player) DO UPDATE SET seq = excluded.seq, hash = excluded.hash, balances = excluded.balances,
        accounts = excluded.accounts, month = excluded.month, archived_at = now();

-- name: delete_movements
-- Movements that are in a verified file.
DELETE FROM movements m WHERE m.player = $1 AND m.seq > $2 AND m.seq <= $3;

-- name: delete_operations
-- Operations that are in a verified file.
DELETE FROM operations o WHERE o.player = $1 AND o.seq > $2 AND o.seq <= $3;

-- name: give_up
-- A month is no longer in the database.
INSERT INTO archives (month, operations, movements, manifest_sha256) VALUES ($1, $2, $3, decode($4, 'hex')) ON CONFLICT (month) DO NOTHING;
