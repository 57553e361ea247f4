"""Fixtures: a stand of its own for each module, whose wallets the tests start and kill."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from services.wallet.ledger.migrate import upgrade
from tests.integration.wallet.line import Line, open_line
from tests.integration.wallet.stand import WalletStand, wallet_stand
from tests.servers import LocalServers, Servers


@pytest.fixture(scope="module")
def stand(servers: Servers) -> Iterator[WalletStand]:
    """Topics and a ledger of the module's own; no wallet runs yet."""
    url = servers.new_database()
    upgrade(url)
    with wallet_stand(url, servers.kafka_bootstrap_servers) as made:
        yield made
    servers.drop_database(url)


@pytest_asyncio.fixture
async def line(stand: WalletStand) -> AsyncIterator[Line]:
    """Connections to the module's stand."""
    async with open_line(stand) as opened:
        yield opened


@pytest.fixture
def own_servers() -> Iterator[LocalServers]:
    """A PostgreSQL and a Kafka that nobody else uses, to be stopped, started and lost. Local ones in every run."""
    with LocalServers() as started:
        yield started
