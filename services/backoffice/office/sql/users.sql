-- name: find_user
-- One user, whatever his state.
SELECT login, name, role, password_hash, source, disabled, created_at, last_seen_at FROM office.users WHERE login = $1;

-- name: list_users
-- All of them; there are few.
SELECT login, name, role, password_hash <> '' AS has_password, source, disabled, created_at, last_seen_at
FROM office.users ORDER BY disabled, login LIMIT $1;

-- name: count_users
-- How many there are, whatever their state.
SELECT count(*) FROM office.users;

-- name: add_user
-- A new one; nothing where the login is taken.
INSERT INTO office.users (login, name, role, password_hash, source) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (login) DO NOTHING RETURNING login;

-- name: lock_admins
-- Those of whom one must stay: two changes at once wait for each other.
SELECT login FROM office.users WHERE role = 'admin' AND NOT disabled AND (password_hash <> '' OR source <> 'password')
ORDER BY login FOR UPDATE;

-- name: lock_user
-- The user as he is before a change.
SELECT login, name, role, password_hash, source, disabled, created_at, last_seen_at FROM office.users WHERE login = $1 FOR UPDATE;

-- name: set_role
-- Another role.
UPDATE office.users SET role = $2 WHERE login = $1;

-- name: set_disabled
-- Lets a user sign in, or not any more.
UPDATE office.users SET disabled = $2 WHERE login = $1;

-- name: set_password
-- Another password.
UPDATE office.users SET password_hash = $2 WHERE login = $1;

-- name: sign_out
-- The end of all sign-ins of a user.
DELETE FROM office.sign_ins WHERE login = $1;

-- name: set_foreign
-- Name and role as the other side tells them.
UPDATE office.users SET name = $2, role = $3 WHERE login = $1 AND (name <> $2 OR role <> $3);
