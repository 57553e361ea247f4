-- name: revision
-- Changes with whatever a lobby is made of.
SELECT revision FROM catalogue.revision;

-- name: tiles
-- All games that a lobby can show, in its order.
SELECT g.provider_account, g.game_id, g.name, g.sort_name, g.studio, g.section, g.type, g.volatility, g.release_date, g.tags, g.devices,
    g.languages, g.currencies, g.features, g.forbidden_countries, g.position, g.off, g.own_tags, g.first_seen_at,
    coalesce(nullif(g.own_image, ''), g.record -> 'images' ->> 'cover', '') AS image,
    CASE WHEN g.own_rtp <> '{}' THEN to_jsonb(g.own_rtp) ELSE coalesce(g.record -> 'rtp', '[]') END AS rtp, coalesce(g.record ->> 'lines', '') AS lines,
    coalesce(g.record -> 'bet_limits', '[]') AS bet_limits
FROM catalogue.shown AS g
WHERE g.state = 'live'
ORDER BY g.position NULLS LAST, g.sort_name, g.provider_account, g.game_id;

-- name: beginnings
-- When each provider account's first games came: what came with them is not news.
SELECT provider_account, min(first_seen_at) AS began_at FROM catalogue.games GROUP BY provider_account;

-- name: collections
-- All collections in their order.
SELECT brand, collection_id, title FROM catalogue.collections ORDER BY brand, position, collection_id;

-- name: collection_games
-- What is in them, in order.
SELECT brand, collection_id, provider_account, game_id FROM catalogue.collection_games
ORDER BY brand, collection_id, position, provider_account, game_id;
