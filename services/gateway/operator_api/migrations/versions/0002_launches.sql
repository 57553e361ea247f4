-- What makes a launch safe to repeat: how far it has come, who is at it, and what its Idempotency-Key stood for.
-- None of it is money: that moves in the wallet, under ids that follow from the launch's key.

CREATE TABLE operator.launches (
    brand                text NOT NULL,
    launch_key           text NOT NULL,
    body_sha256          bytea NOT NULL CHECK (octet_length(body_sha256) = 32),
    player               text NOT NULL,
    provider_account     text NOT NULL,
    session_id           text NOT NULL,
    step                 text NOT NULL CHECK (step IN ('opening', 'created', 'active', 'answered', 'failed')),
    provider_session_id  text NOT NULL DEFAULT '',
    launch_url           text NOT NULL DEFAULT '',
    opened_at_ms         bigint NOT NULL,
    started_at           timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (brand, launch_key)
) WITH (fillfactor = 80);
COMMENT ON COLUMN operator.launches.launch_url IS 'Opens the player''s session: kept for repetitions of the request, deleted with the row after some days.';
CREATE INDEX launches_age ON operator.launches (started_at);

CREATE TABLE operator.launch_leases (
    player            text NOT NULL,
    provider_account  text NOT NULL,
    holder            text NOT NULL,
    until             timestamptz NOT NULL,
    PRIMARY KEY (player, provider_account)
) WITH (fillfactor = 50);
COMMENT ON TABLE operator.launch_leases IS 'One launch at a time for a player at a provider account, so that both sides agree which session is the last.';

CREATE TABLE operator.idempotency (
    brand            text NOT NULL,
    idempotency_key  text NOT NULL,
    route            text NOT NULL,
    body_sha256      bytea NOT NULL CHECK (octet_length(body_sha256) = 32),
    created_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (brand, idempotency_key)
);
COMMENT ON TABLE operator.idempotency IS 'Keys of free rounds. Those of deposits and withdrawals are in the ledger itself, those of launches in theirs.';
CREATE INDEX idempotency_age ON operator.idempotency (created_at);

GRANT SELECT, INSERT, UPDATE, DELETE ON operator.launches, operator.launch_leases, operator.idempotency TO stakewire_operator;
