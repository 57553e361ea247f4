"""Fixtures for tests that stop and kill servers (a pair of their own), and for those that need the operator API's tables."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from services.gateway.operator_api.migrate import upgrade as upgrade_operator_api
from services.wallet.ledger.migrate import upgrade as upgrade_ledger
from shared.access import ROLE
from shared.database import open_pool
from tests.servers import LocalServers, Servers, database_name, temporary_folder


@pytest.fixture(scope="module")
def own_servers() -> Iterator[LocalServers]:
    """A PostgreSQL and a Kafka for this module alone, to be killed and started at will. Local ones in every run."""
    with LocalServers() as local:
        yield local


@pytest.fixture
def run_dir() -> Iterator[Path]:
    """An empty run folder that a server's account can enter."""
    with temporary_folder() as folder:
        yield folder / ".run"


@pytest.fixture(scope="session")
def operator_template(servers: Servers) -> Iterator[str]:
    """The name of an empty database with the ledger's schema and the operator API's."""
    url = servers.new_database()
    upgrade_ledger(url)
    upgrade_operator_api(url)
    upgrade_operator_api(url)  # again: nothing is left to do
    yield database_name(url)
    servers.drop_database(url)


@pytest.fixture
def operator_url(servers: Servers, operator_template: str) -> Iterator[str]:
    """The address of such a database of this test's own, as its owner."""
    url = servers.new_database(operator_template)
    yield url
    servers.drop_database(url)


@pytest_asyncio.fixture
async def operator_pool(operator_url: str) -> AsyncIterator[asyncpg.Pool]:
    """Connections to it in the operator API's role."""
    pool = await open_pool(operator_url, role=ROLE, application_name="test")
    yield pool
    await pool.close()
