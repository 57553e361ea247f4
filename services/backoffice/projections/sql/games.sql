-- name: save_games
-- Games as the catalogue tells them; an older record of a game never takes the place of a newer one.
INSERT INTO projections.games AS g (provider_account, game_id, name, state, studio, section, tags, rtp, version, record)
SELECT u.provider_account, u.game_id, u.name, u.state, u.studio, u.section,
       ARRAY(SELECT jsonb_array_elements_text(u.tags::jsonb)), ARRAY(SELECT jsonb_array_elements_text(u.rtp::jsonb)),
       u.version, u.record
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::bigint[], $10::text[])
    AS u (provider_account, game_id, name, state, studio, section, tags, rtp, version, record)
ON CONFLICT (provider_account, game_id) DO UPDATE SET
    name = EXCLUDED.name, state = EXCLUDED.state, studio = EXCLUDED.studio, section = EXCLUDED.section, tags = EXCLUDED.tags,
    rtp = EXCLUDED.rtp, version = EXCLUDED.version, record = EXCLUDED.record
WHERE g.version <= EXCLUDED.version;

-- name: purge_games
-- Games whose records were purged from the topic.
DELETE FROM projections.games AS g
USING unnest($1::text[], $2::text[]) AS u (provider_account, game_id)
WHERE g.provider_account = u.provider_account AND g.game_id = u.game_id;
