-- name: take_turn
-- Who publishes takes turns with the others: an older state must not reach the topic after a newer one.
SELECT pg_advisory_lock($1);

-- name: give_turn
-- Lets the next one publish.
SELECT pg_advisory_unlock($1);

-- name: count_unpublished
-- How many games the topic does not have as they are.
SELECT count(*) FROM catalogue.unpublished;

-- name: unpublished
-- Some of those, as they are now.
SELECT s.* FROM (SELECT provider_account, game_id FROM catalogue.unpublished LIMIT $1) AS u
CROSS JOIN LATERAL (
    SELECT * FROM catalogue.shown WHERE provider_account = u.provider_account AND game_id = u.game_id OFFSET 0
) AS s;

-- name: published
-- Kafka has taken these versions; what has changed meanwhile stays to be published.
DELETE FROM catalogue.unpublished AS u USING unnest($1::text[], $2::text[], $3::bigint[]) AS p (provider_account, game_id, version)
WHERE u.provider_account = p.provider_account AND u.game_id = p.game_id AND u.version <= p.version;

-- name: forget_published
-- Everything is to be published again; an empty account means all.
INSERT INTO catalogue.unpublished (provider_account, game_id, version)
SELECT provider_account, game_id, version FROM catalogue.games WHERE $1 = '' OR provider_account = $1
ON CONFLICT (provider_account, game_id) DO NOTHING;

-- name: topic
-- The id of the topic that has the games.
SELECT topic_id FROM catalogue.publication;

-- name: set_topic
-- Notes the topic that the games go to from now on.
UPDATE catalogue.publication SET topic_id = $1;
