-- name: take_turn_to_set
-- Changes take turns, so that versions are committed in their order.
SELECT pg_advisory_xact_lock($1);

-- name: take_turn_to_publish
-- Who publishes takes turns with the others: an older state must not reach the topic after a newer one.
SELECT pg_advisory_lock($1);

-- name: give_turn_to_publish
-- Lets the next one publish.
SELECT pg_advisory_unlock($1);

-- name: one
-- One switch.
SELECT brand, provider_account, game_id, state, reason, version, changed_at, changed_by, published_version
FROM operator.switches WHERE brand = $1 AND provider_account = $2 AND game_id = $3;

-- name: all
-- All switches.
SELECT brand, provider_account, game_id, state, reason, version, changed_at, changed_by, published_version
FROM operator.switches ORDER BY brand, provider_account, game_id;

-- name: count
-- How many switches there are.
SELECT count(*) FROM operator.switches;

-- name: set
-- The new state of a switch under the next version: never below the milliseconds of now, so that a database restored from
-- a copy does not number below what readers hold already.
INSERT INTO operator.switches AS s (brand, provider_account, game_id, state, reason, changed_by, version)
VALUES ($1, $2, $3, $4, $5, $6, setval('operator.switch_version',
    greatest(nextval('operator.switch_version'), (extract(epoch FROM clock_timestamp()) * 1000)::bigint)))
ON CONFLICT (brand, provider_account, game_id) DO UPDATE SET
    state = excluded.state, reason = excluded.reason, changed_by = excluded.changed_by,
    version = excluded.version, changed_at = now()
RETURNING brand, provider_account, game_id, state, reason, version, changed_at, changed_by, published_version;

-- name: unpublished
-- What the topic does not have yet, oldest change first.
SELECT brand, provider_account, game_id, state, reason, version, changed_at, changed_by, published_version
FROM operator.switches WHERE published_version < version ORDER BY version;

-- name: published
-- Kafka has taken these versions.
UPDATE operator.switches AS s SET published_version = p.version
FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) AS p (brand, provider_account, game_id, version)
WHERE (s.brand, s.provider_account, s.game_id) = (p.brand, p.provider_account, p.game_id) AND s.published_version < p.version;

-- name: forget_published
-- The topic has lost these: they are to be published again.
UPDATE operator.switches AS s SET published_version = 0
FROM unnest($1::text[], $2::text[], $3::text[]) AS p (brand, provider_account, game_id)
WHERE (s.brand, s.provider_account, s.game_id) = (p.brand, p.provider_account, p.game_id);
