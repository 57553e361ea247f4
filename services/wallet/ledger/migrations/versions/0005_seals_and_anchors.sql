-- Seals over all chains, and anchors in place of operations that went to the archive. The wallet reads anchors, no more.
SET LOCAL lock_timeout = '10s';

CREATE TABLE seals (
    number         bigint PRIMARY KEY CHECK (number > 0),
    sealed_at      timestamptz NOT NULL,
    players        bigint NOT NULL CHECK (players >= 0),
    operations     bigint NOT NULL CHECK (operations >= 0),
    heads          bytea NOT NULL CHECK (octet_length(heads) = 32),
    accounts       bytea NOT NULL CHECK (octet_length(accounts) = 32),
    previous_root  bytea NOT NULL CHECK (octet_length(previous_root) = 32),
    root           bytea NOT NULL CHECK (octet_length(root) = 32)
);
COMMENT ON TABLE seals IS 'One root over the heads of all players each, and a chain of their own. The roots are handed out.';

CREATE TABLE sealed_heads (
    player    text COLLATE "C" PRIMARY KEY,
    seq       bigint NOT NULL CHECK (seq > 0),
    hash      bytea NOT NULL CHECK (octet_length(hash) = 32),
    balances  text NOT NULL,
    seal      bigint NOT NULL
) WITH (fillfactor = 80);
COMMENT ON TABLE sealed_heads IS 'Where each chain stood at the last seal; seal: the number of the one that it last moved with.';

CREATE TABLE sealed_accounts (
    seal      bigint NOT NULL,
    account   text NOT NULL,
    brand     text NOT NULL,
    currency  text NOT NULL,
    units     numeric(38, 0) NOT NULL,
    PRIMARY KEY (seal, account, brand, currency)
);
COMMENT ON TABLE sealed_accounts IS 'The sum of each account at each seal: where the sums of the house go on from.';

CREATE TABLE anchors (
    player       text PRIMARY KEY,
    seq          bigint NOT NULL CHECK (seq > 0),
    hash         bytea NOT NULL CHECK (octet_length(hash) = 32),
    balances     text NOT NULL,
    accounts     text NOT NULL,
    month        text NOT NULL,
    archived_at  timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 80);
COMMENT ON TABLE anchors IS 'The last operation of a player that is in the archive only: what the chain in the database begins after.';
COMMENT ON COLUMN anchors.balances IS 'JSON: units by currency after it.';
COMMENT ON COLUMN anchors.accounts IS 'JSON: "<account> <currency>" to the sum of all his movements up to it.';

CREATE TABLE archives (
    month            text PRIMARY KEY,
    operations       bigint NOT NULL,
    movements        bigint NOT NULL,
    manifest_sha256  bytea NOT NULL CHECK (octet_length(manifest_sha256) = 32),
    given_up_at      timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE archives IS 'Months whose operations are no longer in this database, and the manifest of their files.';

-- An operation exactly as its event told it, with movements and both hashes. The first one here may follow an archived one.
CREATE OR REPLACE FUNCTION operation_json(o operations) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_strip_nulls(json_build_object(
        'player', o.player, 'seq', o.seq, 'provider_account', o.provider_account, 'namespace', o.namespace,
        'external_id', o.external_id, 'kind', o.kind, 'status', o.status,
        'occurred_at_ms', (extract(epoch FROM o.occurred_at) * 1000)::bigint, 'gaming_day', o.gaming_day, 'brand', o.brand,
        'result', o.result, 'limit', o.limit_name, 'test', o.test, 'currency', o.currency, 'stake', o.stake, 'win', o.win,
        'nominal_stake', o.nominal_stake, 'jackpot_contribution', o.jackpot_contribution, 'promo_class', o.promo_class,
        'round_id', o.round_id, 'closes_round', o.closes_round, 'game_id', o.game_id, 'game_state', o.game_state,
        'session_id', o.session_id, 'grant_id', o.grant_id, 'free_rounds_asked', o.free_rounds_asked,
        'free_rounds_charged', o.free_rounds_charged, 'free_rounds_left', o.free_rounds_left, 'free_round', o.free_round,
        'target_seq', o.target_seq, 'balance_after', o.balance_after, 'details', o.details, 'schema', o.schema,
        'movements', (SELECT json_agg(json_build_object('debit_account', m.debit_account, 'credit_account', m.credit_account,
                'amount', m.amount, 'currency', m.currency, 'balance_after', m.balance_after) ORDER BY m.n)
            FROM movements m WHERE m.player = o.player AND m.seq = o.seq),
        -- By order and limit, not by equality: on an empty table the planner would as soon take the index of the keys, and keep it.
        'previous_hash', coalesce(
            (SELECT encode(q.hash, 'hex') FROM operations q WHERE q.player = o.player AND q.seq < o.seq ORDER BY q.seq DESC LIMIT 1),
            (SELECT encode(a.hash, 'hex') FROM anchors a WHERE a.player = o.player AND a.seq < o.seq),
            repeat('0', 64)),
        'hash', encode(o.hash, 'hex')))
$$;

GRANT SELECT ON anchors TO stakewire_wallet;
