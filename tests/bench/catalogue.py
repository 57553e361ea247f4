"""`python -m tests.bench.catalogue [games]`: how long a sync of many games takes, on servers of its own.

Prints seconds, and how often longer each step takes than asking the provider alone does: the list over HTTP, its signature,
its records. Never fails because of a speed; exit code 1 where a step did not do what it should.
"""

from __future__ import annotations

import asyncio
import logging
import random
import resource
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import asyncpg
import structlog
from rich.console import Console
from rich.table import Table

from services.catalogue.migrate import upgrade as upgrade_catalogue
from services.catalogue.publish import Publisher
from services.catalogue.settings import CatalogueSettings
from services.catalogue.sync.store import ROLE, Sync, SyncStore
from services.catalogue.sync.syncer import Syncer
from services.gateway.operator_api.migrate import upgrade as upgrade_operator_api
from services.wallet.ledger.migrate import upgrade as upgrade_ledger
from shared.database import open_pool
from shared.kafka.admin import apply_topics
from shared.kafka.topics import GAMES, TopicNames
from shared.providers.mascot.client import MascotClient
from shared.settings import load_settings
from tests.bench.__main__ import bench_servers
from tests.unit.providers.conftest import mascot_account
from tests.unit.providers.mascot.provider_side import ProviderSide

GAMES_DEFAULT: Final = 20_000
ACCOUNT: Final = "mascot-demo"
WORDS: Final = [
    "Amber",
    "Book",
    "Coven",
    "Dragon",
    "Egypt",
    "Fruit",
    "Gold",
    "Hero",
    "Ice",
    "Jewel",
    "King",
    "Lotus",
    "Moon",
    "Night",
    "Ocean",
    "Pearl",
    "Queen",
    "River",
    "Star",
    "Tiger",
]

Step = Callable[[], Awaitable[bool]]


def made_up(number: int) -> dict[str, Any]:
    """A record as long as a real one; the same number is the same game."""
    chance = random.Random(number)
    name = " ".join(chance.sample(WORDS, 3))
    return {
        "Id": f"game_{number:05}",
        "Name": f"{name} {number}",
        "Description": f"{name}: {chance.choice((10, 20, 25, 50))} lines, wilds, respins and bought features",
        "SectionId": "mascot",
        "Type": chance.choice(("slots", "keno", "poker")),
        "Tags": chance.sample(["FR", "NoD", "PC", "mobile", "egypt", "fruit", "classic", "jackpot"], 3),
        "Format": "html",
        "LinesCount": chance.choice(("25", "243-3125w", "10")),
        "BaseBet": 25,
        "Settings": {"Denominations": [1, 2, 4, 10, 20, 40]},
    }


class Bench:
    """The steps, in their order."""

    def __init__(self, count: int, provider: ProviderSide, client: MascotClient, syncer: Syncer, publisher: Publisher) -> None:
        self._count = count
        self._records = [made_up(number) for number in range(count)]
        self._provider = provider
        self._client = client
        self._syncer = syncer
        self._publisher = publisher

    def steps(self) -> dict[str, Step]:
        """What is measured, by the name that is printed."""
        return {
            "asking the provider alone": self._ask,
            "first sync: all added": self._first,
            "publishing all": self._publish,
            "sync without a change": self._unchanged,
            "sync with 1 % changed": self._few,
            "sync with all changed": self._all,
            "publishing all again": self._publish,
        }

    async def _ask(self) -> bool:
        self._list(self._records)
        return len((await self._client.listing()).games) == self._count

    async def _first(self) -> bool:
        return (await self._sync()).added == self._count

    async def _unchanged(self) -> bool:
        return (await self._sync()).unchanged == self._count

    async def _few(self) -> bool:
        self._list([{**each, "Description": "new"} if number % 100 == 0 else each for number, each in enumerate(self._records)])
        return (await self._sync()).changed == -(-self._count // 100)

    async def _all(self) -> bool:
        self._list([{**each, "Description": "newest"} for each in self._records])
        return (await self._sync()).changed == self._count

    async def _publish(self) -> bool:
        return await self._publisher.publish() == self._count

    async def _sync(self) -> Sync:
        return await self._syncer.sync(ACCOUNT, "bench")

    def _list(self, records: list[dict[str, Any]]) -> None:
        self._provider.tell("Game.List", lambda call: call.result({"Games": records}))


async def measure(count: int, database_url: str, bootstrap_servers: str, names: TopicNames, console: Console) -> bool:
    """Runs the steps and prints their times; says whether each did what it should."""
    settings = load_settings(CatalogueSettings, sync_limit_s=600)
    pool: asyncpg.Pool = await open_pool(database_url, role=ROLE, application_name="stakewire-bench")
    publisher = Publisher(pool, bootstrap_servers, names)
    async with ProviderSide() as provider:
        client = MascotClient(
            mascot_account(operator_api_url=provider.url(), operator_api_timeout_s=60, operator_api_deadline_s=120)
        )
        await client.start()
        try:
            bench = Bench(count, provider, client, Syncer(SyncStore(pool), {ACCOUNT: client}, settings), publisher)
            table = Table("step", "seconds", "games/s", "times asking alone", "done", title=f"catalogue of {count:,} games")
            alone_s, all_done = 0.0, True
            for name, step in bench.steps().items():
                started_s = time.perf_counter()
                done = await step()
                seconds = time.perf_counter() - started_s
                alone_s = alone_s or seconds
                all_done = all_done and done
                table.add_row(
                    name, f"{seconds:.2f}", f"{count / seconds:,.0f}", f"{seconds / alone_s:.1f}", "yes" if done else "NO"
                )
            console.print(table)
            console.print(f"largest memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")
            return all_done
        finally:
            await publisher.stop()
            await client.close()
            await pool.close()


def main(count: int) -> int:
    """Runs the bench; returns the exit code."""
    console = Console(highlight=False)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with bench_servers() as servers:
        url = servers.new_database()
        try:
            for upgrade in (upgrade_ledger, upgrade_operator_api, upgrade_catalogue):
                upgrade(url)
            names = TopicNames(f"bench{random.randrange(10**9)}.")
            apply_topics(servers.kafka_bootstrap_servers, names, topics=[GAMES])
            done = asyncio.run(measure(count, url, servers.kafka_bootstrap_servers, names, console))
        finally:
            servers.drop_database(url)
    return 0 if done else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else GAMES_DEFAULT))
