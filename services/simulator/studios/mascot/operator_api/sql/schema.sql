-- What operators told the studio, and what was played in launched sessions. Times are Unix milliseconds, amounts minor units.
CREATE TABLE IF NOT EXISTS bank_groups (
    provider_account  TEXT NOT NULL,
    id                TEXT NOT NULL,
    currency          TEXT NOT NULL,
    settings_patch    TEXT NOT NULL,
    PRIMARY KEY (provider_account, id)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS players (
    provider_account  TEXT NOT NULL,
    id                TEXT NOT NULL,
    bank_group_id     TEXT NOT NULL,
    nick              TEXT NOT NULL,
    PRIMARY KEY (provider_account, id)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS bonuses (
    provider_account  TEXT NOT NULL,
    id                TEXT NOT NULL,
    PRIMARY KEY (provider_account, id)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS sessions (
    number            INTEGER PRIMARY KEY,
    session_id        TEXT NOT NULL UNIQUE,
    provider_account  TEXT NOT NULL,
    player_id         TEXT NOT NULL,
    bank_group_id     TEXT NOT NULL,
    currency          TEXT NOT NULL,
    game_id           TEXT NOT NULL,
    bonus_id          TEXT NOT NULL,
    free_round_bet    INTEGER NOT NULL,
    alternative_id    TEXT NOT NULL,
    language          TEXT NOT NULL,
    home_url          TEXT NOT NULL,
    home_url_target   TEXT NOT NULL,
    demo              INTEGER NOT NULL,
    demo_balance      INTEGER NOT NULL,
    created_ms        INTEGER NOT NULL,
    closed_ms         INTEGER
);
CREATE INDEX IF NOT EXISTS sessions_open ON sessions (provider_account, player_id) WHERE closed_ms IS NULL;

CREATE TABLE IF NOT EXISTS tokens (
    token       TEXT PRIMARY KEY,
    session_id  TEXT NOT NULL,
    expires_ms  INTEGER NOT NULL
) WITHOUT ROWID;

-- Spins of launched sessions. `sent` and `unknown` still need their rollback answered.
CREATE TABLE IF NOT EXISTS spins (
    number      INTEGER PRIMARY KEY,
    session_id  TEXT NOT NULL,
    ref         TEXT NOT NULL,
    round_ref   TEXT NOT NULL,
    bet         INTEGER NOT NULL,
    win         INTEGER NOT NULL,
    free_round  INTEGER NOT NULL,
    state       TEXT NOT NULL,
    code        INTEGER NOT NULL,
    played_ms   INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS spins_session ON spins (session_id, number);
CREATE INDEX IF NOT EXISTS spins_open ON spins (number) WHERE state IN ('sent', 'unknown');
