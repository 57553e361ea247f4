-- name: forget_positions
-- A copy of a ledger that another topic is to feed: nothing of the old one is waited for.
DELETE FROM partition_position;

-- name: forget_epoch
-- The same, for the topic's identity.
DELETE FROM topic_epochs;

-- name: fund
-- The plain SQL ledger's accounts: houses that may go below 0, and a player's account for each player of the other ledgers.
WITH houses AS (
    INSERT INTO accounts (name, currency, allow_negative)
        SELECT 'house-' || n, %(currency)s, true FROM generate_series(0, %(houses)s - 1) n
)
INSERT INTO accounts (name, currency, allow_negative) SELECT player, %(currency)s, false FROM unnest(%(players)s::text[]) player;

-- name: deposit
-- The players' money, from the houses in turns.
SELECT count(create_transfer('house-' || (n %% %(houses)s), player, %(amount)s))
    FROM unnest(%(players)s::text[]) WITH ORDINALITY u(player, n);

-- name: pgledger_books
-- One row of counts over the plain SQL ledger.
SELECT
    (SELECT count(*) FROM transfers) AS transfers,
    (SELECT coalesce(sum(balance), 0) FROM accounts) AS imbalance,
    (
        SELECT count(*) FROM accounts a
        LEFT JOIN (
            SELECT account_id, sum(amount) AS total, count(*) AS n, (array_agg(balance_after ORDER BY account_version DESC))[1] AS last
            FROM entries GROUP BY account_id
        ) e ON e.account_id = a.id
        WHERE a.balance <> coalesce(e.total, 0) OR a.balance <> coalesce(e.last, 0) OR a.version <> coalesce(e.n, 0)
    ) AS broken_accounts,
    (
        SELECT count(*) FROM (SELECT transfer_id FROM entries GROUP BY transfer_id HAVING sum(amount) <> 0 OR count(*) <> 2) t
    ) AS broken_transfers;

-- name: sizes
-- Bytes of each table with its indexes.
SELECT c.relname::text AS name, pg_total_relation_size(c.oid) AS size FROM pg_class c
    WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace ORDER BY 2 DESC, 1;

-- name: largest_index
-- The index that growth is told by.
SELECT c.relname::text AS name, pg_relation_size(c.oid) AS size FROM pg_class c
    WHERE c.relkind = 'i' AND c.relnamespace = 'public'::regnamespace ORDER BY 2 DESC, 1 LIMIT 1;

-- name: wal
-- What the whole server has written ahead so far.
SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint AS bytes, (SELECT wal_fpi FROM pg_stat_wal) AS page_images;

-- name: fill_operations
-- History as the wallet would have written it but for the hashes, which are random: of each player by turns a stake and
-- its win, %(pairs)s pairs, in the order of time. Balances end as they were.
INSERT INTO operations (player, seq, provider_account, namespace, external_id, kind, status, result, brand, test, currency, stake, win,
        round_id, closes_round, game_id, game_state, session_id, free_round, balance_after, gaming_day, occurred_at, schema, hash)
    SELECT p.player, p.seq + i, %(account)s, 'tx', lpad(to_hex(hashtextextended(p.player || (p.seq + i), 1)), 20, '_'),
        CASE i %% 2 WHEN 1 THEN 'bet' ELSE 'win' END, 'applied', 'OK', p.brand, p.test, b.currency,
        CASE i %% 2 WHEN 1 THEN %(stake)s ELSE 0 END, CASE i %% 2 WHEN 0 THEN %(stake)s ELSE 0 END,
        'fill' || to_hex(hashtextextended(p.player || ((p.seq + i + 1) / 2), 2)), i %% 2 = 0, %(game)s, 'live', s.session_id, false,
        b.balance - CASE i %% 2 WHEN 1 THEN %(stake)s ELSE 0 END, current_date, now(), 1, sha256((p.player || (p.seq + i))::bytea)
    FROM generate_series(1, 2 * %(pairs)s) i CROSS JOIN players p JOIN balances b USING (player) JOIN sessions s USING (player)
    ORDER BY i, p.player;

-- name: fill_movements
-- The movements of the operations above.
INSERT INTO movements (player, seq, n, debit_account, credit_account, amount, currency, balance_after)
    SELECT o.player, o.seq, 1, CASE WHEN o.stake > 0 THEN 'player' ELSE 'provider:' || o.provider_account END,
        CASE WHEN o.stake > 0 THEN 'provider:' || o.provider_account ELSE 'player' END, o.stake + o.win, o.currency, o.balance_after
    FROM operations o JOIN players p USING (player) WHERE o.seq > p.seq ORDER BY o.seq, o.player;

-- name: fill_rounds
-- Their rounds, all closed.
INSERT INTO rounds (player, provider_account, round_id, game_id, session_id, currency, status, bets, stake, win, free_charged, grant_id,
        opened_at_ms, closed_at_ms)
    SELECT o.player, o.provider_account, o.round_id, o.game_id, o.session_id, o.currency, 'closed', 1, %(stake)s, %(stake)s, 0, '', 1, 1
    FROM operations o JOIN players p USING (player) WHERE o.seq > p.seq AND o.win > 0 ORDER BY o.seq, o.player;

-- name: fill_players
-- The heads of the chains, last: the rows above are told by not being counted yet.
UPDATE players p SET seq = p.seq + 2 * %(pairs)s, chain_head = sha256((p.player || (p.seq + 2 * %(pairs)s))::bytea);

-- name: operations
-- Everything stored, of all kinds.
SELECT count(*) AS stored FROM operations;
