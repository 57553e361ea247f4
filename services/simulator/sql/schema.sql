-- The provider's books. Amounts of the provider are minor units of the wire; those of the wallet's events are its units.
CREATE TABLE IF NOT EXISTS players (
    player              TEXT PRIMARY KEY,
    operator_player_id  TEXT NOT NULL,
    brand               TEXT NOT NULL,
    provider_account    TEXT NOT NULL,
    currency            TEXT NOT NULL,
    agreed_seq          INTEGER NOT NULL DEFAULT 0,
    agreed_hash         TEXT NOT NULL DEFAULT '',
    agreed_units        INTEGER NOT NULL DEFAULT 0,
    agreed_minor        INTEGER NOT NULL DEFAULT 0,
    agreed_id           INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS transactions (
    id              INTEGER PRIMARY KEY,
    player          TEXT NOT NULL,
    ref             TEXT NOT NULL,
    kind            TEXT NOT NULL,
    withdraw        INTEGER NOT NULL,
    deposit         INTEGER NOT NULL,
    charge          INTEGER NOT NULL,
    round_ref       TEXT NOT NULL,
    game_id         TEXT NOT NULL,
    state           TEXT NOT NULL,
    code            INTEGER NOT NULL DEFAULT 0,
    paid            INTEGER NOT NULL DEFAULT 0,
    got             INTEGER NOT NULL DEFAULT 0,
    transaction_id  TEXT NOT NULL DEFAULT '',
    new_balance     INTEGER,
    attempts        INTEGER NOT NULL DEFAULT 0
);
-- The only index: every further one is paid for with each transaction.
CREATE INDEX IF NOT EXISTS transactions_player ON transactions (player, id);

CREATE TABLE IF NOT EXISTS deposits (
    key     TEXT PRIMARY KEY,
    player  TEXT NOT NULL,
    amount  INTEGER NOT NULL,
    state   TEXT NOT NULL,
    agreed  INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS deposits_player ON deposits (player) WHERE agreed = 0;

-- What wallet.events said of our players.
CREATE TABLE IF NOT EXISTS operations (
    player            TEXT NOT NULL,
    seq               INTEGER NOT NULL,
    hash              TEXT NOT NULL,
    previous_hash     TEXT NOT NULL,
    provider_account  TEXT NOT NULL,
    namespace         TEXT NOT NULL,
    external_id       TEXT NOT NULL,
    kind              TEXT NOT NULL,
    status            TEXT NOT NULL,
    paid_units        INTEGER NOT NULL,
    got_units         INTEGER NOT NULL,
    balance_after     INTEGER NOT NULL,
    target_seq        INTEGER NOT NULL,
    PRIMARY KEY (player, seq)
) WITHOUT ROWID;

-- Faults that the reading of the events found: forks, hashes that do not fit, records that are none.
CREATE TABLE IF NOT EXISTS faults (
    kind    TEXT NOT NULL,
    player  TEXT NOT NULL,
    seq     INTEGER NOT NULL,
    text    TEXT NOT NULL,
    PRIMARY KEY (kind, player, seq)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS positions (
    partition    INTEGER PRIMARY KEY,
    next_offset  INTEGER NOT NULL
);

CREATE TABLE IF NOT EXISTS facts (
    name   TEXT PRIMARY KEY,
    value  TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS plays (
    play_id        TEXT PRIMARY KEY,
    started_at_ms  INTEGER NOT NULL,
    state          TEXT NOT NULL,
    result         TEXT NOT NULL
) WITHOUT ROWID;
