"""One event loop's connections to a running stack: the operator's commands, the database, HTTP for the drivers."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
import asyncpg

from shared.kafka.topics import TopicNames
from shared.requester import Requester, RequesterError
from shared.scenarios import Catalogue, Scenario
from tests.scenarios.mascot_driver import MascotDriver
from tests.scenarios.operator import Operator
from tests.scenarios.runner import Act, Runner
from tests.scenarios.stack import PlayStack
from tests.scenarios.store import Store
from tests.scenarios.world import World

TIMEOUT_S = 30.0
PENDING = re.compile(r"^stakewire_requester_pending (\S+)$", re.MULTILINE)


@dataclass
class Line:
    """What a test needs to play on a stack. `broken` says why nothing more can be played on it, if so."""

    stack: PlayStack
    http: aiohttp.ClientSession
    pool: asyncpg.Pool
    operator: Operator
    store: Store
    mascot: MascotDriver
    broken: str = ""

    async def pending(self, world: World) -> int:
        """How many commands the gateway waits for."""
        url = self.stack.urls["off" if world.game_off else "live"]
        async with self.http.get(f"{url}/metrics") as response:
            page = await response.text()
        found = PENDING.search(page)
        assert found is not None, f"no {PENDING.pattern} among the gateway's metrics"
        return int(float(found[1]))

    async def play(self, scenario: Scenario, catalogue: Catalogue, act: Act | None = None) -> None:
        """Plays a scenario; once the stack has stopped answering, every further one fails at once."""
        assert not self.broken, self.broken
        try:
            await self.runner(catalogue).play(scenario, act)
        except (RequesterError, TimeoutError) as error:
            self.broken = f"the stack stopped answering in scenario {scenario.id!r}: {error!r}"
            raise AssertionError(f"{self.broken}\n{self.stack.state()}") from error

    def runner(self, catalogue: Catalogue) -> Runner:
        """A runner for the one dialect there is."""
        return Runner(catalogue, self.mascot, self.operator, self.store, self.pending)


@asynccontextmanager
async def open_line(stack: PlayStack) -> AsyncIterator[Line]:
    """Connects; disconnects at the end."""
    requester = Requester(stack.kafka_bootstrap_servers, TopicNames(stack.topic_prefix), instance_id="scenarios")
    pool = await asyncpg.create_pool(stack.database_url, min_size=1, max_size=4)
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    connector = aiohttp.TCPConnector(limit=64)
    async with aiohttp.ClientSession(timeout=timeout, connector=connector) as http:
        await requester.start()
        try:
            yield Line(stack, http, pool, Operator(requester, pool), Store(pool), MascotDriver(http, stack.urls, stack.side))
        finally:
            await requester.stop()
            await pool.close()
