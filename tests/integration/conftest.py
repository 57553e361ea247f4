"""Fixtures for tests that stop and kill servers: a pair of their own, so that no other test is disturbed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import LocalServers, temporary_folder


@pytest.fixture(scope="module")
def own_servers() -> Iterator[LocalServers]:
    """A PostgreSQL and a Kafka for this module alone, to be killed and started at will."""
    with LocalServers() as local:
        yield local


@pytest.fixture
def run_dir() -> Iterator[Path]:
    """An empty run folder that a server's account can enter."""
    with temporary_folder() as folder:
        yield folder / ".run"
