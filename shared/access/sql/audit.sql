-- name: write
-- Adds one change.
INSERT INTO operator.audit (brand, actor, action, subject, before, after, reason, request_id)
VALUES ($1, $2, $3, $4, $5::jsonb, $6::jsonb, $7, $8);

-- name: read
-- A page of changes, newest first; an empty subject means all, 0 means from the newest.
SELECT id, at, brand, actor, action, subject, before, after, reason, request_id
FROM operator.audit
WHERE ($1 = '' OR subject = $1) AND ($2::bigint = 0 OR id < $2) AND ($4 = '' OR brand IN ($4, ''))
ORDER BY id DESC
LIMIT $3;

-- name: as_of
-- The last change of one thing up to a moment.
SELECT id, at, brand, actor, action, subject, before, after, reason, request_id
FROM operator.audit
WHERE subject = $1 AND at <= $2
ORDER BY at DESC, id DESC
LIMIT 1;
