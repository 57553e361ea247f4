-- The second baseline's ledger: double entry in plain SQL functions, as pgledger does it. Written for this bench.
-- It knows no keys, rounds, sessions or hash chain, and a repeated transfer is booked twice.

CREATE TABLE accounts (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name            text NOT NULL UNIQUE,
    currency        text NOT NULL,
    balance         bigint NOT NULL DEFAULT 0,
    version         bigint NOT NULL DEFAULT 0,
    allow_negative  boolean NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 70);

CREATE TABLE transfers (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    debit_id    bigint NOT NULL REFERENCES accounts,
    credit_id   bigint NOT NULL REFERENCES accounts,
    amount      bigint NOT NULL CHECK (amount > 0),
    created_at  timestamptz NOT NULL DEFAULT now(),
    CHECK (debit_id <> credit_id)
);

CREATE TABLE entries (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id       bigint NOT NULL REFERENCES accounts,
    transfer_id      bigint NOT NULL REFERENCES transfers,
    amount           bigint NOT NULL,
    balance_before   bigint NOT NULL,
    balance_after    bigint NOT NULL,
    account_version  bigint NOT NULL,
    created_at       timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX entries_account ON entries (account_id);
CREATE INDEX entries_transfer ON entries (transfer_id);

-- Moves an amount; returns the transfer. Both accounts are locked in the order of their ids, in a statement of its own.
CREATE FUNCTION create_transfer(x_from text, x_to text, x_amount bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    debit accounts;
    credit accounts;
    transfer bigint;
BEGIN
    PERFORM 1 FROM accounts WHERE name IN (x_from, x_to) ORDER BY id FOR UPDATE;
    UPDATE accounts SET balance = balance - x_amount, version = version + 1, updated_at = now() WHERE name = x_from RETURNING * INTO debit;
    UPDATE accounts SET balance = balance + x_amount, version = version + 1, updated_at = now() WHERE name = x_to RETURNING * INTO credit;
    IF debit.id IS NULL OR credit.id IS NULL THEN
        RAISE EXCEPTION 'one of the accounts % and % is not known', x_from, x_to;
    END IF;
    IF debit.balance < 0 AND NOT debit.allow_negative THEN
        RAISE EXCEPTION 'account % would be below 0', x_from;
    END IF;
    INSERT INTO transfers (debit_id, credit_id, amount) VALUES (debit.id, credit.id, x_amount) RETURNING id INTO transfer;
    INSERT INTO entries (account_id, transfer_id, amount, balance_before, balance_after, account_version) VALUES
        (debit.id, transfer, -x_amount, debit.balance + x_amount, debit.balance, debit.version),
        (credit.id, transfer, x_amount, credit.balance - x_amount, credit.balance, credit.version);
    RETURN transfer;
END
$$;
