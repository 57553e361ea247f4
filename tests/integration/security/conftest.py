"""One secured Kafka for all tests of this folder; the topics and rules on it are made as an operator would make them."""

from collections.abc import Iterator

import pytest

from services.cli.schema import migrate_all
from tests.integration.security.broker import ADMIN, SecureKafka, secure_kafka
from tests.integration.security.stand import ACCESS, ACCESS_DEMO, PARTS, SecureStand, secure_stand, stakewire
from tests.servers import Servers


@pytest.fixture(scope="package")
def kafka() -> Iterator[SecureKafka]:
    """With all topics and rules on it, those of the simulator too."""
    with secure_kafka() as made:
        done = stakewire(made, ADMIN, "topics", "apply", "--access", ACCESS, "--access", ACCESS_DEMO)
        assert done.returncode == 0, done.stdout + done.stderr
        yield made


@pytest.fixture(scope="package")
def stand(kafka: SecureKafka, servers: Servers) -> Iterator[SecureStand]:
    """All services, ready."""
    database_url = servers.new_database()
    migrate_all(database_url)
    with secure_stand(kafka, database_url) as made:
        for name, module in PARTS.items():
            made.start(name, module)
        for name in PARTS:
            made.wait_ready(name)
        yield made
    servers.drop_database(database_url)
