"""Fixtures: a migrated database to copy, one running wallet for the tests of a module, batches without a process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests.integration.wallet.bench import Bench, open_bench
from tests.integration.wallet.line import Line, open_line
from tests.integration.wallet.stand import WalletStand, new_ledger, wallet_stand
from tests.servers import Servers, database_name


@pytest.fixture(scope="session")
def ledger_template(servers: Servers) -> Iterator[str]:
    """The name of a migrated, empty database."""
    with new_ledger(servers) as url:
        yield database_name(url)


@pytest.fixture
def ledger_url(servers: Servers, ledger_template: str) -> Iterator[str]:
    """The address of an empty ledger of this test's own."""
    url = servers.new_database(ledger_template)
    yield url
    servers.drop_database(url)


@pytest.fixture
def other_ledger_url(servers: Servers, ledger_template: str) -> Iterator[str]:
    """Another one."""
    url = servers.new_database(ledger_template)
    yield url
    servers.drop_database(url)


@pytest.fixture(scope="module")
def migrated_url(servers: Servers, ledger_template: str) -> Iterator[str]:
    """The address of an empty ledger for a module's tests that leave it so."""
    url = servers.new_database(ledger_template)
    yield url
    servers.drop_database(url)


@pytest.fixture(scope="module")
def stand(servers: Servers, ledger_template: str) -> Iterator[WalletStand]:
    """One running wallet for a module."""
    url = servers.new_database(ledger_template)
    with wallet_stand(url, servers.kafka_bootstrap_servers) as running:
        running.start()
        yield running
    servers.drop_database(url)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def line(stand: WalletStand) -> AsyncIterator[Line]:
    """Connections to the module's wallet."""
    async with open_line(stand) as opened:
        yield opened


@pytest_asyncio.fixture
async def bench(ledger_url: str) -> AsyncIterator[Bench]:
    """Batches in this process, on a database of this test's own."""
    async with open_bench(ledger_url) as opened:
        yield opened
