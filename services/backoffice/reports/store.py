"""Reads reports: pages, exports and the API all ask here, so that all tell the same numbers. The only user of sql/reports.sql."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

import asyncpg

from services.backoffice import problems as p
from services.backoffice.reports.ask import IN_TIME, ROWS_MAX, ReportAsk
from services.backoffice.reports.definition import Booked, Totals
from shared.contracts.accounts import Brand
from shared.database import load_queries
from shared.gaming_day import GamingDays
from shared.web.problems import Problem

QUERIES: Final = load_queries(Path(__file__).parent / "sql" / "reports.sql")
TIMEOUT_MS: Final = 20_000
ROLLBACKS_PAGE_MAX: Final = 200
CHOICES_MAX: Final = 2_000
_BOOKED: Final = tuple(field.name for field in fields(Booked))
_RTP: Final = ("stake2", "stake_win", "win2", "rtp_stake", "rtp_low", "rtp_high")


@dataclass(frozen=True, slots=True)
class Line:
    """A line: what it is about (a key for each dimension; empty = has none), and its numbers in one currency."""

    keys: tuple[str, ...]
    names: tuple[str, ...]
    currency: str
    totals: Totals


@dataclass(frozen=True, slots=True)
class Report:
    """A report. `totals` are of all that passes the filters, a line for each currency; no sums of `lines`."""

    ask: ReportAsk
    first: date
    last: date
    dimensions: tuple[str, ...]
    lines: tuple[Line, ...]
    totals: tuple[Line, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Undone:
    """A rollback on its own day, and its original; `original_kind` is empty where that is not known here.

    `given_back` and `taken_back` are units that the player got and paid by it. `restores`: it undid a rollback.
    """

    gaming_day: date
    player: str
    seq: int
    occurred_at: datetime
    provider_account: str
    game_id: str
    currency: str
    taken_back: int
    given_back: int
    round_id: str
    namespace: str
    external_id: str
    restores: bool
    brand: str
    target_seq: int
    original_kind: str
    original_day: date | None
    original_at: datetime | None
    original_external_id: str
    original_stake: int
    original_win: int

    @property
    def key(self) -> tuple[str, str, int]:
        """Where a page that ends here goes on."""
        return self.gaming_day.isoformat(), self.player, self.seq


@dataclass(frozen=True, slots=True)
class Choices:
    """What filters can offer."""

    sections: tuple[str, ...]
    studios: tuple[str, ...]
    tags: tuple[str, ...]
    provider_accounts: tuple[str, ...]
    collections: tuple[tuple[str, str], ...]


class Reports:
    """One for the process, over a pool whose connections act as the back office's role."""

    def __init__(self, pool: asyncpg.Pool, brands: Mapping[str, Brand] | None = None, *, timeout_ms: int = TIMEOUT_MS) -> None:
        self._pool = pool
        self._days = GamingDays(dict(brands or {}))
        self._timeout_ms = timeout_ms
        self._patience_s = timeout_ms / 1_000 + 5

    def today(self, brand: str | None = None) -> date:
        """The gaming day that it is for a brand; without one, for the brand that is furthest."""
        now_ms = int(time.time() * 1_000)
        return date.fromisoformat(self._days.newest(now_ms) if brand is None else self._days.at(now_ms)[brand])

    async def report(self, ask: ReportAsk, brand: str | None, today: date | None = None) -> Report:
        """The report; `brand` is the only one that is seen, None for all.

        Problems `range-refused`, `too-much` and `too-slow` where it has to be asked for less.
        """
        first, last = ask.days(today or self.today(brand))
        dimensions = ask.dimensions
        keys = (*dimensions, "", "")[:2]
        filters = (ask.test, brand, *_sets(ask))
        async with self._reading() as connection:
            totals = await connection.fetch(QUERIES["rows"], first, last, "", "", *filters, ROWS_MAX, timeout=self._patience_s)
            found = totals
            if dimensions:
                told = (first, last, *keys, *filters, ROWS_MAX + 1)
                found = await connection.fetch(QUERIES["rows"], *told, timeout=self._patience_s)
            if len(found) > ROWS_MAX:
                raise Problem(p.TOO_MUCH, f"the report has more than {ROWS_MAX:,} lines")
            names = await _names(connection, dimensions, found, brand)
        lines = [_line(row, dimensions, names) for row in found]
        if not dimensions or dimensions[0] not in IN_TIME:
            lines.sort(key=lambda line: (line.currency, -line.totals.stake, line.keys))
        return Report(ask, first, last, dimensions, tuple(lines), tuple(_line(row, (), {}) for row in totals))

    async def undone(
        self, ask: ReportAsk, brand: str | None, after: tuple[date, str, int] | None, limit: int, today: date | None = None
    ) -> list[Undone]:
        """Rollbacks of the report's days and filters, in the order of days; at most `limit`, behind `after`."""
        first, last = ask.days(today or self.today(brand))
        account, game, currency, country, player, *sets = _sets(ask)
        arguments = (first, last, ask.test, brand, account, game, currency, country, player, *sets, *(after or (None, None, None)))
        async with self._reading() as connection:
            rows = await connection.fetch(
                QUERIES["rollbacks"], *arguments, min(limit, ROLLBACKS_PAGE_MAX), timeout=self._patience_s
            )
        return [_undone(row) for row in rows]

    async def choices(self, brand: str | None) -> Choices:
        """What the filters of a form can offer: as much as a form can hold."""
        async with self._reading() as connection:
            rows = await connection.fetch(QUERIES["choices"], CHOICES_MAX)
            titles = await connection.fetch(QUERIES["collection_titles"], brand, CHOICES_MAX)
        by_kind: dict[str, list[str]] = {"section": [], "studio": [], "tag": [], "provider_account": []}
        for row in rows:
            by_kind[row["kind"]].append(row["value"])
        return Choices(
            tuple(by_kind["section"]),
            tuple(by_kind["studio"]),
            tuple(by_kind["tag"]),
            tuple(by_kind["provider_account"]),
            tuple((row["collection_id"], row["title"]) for row in titles),
        )

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[asyncpg.pool.PoolConnectionProxy]:
        """A transaction that only reads, for so long and no longer."""
        try:
            async with self._pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
                await connection.execute(QUERIES["settings"], str(self._timeout_ms))
                yield connection
        except (asyncpg.QueryCanceledError, TimeoutError) as error:
            raise Problem(p.TOO_SLOW, f"it was given up after {self._timeout_ms / 1_000:g} s") from error


def _sets(ask: ReportAsk) -> tuple[str | None, ...]:
    filters = (
        ask.provider_account, ask.game_id, ask.currency, ask.country, ask.player, ask.section, ask.studio, ask.tag, ask.collection,
    )  # fmt: skip
    return tuple(each or None for each in filters)


def _line(row: Any, dimensions: Sequence[str], names: dict[tuple[str, str], str]) -> Line:
    keys = (row["key_1"], row["key_2"])[: len(dimensions)]
    totals = Totals(
        booked=Booked(**{name: int(row[name]) for name in _BOOKED}),
        rounds=int(row["rounds"]),
        players=int(row["players"]),
        **{name: row[name] for name in _RTP},
    )
    told = tuple(names.get((dimension, key), key) for dimension, key in zip(dimensions, keys, strict=True))
    return Line(keys, told, row["currency"], totals)


async def _names(
    connection: asyncpg.pool.PoolConnectionProxy, dimensions: Sequence[str], rows: Sequence[Any], brand: str | None
) -> dict[tuple[str, str], str]:
    """What people call the games and collections of a report."""
    found: dict[tuple[str, str], str] = {}
    if "game" in dimensions:
        keys = {row[f"key_{dimensions.index('game') + 1}"] for row in rows}
        found |= {("game", row["key"]): row["name"] for row in await connection.fetch(QUERIES["game_names"], sorted(keys))}
    if "collection" in dimensions:
        titles = await connection.fetch(QUERIES["collection_titles"], brand, CHOICES_MAX)
        found |= {("collection", row["collection_id"]): row["title"] for row in titles}
    return found


def _undone(row: Any) -> Undone:
    told = dict(row)
    told["taken_back"], told["given_back"] = told.pop("stake"), told.pop("win")
    for name in ("original_kind", "original_external_id"):
        told[name] = told[name] or ""
    for name in ("original_stake", "original_win"):
        told[name] = told[name] or 0
    return Undone(**told)
