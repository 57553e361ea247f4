-- name: turned_bad
-- Some subjects are bad now: a turn for the worse for those that were not, or that were well lately; gives these with their turn.
INSERT INTO office.conditions AS c (subject, bad)
SELECT subject, true FROM unnest($1::text[]) AS subject ORDER BY subject
ON CONFLICT (subject) DO UPDATE SET bad = true, calm_since = NULL, turn = c.turn + (NOT c.bad)::integer
    WHERE NOT c.bad OR c.calm_since IS NOT NULL
RETURNING subject, turn;

-- name: turned_calm
-- Subjects that are well now. They count as well again only after they have been so for $2 seconds.
UPDATE office.conditions SET
    calm_since = coalesce(calm_since, now()),
    bad = $2 > 0 AND (calm_since IS NULL OR calm_since > now() - make_interval(secs => $2))
WHERE bad AND subject = ANY ($1::text[]);

-- name: bad_subjects
-- Subjects of a kind that were bad when they were looked at last.
SELECT subject FROM office.conditions WHERE bad AND starts_with(subject, $1) LIMIT 5000;

-- name: enqueue
-- Alerts to be sent, each subject once.
INSERT INTO office.alerts (subject, body)
SELECT * FROM unnest($1::text[], $2::text[])
ON CONFLICT (subject) DO NOTHING
RETURNING id;

-- name: take
-- Takes alerts that are due to this process, for $2 seconds: if it dies meanwhile, another one sends them.
UPDATE office.alerts SET attempts = attempts + 1, next_at = now() + make_interval(secs => $2)
WHERE id IN (
    SELECT id FROM office.alerts
    WHERE delivered_at IS NULL AND given_up_at IS NULL AND next_at <= now()
    ORDER BY next_at, id
    LIMIT $1
    FOR UPDATE SKIP LOCKED
)
RETURNING id, subject, body, attempts;

-- name: delivered
-- The receiver has taken an alert.
UPDATE office.alerts SET delivered_at = now(), last_error = '' WHERE id = $1 AND delivered_at IS NULL;

-- name: failed
-- It has not: the next try after $3 seconds, or none any more.
UPDATE office.alerts SET
    last_error = $2, next_at = now() + make_interval(secs => $3), given_up_at = CASE WHEN $4 THEN now() END
WHERE id = $1 AND delivered_at IS NULL;

-- name: try_again
-- Somebody wants an alert that was given up to be sent after all.
UPDATE office.alerts SET attempts = 0, given_up_at = NULL, next_at = now() WHERE id = $1 AND given_up_at IS NOT NULL
RETURNING subject;

-- name: listed
-- Alerts, newest first, older than one (0: from the newest).
SELECT id, at, subject, body, attempts, next_at, delivered_at, given_up_at, last_error
FROM office.alerts
WHERE $1::bigint = 0 OR id < $1
ORDER BY id DESC
LIMIT $2;

-- name: waiting
-- How many alerts wait, and how many were given up.
SELECT count(*) FILTER (WHERE given_up_at IS NULL) AS waiting, count(*) FILTER (WHERE given_up_at IS NOT NULL) AS given_up
FROM office.alerts
WHERE delivered_at IS NULL;

-- name: forget
-- Alerts that are long done.
DELETE FROM office.alerts
WHERE id IN (SELECT id FROM office.alerts WHERE coalesce(delivered_at, given_up_at) < now() - make_interval(days => $1) LIMIT 1000);
