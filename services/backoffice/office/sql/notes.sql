-- name: add
-- A note on something.
INSERT INTO office.notes (login, object, words) VALUES ($1, $2, $3);

-- name: read
-- The newest notes on something.
SELECT id, at, login, words FROM office.notes WHERE object = $1 ORDER BY id DESC LIMIT $2;
