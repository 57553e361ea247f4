"""`python -m tests.bench.history [operations]`: a player's history and the reports among millions of operations.

Fills a database of its own by SQL: operations of a year, of 500 players who take turns, so that one player's are spread over
all of the table. Prints milliseconds of a first page, a page a year back, a filtered page, an opened operation, a file and
reports, and how often longer each takes than the bare look-up of one row. Never fails because of a speed; exit code 1 where a
page was not what it should be.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import asyncpg
from rich.console import Console
from rich.table import Table

from services.backoffice.history.ask import OperationsAsk, RoundsAsk
from services.backoffice.history.export import lines
from services.backoffice.history.store import History
from services.backoffice.migrate import ROLE, upgrade
from services.backoffice.reports.ask import ReportAsk
from services.backoffice.reports.store import Reports
from services.gateway.operator_api.migrate import upgrade as upgrade_operator_api
from services.wallet.ledger.migrate import upgrade as upgrade_ledger
from shared.database import load_queries, open_pool
from tests.bench.__main__ import bench_servers

OPERATIONS: Final = 5_000_000
PLAYERS: Final = 500
GAMES: Final = 200
PORTION: Final = 100_000
PAGE: Final = 50
REPETITIONS: Final = 7
YEAR: Final = timedelta(days=365)
BEGAN: Final = datetime(2025, 1, 1, tzinfo=UTC)
QUERIES: Final = load_queries(Path(__file__).with_suffix(".sql"))
BARE: Final = "SELECT balance_after FROM projections.operations WHERE player = $1 AND seq = $2"

Step = Callable[[], Awaitable[bool]]


@dataclass(frozen=True)
class Filled:
    """What is in the database."""

    players: int
    each: int
    player: str

    @property
    def until(self) -> datetime:
        """Behind the last operation."""
        return BEGAN + YEAR


async def fill(database_url: str, operations: int, players: int, told: Callable[[int], None] = lambda _: None) -> Filled:
    """Writes so many operations, rounded down to a multiple of twice the players; `told` is called with how many are there."""
    each = operations // (2 * players) * 2
    count = each * players
    apart_us = YEAR / timedelta(microseconds=1) / count
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute(QUERIES["games"], GAMES)
        await connection.execute(QUERIES["players"], players, each, BEGAN)
        for begin in range(0, count, PORTION):
            end = min(begin + PORTION, count)
            await connection.execute(QUERIES["operations"], begin, end, players, BEGAN, apart_us, GAMES)
            told(end)
        for name in ("rounds", "days"):
            await connection.execute(QUERIES[name])
        await connection.execute("VACUUM (ANALYZE)")
        player: str = await connection.fetchval(QUERIES["player"])
    finally:
        await connection.close()
    return Filled(players, each, player)


class Bench:
    """The steps, in their order."""

    def __init__(self, pool: asyncpg.Pool, filled: Filled) -> None:
        self._pool = pool
        self._filled = filled
        self._history = History(pool, timeout_ms=600_000)
        self._reports = Reports(pool, timeout_ms=600_000)
        self._since = filled.until - timedelta(days=366)

    def steps(self) -> dict[str, Step]:
        """What is measured, by the name that is printed; the first one is what the others are compared with."""
        return {
            "one row by its key (bare)": self._bare,
            "first page of rounds, 12 months": self._rounds,
            "first page of operations, 12 months": self._operations,
            "page of a month, 11 months back": self._month,
            "page of one game, 12 months": self._game,
            "page of a section, 12 months": self._section,
            "page of a filter that nothing passes": self._nothing,
            "one operation, opened": self._opened,
            "CSV of 12 months": self._file,
            "report of the player by day, 12 months": self._of_player,
            "report of all by game, a week": self._week,
            "report of all by day, 12 months": self._year,
        }

    async def _bare(self) -> bool:
        return await self._pool.fetchval(BARE, self._filled.player, self._filled.each // 2) is not None

    async def _rounds(self) -> bool:
        page = await self._history.rounds(self._filled.player, RoundsAsk(since=self._since), self._filled.until)
        return len(page.entries) == min(PAGE, self._filled.each // 2)

    async def _operations(self) -> bool:
        return await self._page() == min(PAGE, self._filled.each)

    async def _month(self) -> bool:
        return await self._page(since=BEGAN, until=BEGAN + timedelta(days=31)) > 0

    async def _game(self) -> bool:
        return await self._page(game_id="g7") > 0

    async def _section(self) -> bool:
        return await self._page(section="section 2") > 0

    async def _nothing(self) -> bool:
        return await self._page(currency="USD") == 0

    async def _opened(self) -> bool:
        found = await self._history.operation(self._filled.player, self._filled.each // 2)
        return len(found.movements) == 1

    async def _file(self) -> bool:
        ask = OperationsAsk(since=self._since)
        portions = await self._history.export("operations", self._filled.player, ask, self._filled.until)
        return sum([part.count("\n") async for part in lines("operations", portions)]) == self._filled.each + 1

    async def _of_player(self) -> bool:
        ask = ReportAsk(first=BEGAN.date(), last=self._filled.until.date(), player=self._filled.player)
        return (await self._reports.report(ask, None)).totals[0].totals.rounds == self._filled.each // 2

    async def _week(self) -> bool:
        ask = ReportAsk(first=BEGAN.date() + timedelta(days=100), last=BEGAN.date() + timedelta(days=106), by="game")
        return (await self._reports.report(ask, None)).totals[0].totals.stake > 0

    async def _year(self) -> bool:
        ask = ReportAsk(first=BEGAN.date(), last=self._filled.until.date())
        found = await self._reports.report(ask, None)
        return found.totals[0].totals.rounds == self._filled.each // 2 * self._filled.players

    async def _page(self, **wanted: object) -> int:
        ask = OperationsAsk.model_validate({"since": self._since, "limit": PAGE, **wanted})
        return len((await self._history.operations(self._filled.player, ask, self._filled.until)).entries)


async def measure(database_url: str, operations: int, players: int, console: Console, repetitions: int = REPETITIONS) -> bool:
    """Fills, runs the steps and prints their times; says whether each gave what it should."""
    started = time.perf_counter()
    filled = await fill(database_url, operations, players, lambda count: console.print(f"{count:,} operations", end="\r"))
    console.print(
        f"{filled.each * filled.players:,} operations of {players:,} players, made in {time.perf_counter() - started:.0f} s"
    )
    table = Table("step", "first, ms", "median, ms", "times the bare row", "as it should be")
    pool = await open_pool(database_url, role=ROLE, application_name="stakewire-bench", statement_timeout_ms=600_000)
    good, bare_ms = True, 0.0
    try:
        for name, step in Bench(pool, filled).steps().items():
            took_ms, right = [], True
            for _ in range(repetitions):
                began = time.perf_counter()
                right = await step() and right
                took_ms.append((time.perf_counter() - began) * 1_000)
            median_ms = statistics.median(took_ms)
            bare_ms = bare_ms or median_ms
            table.add_row(name, f"{took_ms[0]:.1f}", f"{median_ms:.1f}", f"{median_ms / bare_ms:.1f}", "yes" if right else "NO")
            good = good and right
    finally:
        await pool.close()
    console.print(table)
    return good


def main(arguments: list[str]) -> int:
    """The command."""
    operations = int(arguments[0]) if arguments else OPERATIONS
    with bench_servers() as servers:
        url = servers.new_database()
        try:
            for each in (upgrade_ledger, upgrade_operator_api, upgrade):
                each(url)
            done = asyncio.run(measure(url, operations, PLAYERS, Console(width=120)))
        finally:
            servers.drop_database(url)
    return 0 if done else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
