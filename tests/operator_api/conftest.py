"""One stack for all tests of this folder: each makes players of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.operator_api.api import Api
from tests.operator_api.stand import Stand, stand
from tests.servers import Servers


@pytest.fixture(scope="session")
def running(servers: Servers) -> Iterator[Stand]:
    """The stack."""
    with stand(servers) as started:
        yield started


@pytest.fixture(scope="session")
def api(running: Stand) -> Api:
    """The operator of the brand `main`, who may do everything."""
    return running.api()


@pytest.fixture
def behaving(running: Stand) -> Iterator[Stand]:
    """The stack, whose provider behaves again after the test."""
    yield running
    running.no_faults()
