-- name: note
-- One line more.
INSERT INTO office.audit (login, action, object, before, after, reason, outcome, address) VALUES ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: read
-- A page, newest first; an empty text is no filter.
SELECT id, at, login, action, object, before, after, reason, outcome, address FROM office.audit
WHERE ($1 = 0 OR id < $1) AND ($2 = '' OR login = $2) AND ($3 = '' OR object = $3) AND ($4 = '' OR action = $4 OR action LIKE $4 || '.%')
  AND ($5::timestamptz IS NULL OR at >= $5) AND ($6::timestamptz IS NULL OR at < $6)
ORDER BY id DESC LIMIT $7;
