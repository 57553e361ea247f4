-- name: open
-- A new sign-in; only the hash of its token is kept.
INSERT INTO office.sign_ins (token_sha256, login, csrf, expires_at, address)
VALUES ($1, $2, $3, now() + make_interval(secs => $4), $5);

-- name: find
-- Who has signed in with a token, while neither too long idle nor too old.
SELECT u.login, u.name, u.role, u.source, s.csrf, s.opened_at, s.expires_at, s.seen_at < now() - make_interval(secs => 20) AS stale
FROM office.sign_ins AS s JOIN office.users AS u USING (login)
WHERE s.token_sha256 = $1 AND NOT u.disabled AND s.expires_at > now() AND s.seen_at > now() - make_interval(secs => $2);

-- name: seen
-- Somebody is still there.
WITH user_seen AS (UPDATE office.users SET last_seen_at = now() WHERE login = $2)
UPDATE office.sign_ins SET seen_at = now() WHERE token_sha256 = $1;

-- name: close
-- The end of one.
DELETE FROM office.sign_ins WHERE token_sha256 = $1;

-- name: close_all
-- The end of all of a user.
DELETE FROM office.sign_ins WHERE login = $1;

-- name: count_open
-- How many a user has, for his own page.
SELECT count(*) FROM office.sign_ins
WHERE login = $1 AND expires_at > now() AND seen_at > now() - make_interval(secs => $2);

-- name: prune
-- What has ended; and all but the newest of who opens one after the other.
DELETE FROM office.sign_ins
WHERE expires_at <= now() OR seen_at <= now() - make_interval(secs => $1)
   OR token_sha256 IN (SELECT token_sha256 FROM office.sign_ins WHERE login = $2 ORDER BY opened_at DESC OFFSET $3);

-- name: take_turns
-- Attempts with one login, or from one address, are counted one after the other.
SELECT pg_advisory_xact_lock(hashtextextended(each, 7210512004)) FROM unnest($1::text[]) AS each ORDER BY each;

-- name: failures
-- Failed attempts of a while, and how long ago the last one was: with the login, and from the address. By the clock, not by the
-- beginning of the transaction, which lies before attempts that it has waited for.
SELECT count(*) FILTER (WHERE login = $1) AS of_login,
       count(*) FILTER (WHERE address = $2) AS of_address,
       greatest(0, extract(epoch FROM clock_timestamp() - max(at) FILTER (WHERE login = $1)))::float8 AS login_ago_s,
       greatest(0, extract(epoch FROM clock_timestamp() - max(at) FILTER (WHERE address = $2)))::float8 AS address_ago_s
FROM (
    (SELECT at, login, address FROM office.failed_sign_ins WHERE login = $1 AND at > now() - make_interval(secs => $3)
     ORDER BY at DESC LIMIT 200)
    UNION
    (SELECT at, login, address FROM office.failed_sign_ins WHERE address = $2 AND at > now() - make_interval(secs => $3)
     ORDER BY at DESC LIMIT 200)
) AS recent;

-- name: note_attempt
-- Every attempt counts as failed until it has succeeded.
INSERT INTO office.failed_sign_ins (at, login, address) VALUES (clock_timestamp(), $1, $2);

-- name: forgive
-- After a success: what failed with the login from this address.
DELETE FROM office.failed_sign_ins WHERE login = $1 AND address = $2;

-- name: prune_failures
-- What is too old to count, and whatever is beyond the newest.
DELETE FROM office.failed_sign_ins
WHERE at < now() - make_interval(secs => $1)
   OR at < (SELECT at FROM office.failed_sign_ins ORDER BY at DESC OFFSET $2 LIMIT 1);
