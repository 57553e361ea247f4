-- What the office itself keeps. It outlives every rebuild of the projections.
CREATE SCHEMA office;

CREATE TABLE office.users (
    login          text PRIMARY KEY CHECK (login = lower(login)),
    name           text NOT NULL,
    role           text NOT NULL CHECK (role IN ('viewer', 'support', 'finance', 'admin')),
    password_hash  text NOT NULL DEFAULT '',
    source         text NOT NULL DEFAULT 'password' CHECK (source IN ('password', 'oidc', 'proxy')),
    disabled       boolean NOT NULL DEFAULT false,
    created_at     timestamptz NOT NULL DEFAULT now(),
    last_seen_at   timestamptz
);
COMMENT ON COLUMN office.users.password_hash IS 'argon2id; empty for those who sign in elsewhere.';

CREATE TABLE office.sign_ins (
    token_sha256  bytea PRIMARY KEY CHECK (octet_length(token_sha256) = 32),
    login         text NOT NULL REFERENCES office.users ON DELETE CASCADE,
    csrf          text NOT NULL,
    opened_at     timestamptz NOT NULL DEFAULT now(),
    seen_at       timestamptz NOT NULL DEFAULT now(),
    expires_at    timestamptz NOT NULL,
    address       text NOT NULL
);
CREATE INDEX sign_ins_of_user ON office.sign_ins (login);

CREATE TABLE office.failed_sign_ins (
    at       timestamptz NOT NULL DEFAULT now(),
    login    text NOT NULL,
    address  text NOT NULL
);
CREATE INDEX failed_sign_ins_recent ON office.failed_sign_ins (login, at);
CREATE INDEX failed_sign_ins_of_address ON office.failed_sign_ins (address, at);

CREATE TABLE office.audit (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at       timestamptz NOT NULL DEFAULT now(),
    login    text NOT NULL,
    action   text NOT NULL,
    object   text NOT NULL,
    before   text NOT NULL DEFAULT '',
    after    text NOT NULL DEFAULT '',
    reason   text NOT NULL DEFAULT '',
    outcome  text NOT NULL DEFAULT 'done',
    address  text NOT NULL DEFAULT ''
);
CREATE INDEX audit_of_object ON office.audit (object, id);
COMMENT ON TABLE office.audit IS 'Who did what: added to only. Money is corrected through the operator API, whose own audit has it too.';

CREATE TABLE office.notes (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at      timestamptz NOT NULL DEFAULT now(),
    login   text NOT NULL,
    object  text NOT NULL,
    words   text NOT NULL
);
CREATE INDEX notes_of_object ON office.notes (object, id);
COMMENT ON COLUMN office.notes.object IS 'player:<key>, account:<name>, game:<account>/<id>, finding:<account>/<code>.';

-- What people decided about a finding; how often it happened is in the projections.
CREATE TABLE office.findings (
    provider_account  text NOT NULL,
    finding           text NOT NULL,
    state             text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'known', 'resolved')),
    changed_at        timestamptz NOT NULL DEFAULT now(),
    changed_by        text NOT NULL DEFAULT '',
    PRIMARY KEY (provider_account, finding)
);

-- Alerts on their way to the operator's own systems. At most one for each finding and turn for the worse.
CREATE TABLE office.alerts (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at            timestamptz NOT NULL DEFAULT now(),
    subject       text NOT NULL UNIQUE,
    body          text NOT NULL,
    attempts      integer NOT NULL DEFAULT 0,
    next_at       timestamptz NOT NULL DEFAULT now(),
    delivered_at  timestamptz,
    given_up_at   timestamptz,
    last_error    text NOT NULL DEFAULT ''
);
CREATE INDEX alerts_due ON office.alerts (next_at) WHERE delivered_at IS NULL AND given_up_at IS NULL;

-- Whether something that alerts are about is bad now, and how often it has turned so: one alert for each turn for the worse.
CREATE TABLE office.conditions (
    subject     text PRIMARY KEY,
    bad         boolean NOT NULL,
    turn        bigint NOT NULL DEFAULT 1,
    calm_since  timestamptz
) WITH (fillfactor = 70);

GRANT USAGE ON SCHEMA office TO stakewire_backoffice;
GRANT SELECT, INSERT, UPDATE, DELETE ON office.users, office.sign_ins, office.failed_sign_ins, office.findings, office.alerts, office.conditions
    TO stakewire_backoffice;
GRANT SELECT, INSERT ON office.audit, office.notes TO stakewire_backoffice;
