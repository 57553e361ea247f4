-- name: try_lock
-- Whether this session may sync an account: one at a time among all processes, as long as the session lives.
SELECT pg_try_advisory_lock($1);

-- name: unlock
-- Lets the next one sync.
SELECT pg_advisory_unlock($1);

-- name: begin
-- Notes that a sync begins. Under the lock: whatever still counts as running has died.
WITH dead AS (
    UPDATE catalogue.syncs SET result = 'failed', finished_at = now(), cause = 'its process ended before the sync did'
    WHERE provider_account = $1 AND result = 'running'
)
INSERT INTO catalogue.syncs (provider_account, asked_by) VALUES ($1, $2) RETURNING id;

-- name: finish
-- What became of a sync.
UPDATE catalogue.syncs
SET result = $2, finished_at = now(), games = $3, added = $4, changed = $5, withdrawn = $6, returned = $7, unchanged = $8,
    skipped = $9, cause = $10
WHERE id = $1;

-- name: fail
-- A sync that changed nothing.
UPDATE catalogue.syncs SET result = 'failed', finished_at = now(), cause = $2 WHERE id = $1;

-- name: waiting
-- The list of an account that waits for its confirmation.
SELECT id, list_hash FROM catalogue.syncs WHERE provider_account = $1 AND list IS NOT NULL;

-- name: forget_waiting
-- A newer list of the account has been taken or waits itself: the one before cannot be confirmed any more.
UPDATE catalogue.syncs SET list = NULL WHERE provider_account = $1 AND list IS NOT NULL;

-- name: wait_for_confirmation
-- Keeps a doubtful list.
UPDATE catalogue.syncs SET list = $2::jsonb, list_hash = $3 WHERE id = $1;

-- name: sync
-- One sync, with its list if it waits.
SELECT id, provider_account, started_at, finished_at, result, asked_by, confirmed_by, games, added, changed, withdrawn, returned,
    unchanged, skipped, cause, list IS NOT NULL AS waiting
FROM catalogue.syncs WHERE id = $1;

-- name: waiting_list
-- The list of a sync that waits, held until the end of the transaction.
SELECT list FROM catalogue.syncs WHERE id = $1 AND list IS NOT NULL FOR UPDATE;

-- name: confirmed
-- A doubtful list was confirmed and stored.
UPDATE catalogue.syncs
SET result = 'confirmed', list = NULL, confirmed_by = $2, finished_at = now(), added = $3, changed = $4, withdrawn = $5,
    returned = $6, unchanged = $7
WHERE id = $1;

-- name: syncs
-- A page of syncs, newest first, below an id (0 = from the newest); an empty account means all.
SELECT id, provider_account, started_at, finished_at, result, asked_by, confirmed_by, games, added, changed, withdrawn, returned,
    unchanged, skipped, cause, list IS NOT NULL AS waiting
FROM catalogue.syncs
WHERE ($1 = '' OR provider_account = $1) AND ($2::bigint = 0 OR id < $2)
ORDER BY id DESC
LIMIT $3;

-- name: last
-- How long ago the last sync of an account began (seconds), how it ended, and how many have failed in a row.
SELECT extract(epoch FROM now() - s.started_at)::float8 AS age_s, s.result,
    (SELECT count(*) FROM catalogue.syncs AS f WHERE f.provider_account = $1 AND f.result = 'failed' AND f.id > coalesce(
        (SELECT max(id) FROM catalogue.syncs AS g WHERE g.provider_account = $1 AND g.result <> 'failed'), 0)) AS failures
FROM catalogue.syncs AS s WHERE s.provider_account = $1 ORDER BY s.id DESC LIMIT 1;

-- name: purge
-- Forgets syncs of long ago, but for those that wait and the last one of each account.
DELETE FROM catalogue.syncs AS s
WHERE s.started_at < now() - make_interval(days => $1) AND s.list IS NULL
    AND s.id < (SELECT max(id) FROM catalogue.syncs AS l WHERE l.provider_account = s.provider_account);

-- name: held
-- The stored games of an account: state and hash.
SELECT game_id, state, source_hash FROM catalogue.games WHERE provider_account = $1;

-- name: records
-- What the provider told last of some games.
SELECT g.game_id, g.record FROM unnest($2::text[]) AS wanted (game_id)
CROSS JOIN LATERAL (
    SELECT game_id, record FROM catalogue.games WHERE provider_account = $1 AND game_id = wanted.game_id OFFSET 0
) AS g;

-- name: add
-- New games and the first line of their history.
WITH told AS (
    SELECT t.game_id, t.record::jsonb AS record, t.source_hash
    FROM unnest($2::text[], $3::text[], $4::text[]) AS t (game_id, record, source_hash)
), noted AS (
    INSERT INTO catalogue.history (provider_account, game_id, change, after, sync_id)
    SELECT $1, game_id, 'added', record, $5 FROM told
)
INSERT INTO catalogue.games (provider_account, game_id, record, source_hash, version)
SELECT $1, game_id, record, source_hash, (extract(epoch FROM clock_timestamp()) * 1000)::bigint FROM told;

-- name: change
-- Games that are told otherwise, or are listed again; with a line of history each.
WITH told AS (
    SELECT t.game_id, t.record::jsonb AS record, t.source_hash, t.before::jsonb AS before
    FROM unnest($2::text[], $3::text[], $4::text[], $5::text[]) AS t (game_id, record, source_hash, before)
), noted AS (
    INSERT INTO catalogue.history (provider_account, game_id, change, before, after, sync_id)
    SELECT $1, game_id, $6, before, record, $7 FROM told
)
UPDATE catalogue.games AS g
SET record = told.record, source_hash = told.source_hash, state = 'live', changed_at = now(),
    version = greatest(g.version + 1, (extract(epoch FROM clock_timestamp()) * 1000)::bigint)
FROM told
WHERE g.provider_account = $1 AND g.game_id = told.game_id;

-- name: withdraw
-- Games that the list has no more; with a line of history each.
WITH gone AS (
    UPDATE catalogue.games AS g
    SET state = 'withdrawn', changed_at = now(),
        version = greatest(g.version + 1, (extract(epoch FROM clock_timestamp()) * 1000)::bigint)
    FROM unnest($2::text[]) AS t (game_id)
    WHERE g.provider_account = $1 AND g.game_id = t.game_id
    RETURNING g.game_id, g.record
)
INSERT INTO catalogue.history (provider_account, game_id, change, before, after, sync_id)
SELECT $1, game_id, 'withdrawn', '{}', record, $3 FROM gone;

-- name: account_games
-- How many games of an account are live, and how many were withdrawn.
SELECT count(*) FILTER (WHERE state = 'live') AS live, count(*) FILTER (WHERE state = 'withdrawn') AS withdrawn
FROM catalogue.games WHERE provider_account = $1;
