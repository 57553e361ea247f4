-- name: take_lease
-- One launch at a time for a player at a provider account: free, given back, or abandoned long enough ago.
INSERT INTO operator.launch_leases (player, provider_account, holder, until) VALUES ($1, $2, $3, now() + $4 * interval '1 second')
    ON CONFLICT (player, provider_account) DO UPDATE SET holder = excluded.holder, until = excluded.until
    WHERE launch_leases.until < now()
    RETURNING holder;

-- name: give_back_lease
-- The end of a launch, whatever came of it.
DELETE FROM operator.launch_leases WHERE player = $1 AND provider_account = $2 AND holder = $3;

-- name: find_launch
-- A launch by its key.
SELECT session_id, step, provider_session_id, launch_url, opened_at_ms, body_sha256 FROM operator.launches WHERE brand = $1 AND launch_key = $2;

-- name: begin_launch
-- An attempt with a session id of its own; a failed or abandoned one of the same request is forgotten. Nothing where the key
-- was taken meanwhile by another request: of another player, say, whose launch no lease of this one's holds up.
INSERT INTO operator.launches (brand, launch_key, body_sha256, player, provider_account, session_id, step, opened_at_ms)
    VALUES ($1, $2, $3, $4, $5, $6, 'opening', $7)
    ON CONFLICT (brand, launch_key) DO UPDATE SET session_id = excluded.session_id, step = 'opening', provider_session_id = '',
        launch_url = '', opened_at_ms = excluded.opened_at_ms
    WHERE launches.body_sha256 = excluded.body_sha256
    RETURNING session_id;

-- name: note_created
-- The provider has opened its side.
UPDATE operator.launches SET step = 'created', provider_session_id = $4, launch_url = $5
    WHERE brand = $1 AND launch_key = $2 AND session_id = $3;

-- name: note_step
-- How far an attempt has come.
UPDATE operator.launches SET step = $4 WHERE brand = $1 AND launch_key = $2 AND session_id = $3;

-- name: claim_key
-- The first use of an Idempotency-Key.
INSERT INTO operator.idempotency (brand, idempotency_key, route, body_sha256) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING;

-- name: find_key
-- What an Idempotency-Key was used for, and when first (Unix milliseconds).
SELECT route, body_sha256, (extract(epoch FROM created_at) * 1000)::bigint AS used_at_ms FROM operator.idempotency WHERE brand = $1 AND idempotency_key = $2;

-- name: purge_launches
-- Launches that nobody will repeat any more.
DELETE FROM operator.launches WHERE (brand, launch_key) IN (
    SELECT brand, launch_key FROM operator.launches WHERE started_at < now() - $1 * interval '1 day' LIMIT 5000);

-- name: purge_keys
-- Idempotency-Keys that nobody will repeat any more.
DELETE FROM operator.idempotency WHERE (brand, idempotency_key) IN (
    SELECT brand, idempotency_key FROM operator.idempotency WHERE created_at < now() - $1 * interval '1 day' LIMIT 5000);

-- name: purge_leases
-- Leases of processes that died.
DELETE FROM operator.launch_leases WHERE until < now() - interval '1 day';
