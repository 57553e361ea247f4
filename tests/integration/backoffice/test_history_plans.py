"""The queries of history and reports among many operations: they go by indexes, and read no more than they tell."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from rich.console import Console

from services.backoffice.history.store import QUERIES as HISTORY
from services.backoffice.migrate import ROLE
from services.backoffice.reports.store import QUERIES as REPORTS
from shared.database import open_pool
from tests.bench.history import BEGAN, Filled, fill, measure
from tests.servers import Servers

OPERATIONS, PLAYERS = 200_000, 100
LARGE = {"operations", "rounds", "player_days"}
NO_FILTERS = (None,) * 11
UNTIL = datetime(2026, 1, 2, tzinfo=UTC)
PAGE = 51

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def large_url(servers: Servers, backoffice_template: str) -> Iterator[str]:
    """The address of a database for many operations."""
    url = servers.new_database(backoffice_template)
    yield url
    servers.drop_database(url)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def filled(large_url: str) -> Filled:
    return await fill(large_url, OPERATIONS, PLAYERS)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool(large_url: str, filled: Filled) -> AsyncIterator[asyncpg.Pool]:
    del filled  # it is there by then
    opened = await open_pool(large_url, role=ROLE, application_name="test", statement_timeout_ms=60_000)
    yield opened
    await opened.close()


async def plan(pool: asyncpg.Pool, query: str, *arguments: Any) -> dict[str, Any]:
    """How a query was carried out, planned for just these arguments as the stores do."""
    async with pool.acquire() as connection, connection.transaction(readonly=True):
        await connection.execute("SET LOCAL plan_cache_mode = force_custom_plan")
        told = await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON, TIMING OFF) {query}", *arguments)
    found: dict[str, Any] = json.loads(told)[0]["Plan"]
    return found


def nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for each in node.get("Plans", ()):
        yield from nodes(each)


def read(node: dict[str, Any]) -> int:
    """Rows that were taken from the large tables, those that a filter threw away too; fails where one was read from end to end."""
    total = 0
    for each in nodes(node):
        if each.get("Relation Name") in LARGE:
            assert each["Node Type"] != "Seq Scan", each
            thrown = each.get("Rows Removed by Filter", 0) + each.get("Rows Removed by Index Recheck", 0)
            total += round((each["Actual Rows"] + thrown) * each["Actual Loops"])
    return total


@pytest.mark.parametrize("query", ["operations_older", "operations_newer", "rounds_older", "rounds_newer"])
async def test_a_page_reads_a_page(pool: asyncpg.Pool, filled: Filled, query: str) -> None:
    found = await plan(pool, HISTORY[query], filled.player, 1, filled.each + 1, BEGAN, UNTIL, *NO_FILTERS, PAGE)
    assert read(found) <= 2 * PAGE


@pytest.mark.parametrize(("name", "place"), [("game_id", 1), ("section", 2), ("tag", 4), ("collection", 5), ("currency", 8)])
@pytest.mark.parametrize("query", ["operations_older", "rounds_older"])
async def test_a_filter_reads_no_more_than_the_player(
    pool: asyncpg.Pool, filled: Filled, query: str, name: str, place: int
) -> None:
    del name
    filters = [*NO_FILTERS]
    filters[place] = "none-such"  # type: ignore[call-overload]  # a tuple of None becomes a list of filters
    found = await plan(pool, HISTORY[query], filled.player, 1, filled.each + 1, BEGAN, UNTIL, *filters, PAGE)
    assert read(found) <= filled.each


async def test_a_moment_is_found_by_halving(pool: asyncpg.Pool, filled: Filled) -> None:
    at = BEGAN + timedelta(days=200)
    assert read(await plan(pool, HISTORY["seq_at"], filled.player, at)) <= 2 * filled.each.bit_length()
    seq = await pool.fetchval(HISTORY["seq_at"], filled.player, at)
    around = await pool.fetch(
        "SELECT seq, occurred_at FROM projections.operations WHERE player = $1 AND seq IN ($2, $3) ORDER BY seq",
        filled.player,
        seq - 1,
        seq,
    )
    assert around[0]["occurred_at"] < at <= around[1]["occurred_at"]


@pytest.mark.parametrize(
    ("query", "arguments", "limit"),
    [
        ("round", ("bench", "r7"), 2),
        ("operations_of_round", ("bench", "r7", 1_000), 2),
        ("operation", (7,), 1),
        ("operations_named", ("bench", ["x700"]), 1),
    ],
)
async def test_what_is_opened_is_looked_up(
    pool: asyncpg.Pool, filled: Filled, query: str, arguments: tuple[Any, ...], limit: int
) -> None:
    assert read(await plan(pool, HISTORY[query], filled.player, *arguments)) <= limit


async def test_a_report_reads_its_days(pool: asyncpg.Pool) -> None:
    days = date(2025, 3, 1), date(2025, 3, 2)
    there = await pool.fetchval("SELECT count(*) FROM projections.player_days WHERE gaming_day BETWEEN $1 AND $2", *days)
    for dimensions in (("", ""), ("day", ""), ("game", "player"), ("section", "tag"), ("collection", "")):
        found = await plan(pool, REPORTS["rows"], *days, *dimensions, True, *(None,) * 10, 10_000)
        assert 0 < read(found) <= there


async def test_a_report_of_one_player_reads_his_days(pool: asyncpg.Pool, filled: Filled) -> None:
    filters = [None] * 10
    filters[5] = filled.player  # type: ignore[call-overload]  # a list of None becomes one of filters
    found = await plan(pool, REPORTS["rows"], date(2025, 1, 1), date(2026, 1, 31), "day", "", True, *filters, 10_000)
    there = await pool.fetchval("SELECT count(*) FROM projections.player_days WHERE player = $1", filled.player)
    assert 0 < read(found) <= there


async def test_rollbacks_are_found_among_few(pool: asyncpg.Pool) -> None:
    found = await plan(pool, REPORTS["rollbacks"], date(2025, 1, 1), date(2026, 1, 31), True, *(None,) * 10, None, None, None, 50)
    assert read(found) == 0


async def test_the_bench_runs(servers: Servers, backoffice_template: str) -> None:
    url, out = servers.new_database(backoffice_template), io.StringIO()
    assert await measure(url, 2_000, 10, Console(file=out, width=120), repetitions=1), out.getvalue()
    assert out.getvalue().count("yes") == 12
    servers.drop_database(url)
