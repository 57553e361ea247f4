-- Seals: one root over the heads of all players. The application's role has no rights here.

-- name: try_lock
-- One seal at once, and one archive, whoever starts it.
SELECT pg_try_advisory_lock($1);

-- name: seals
-- A page of seals, from the first.
SELECT number AS seal, to_char(sealed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS sealed_at, players, operations,
        encode(heads, 'hex') AS heads, encode(accounts, 'hex') AS accounts, encode(previous_root, 'hex') AS previous_root,
        encode(root, 'hex') AS root
    FROM seals WHERE number > $1 ORDER BY number LIMIT 500;

-- name: last_seal
-- The number of the last seal, 0 before the first.
SELECT coalesce(max(number), 0) FROM seals;

-- name: accounts
-- The accounts' sums at a seal.
SELECT account, brand, currency, units::text AS units FROM sealed_accounts WHERE seal = $1;

-- name: heads
-- A page of sealed heads in the order of their bytes, and whether the player still exists.
SELECT h.player, h.seq, encode(h.hash, 'hex') AS hash, h.balances,
        EXISTS (SELECT FROM players p WHERE p.player = h.player COLLATE "default") AS known
    FROM sealed_heads h WHERE h.player > $1 COLLATE "C" ORDER BY h.player LIMIT 5000;

-- name: moved
-- The heads that moved since the last seal, with the balances that belong to them: one statement, so one consistent picture. It
-- reads and takes no lock on any row.
CREATE TEMPORARY TABLE sealing AS
SELECT p.player COLLATE "C" AS player, p.brand, p.seq, p.chain_head AS hash, x.balances,
        coalesce(h.seq, a.seq, 0) AS sealed_seq, coalesce(h.hash, a.hash, decode(repeat('00', 32), 'hex')) AS sealed_hash
    FROM players p
    LEFT JOIN sealed_heads h ON h.player = p.player COLLATE "C"
    LEFT JOIN anchors a ON a.player = p.player
    CROSS JOIN LATERAL (SELECT coalesce(string_agg(b.currency || '=' || b.balance, ',' ORDER BY b.currency COLLATE "C"), '-') AS balances
        FROM balances b WHERE b.player = p.player) x
    WHERE p.seq > 0 AND (h.seq, h.hash, h.balances) IS DISTINCT FROM (p.seq, p.chain_head, x.balances);

-- name: prepare_moved
-- Pages of it are read by the player.
ALTER TABLE sealing ADD PRIMARY KEY (player);

-- name: drop_moved
-- A session that seals again begins anew.
DROP TABLE IF EXISTS sealing;

-- name: unfit
-- Of a page of moved heads, those that do not continue what was sealed, or are not the last operation.
SELECT s.player, s.seq FROM (SELECT * FROM sealing s WHERE s.player > $1 COLLATE "C" ORDER BY s.player LIMIT $2) s
    WHERE s.seq <= s.sealed_seq
        OR s.hash IS DISTINCT FROM (SELECT o.hash FROM operations o WHERE o.player = s.player COLLATE "default" AND o.seq = s.seq)
        OR (s.sealed_seq > 0 AND s.sealed_hash IS DISTINCT FROM coalesce(
            (SELECT o.hash FROM operations o WHERE o.player = s.player COLLATE "default" AND o.seq = s.sealed_seq),
            (SELECT a.hash FROM anchors a WHERE a.player = s.player COLLATE "default" AND a.seq = s.sealed_seq)))
    LIMIT 5;

-- name: sums
-- What a page of moved heads added to each account: operations and movements up to a head never change, so this needs no snapshot.
SELECT x.account, s.brand, x.currency, sum(x.units)::text AS units
    FROM (SELECT * FROM sealing s WHERE s.player > $1 COLLATE "C" ORDER BY s.player LIMIT $2) s
    CROSS JOIN LATERAL (
        SELECT m.debit_account AS account, m.currency, -m.amount AS units FROM movements m
            WHERE m.player = s.player COLLATE "default" AND m.seq > s.sealed_seq AND m.seq <= s.seq
        UNION ALL SELECT m.credit_account, m.currency, m.amount FROM movements m
            WHERE m.player = s.player COLLATE "default" AND m.seq > s.sealed_seq AND m.seq <= s.seq OFFSET 0) x
    GROUP BY 1, 2, 3;

-- name: page_end
-- The last player of a page of moved heads.
SELECT max(s.player) FROM (SELECT s.player FROM sealing s WHERE s.player > $1 COLLATE "C" ORDER BY s.player LIMIT $2) s;

-- name: keep_heads
-- The moved heads are the sealed ones now.
INSERT INTO sealed_heads (player, seq, hash, balances, seal) SELECT s.player, s.seq, s.hash, s.balances, $1 FROM sealing s
    ON CONFLICT (player) DO UPDATE SET seq = excluded.seq, hash = excluded.hash, balances = excluded.balances, seal = excluded.seal;

-- name: keep_account
-- One account's sum.
INSERT INTO sealed_accounts (seal, account, brand, currency, units) VALUES ($1, $2, $3, $4, $5::text::numeric);

-- name: keep_seal
-- The seal itself.
INSERT INTO seals (number, sealed_at, players, operations, heads, accounts, previous_root, root)
    VALUES ($1, $2::text::timestamptz, $3, $4, decode($5, 'hex'), decode($6, 'hex'), decode($7, 'hex'), decode($8, 'hex'));
