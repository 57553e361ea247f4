"""One application for all tests of this folder, with lives that all may look at."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.backoffice_api.stand import Stand, stand
from tests.operator_api.api import Api
from tests.servers import Servers


@pytest.fixture(scope="session")
def running(servers: Servers) -> Iterator[Stand]:
    """The application."""
    with stand(servers) as started:
        yield started


@pytest.fixture(scope="session")
def api(running: Stand) -> Api:
    """Somebody of the brand `main` who may read."""
    return running.api()
