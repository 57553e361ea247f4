-- name: settings
-- For the transaction of one page: how alike a mistyped text must be, and a plan for just these filters.
SELECT set_config('pg_trgm.word_similarity_threshold', $1, true), set_config('plan_cache_mode', 'force_custom_plan', true);

-- name: revision
-- Changes with whatever a list of games is made of.
SELECT revision FROM catalogue.revision;

-- name: page_by_name
-- A page; $14 to $16 are the keys of the last game of the page before, null for the first page.
SELECT g.*, g.sort_name AS key_1, NULL AS key_2
FROM catalogue.found($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) AS g
WHERE $14::text IS NULL OR (g.sort_name, g.provider_account, g.game_id) > ($14 COLLATE "C", $15::text, $16::text)
ORDER BY g.sort_name, g.provider_account, g.game_id
LIMIT $17;

-- name: page_by_name_down
-- A page, from Z to A.
SELECT g.*, g.sort_name AS key_1, NULL AS key_2
FROM catalogue.found($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) AS g
WHERE $14::text IS NULL OR (g.sort_name, g.provider_account, g.game_id) < ($14 COLLATE "C", $15::text, $16::text)
ORDER BY g.sort_name DESC, g.provider_account DESC, g.game_id DESC
LIMIT $17;

-- name: page_by_change
-- A page, the longest unchanged game first.
SELECT g.*, g.changed_at AS key_1, NULL AS key_2
FROM catalogue.found($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) AS g
WHERE $14::timestamptz IS NULL OR (g.changed_at, g.provider_account, g.game_id) > ($14, $15::text, $16::text)
ORDER BY g.changed_at, g.provider_account, g.game_id
LIMIT $17;

-- name: page_by_change_down
-- A page, the latest change first.
SELECT g.*, g.changed_at AS key_1, NULL AS key_2
FROM catalogue.found($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) AS g
WHERE $14::timestamptz IS NULL OR (g.changed_at, g.provider_account, g.game_id) < ($14, $15::text, $16::text)
ORDER BY g.changed_at DESC, g.provider_account DESC, g.game_id DESC
LIMIT $17;

-- name: page_by_release
-- A page, the oldest game first, those without a date last.
SELECT * FROM (
    SELECT g.*, coalesce(nullif(g.release_date, ''), '~') COLLATE "C" AS key_1, NULL AS key_2
    FROM catalogue.found($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) AS g
) AS g
WHERE $14::text IS NULL OR (key_1, g.provider_account, g.game_id) > ($14 COLLATE "C", $15::text, $16::text)
ORDER BY key_1, g.provider_account, g.game_id
LIMIT $17;

-- name: page_by_release_down
-- A page, the newest game first, those without a date last.
SELECT g.*, g.release_date AS key_1, NULL AS key_2
FROM catalogue.found($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) AS g
WHERE $14::text IS NULL OR (g.release_date, g.provider_account, g.game_id) < ($14 COLLATE "C", $15::text, $16::text)
ORDER BY g.release_date DESC, g.provider_account DESC, g.game_id DESC
LIMIT $17;

-- name: page_by_position
-- A page in the operator's order; games without a place of their own follow by name. $14 and $15 are the two keys.
SELECT * FROM (
    SELECT g.*, coalesce(g.position, 2147483647) AS key_1, g.sort_name AS key_2
    FROM catalogue.found($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) AS g
) AS g
WHERE $14::integer IS NULL OR (key_1, key_2, g.provider_account, g.game_id) > ($14, $15 COLLATE "C", $16::text, $17::text)
ORDER BY key_1, key_2, g.provider_account, g.game_id
LIMIT $18;

-- name: page_by_collection
-- A page in the order of the collection $12 of the brand $11.
SELECT * FROM (
    SELECT g.*, c.position AS key_1, g.sort_name AS key_2
    FROM catalogue.found($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) AS g
    JOIN catalogue.collection_games AS c
        ON c.brand = $11 AND c.collection_id = $12 AND c.provider_account = g.provider_account AND c.game_id = g.game_id
) AS g
WHERE $14::integer IS NULL OR (key_1, key_2, g.provider_account, g.game_id) > ($14, $15 COLLATE "C", $16::text, $17::text)
ORDER BY key_1, key_2, g.provider_account, g.game_id
LIMIT $18;

-- name: page_by_relevance
-- A page, what answers the text $13 best first.
SELECT * FROM (
    SELECT g.*, -catalogue.rank(catalogue.fold($13), g.sort_name, g.search) AS key_1, g.sort_name AS key_2
    FROM catalogue.found($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) AS g
) AS g
WHERE $14::integer IS NULL OR (key_1, key_2, g.provider_account, g.game_id) > ($14, $15 COLLATE "C", $16::text, $17::text)
ORDER BY key_1, key_2, g.provider_account, g.game_id
LIMIT $18;

-- name: count
-- How many games pass the filters, counted up to $14.
SELECT count(*) FROM (
    SELECT FROM catalogue.found($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) LIMIT $14
) AS counted;

-- name: one
-- A game with its overlay.
SELECT * FROM catalogue.shown WHERE provider_account = $1 AND game_id = $2;

-- name: as_of
-- What a provider's game was at a moment: its last change up to then.
SELECT change, at, after FROM catalogue.history
WHERE provider_account = $1 AND game_id = $2 AND at <= $3
ORDER BY at DESC, id DESC LIMIT 1;

-- name: history
-- The changes of a game, newest first; 0 = from the newest.
SELECT id, at, change, before, after, sync_id FROM catalogue.history
WHERE provider_account = $1 AND game_id = $2 AND ($3::bigint = 0 OR id < $3)
ORDER BY id DESC LIMIT $4;

-- name: syncs
-- The syncs of some provider accounts, newest first; 0 = from the newest.
SELECT id, provider_account, started_at, finished_at, result, asked_by, confirmed_by, games, added, changed, withdrawn, returned,
    unchanged, skipped, cause, list IS NOT NULL AS waiting
FROM catalogue.syncs
WHERE provider_account = ANY ($1::text[]) AND ($2::bigint = 0 OR id < $2)
ORDER BY id DESC
LIMIT $3;
