"""A back office's database of a test's own, and a pool in its role."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest
import pytest_asyncio

from services.backoffice.migrate import ROLE, upgrade
from shared.database import open_pool
from shared.kafka.admin import apply_topics
from shared.kafka.topics import TopicNames
from tests.integration.backoffice.stand import Seed
from tests.integration.backoffice.topics import TOPICS, Topics, open_topics
from tests.servers import Servers, database_name


@pytest.fixture(scope="session")
def backoffice_template(servers: Servers, operator_template: str) -> Iterator[str]:
    """The name of an empty database with the schemas of wallet, operator API and back office."""
    url = servers.new_database(operator_template)
    upgrade(url)
    upgrade(url)  # again: nothing is left to do
    yield database_name(url)
    servers.drop_database(url)


@pytest.fixture
def backoffice_url(servers: Servers, backoffice_template: str) -> Iterator[str]:
    """The address of such a database of this test's own, as its owner."""
    url = servers.new_database(backoffice_template)
    yield url
    servers.drop_database(url)


@pytest_asyncio.fixture
async def backoffice_pool(backoffice_url: str) -> AsyncIterator[asyncpg.Pool]:
    """Connections to it in the back office's role."""
    pool = await open_pool(backoffice_url, role=ROLE, application_name="test", size_max=8)
    yield pool
    await pool.close()


@pytest.fixture
def seed(backoffice_pool: asyncpg.Pool) -> Seed:
    """Writes to that database's projections."""
    return Seed(backoffice_pool)


@pytest_asyncio.fixture
async def topics(kafka_bootstrap_servers: str, topic_prefix: str) -> AsyncIterator[Topics]:
    """Topics of a test's own."""
    names = TopicNames(topic_prefix)
    apply_topics(kafka_bootstrap_servers, names, topics=TOPICS)
    async with open_topics(kafka_bootstrap_servers, names) as opened:
        yield opened


@pytest.fixture
def command_topics(kafka_bootstrap_servers: str, topic_prefix: str) -> str:
    """The prefix of topics of a test's own, for commands."""
    apply_topics(kafka_bootstrap_servers, TopicNames(topic_prefix), topics=TOPICS)
    return topic_prefix
