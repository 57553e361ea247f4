-- name: take_turn
-- The row that all who write take first, so that no two can block each other.
SELECT revision FROM catalogue.revision FOR UPDATE;

-- name: all
-- The collections of a brand with the number of their games, in their order.
SELECT c.brand, c.collection_id, c.title, c.position, c.changed_at, c.changed_by, count(g.game_id) AS games
FROM catalogue.collections AS c LEFT JOIN catalogue.collection_games AS g USING (brand, collection_id)
WHERE c.brand = $1
GROUP BY c.brand, c.collection_id
ORDER BY c.position, c.collection_id;

-- name: one
-- A collection.
SELECT brand, collection_id, title, position, changed_at, changed_by FROM catalogue.collections
WHERE brand = $1 AND collection_id = $2;

-- name: games
-- The games of a collection in their order, as they are now.
SELECT c.provider_account, c.game_id, g.name, g.state
FROM catalogue.collection_games AS c JOIN catalogue.games AS g USING (provider_account, game_id)
WHERE c.brand = $1 AND c.collection_id = $2
ORDER BY c.position, c.provider_account, c.game_id;

-- name: count
-- How many collections a brand has.
SELECT count(*) FROM catalogue.collections WHERE brand = $1;

-- name: missing
-- Which of these games the catalogue does not have.
SELECT wanted.provider_account, wanted.game_id
FROM unnest($1::text[], $2::text[]) AS wanted (provider_account, game_id)
WHERE NOT EXISTS (
    SELECT FROM catalogue.games AS g WHERE g.provider_account = wanted.provider_account AND g.game_id = wanted.game_id
)
LIMIT 10;

-- name: put
-- A collection, new or changed.
INSERT INTO catalogue.collections (brand, collection_id, title, position, changed_by)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (brand, collection_id) DO UPDATE SET
    title = excluded.title, position = excluded.position, changed_by = excluded.changed_by, changed_at = now();

-- name: empty
-- Takes all games out of a collection.
DELETE FROM catalogue.collection_games WHERE brand = $1 AND collection_id = $2;

-- name: fill
-- The games of a collection, in the order given.
INSERT INTO catalogue.collection_games (brand, collection_id, provider_account, game_id, position)
SELECT $1, $2, game.provider_account, game.game_id, game.ordinality::integer
FROM unnest($3::text[], $4::text[]) WITH ORDINALITY AS game (provider_account, game_id, ordinality);

-- name: delete
-- A collection with its list; the games themselves stay.
DELETE FROM catalogue.collections WHERE brand = $1 AND collection_id = $2;
