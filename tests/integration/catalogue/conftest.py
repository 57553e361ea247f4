"""A catalogue of a test's own: its database, its topics, a provider whose list the test changes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from services.catalogue.migrate import upgrade
from services.catalogue.settings import CatalogueSettings
from services.catalogue.sync.store import ROLE, SyncStore
from services.catalogue.sync.syncer import Syncer
from shared.database import open_pool
from shared.kafka.admin import apply_topics
from shared.kafka.topics import GAMES, TopicNames
from shared.providers.mascot.client import MascotClient
from shared.settings import load_settings
from tests.integration.catalogue.stand import ACCOUNT, Stand
from tests.servers import Servers, database_name
from tests.unit.providers.conftest import mascot_account
from tests.unit.providers.mascot.provider_side import ProviderSide


@pytest.fixture(scope="session")
def catalogue_template(servers: Servers, operator_template: str) -> Iterator[str]:
    """The name of an empty database with all schemas."""
    url = servers.new_database(operator_template)
    upgrade(url)
    upgrade(url)  # again: nothing is left to do
    yield database_name(url)
    servers.drop_database(url)


@pytest.fixture
def catalogue_url(servers: Servers, catalogue_template: str) -> Iterator[str]:
    """The address of such a database of this test's own, as its owner."""
    url = servers.new_database(catalogue_template)
    yield url
    servers.drop_database(url)


@pytest_asyncio.fixture
async def catalogue_pool(catalogue_url: str) -> AsyncIterator[asyncpg.Pool]:
    """Connections to it in the catalogue's role."""
    pool = await open_pool(catalogue_url, role=ROLE, application_name="test", size_max=8)
    yield pool
    await pool.close()


@pytest.fixture
def names(kafka_bootstrap_servers: str, topic_prefix: str) -> TopicNames:
    """The topic of the games, of this test's own."""
    names = TopicNames(topic_prefix)
    apply_topics(kafka_bootstrap_servers, names, topics=[GAMES])
    return names


@pytest_asyncio.fixture
async def provider() -> AsyncIterator[ProviderSide]:
    """The provider's Operator API in this process."""
    async with ProviderSide() as side:
        yield side


@pytest_asyncio.fixture
async def stand(catalogue_pool: asyncpg.Pool, provider: ProviderSide) -> AsyncIterator[Stand]:
    """A syncer of one Mascot account, not started: it syncs when it is told to."""
    client = MascotClient(mascot_account(operator_api_url=provider.url(), cover_url="https://images.example/{game_id}.svg"))
    await client.start()
    yield Stand(Syncer(SyncStore(catalogue_pool), {ACCOUNT: client}, settings()), catalogue_pool, provider)
    await client.close()


def settings(**changes: Any) -> CatalogueSettings:
    """Settings with defaults, whatever the environment says."""
    return load_settings(CatalogueSettings, **changes)
