"""What the metrics tell of the database, on a real one: through rights that show no row and no query."""

import asyncio

import asyncpg
import pytest

from services.gateway.operator_api import database_facts
from services.gateway.operator_api.database_facts import DatabaseFacts
from tests.waiting import wait_until

TABLES = {"players", "balances", "operations", "movements", "sessions", "rounds", "grants", "usage", "partition_position"}


def values(facts: DatabaseFacts) -> dict[tuple[str, str], float]:
    """(name, label's value) -> value of all samples."""
    return {
        (sample.name, next(iter(sample.labels.values()), "")): sample.value
        for family in facts.collect()
        for sample in family.samples
    }


async def test_a_sample_tells_size_connections_and_tables(operator_pool: asyncpg.Pool) -> None:
    facts = DatabaseFacts(operator_pool)
    assert values(facts) == {}
    await facts.sample()
    found = values(facts)
    assert found["stakewire_database_size_bytes", ""] > 1_000_000
    assert 1 <= found["stakewire_database_connections", ""] <= found["stakewire_database_connections_max", ""]
    assert found["stakewire_database_standbys", ""] == 0
    assert found["stakewire_database_wal_bytes_total", ""] > 0
    assert {table for name, table in found if name == "stakewire_database_table_bytes"} == TABLES


async def test_an_open_transaction_of_somebody_else_is_seen(operator_pool: asyncpg.Pool, operator_url: str) -> None:
    other = await asyncpg.connect(operator_url)
    try:
        facts = DatabaseFacts(operator_pool)
        async with other.transaction():
            await other.execute("SELECT 1")
            await facts.sample()
            held = values(facts)
        await facts.sample()
        free = values(facts)
    finally:
        await other.close()
    assert held["stakewire_database_sessions", "idle_in_transaction"] == 1
    assert held["stakewire_database_oldest_transaction_seconds", ""] > 0
    assert free["stakewire_database_sessions", "idle_in_transaction"] == 0


@pytest.mark.parametrize(
    "asked",
    [
        "SELECT * FROM operator.database_facts()",
        "SELECT * FROM operator.database_standbys()",
        "SELECT * FROM operator.database_tables()",
    ],
)
async def test_no_other_role_may_ask(operator_url: str, asked: str) -> None:
    connection = await asyncpg.connect(operator_url)
    try:
        await connection.execute("SET ROLE stakewire_wallet")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(asked)
    finally:
        await connection.close()


async def test_a_database_that_does_not_answer_is_counted_and_asked_again(operator_pool: asyncpg.Pool, operator_url: str) -> None:
    owner = await asyncpg.connect(operator_url)
    facts = DatabaseFacts(operator_pool, every_s=0.02)
    await owner.execute("ALTER FUNCTION operator.database_standbys RENAME TO away")
    running = asyncio.create_task(facts.run())
    try:
        before = failures()
        await asyncio.to_thread(wait_until, lambda: failures() >= before + 2, "two looks have failed")
        assert values(facts) == {}
        await owner.execute("ALTER FUNCTION operator.away RENAME TO database_standbys")
        await asyncio.to_thread(wait_until, lambda: values(facts), "a look succeeds")
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await owner.close()


def failures() -> float:
    """How many looks have failed in this process."""
    return float(database_facts._failures._value.get())
