-- The ledger: players and what the wallet may change, operations and movements that it may only add.
-- Every key begins with the player, so that the schema can be partitioned or sharded later.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'stakewire_wallet') THEN
        CREATE ROLE stakewire_wallet NOLOGIN;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;  -- another migration on the same cluster was first
END
$$;

CREATE TABLE players (
    player       text PRIMARY KEY,
    brand        text NOT NULL,
    status       text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'blocked', 'closed')),
    test         boolean NOT NULL DEFAULT false,
    seq          bigint NOT NULL CHECK (seq >= 0),
    chain_head   bytea NOT NULL CHECK (octet_length(chain_head) = 32),
    created_at   timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 70);
COMMENT ON TABLE players IS 'The row that is locked: status, number of the last operation, head of the hash chain.';

CREATE TABLE profiles (
    player              text PRIMARY KEY,
    operator_player_id  text NOT NULL,
    country             text NOT NULL DEFAULT '',
    language            text NOT NULL DEFAULT ''
);
COMMENT ON TABLE profiles IS 'Personal data: may be erased, the ledger stays.';

CREATE TABLE balances (
    player    text NOT NULL,
    currency  text NOT NULL,
    balance   bigint NOT NULL,
    PRIMARY KEY (player, currency)
) WITH (fillfactor = 70);
COMMENT ON COLUMN balances.balance IS 'Units of 10^-scale of the currency; below 0 only by a booked overdraft.';

CREATE TABLE operations (
    player                text NOT NULL,
    seq                   bigint NOT NULL,
    provider_account      text NOT NULL,
    namespace             text NOT NULL,
    external_id           text NOT NULL,
    kind                  text NOT NULL,
    status                text NOT NULL CHECK (status IN ('applied', 'refused', 'void', 'tombstone')),
    result                text NOT NULL,
    limit_name            text,
    brand                 text NOT NULL,
    test                  boolean NOT NULL,
    currency              text,
    stake                 bigint NOT NULL CHECK (stake >= 0),
    win                   bigint NOT NULL CHECK (win >= 0),
    nominal_stake         bigint,
    jackpot_contribution  bigint,
    promo_class           text,
    round_id              text,
    closes_round          boolean NOT NULL,
    game_id               text,
    game_state            text,
    session_id            text,
    grant_id              text,
    free_rounds_asked     integer,
    free_rounds_charged   integer,
    free_rounds_left      integer,
    free_round            boolean NOT NULL,
    target_seq            bigint,
    balance_after         bigint NOT NULL,
    details               text,
    gaming_day            date NOT NULL,
    occurred_at           timestamptz NOT NULL,
    schema                smallint NOT NULL,
    hash                  bytea NOT NULL CHECK (octet_length(hash) = 32),
    PRIMARY KEY (player, seq),
    CONSTRAINT operations_key UNIQUE (player, provider_account, namespace, external_id)
);
-- One operation is undone at most once, whatever the code believes.
CREATE UNIQUE INDEX operations_target ON operations (player, target_seq) WHERE target_seq IS NOT NULL;

CREATE TABLE movements (
    player          text NOT NULL,
    seq             bigint NOT NULL,
    n               smallint NOT NULL,
    debit_account   text NOT NULL,
    credit_account  text NOT NULL,
    amount          bigint NOT NULL CHECK (amount > 0),
    currency        text NOT NULL,
    balance_after   bigint NOT NULL,
    PRIMARY KEY (player, seq, n),
    CHECK (debit_account <> credit_account)
);

CREATE TABLE sessions (
    player               text NOT NULL,
    session_id           text NOT NULL,
    provider_account     text NOT NULL,
    provider_session_id  text NOT NULL DEFAULT '',
    currency             text NOT NULL,
    game_id              text NOT NULL,
    grant_id             text NOT NULL DEFAULT '',
    token_sha256         text NOT NULL DEFAULT '',
    device               text NOT NULL DEFAULT '',
    language             text NOT NULL DEFAULT '',
    status               text NOT NULL CHECK (status IN ('pending', 'active', 'superseded', 'closed')),
    close_reason         text NOT NULL DEFAULT '',
    opened_at_ms         bigint NOT NULL,
    last_seen_ms         bigint NOT NULL,
    idle_timeout_s       integer NOT NULL,
    absolute_timeout_s   integer NOT NULL,
    PRIMARY KEY (player, session_id)
) WITH (fillfactor = 80);
CREATE INDEX sessions_provider ON sessions (player, provider_account, provider_session_id) WHERE provider_session_id <> '';
CREATE INDEX sessions_live ON sessions (player, provider_account, opened_at_ms) WHERE status IN ('pending', 'active');

CREATE TABLE rounds (
    player            text NOT NULL,
    provider_account  text NOT NULL,
    round_id          text NOT NULL,
    game_id           text NOT NULL,
    session_id        text NOT NULL,
    currency          text NOT NULL,
    status            text NOT NULL CHECK (status IN ('open', 'closed')),
    bets              integer NOT NULL,
    stake             bigint NOT NULL,
    win               bigint NOT NULL,
    free_charged      integer NOT NULL,
    grant_id          text NOT NULL,
    opened_at_ms      bigint NOT NULL,
    closed_at_ms      bigint NOT NULL,
    PRIMARY KEY (player, provider_account, round_id)
) WITH (fillfactor = 80);

CREATE TABLE grants (
    player            text NOT NULL,
    grant_id          text NOT NULL,
    provider_account  text NOT NULL,
    currency          text NOT NULL,
    game_ids          text[] NOT NULL,
    stake             bigint NOT NULL,
    count             integer NOT NULL CHECK (count > 0),
    remaining         integer NOT NULL CHECK (remaining BETWEEN 0 AND count),
    expires_at_ms     bigint NOT NULL,
    PRIMARY KEY (player, grant_id)
) WITH (fillfactor = 80);

CREATE TABLE topic_epochs (
    topic      text NOT NULL,
    epoch      integer NOT NULL CHECK (epoch > 0),
    topic_id   text NOT NULL,
    opened_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topic, epoch)
);
COMMENT ON TABLE topic_epochs IS 'Which incarnation of wallet.commands the offsets of partition_position belong to.';

CREATE TABLE partition_position (
    partition    integer PRIMARY KEY,
    next_offset  bigint NOT NULL CHECK (next_offset >= 0),
    epoch        integer NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE partition_position IS 'Moves in the transaction of the effects: one owner a partition, whatever Kafka believes.';

GRANT USAGE ON SCHEMA public TO stakewire_wallet;
GRANT SELECT, INSERT ON operations, movements, topic_epochs TO stakewire_wallet;
GRANT SELECT, INSERT, UPDATE ON players, balances, sessions, rounds, grants, partition_position TO stakewire_wallet;
GRANT SELECT, INSERT, UPDATE, DELETE ON profiles TO stakewire_wallet;
