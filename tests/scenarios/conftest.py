"""Fixtures of the scenario runner: one stack for all scenarios, one line to it for a module's event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from shared.scenarios import Catalogue, load_catalogue
from tests.scenarios.line import Line, open_line
from tests.scenarios.stack import PlayStack, play_stack
from tests.servers import Servers


@pytest.fixture(scope="session")
def scenario_catalogue() -> Catalogue:
    """The catalogue."""
    return load_catalogue()


@pytest.fixture(scope="session")
def scenario_stack(servers: Servers, scenario_catalogue: Catalogue) -> Iterator[PlayStack]:
    """A wallet and two gateways for all scenarios."""
    with play_stack(servers, scenario_catalogue) as stack:
        yield stack


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def line(scenario_stack: PlayStack) -> AsyncIterator[Line]:
    """Connections to the stack, as its operator and as its providers."""
    async with open_line(scenario_stack) as opened:
        yield opened
