-- The filters of a list of games. The planner puts the body of a plain SQL function into the statement that uses it: each order
-- of the list has a statement and a plan of its own, and all have the same filters. Null = not filtered.

CREATE FUNCTION catalogue.pattern_of(wanted text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT '%' || replace(replace(replace(catalogue.fold(wanted), '\', '\\'), '%', '\%'), '_', '\_') || '%' $$;
COMMENT ON FUNCTION catalogue.pattern_of IS 'For LIKE: a folded text anywhere, its own wildcards taken as they are.';

CREATE FUNCTION catalogue.found(
    accounts text[], wanted_studio text, wanted_section text, wanted_tags text[], wanted_device text, wanted_language text,
    wanted_features text[], wanted_state text, rtp_from numeric, rtp_to numeric, in_brand text, in_collection text, wanted text
) RETURNS SETOF catalogue.shown LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT g.* FROM catalogue.shown AS g
    WHERE g.provider_account = ANY (accounts)
        AND (wanted_studio IS NULL OR g.studio = wanted_studio)
        AND (wanted_section IS NULL OR g.section = wanted_section)
        AND (wanted_tags IS NULL OR g.tags @> wanted_tags)
        AND (wanted_device IS NULL OR g.devices = '{}' OR wanted_device = ANY (g.devices))
        AND (wanted_language IS NULL OR wanted_language = ANY (g.languages))
        AND (wanted_features IS NULL OR g.features @> wanted_features)
        AND (wanted_state IS NULL OR g.state = wanted_state)
        AND (rtp_from IS NULL OR g.rtp_high >= rtp_from)
        AND (rtp_to IS NULL OR g.rtp_low <= rtp_to)
        AND (in_collection IS NULL OR EXISTS (
            SELECT FROM catalogue.collection_games AS c
            WHERE c.brand = in_brand AND c.collection_id = in_collection
                AND c.provider_account = g.provider_account AND c.game_id = g.game_id
        ))
        AND (wanted IS NULL OR catalogue.fold(wanted) OPERATOR(public.<%) g.search OR g.search LIKE catalogue.pattern_of(wanted))
$$;
COMMENT ON FUNCTION catalogue.found IS 'Games of some provider accounts that pass the filters; how alike a mistyped text must be is pg_trgm.word_similarity_threshold.';

CREATE FUNCTION catalogue.rank(wanted text, sort_name text, search text) RETURNS integer LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT round(1000 * public.word_similarity(wanted, search) + 500 * public.word_similarity(wanted, sort_name)
        + 500 * (starts_with(sort_name, wanted))::integer + 500 * (sort_name = wanted)::integer
        + 500 * (strpos(search, wanted) > 0)::integer)::integer
$$;
COMMENT ON FUNCTION catalogue.rank IS 'How well a game answers a folded text, 0 to 3,000: alike anywhere, alike in its name, begins so, is just so, holds it.';
