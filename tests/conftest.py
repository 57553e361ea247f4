"""Fixtures for all tests: real servers on demand, a fresh database, a topic prefix of one's own."""

import os
import uuid
from collections.abc import Iterator

import pytest

from tests.servers import DATABASE_SETTING, KAFKA_SETTING, LocalServers, Servers


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """PostgreSQL and Kafka for the whole session; started the first time a test asks for them."""
    database_url, kafka = os.environ.get(DATABASE_SETTING), os.environ.get(KAFKA_SETTING)
    if database_url and kafka:
        yield Servers(database_url, kafka, None, None)
        return
    with LocalServers(with_postgres=not database_url, with_kafka=not kafka) as local:
        yield Servers(
            database_url=database_url or local.postgres.create_database("stakewire"),
            kafka_bootstrap_servers=kafka or local.kafka.bootstrap_servers,
            local_postgres=None if database_url else local.postgres,
            local_kafka=None if kafka else local.kafka,
        )


@pytest.fixture
def database_url(servers: Servers) -> Iterator[str]:
    """The address of an empty database of this test's own."""
    url = servers.new_database()
    yield url
    servers.drop_database(url)


@pytest.fixture(scope="session")
def kafka_bootstrap_servers(servers: Servers) -> str:
    """Where the session's Kafka answers."""
    return servers.kafka_bootstrap_servers


@pytest.fixture
def topic_prefix() -> str:
    """A prefix for this test's topics and groups, so that tests share one Kafka without meeting."""
    return f"t{uuid.uuid4().hex[:10]}."
