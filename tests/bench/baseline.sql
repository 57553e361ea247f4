-- The baseline's statements: one callback, one transaction, one player. Prepared once a connection.

-- name: lock
-- A statement of its own: what is read in the same statement would be older than the lock.
SELECT player, brand, status, test, seq, encode(chain_head, 'hex') AS chain_head FROM players WHERE player = $1 FOR UPDATE;

-- name: look_up
-- Everything a stake or win refers to, by full keys.
SELECT b.balance, r AS round, s AS session, CASE WHEN o.seq IS NOT NULL THEN operation_json(o) END AS stored
    FROM (SELECT 1) one
    LEFT JOIN balances b ON b.player = $1 AND b.currency = $2
    LEFT JOIN operations o ON o.player = $1 AND o.provider_account = $3 AND o.namespace = $4 AND o.external_id = $5
    LEFT JOIN rounds r ON r.player = $1 AND r.provider_account = $3 AND r.round_id = $6
    LEFT JOIN sessions s ON s.player = $1 AND s.session_id = $7;

-- name: write
-- The operation with its movements, the player's chain, the balance and the round.
WITH operation AS (
    INSERT INTO operations (player, seq, provider_account, namespace, external_id, kind, status, result, limit_name, brand, test,
            currency, stake, win, nominal_stake, jackpot_contribution, promo_class, round_id, closes_round, game_id, game_state,
            session_id, grant_id, free_rounds_asked, free_rounds_charged, free_rounds_left, free_round, target_seq, balance_after,
            details, gaming_day, occurred_at, schema, hash)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, nullif($9, ''), $10, $11, nullif($12, ''), $13, $14, nullif($15, 0::bigint), NULL,
            NULL, nullif($16, ''), $17, nullif($18, ''), nullif($19, ''), nullif($20, ''), NULL, NULL, NULL, NULL, false, NULL, $21,
            NULL, $22, $23, $24, $25)
), moved AS (
    INSERT INTO movements (player, seq, n, debit_account, credit_account, amount, currency, balance_after)
        SELECT $1, $2, u.n, u.debit, u.credit, u.amount, $12, u.balance_after
        FROM unnest($26::smallint[], $27::text[], $28::text[], $29::bigint[], $30::bigint[]) u(n, debit, credit, amount, balance_after)
), chain AS (
    UPDATE players SET seq = $2, chain_head = $25 WHERE player = $1
), balance AS (
    UPDATE balances SET balance = $21 WHERE player = $1 AND currency = $12 AND balance <> $21
)
INSERT INTO rounds (player, provider_account, round_id, game_id, session_id, currency, status, bets, stake, win, free_charged, grant_id,
        opened_at_ms, closed_at_ms)
    SELECT $1, $3, $31, $32, $33, $12, $34, $35, $36, $37, 0, '', $38, $39 WHERE $31 <> ''
    ON CONFLICT (player, provider_account, round_id) DO UPDATE SET status = excluded.status, bets = excluded.bets,
        stake = excluded.stake, win = excluded.win, closed_at_ms = excluded.closed_at_ms;

-- name: seen
-- A session's last sign of life, at most once a minute.
UPDATE sessions SET last_seen_ms = $3 WHERE player = $1 AND session_id = $2;
