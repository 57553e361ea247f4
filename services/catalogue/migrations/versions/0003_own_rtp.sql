-- What a game is built to pay back, where the operator knows it better than the provider's list (Mascot's has none): reports set
-- against it what was paid. Percentages as decimal strings, one for each variant; empty = as the provider tells.
ALTER TABLE catalogue.overlays ADD COLUMN rtp text[] NOT NULL DEFAULT '{}';

-- Games with what is laid over them. The new column comes last: what reads the view by its names sees no difference.
CREATE OR REPLACE VIEW catalogue.shown AS
SELECT g.*, coalesce(o.name, '') AS own_name, coalesce(o.image, '') AS own_image, coalesce(o.tags, '{}') AS own_tags,
    coalesce(o.off, '[]') AS off, o.changed_at AS overlay_changed_at, o.changed_by AS overlay_changed_by,
    coalesce(o.rtp, '{}') AS own_rtp
FROM catalogue.games AS g LEFT JOIN catalogue.overlays AS o USING (provider_account, game_id);

-- The columns that follow from record and overlay, whoever writes a game. The whole record is taken apart at once: a function
-- for each list costs four times as much.
CREATE OR REPLACE FUNCTION catalogue.derive() RETURNS trigger LANGUAGE plpgsql AS $$
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
    IF cardinality(overlay.rtp) > 0 THEN
        told.rtp := overlay.rtp::numeric[];
    END IF;
    IF cardinality(told.rtp) > 0 THEN
        SELECT min(variant), max(variant) INTO NEW.rtp_low, NEW.rtp_high FROM unnest(told.rtp) AS variant;
    END IF;
    NEW.position := overlay.position;
    NEW.search := lower(public.unaccent('public.unaccent', concat_ws(' ', NEW.name, nullif(told.name, NEW.name),
        nullif(NEW.studio, ''), nullif(array_to_string(NEW.tags, ' '), ''))));
    RETURN NEW;
END
$$;
