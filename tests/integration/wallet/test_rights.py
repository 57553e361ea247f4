"""What the wallet's role must not do, each statement tried: whoever has its password can add to the ledger, and no more."""

# ruff: noqa: S608  # the statements are put together of this module's own names

from __future__ import annotations

from collections.abc import Iterator

import asyncpg
import pytest

from services.gateway.operator_api.migrate import upgrade as upgrade_operator_api
from tests.integration.wallet.test_store import wallets_connection
from tests.servers import Servers

COLUMNS = {
    "operations": "stake",
    "movements": "amount",
    "seals": "operations",
    "sealed_heads": "seq",
    "sealed_accounts": "units",
    "anchors": "seq",
    "archives": "operations",
    "topic_epochs": "epoch",
}
FORBIDDEN = [
    *(f"UPDATE {table} SET {column} = {column}" for table, column in COLUMNS.items()),
    *(f"DELETE FROM {table}" for table in COLUMNS),
    *(f"TRUNCATE {table}" for table in COLUMNS),
    *(f"SELECT 1 FROM {table} FOR UPDATE" for table in COLUMNS),
    *(f"INSERT INTO {table} DEFAULT VALUES" for table in ("seals", "sealed_heads", "sealed_accounts", "anchors", "archives")),
    *(f"SELECT 1 FROM {table}" for table in ("seals", "sealed_heads", "sealed_accounts", "archives")),
    *(
        f"{verb} {table}"
        for verb in ("DELETE FROM", "TRUNCATE")
        for table in ("players", "balances", "sessions", "rounds", "grants")
    ),
    "SELECT 1 FROM operator.api_keys",
    "SELECT 1 FROM operator.switches",
    "SELECT 1 FROM operator.audit",
    "INSERT INTO operator.api_keys DEFAULT VALUES",
    "CREATE TABLE mine (a int)",
    "CREATE SCHEMA mine",
    "CREATE VIEW mine AS SELECT 1",
    "CREATE INDEX ON operations (kind)",
    "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE OR REPLACE FUNCTION operation_json(o operations) RETURNS json LANGUAGE sql STABLE AS 'SELECT NULL::json'",
    "CREATE TRIGGER mine BEFORE INSERT ON operations FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "CREATE RULE mine AS ON INSERT TO operations DO INSTEAD NOTHING",
    "ALTER TABLE operations ADD COLUMN mine int",
    "ALTER TABLE operations DISABLE TRIGGER ALL",
    "ALTER TABLE operations DROP CONSTRAINT operations_key",
    "ALTER TABLE players OWNER TO stakewire_wallet",
    "DROP TABLE movements",
    "DROP FUNCTION operation_json",
    "DROP INDEX operations_target",
    "GRANT pg_write_all_data TO stakewire_wallet",
    "CREATE ROLE mine",
    "ALTER ROLE stakewire_wallet SUPERUSER",
    "COPY operations TO PROGRAM 'true'",
    "COPY operations FROM '/dev/null'",
    "SELECT pg_read_file('PG_VERSION')",
    "SET session_replication_role = replica",
]


@pytest.fixture(scope="module")
def whole_url(servers: Servers, ledger_template: str) -> Iterator[str]:
    """A database with the ledger's schema and the operator API's."""
    url = servers.new_database(ledger_template)
    upgrade_operator_api(url)
    yield url
    servers.drop_database(url)


@pytest.mark.parametrize("statement", FORBIDDEN)
async def test_the_wallets_role_is_refused(statement: str, whole_url: str) -> None:
    async with wallets_connection(whole_url) as connection:
        # A right over the owner's things: not their state, nor a table that is empty.
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)


async def test_the_wallets_role_cannot_step_out_of_itself(whole_url: str) -> None:
    """Once nothing but the role is left: `RESET ROLE` leads back to who logged in, so a wallet of its own logs in as this role."""
    connection = await asyncpg.connect(whole_url)
    try:
        granted = await connection.fetch(
            "SELECT r.rolname FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid"
            " WHERE m.member = 'stakewire_wallet'::regrole"
        )
        facts = await connection.fetchrow("SELECT * FROM pg_roles WHERE rolname = 'stakewire_wallet'")
        assert granted == []
        assert not any(facts[right] for right in ("rolsuper", "rolcreaterole", "rolcreatedb", "rolbypassrls"))
    finally:
        await connection.close()


async def test_the_wallets_role_may_read_anchors(whole_url: str) -> None:
    async with wallets_connection(whole_url) as connection:
        assert await connection.fetch("SELECT * FROM anchors") == []
