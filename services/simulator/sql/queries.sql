-- name: add_player
INSERT INTO players (player, operator_player_id, brand, provider_account, currency) VALUES (?, ?, ?, ?, ?);

-- name: all_players
SELECT player, operator_player_id, brand, provider_account, currency, agreed_seq, agreed_hash, agreed_units, agreed_minor, agreed_id
FROM players ORDER BY player;

-- name: add_transaction
INSERT INTO transactions (id, player, ref, kind, withdraw, deposit, charge, round_ref, game_id, state)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: save_transaction
UPDATE transactions SET state = ?, code = ?, paid = ?, got = ?, transaction_id = ?, new_balance = ?, attempts = ? WHERE id = ?;

-- name: last_transaction
SELECT coalesce(max(id), 0) FROM transactions;

-- name: open_transactions_count
SELECT count(*) FROM transactions t JOIN players p ON p.player = t.player WHERE t.id > p.agreed_id;

-- name: unresolved
SELECT player, ref, kind, withdraw, deposit, charge, round_ref, game_id, state, code, paid, got, transaction_id, new_balance, attempts, id
FROM transactions WHERE state IN ('sent', 'unknown', 'rolling') ORDER BY id;

-- name: unresolved_rewards
SELECT t.player, t.ref, t.kind, t.withdraw, t.deposit, t.charge, t.round_ref, t.game_id, t.state, t.code, t.paid, t.got,
    t.transaction_id, t.new_balance, t.attempts, t.id
FROM transactions t JOIN players p ON p.player = t.player
WHERE t.id > ? AND t.kind = 'collectBonusReward' AND t.state IN ('sent', 'unknown', 'rolling') AND p.provider_account = ?
ORDER BY t.id LIMIT 1000;

-- name: open_transactions
SELECT player, ref, kind, withdraw, deposit, charge, round_ref, game_id, state, code, paid, got, transaction_id, new_balance, attempts, id
FROM transactions WHERE player = ? AND id > ? ORDER BY id;

-- name: interrupted_becomes_unknown
UPDATE transactions SET state = 'unknown' WHERE state = 'sent';

-- name: balance
SELECT p.agreed_minor
    + coalesce((SELECT sum(t.got - t.paid) FROM transactions t WHERE t.player = p.player AND t.id > p.agreed_id AND t.state IN ('done', 'rolling')), 0)
    + coalesce((SELECT sum(d.amount) FROM deposits d WHERE d.player = p.player AND d.agreed = 0 AND d.state = 'done'), 0)
FROM players p WHERE p.player = ?;

-- name: put_deposit
INSERT INTO deposits (key, player, amount, state) VALUES (?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET state = excluded.state;

-- name: open_deposits
SELECT key, player, amount, state FROM deposits WHERE player = ? AND agreed = 0 ORDER BY key;

-- name: unresolved_deposits
SELECT key, player, amount, state FROM deposits WHERE state = 'asked' ORDER BY key;

-- name: add_operation
INSERT INTO operations (player, seq, hash, previous_hash, provider_account, namespace, external_id, kind, status, paid_units, got_units,
    balance_after, target_seq) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING;

-- name: operation_hash
SELECT hash FROM operations WHERE player = ? AND seq = ?;

-- name: operations_after
SELECT player, seq, hash, previous_hash, provider_account, namespace, external_id, kind, status, paid_units, got_units, balance_after,
    target_seq
FROM operations WHERE player = ? AND seq > ? ORDER BY seq;

-- name: agreed_operations_count
SELECT coalesce(sum(agreed_seq), 0) FROM players;

-- name: add_fault
INSERT INTO faults (kind, player, seq, text) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING;

-- name: faults_count
SELECT count(*) FROM faults;

-- name: all_faults
SELECT kind, player, seq, text FROM faults ORDER BY player, seq, kind;

-- name: put_position
INSERT INTO positions (partition, next_offset) VALUES (?, ?) ON CONFLICT (partition) DO UPDATE SET next_offset = excluded.next_offset;

-- name: positions
SELECT partition, next_offset FROM positions;

-- name: forget_positions
DELETE FROM positions;

-- name: put_fact
INSERT INTO facts (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value;

-- name: fact
SELECT value FROM facts WHERE name = ?;

-- name: agree_player
UPDATE players SET agreed_seq = ?, agreed_hash = ?, agreed_units = ?, agreed_minor = ?, agreed_id = ? WHERE player = ?;

-- name: agree_deposit
UPDATE deposits SET agreed = 1 WHERE key = ?;

-- name: prune_transactions
DELETE FROM transactions WHERE id <= ? AND id <= (SELECT p.agreed_id FROM players p WHERE p.player = transactions.player);

-- name: prune_operations
DELETE FROM operations WHERE player = ? AND seq <= ?;

-- name: put_play
INSERT INTO plays (play_id, started_at_ms, state, result) VALUES (?, ?, ?, ?)
ON CONFLICT (play_id) DO UPDATE SET state = excluded.state, result = excluded.result;

-- name: play
SELECT state, result FROM plays WHERE play_id = ?;

-- name: running_plays
SELECT play_id, result FROM plays WHERE state = 'running';

-- name: prune_plays
DELETE FROM plays WHERE play_id NOT IN (SELECT play_id FROM plays ORDER BY started_at_ms DESC LIMIT ?);
