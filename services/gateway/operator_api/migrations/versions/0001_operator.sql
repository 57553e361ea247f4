-- What the operator API keeps for itself: who may call it, what is open for play, and who changed what.
-- No money and no player's data: those are the wallet's, and its tables are out of reach for this role.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'stakewire_operator') THEN
        CREATE ROLE stakewire_operator NOLOGIN;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;  -- another migration on the same cluster was first
END
$$;

CREATE SCHEMA operator;

CREATE TABLE operator.api_keys (
    key_id        text PRIMARY KEY,
    token_sha256  bytea NOT NULL UNIQUE CHECK (octet_length(token_sha256) = 32),
    brand         text NOT NULL CHECK (brand <> ''),
    scopes        text[] NOT NULL CHECK (cardinality(scopes) > 0 AND scopes <@ ARRAY['play', 'money', 'read', 'admin']),
    label         text NOT NULL DEFAULT '',
    created_at    timestamptz NOT NULL DEFAULT now(),
    created_by    text NOT NULL,
    expires_at    timestamptz,
    revoked_at    timestamptz
);
COMMENT ON TABLE operator.api_keys IS 'Keys of the operator API; of a token only its SHA-256 is kept.';

-- Grows with each change of any switch.
CREATE SEQUENCE operator.switch_version;

CREATE TABLE operator.switches (
    brand              text NOT NULL DEFAULT '',
    provider_account   text NOT NULL DEFAULT '',
    game_id            text NOT NULL DEFAULT '',
    state              text NOT NULL CHECK (state IN ('live', 'drain', 'off')),
    reason             text NOT NULL,
    version            bigint NOT NULL,
    changed_at         timestamptz NOT NULL DEFAULT now(),
    changed_by         text NOT NULL,
    published_version  bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (brand, provider_account, game_id)
);
COMMENT ON TABLE operator.switches IS 'What is open for play; an empty field means all. The topic gateway.switches follows this table.';
CREATE INDEX switches_unpublished ON operator.switches (version) WHERE published_version < version;

CREATE TABLE operator.audit (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          timestamptz NOT NULL DEFAULT now(),
    brand       text NOT NULL DEFAULT '',
    actor       text NOT NULL,
    action      text NOT NULL,
    subject     text NOT NULL,
    before      jsonb,
    after       jsonb,
    reason      text NOT NULL DEFAULT '',
    request_id  text NOT NULL DEFAULT ''
);
COMMENT ON TABLE operator.audit IS 'Every change made by hand: who, when, before, after, why. Only ever added to.';
CREATE INDEX audit_subject ON operator.audit (subject, id);

GRANT USAGE ON SCHEMA operator TO stakewire_operator;
GRANT USAGE, UPDATE ON SEQUENCE operator.switch_version TO stakewire_operator;
GRANT SELECT, INSERT, UPDATE ON operator.api_keys, operator.switches TO stakewire_operator;
GRANT SELECT, INSERT ON operator.audit TO stakewire_operator;
