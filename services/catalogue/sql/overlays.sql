-- name: take_turn
-- The row that all who write games take first, so that no two can block each other.
SELECT revision FROM catalogue.revision FOR UPDATE;

-- name: held
-- A game with its overlay, held until the end of the transaction.
SELECT g.version, o.name, o.image, o.tags, o.rtp, o.position, o.off, o.changed_at, o.changed_by
FROM catalogue.games AS g LEFT JOIN catalogue.overlays AS o USING (provider_account, game_id)
WHERE provider_account = $1 AND game_id = $2
FOR UPDATE OF g;

-- name: put
-- Lays an overlay over a game.
INSERT INTO catalogue.overlays (provider_account, game_id, name, image, tags, position, off, changed_by, rtp)
VALUES ($1, $2, $3, $4, $5, $6, $7::jsonb, $8, $9)
ON CONFLICT (provider_account, game_id) DO UPDATE SET
    name = excluded.name, image = excluded.image, tags = excluded.tags, position = excluded.position, off = excluded.off,
    changed_at = now(), changed_by = excluded.changed_by, rtp = excluded.rtp;

-- name: remove
-- Takes an overlay away that holds nothing any more.
DELETE FROM catalogue.overlays WHERE provider_account = $1 AND game_id = $2;

-- name: raise_version
-- The game has changed: columns, revision and topic follow.
UPDATE catalogue.games
SET version = greatest(version + 1, (extract(epoch FROM clock_timestamp()) * 1000)::bigint)
WHERE provider_account = $1 AND game_id = $2;
