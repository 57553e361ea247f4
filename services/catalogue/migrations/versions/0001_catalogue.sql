-- What the catalogue keeps: the providers' games as they told them, what changed when, and what the operator lays over them.
-- It comes after the schema `operator`, whose keys open the catalogue's routes and whose audit takes its changes.

DO $$
BEGIN
    IF to_regclass('operator.api_keys') IS NULL OR to_regclass('operator.audit') IS NULL THEN
        RAISE EXCEPTION 'the schema "operator" is missing: it is created before the catalogue''s (`stakewire migrate` does both)';
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'stakewire_catalogue') THEN
        CREATE ROLE stakewire_catalogue NOLOGIN;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;  -- another migration on the same cluster was first
END
$$;

-- Both are trusted: the owner of the database may create them.
CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public;
CREATE EXTENSION IF NOT EXISTS unaccent WITH SCHEMA public;

CREATE SCHEMA catalogue;

CREATE FUNCTION catalogue.fold(told text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS
$$ SELECT lower(public.unaccent('public.unaccent'::regdictionary, told)) $$;
COMMENT ON FUNCTION catalogue.fold IS 'Text without accents and in lower case, as it is searched and sorted.';

-- One row, changed with everything that a list of games is made of: what was read under a revision holds as long as it stands.
CREATE TABLE catalogue.revision (
    only_row    boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    revision    bigint NOT NULL,
    changed_at  timestamptz NOT NULL DEFAULT now()
);
INSERT INTO catalogue.revision (revision) VALUES ((extract(epoch FROM clock_timestamp()) * 1000)::bigint);

CREATE TABLE catalogue.games (
    provider_account     text NOT NULL,
    game_id              text NOT NULL,
    record               jsonb NOT NULL,
    state                text NOT NULL DEFAULT 'live' CHECK (state IN ('live', 'withdrawn')),
    source_hash          text NOT NULL,
    first_seen_at        timestamptz NOT NULL DEFAULT now(),
    changed_at           timestamptz NOT NULL DEFAULT now(),
    version              bigint NOT NULL,
    name                 text NOT NULL,
    sort_name            text COLLATE "C" NOT NULL,
    studio               text NOT NULL,
    section              text NOT NULL,
    type                 text NOT NULL,
    volatility           text NOT NULL,
    release_date         text COLLATE "C" NOT NULL,
    tags                 text[] NOT NULL,
    devices              text[] NOT NULL,
    languages            text[] NOT NULL,
    currencies           text[] NOT NULL,
    features             text[] NOT NULL,
    forbidden_countries  text[] NOT NULL,
    rtp_low              numeric,
    rtp_high             numeric,
    position             integer,
    search               text NOT NULL,
    PRIMARY KEY (provider_account, game_id)
) WITH (fillfactor = 85);
COMMENT ON COLUMN catalogue.games.record IS 'What the provider tells (shared.providers.facts.GameFacts), without the operator''s overlay.';
COMMENT ON COLUMN catalogue.games.version IS 'Grows with each change of record, state or overlay; every change of a row comes to the topic catalogue.games.';
COMMENT ON COLUMN catalogue.games.name IS 'As shown: the overlay''s name where it has one. All columns from here on follow from record and overlay by themselves.';
COMMENT ON COLUMN catalogue.games.tags IS 'The provider''s and the overlay''s.';
COMMENT ON COLUMN catalogue.games.search IS 'Names (both), studio and tags, folded: searched by trigrams.';

CREATE INDEX games_by_name ON catalogue.games (sort_name, provider_account, game_id);
CREATE INDEX games_by_change ON catalogue.games (changed_at, provider_account, game_id);
CREATE INDEX games_by_studio ON catalogue.games (studio);
CREATE INDEX games_by_tag ON catalogue.games USING gin (tags);
CREATE INDEX games_by_search ON catalogue.games USING gin (search public.gin_trgm_ops);

-- A table of its own: a mark in the games would rewrite each row with all its indexes once more.
CREATE TABLE catalogue.unpublished (
    provider_account  text NOT NULL,
    game_id           text NOT NULL,
    version           bigint NOT NULL,
    PRIMARY KEY (provider_account, game_id)
);
COMMENT ON TABLE catalogue.unpublished IS 'Games that the topic catalogue.games does not have in this version. Filled by the games themselves.';

CREATE TABLE catalogue.overlays (
    provider_account  text NOT NULL,
    game_id           text NOT NULL,
    name              text NOT NULL DEFAULT '',
    image             text NOT NULL DEFAULT '',
    tags              text[] NOT NULL DEFAULT '{}',
    position          integer,
    off               jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(off) = 'array'),
    changed_at        timestamptz NOT NULL DEFAULT now(),
    changed_by        text NOT NULL,
    PRIMARY KEY (provider_account, game_id)
);
COMMENT ON TABLE catalogue.overlays IS 'What the operator lays over a game; empty = as the provider tells. Written before the game''s version is raised.';
COMMENT ON COLUMN catalogue.overlays.off IS 'OffRules: [{"brand": "", "country": "", "currency": ""}]; an empty field means all.';

CREATE TABLE catalogue.collections (
    brand          text NOT NULL,
    collection_id  text NOT NULL,
    title          text NOT NULL,
    position       integer NOT NULL DEFAULT 0,
    changed_at     timestamptz NOT NULL DEFAULT now(),
    changed_by     text NOT NULL,
    PRIMARY KEY (brand, collection_id)
);
COMMENT ON TABLE catalogue.collections IS 'Ordered sets of games, each of one brand.';

CREATE TABLE catalogue.collection_games (
    brand             text NOT NULL,
    collection_id     text NOT NULL,
    provider_account  text NOT NULL,
    game_id           text NOT NULL,
    position          integer NOT NULL,
    PRIMARY KEY (brand, collection_id, provider_account, game_id),
    FOREIGN KEY (brand, collection_id) REFERENCES catalogue.collections ON DELETE CASCADE
);
CREATE INDEX collection_games_by_game ON catalogue.collection_games (provider_account, game_id);

CREATE TABLE catalogue.syncs (
    id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    provider_account  text NOT NULL,
    started_at        timestamptz NOT NULL DEFAULT now(),
    finished_at       timestamptz,
    result            text NOT NULL DEFAULT 'running' CHECK (result IN ('running', 'ok', 'failed', 'alarm', 'confirmed')),
    asked_by          text NOT NULL,
    confirmed_by      text NOT NULL DEFAULT '',
    games             integer NOT NULL DEFAULT 0,
    added             integer NOT NULL DEFAULT 0,
    changed           integer NOT NULL DEFAULT 0,
    withdrawn         integer NOT NULL DEFAULT 0,
    returned          integer NOT NULL DEFAULT 0,
    unchanged         integer NOT NULL DEFAULT 0,
    skipped           integer NOT NULL DEFAULT 0,
    cause             text NOT NULL DEFAULT '',
    list              jsonb,
    list_hash         text NOT NULL DEFAULT ''
);
COMMENT ON COLUMN catalogue.syncs.list IS 'The games of a list that raised an alarm, kept while it waits for its confirmation.';
CREATE INDEX syncs_by_account ON catalogue.syncs (provider_account, id);
CREATE UNIQUE INDEX syncs_waiting ON catalogue.syncs (provider_account) WHERE list IS NOT NULL;

CREATE TABLE catalogue.history (
    id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    provider_account  text NOT NULL,
    game_id           text NOT NULL,
    at                timestamptz NOT NULL DEFAULT now(),
    change            text NOT NULL CHECK (change IN ('added', 'changed', 'withdrawn', 'returned')),
    before            jsonb,
    after             jsonb NOT NULL,
    sync_id           bigint NOT NULL
);
COMMENT ON TABLE catalogue.history IS 'What a provider''s games were when. Only ever added to.';
COMMENT ON COLUMN catalogue.history.before IS 'The former values of the fields that changed; null for an added game.';
COMMENT ON COLUMN catalogue.history.after IS 'The whole record from then on.';
CREATE INDEX history_by_game ON catalogue.history (provider_account, game_id, at, id);

-- Which topic has the games: another id means that it was deleted and made anew, and everything is to be published again.
CREATE TABLE catalogue.publication (
    only_row  boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    topic_id  text NOT NULL DEFAULT ''
);
INSERT INTO catalogue.publication DEFAULT VALUES;

-- Games with what is laid over them.
CREATE VIEW catalogue.shown AS
SELECT g.*, coalesce(o.name, '') AS own_name, coalesce(o.image, '') AS own_image, coalesce(o.tags, '{}') AS own_tags,
    coalesce(o.off, '[]') AS off, o.changed_at AS overlay_changed_at, o.changed_by AS overlay_changed_by
FROM catalogue.games AS g LEFT JOIN catalogue.overlays AS o USING (provider_account, game_id);

-- The columns that follow from record and overlay, whoever writes a game. The whole record is taken apart at once: a function
-- for each list costs four times as much.
CREATE FUNCTION catalogue.derive() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    told     record;
    overlay  catalogue.overlays;
BEGIN
    SELECT * INTO told FROM jsonb_to_record(NEW.record) AS t (
        name text, studio text, section text, type text, volatility text, release_date text, tags text[], devices text[],
        languages text[], currencies text[], features text[], forbidden_countries text[], rtp numeric[]);
    SELECT * INTO overlay FROM catalogue.overlays AS o
    WHERE o.provider_account = NEW.provider_account AND o.game_id = NEW.game_id;
    NEW.name := coalesce(nullif(overlay.name, ''), told.name);
    NEW.sort_name := left(lower(public.unaccent('public.unaccent', NEW.name)), 200);  -- an index and a cursor take no more
    NEW.studio := coalesce(told.studio, '');
    NEW.section := coalesce(told.section, '');
    NEW.type := coalesce(told.type, '');
    NEW.volatility := coalesce(told.volatility, '');
    NEW.release_date := coalesce(told.release_date, '');
    NEW.tags := coalesce(told.tags, '{}');
    IF cardinality(overlay.tags) > 0 THEN
        NEW.tags := NEW.tags || ARRAY(SELECT own FROM unnest(overlay.tags) AS own WHERE own <> ALL (NEW.tags));
    END IF;
    NEW.devices := coalesce(told.devices, '{}');
    NEW.languages := coalesce(told.languages, '{}');
    NEW.currencies := coalesce(told.currencies, '{}');
    NEW.features := coalesce(told.features, '{}');
    NEW.forbidden_countries := coalesce(told.forbidden_countries, '{}');
    NEW.rtp_low := NULL;
    NEW.rtp_high := NULL;
    IF cardinality(told.rtp) > 0 THEN
        SELECT min(variant), max(variant) INTO NEW.rtp_low, NEW.rtp_high FROM unnest(told.rtp) AS variant;
    END IF;
    NEW.position := overlay.position;
    NEW.search := lower(public.unaccent('public.unaccent', concat_ws(' ', NEW.name, nullif(told.name, NEW.name),
        nullif(NEW.studio, ''), nullif(array_to_string(NEW.tags, ' '), ''))));
    RETURN NEW;
END
$$;
CREATE TRIGGER games_derive BEFORE INSERT OR UPDATE ON catalogue.games
    FOR EACH ROW EXECUTE FUNCTION catalogue.derive();

CREATE FUNCTION catalogue.to_publish() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO catalogue.unpublished AS u (provider_account, game_id, version)
    SELECT provider_account, game_id, version FROM written
    ON CONFLICT (provider_account, game_id) DO UPDATE SET version = excluded.version;
    RETURN NULL;
END
$$;
CREATE TRIGGER games_added AFTER INSERT ON catalogue.games
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION catalogue.to_publish();
CREATE TRIGGER games_changed AFTER UPDATE ON catalogue.games
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION catalogue.to_publish();

-- Before the statement, so that all who write take this row first and their games after it: no two can block each other.
-- Never below the milliseconds of now, so that a database restored from a copy does not number below what others hold already.
CREATE FUNCTION catalogue.next_revision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE catalogue.revision
    SET revision = greatest(revision + 1, (extract(epoch FROM clock_timestamp()) * 1000)::bigint), changed_at = clock_timestamp();
    RETURN NULL;
END
$$;
CREATE TRIGGER games_revise BEFORE INSERT OR DELETE OR UPDATE ON catalogue.games
    FOR EACH STATEMENT EXECUTE FUNCTION catalogue.next_revision();
CREATE TRIGGER collections_revise BEFORE INSERT OR DELETE OR UPDATE ON catalogue.collections
    FOR EACH STATEMENT EXECUTE FUNCTION catalogue.next_revision();
CREATE TRIGGER collection_games_revise BEFORE INSERT OR DELETE OR UPDATE ON catalogue.collection_games
    FOR EACH STATEMENT EXECUTE FUNCTION catalogue.next_revision();

GRANT USAGE ON SCHEMA catalogue TO stakewire_catalogue;
GRANT SELECT, UPDATE ON catalogue.revision, catalogue.publication TO stakewire_catalogue;
GRANT SELECT, INSERT, UPDATE, DELETE ON catalogue.games, catalogue.overlays, catalogue.collections, catalogue.collection_games,
    catalogue.syncs, catalogue.unpublished TO stakewire_catalogue;
GRANT SELECT, INSERT ON catalogue.history TO stakewire_catalogue;
GRANT SELECT ON catalogue.shown TO stakewire_catalogue;
GRANT USAGE ON SCHEMA operator TO stakewire_catalogue;
GRANT SELECT ON operator.api_keys TO stakewire_catalogue;
GRANT SELECT, INSERT ON operator.audit TO stakewire_catalogue;
