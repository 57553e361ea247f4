"""Reports against the wallet's own tables: real decisions on a real ledger, many days, and every number to the last unit."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import asyncpg
import msgspec
import pytest
import pytest_asyncio

from services.backoffice.reports.ask import ReportAsk
from services.backoffice.reports.store import Report, Reports
from services.wallet.chain import event_of
from services.wallet.decisions.model import Operation
from services.wallet.ledger import store
from services.wallet.working_set import WorkingSet
from shared.contracts import Command
from shared.database import load_queries
from tests.integration.backoffice.stand import Seed
from tests.model.commands import Dice, Writer
from tests.model.duel import DAYS

QUERIES = load_queries(Path(__file__).parent / "sums.sql")
SETTINGS = store.connection_settings(lock_timeout_ms=10_000, statement_timeout_ms=60_000)
BEGIN = datetime(2027, 1, 15, 8, tzinfo=UTC)
COMMANDS = 500
BATCH_MAX = 8
MONEY = (
    "stake",
    "win",
    "ggr",
    "free",
    "promo",
    "jackpot",
    "nominal",
    "contribution",
    "bets",
    "stake_undone",
    "win_undone",
    "rounds",
)
Cell = dict[str, Any]


async def play(connection: asyncpg.Connection, seed: int) -> None:
    """A history of COMMANDS commands by the model's writer; hours go by between batches, so that undos come on other days."""
    random, writer, now_ms = Random(seed), Writer(f"-{seed}"), int(BEGIN.timestamp() * 1_000)
    batch: list[tuple[Command, bool]] = [(command, False) for command in writer.opening(now_ms)]
    kinds = [*writer.kinds, "bet", "win", "spin", "spin", "undo", "undo", "again", "promo"]
    for _ in range(COMMANDS):
        batch.append((writer.write(random.choice(kinds), Dice(random.randbytes(80)), now_ms), False))
        if len(batch) >= BATCH_MAX or random.random() < 0.3:
            await apply(connection, batch, now_ms)
            batch = []
            now_ms += random.randrange(0, 4 * 3_600_000)
    await apply(connection, batch, now_ms)


async def apply(connection: asyncpg.Connection, batch: list[tuple[Command, bool]], now_ms: int) -> None:
    """One batch in one transaction, as the wallet does it."""
    async with connection.transaction():
        picture = WorkingSet(await store.load(connection, [command for command, _ in batch], now_ms), now_ms, DAYS.at(now_ms))
        for command, expired in batch:
            picture.step(command, expired=expired)
        await store.save(connection, picture, [], 1)


async def events(connection: asyncpg.Connection) -> list[bytes]:
    """All that the wallet tells, each player's in order."""
    rows = await connection.fetch("SELECT operation_json(o)::text AS told FROM operations o ORDER BY player, seq")
    return [event_of(msgspec.json.decode(row["told"], type=Operation)) for row in rows]


@pytest_asyncio.fixture
async def wallet(backoffice_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection with the wallet's role and limits, to the ledger in the back office's own database."""
    connection = await asyncpg.connect(backoffice_url, server_settings=SETTINGS)
    yield connection
    await connection.close()


KEYS: dict[str, Callable[[Cell], str]] = {
    "day": lambda cell: cell["gaming_day"].isoformat(),
    "week": lambda cell: cell["gaming_day"].strftime("%G-W%V"),
    "month": lambda cell: cell["gaming_day"].strftime("%Y-%m"),
    "game": lambda cell: f"{cell['provider_account']}/{cell['game_id']}",
    "provider_account": lambda cell: cell["provider_account"],
    "brand": lambda cell: cell["brand"],
    "player": lambda cell: cell["player"],
}


def grouped(cells: list[Cell], dimensions: tuple[str, ...]) -> dict[tuple[str, ...], dict[str, int]]:
    """Sums of cells, without groups in which nothing happened; and who began a round or placed a bet."""
    sums: defaultdict[tuple[str, ...], dict[str, int]] = defaultdict(lambda: dict.fromkeys((*MONEY, "players"), 0))
    of_players: defaultdict[tuple[tuple[str, ...], str], list[int]] = defaultdict(lambda: [0, 0])
    for cell in cells:
        if not any(cell[name] for name in MONEY):
            continue
        key = (*(KEYS[each](cell) for each in dimensions), cell["currency"])
        for name in MONEY:
            sums[key][name] += cell[name]
        played = of_players[key, cell["player"]]
        played[0] += cell["rounds"]
        played[1] += cell["bets"]
    for (key, _), (rounds, bets) in of_players.items():
        sums[key]["players"] += rounds > 0 or bets > 0
    return dict(sums)


def told(report: Report) -> dict[tuple[str, ...], dict[str, int]]:
    """The same of a report."""
    found = {}
    for line in report.lines:
        totals, booked = line.totals, line.totals.booked
        found[*line.keys, line.currency] = {
            "stake": totals.stake, "win": totals.win, "ggr": totals.ggr, "free": booked.free_win, "promo": booked.promo_win,
            "jackpot": booked.jackpot_win, "nominal": booked.nominal_stake, "contribution": booked.jackpot_contribution,
            "bets": booked.bets, "stake_undone": booked.stake_undone, "win_undone": booked.win_undone, "rounds": totals.rounds,
            "players": totals.players,
        }  # fmt: skip
        assert totals.ngr == totals.ggr - booked.free_win - booked.promo_win - booked.jackpot_win
    return {key: numbers for key, numbers in found.items() if any(numbers.values())}


@pytest.mark.parametrize("seed_number", [1, 2, 3])
async def test_every_number_is_the_ledgers(seed: Seed, wallet: asyncpg.Connection, seed_number: int) -> None:
    await play(wallet, seed_number)
    recorded = await events(wallet)
    cells = [dict(row) for row in await wallet.fetch(QUERIES["cells"])]
    await seed.events(*recorded, batch=37)
    reports = Reports(seed.pool)

    async def report(**wanted: Any) -> Report:
        return await reports.report(
            ReportAsk(first=BEGIN.date(), last=BEGIN.date() + timedelta(days=200), test=True, **wanted), None
        )

    for dimensions in [(), *((each,) for each in KEYS), *itertools.combinations(KEYS, 2)]:
        by, across = (*dimensions, "", "")[:2]
        assert told(await report(by=by, across=across)) == grouped(cells, dimensions), dimensions
    squares = {row["currency"]: tuple(row)[1:] for row in await wallet.fetch(QUERIES["squares"])}
    for line in (await report(by="")).lines:
        assert (line.totals.stake2, line.totals.stake_win, line.totals.win2) == squares.get(line.currency, (0, 0, 0))
    _was_worth_it(await wallet.fetch("SELECT kind, namespace, status, details, gaming_day FROM operations"), cells)


def _was_worth_it(operations: list[Any], cells: list[Cell]) -> None:
    """The history had what makes reports hard."""
    applied = [each for each in operations if each["status"] == "applied"]
    undone = [each for each in applied if each["kind"] == "rollback"]
    assert len(undone) > 5
    assert [each for each in undone if '"restores":true' in (each["details"] or "")]
    assert {"bet", "win", "bet_and_win", "promo_win", "rollback"} <= {each["kind"] for each in applied}
    assert len({each["gaming_day"] for each in applied}) > 5
    assert len({cell["currency"] for cell in cells if cell["ggr"]}) > 1
