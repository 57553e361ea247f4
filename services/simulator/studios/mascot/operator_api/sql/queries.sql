-- name: bank_group
SELECT provider_account, id, currency, settings_patch FROM bank_groups WHERE provider_account = ? AND id = ?;

-- name: put_bank_group
INSERT INTO bank_groups (provider_account, id, currency, settings_patch) VALUES (?, ?, ?, ?)
ON CONFLICT (provider_account, id) DO UPDATE SET settings_patch = excluded.settings_patch;

-- name: player
SELECT provider_account, id, bank_group_id, nick FROM players WHERE provider_account = ? AND id = ?;

-- name: put_player
INSERT INTO players (provider_account, id, bank_group_id, nick) VALUES (?, ?, ?, ?)
ON CONFLICT (provider_account, id) DO UPDATE SET nick = excluded.nick;

-- name: bonus
SELECT provider_account, id FROM bonuses WHERE provider_account = ? AND id = ?;

-- name: put_bonus
INSERT INTO bonuses (provider_account, id) VALUES (?, ?) ON CONFLICT DO NOTHING;

-- name: counts
SELECT (SELECT count(*) FROM bank_groups), (SELECT count(*) FROM players), (SELECT count(*) FROM bonuses),
    (SELECT count(*) FROM sessions), (SELECT count(*) FROM tokens), (SELECT count(*) FROM spins);

-- name: close_sessions_of
UPDATE sessions SET closed_ms = ? WHERE provider_account = ? AND player_id = ? AND closed_ms IS NULL AND demo = 0;

-- name: add_session
INSERT INTO sessions (session_id, provider_account, player_id, bank_group_id, currency, game_id, bonus_id, free_round_bet, alternative_id, language,
    home_url, home_url_target, demo, demo_balance, created_ms, closed_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: session
SELECT session_id, provider_account, player_id, bank_group_id, currency, game_id, bonus_id, free_round_bet, alternative_id, language, home_url,
    home_url_target, demo, demo_balance, created_ms, closed_ms FROM sessions WHERE session_id = ?;

-- name: close_session
UPDATE sessions SET closed_ms = ? WHERE session_id = ? AND closed_ms IS NULL;

-- name: sessions
SELECT session_id, provider_account, player_id, bank_group_id, currency, game_id, bonus_id, free_round_bet, alternative_id, language, home_url,
    home_url_target, demo, demo_balance, created_ms, closed_ms FROM sessions
WHERE provider_account = :provider_account
    AND (:create_from IS NULL OR created_ms >= :create_from) AND (:create_to IS NULL OR created_ms <= :create_to)
    AND (:close_from IS NULL OR closed_ms >= :close_from) AND (:close_to IS NULL OR closed_ms <= :close_to)
    AND (:is_open IS NULL OR (closed_ms IS NULL) = :is_open)
    AND (:players IS NULL OR player_id IN (SELECT value FROM json_each(:players)))
    AND (:bank_groups IS NULL OR bank_group_id IN (SELECT value FROM json_each(:bank_groups)))
ORDER BY number DESC LIMIT :most;

-- name: prune_sessions
DELETE FROM sessions WHERE number IN (SELECT number FROM sessions WHERE (closed_ms IS NOT NULL OR demo = 1)
    AND session_id NOT IN (SELECT session_id FROM spins WHERE state IN ('sent', 'unknown')) ORDER BY number LIMIT ?);

-- name: put_demo_balance
UPDATE sessions SET demo_balance = ? WHERE session_id = ?;

-- name: put_token
INSERT INTO tokens (token, session_id, expires_ms) VALUES (?, ?, ?);

-- name: token
SELECT session_id FROM tokens WHERE token = ? AND expires_ms > ?;

-- name: prune_tokens
DELETE FROM tokens WHERE expires_ms <= ?;

-- name: add_spin
INSERT INTO spins (session_id, ref, round_ref, bet, win, free_round, state, code, played_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: save_spin
UPDATE spins SET state = ?, code = ? WHERE number = ?;

-- name: interrupted_becomes_unknown
UPDATE spins SET state = 'unknown' WHERE state = 'sent';

-- name: open_spins
SELECT session_id, ref, round_ref, bet, win, free_round, state, code, played_ms, number FROM spins
WHERE state IN ('sent', 'unknown') ORDER BY number;

-- name: spins_of
SELECT session_id, ref, round_ref, bet, win, free_round, state, code, played_ms, number FROM spins
WHERE session_id = ? ORDER BY number DESC LIMIT ?;

-- name: prune_spins
DELETE FROM spins WHERE number IN (SELECT number FROM spins WHERE state NOT IN ('sent', 'unknown') ORDER BY number LIMIT ?);
