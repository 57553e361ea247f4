-- name: insert
-- A new key; nothing where its token is registered already.
INSERT INTO operator.api_keys (key_id, token_sha256, brand, scopes, label, created_by, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (token_sha256) DO NOTHING
RETURNING key_id, brand, scopes, label, created_at, created_by, expires_at, revoked_at;

-- name: by_token
-- The key of a token, whatever its state.
SELECT key_id, brand, scopes, label, created_at, created_by, expires_at, revoked_at
FROM operator.api_keys WHERE token_sha256 = $1;

-- name: by_id
-- One key, held until the end of the transaction.
SELECT key_id, brand, scopes, label, created_at, created_by, expires_at, revoked_at
FROM operator.api_keys WHERE key_id = $1 FOR UPDATE;

-- name: list
-- All keys, newest first; an empty brand means all.
SELECT key_id, brand, scopes, label, created_at, created_by, expires_at, revoked_at
FROM operator.api_keys WHERE $1 = '' OR brand = $1
ORDER BY created_at DESC, key_id
LIMIT $2;

-- name: revoke
-- Ends a key now; one that is revoked keeps its time.
UPDATE operator.api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE key_id = $1
RETURNING key_id, brand, scopes, label, created_at, created_by, expires_at, revoked_at;

-- name: expire
-- Lets a key run out after an overlap, never later than it would have.
UPDATE operator.api_keys SET expires_at = least(expires_at, now() + $2::interval) WHERE key_id = $1
RETURNING key_id, brand, scopes, label, created_at, created_by, expires_at, revoked_at;
