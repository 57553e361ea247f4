-- The schema `projections`: made of the topics alone. All of it may be emptied and made again (`stakewire backoffice rebuild`).
-- It comes after the schema `operator`, whose keys open the routes under /v1.

DO $$
BEGIN
    IF to_regclass('operator.api_keys') IS NULL THEN
        RAISE EXCEPTION 'the schema "operator" is missing: it is created before the back office''s (`stakewire migrate` does both)';
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'stakewire_backoffice') THEN
        CREATE ROLE stakewire_backoffice NOLOGIN;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;  -- another migration on the same cluster was first
END
$$;

-- Its role owns the schema: it empties tables and makes and drops the months of callbacks by itself.
CREATE SCHEMA projections;

-- One row: `generation` grows with each rebuild, and whoever reads the topics begins again then. `fork` tells why a process takes
-- no more events in, until the next rebuild.
CREATE TABLE projections.state (
    only_row    boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    generation  bigint NOT NULL DEFAULT 1,
    begun_at    timestamptz NOT NULL DEFAULT now(),
    fork        text NOT NULL DEFAULT ''
);
INSERT INTO projections.state DEFAULT VALUES;

CREATE TABLE projections.offsets (
    topic        text NOT NULL,
    partition    integer NOT NULL,
    next_offset  bigint NOT NULL CHECK (next_offset >= 0),
    read_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topic, partition)
) WITH (fillfactor = 50);
COMMENT ON TABLE projections.offsets IS 'Moves in the transaction of what was read: one owner a partition, whatever Kafka believes.';

CREATE TABLE projections.players (
    player             text PRIMARY KEY,
    brand              text NOT NULL,
    country            text NOT NULL DEFAULT '',
    test               boolean NOT NULL,
    status             text NOT NULL DEFAULT 'active',
    excluded_until_ms  bigint NOT NULL DEFAULT 0,
    seq                bigint NOT NULL,
    hash               bytea NOT NULL CHECK (octet_length(hash) = 32),
    created_at         timestamptz NOT NULL,
    last_at            timestamptz NOT NULL
) WITH (fillfactor = 70);
COMMENT ON TABLE projections.players IS 'Players as their events tell them; seq and hash are those of the last event that was taken in.';

CREATE INDEX players_excluded ON projections.players (excluded_until_ms, player) WHERE excluded_until_ms > 0;

-- An event whose predecessors were not read yet waits here, whole, until they are fetched. Two with one number and different
-- hashes both wait: the second is a fork when its turn comes. `partition` is that of the topic: its offset's row is the lock.
CREATE TABLE projections.waiting (
    player     text NOT NULL,
    seq        bigint NOT NULL,
    hash       text NOT NULL,
    partition  integer NOT NULL,
    event      text NOT NULL,
    since      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (player, seq, hash)
);

CREATE TABLE projections.balances (
    player    text NOT NULL,
    currency  text NOT NULL,
    balance   bigint NOT NULL,
    PRIMARY KEY (player, currency)
) WITH (fillfactor = 70);
CREATE INDEX balances_overdrawn ON projections.balances (player) WHERE balance < 0;

-- Events as they came, but for the previous hash. Empty text, 0 and NULL-free: a field the event leaves out has its default.
CREATE TABLE projections.operations (
    player                text NOT NULL,
    seq                   bigint NOT NULL,
    provider_account      text NOT NULL,
    namespace             text NOT NULL,
    external_id           text NOT NULL,
    kind                  text NOT NULL,
    status                text NOT NULL,
    result                text NOT NULL,
    limit_name            text NOT NULL,
    brand                 text NOT NULL,
    test                  boolean NOT NULL,
    currency              text NOT NULL,
    stake                 bigint NOT NULL,
    win                   bigint NOT NULL,
    nominal_stake         bigint NOT NULL,
    jackpot_contribution  bigint NOT NULL,
    promo_class           text NOT NULL,
    round_id              text NOT NULL,
    closes_round          boolean NOT NULL,
    game_id               text NOT NULL,
    session_id            text NOT NULL,
    grant_id              text NOT NULL,
    free_round            boolean NOT NULL,
    target_seq            bigint NOT NULL,
    balance_after         bigint NOT NULL,
    details               text NOT NULL,
    gaming_day            date NOT NULL,
    occurred_at           timestamptz NOT NULL,
    hash                  bytea NOT NULL,
    movements             text NOT NULL,
    PRIMARY KEY (player, seq)
);
COMMENT ON COLUMN projections.operations.movements IS 'A JSON list as in the event; empty text where nothing was moved.';
CREATE INDEX operations_of_round ON projections.operations (player, provider_account, round_id) WHERE round_id <> '';
CREATE INDEX operations_by_external_id ON projections.operations (external_id, player);
CREATE INDEX operations_by_time ON projections.operations USING brin (occurred_at) WITH (pages_per_range = 32, autosummarize = on);
-- For the watch lists: few operations are in them.
CREATE INDEX operations_entombed ON projections.operations (occurred_at, player, seq) WHERE status = 'tombstone';
CREATE INDEX operations_limited ON projections.operations (occurred_at, player, seq) WHERE limit_name <> '';
CREATE INDEX operations_unknown_undo ON projections.operations (occurred_at, player, seq) WHERE kind = 'rollback' AND status = 'void';
CREATE INDEX operations_overdrawing ON projections.operations (player, seq) WHERE details LIKE '%"overdraft":true%';
CREATE INDEX operations_undoing_by_day ON projections.operations (gaming_day, player, seq) WHERE target_seq <> 0;

-- A game round as all its operations leave it. Sums are of applied operations less what was rolled back, in units.
-- `stake` and `win` went over the provider's house account; `free_win` was paid by its account of free rounds.
CREATE TABLE projections.rounds (
    player            text NOT NULL,
    provider_account  text NOT NULL,
    round_id          text NOT NULL,
    brand             text NOT NULL,
    test              boolean NOT NULL,
    game_id           text NOT NULL,
    session_id        text NOT NULL,
    currency          text NOT NULL,
    status            text NOT NULL CHECK (status IN ('open', 'closed', 'voided', 'settled')),
    bets              integer NOT NULL,
    operations        integer NOT NULL,
    stake             bigint NOT NULL,
    win               bigint NOT NULL,
    free_win          bigint NOT NULL,
    nominal_stake     bigint NOT NULL,
    first_seq         bigint NOT NULL,
    last_seq          bigint NOT NULL,
    opened_at         timestamptz NOT NULL,
    last_at           timestamptz NOT NULL,
    PRIMARY KEY (player, provider_account, round_id)
) WITH (fillfactor = 80);
CREATE INDEX rounds_of_player ON projections.rounds (player, first_seq);
CREATE INDEX rounds_by_id ON projections.rounds (round_id);
CREATE INDEX rounds_open ON projections.rounds (opened_at, player, first_seq) WHERE status = 'open';

-- The one aggregate of which all reports are made: what a player did in a game on a gaming day. Money by what was moved,
-- house account by house account, so that sums equal the ledger's. Every column is a sum over operations of that day:
--   stake, win                     over provider:<account>, what was rolled back not taken out: see the next two
--   stake_undone, win_undone       what rollbacks of that day gave back and took back of them, on the rollback's own day
--   free_win, promo_win, jackpot_win   paid by free_rounds:<account>, promo:<account>, jackpot:<account>, less what was undone
--   nominal_stake                  of free rounds; jackpot_contribution as told by the provider
--   bets                           stakes taken, less those rolled back; rounds: rounds begun that day
--   stake2, stake_win, win2        sums over rounds of stake*stake, stake*win, win*win (of the cash part), booked as they change
CREATE TABLE projections.player_days (
    gaming_day            date NOT NULL,
    player                text NOT NULL,
    provider_account      text NOT NULL,
    game_id               text NOT NULL,
    currency              text NOT NULL,
    brand                 text NOT NULL,
    country               text NOT NULL,
    test                  boolean NOT NULL,
    stake                 bigint NOT NULL DEFAULT 0,
    win                   bigint NOT NULL DEFAULT 0,
    stake_undone          bigint NOT NULL DEFAULT 0,
    win_undone            bigint NOT NULL DEFAULT 0,
    free_win              bigint NOT NULL DEFAULT 0,
    promo_win             bigint NOT NULL DEFAULT 0,
    jackpot_win           bigint NOT NULL DEFAULT 0,
    nominal_stake         bigint NOT NULL DEFAULT 0,
    jackpot_contribution  bigint NOT NULL DEFAULT 0,
    bets                  bigint NOT NULL DEFAULT 0,
    rounds                bigint NOT NULL DEFAULT 0,
    stake2                numeric NOT NULL DEFAULT 0,
    stake_win             numeric NOT NULL DEFAULT 0,
    win2                  numeric NOT NULL DEFAULT 0,
    PRIMARY KEY (gaming_day, player, provider_account, game_id, currency)
) WITH (fillfactor = 70);
CREATE INDEX player_days_of_player ON projections.player_days (player, gaming_day);

-- Games as the catalogue tells them, for names, sets and theoretical RTP.
CREATE TABLE projections.games (
    provider_account  text NOT NULL,
    game_id           text NOT NULL,
    name              text NOT NULL,
    state             text NOT NULL,
    studio            text NOT NULL,
    section           text NOT NULL,
    tags              text[] NOT NULL,
    rtp               text[] NOT NULL,
    version           bigint NOT NULL,
    record            text NOT NULL,
    PRIMARY KEY (provider_account, game_id)
);
COMMENT ON COLUMN projections.games.rtp IS 'Percentages as decimal strings, one for each variant on offer.';

-- Collections as the catalogue told them last: for the sets of games in reports.
CREATE TABLE projections.collections (
    brand             text NOT NULL,
    collection_id     text NOT NULL,
    title             text NOT NULL,
    provider_account  text NOT NULL,
    game_id           text NOT NULL,
    PRIMARY KEY (brand, collection_id, provider_account, game_id)
);
CREATE INDEX collections_of_game ON projections.collections (provider_account, game_id);

-- Callbacks as the gateway archived them, a partition a month (UTC, by received_at): old months are dropped whole.
CREATE TABLE projections.callbacks (
    received_at       timestamptz NOT NULL,
    request_id        text NOT NULL,
    provider_account  text NOT NULL,
    dialect           text NOT NULL,
    method            text NOT NULL,
    kind              text NOT NULL,
    player            text NOT NULL,
    external_id       text NOT NULL,
    verdict           text NOT NULL,
    result            text NOT NULL,
    response_status   integer NOT NULL,
    remote_address    text NOT NULL,
    diagnosis         text NOT NULL,
    finding           text NOT NULL,
    finding_facts     text NOT NULL,
    request_headers   text NOT NULL,
    request_body      text NOT NULL,
    request_base64    boolean NOT NULL,
    response_body     text NOT NULL,
    response_base64   boolean NOT NULL,
    verify_us         integer NOT NULL,
    parse_us          integer NOT NULL,
    wallet_us         integer NOT NULL,
    total_us          integer NOT NULL,
    keys              text NOT NULL
) PARTITION BY RANGE (received_at);
COMMENT ON COLUMN projections.callbacks.finding IS 'Code of the diagnosis, empty where nothing was wrong; finding_facts is the whole diagnosis as JSON.';
CREATE INDEX callbacks_of_player ON projections.callbacks (player, received_at) WHERE player <> '';
CREATE INDEX callbacks_of_account ON projections.callbacks (provider_account, received_at);
CREATE INDEX callbacks_by_request ON projections.callbacks (request_id);
CREATE INDEX callbacks_unknown ON projections.callbacks (received_at) WHERE verdict = 'unknown';
CREATE INDEX callbacks_with_finding ON projections.callbacks (provider_account, finding, received_at) WHERE finding <> '';

-- Makes the months of callbacks that are missing. A month is made beside the table and then attached: nobody waits for it.
CREATE FUNCTION projections.make_months(months date[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    month date;
    name  text;
BEGIN
    FOREACH month IN ARRAY months LOOP
        name := 'callbacks_' || to_char(month, 'YYYY_MM');
        CONTINUE WHEN to_regclass('projections.' || name) IS NOT NULL;
        PERFORM pg_advisory_xact_lock(7210512401);  -- two that make the same month take turns
        CONTINUE WHEN to_regclass('projections.' || name) IS NOT NULL;
        EXECUTE format('CREATE TABLE projections.%I (LIKE projections.callbacks INCLUDING ALL)', name);
        EXECUTE format('ALTER TABLE projections.callbacks ATTACH PARTITION projections.%I FOR VALUES FROM (%L) TO (%L)', name,
                       month::timestamp AT TIME ZONE 'UTC', (month + interval '1 month') AT TIME ZONE 'UTC');
    END LOOP;
END
$$;

-- Drops the months of callbacks that ended by `before`; gives their names.
CREATE FUNCTION projections.drop_months(before date) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    name text;
BEGIN
    FOR name IN
        SELECT c.relname FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'projections.callbacks'::regclass
          AND to_date(right(c.relname, 7), 'YYYY_MM') + interval '1 month' <= before
        ORDER BY c.relname
    LOOP
        EXECUTE format('DROP TABLE projections.%I', name);
        RETURN NEXT name;
    END LOOP;
END
$$;

-- What failed how often, an hour a row: findings, their trend and an account's health are made of it.
CREATE TABLE projections.finding_hours (
    provider_account  text NOT NULL,
    finding           text NOT NULL,
    hour              timestamptz NOT NULL,
    count             bigint NOT NULL,
    first_at          timestamptz NOT NULL,
    last_at           timestamptz NOT NULL,
    last_request_id   text NOT NULL,
    PRIMARY KEY (provider_account, finding, hour)
) WITH (fillfactor = 70);
CREATE INDEX finding_hours_by_hour ON projections.finding_hours (hour);

-- Callbacks a second, for the live board and an account's health; a success that sampling left out is counted by its share.
CREATE TABLE projections.pulse (
    second            timestamptz NOT NULL,
    provider_account  text NOT NULL,
    result            text NOT NULL,
    verdict           text NOT NULL,
    count             bigint NOT NULL,
    total_us          bigint NOT NULL,
    slowest_us        integer NOT NULL,
    buckets           integer[] NOT NULL,
    PRIMARY KEY (second, provider_account, result, verdict)
) WITH (fillfactor = 50);
COMMENT ON COLUMN projections.pulse.buckets IS 'Callbacks up to 5, 10, 20, 50, 100, 200, 500, 1000, 2500 ms, and slower. Kept for an hour.';

DO $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'projections'::regnamespace AND c.relkind IN ('r', 'p') LOOP
        EXECUTE format('ALTER TABLE projections.%I OWNER TO stakewire_backoffice', name);
    END LOOP;
END
$$;
ALTER SCHEMA projections OWNER TO stakewire_backoffice;
GRANT USAGE ON SCHEMA operator TO stakewire_backoffice;
GRANT SELECT ON operator.api_keys TO stakewire_backoffice;
