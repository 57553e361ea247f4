CREATE TABLE skipped_commands (
    epoch        integer NOT NULL,
    partition    integer NOT NULL,
    from_offset  bigint NOT NULL CHECK (from_offset >= 0),
    to_offset    bigint NOT NULL CHECK (to_offset >= from_offset),
    skipped_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (epoch, partition)
);
COMMENT ON TABLE skipped_commands IS
    'After a restore without the last WAL: offsets [from, to) of wallet.commands that are never applied. Each epoch opened so has its rows.';

GRANT SELECT ON skipped_commands TO stakewire_wallet;
