"""Reads the history of players: rounds, operations, callbacks. The only user of sql/history.sql; changes nothing.

A player's operations are numbered, and pages go by that number: a stretch of time becomes a stretch of numbers first, so
that a page costs the same among a hundred operations and among millions.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Generic, Literal, TypeVar

import asyncpg
import msgspec

from services.backoffice import problems as p
from services.backoffice.history.ask import HistoryAsk, RoundsAsk, Wanted
from services.backoffice.history.values import Archived, Named, Operation, OperationDetail, Player, Round
from shared.contracts.archive import CommandKey
from shared.contracts.events import Movement
from shared.database import load_queries
from shared.identity import is_player_key, player_key
from shared.web.problems import Problem

QUERIES: Final = load_queries(Path(__file__).parent / "sql" / "history.sql")
TIMEOUT_MS: Final = 10_000
ROUND_OPERATIONS_MAX: Final = 1_000
CALLBACKS_MAX: Final = 50
EXPORT_PAGE: Final = 1_000
EXPORT_OPERATIONS_MAX: Final = 1_000_000
"""A file covers no more of a player's operations than this, whether they pass the filters or not."""

NEWEST_LOOKED_AT: Final = 2_000
CLOCKS_DIFFER: Final = timedelta(minutes=5)
"""The numbers of operations are in the order of time but for the difference of the wallets' clocks."""

CALLBACKS_BEFORE: Final = timedelta(hours=1)
CALLBACKS_AFTER: Final = timedelta(days=8)
"""Callbacks of an operation are looked for from so long before until so long after it: providers retry for days."""

Listed = Literal["rounds", "operations"]
Entry = TypeVar("Entry", Round, Operation)
_movements: Final = msgspec.json.Decoder(tuple[Movement, ...]).decode
_keys: Final = msgspec.json.Decoder(tuple[CommandKey, ...]).decode


@dataclass(frozen=True, slots=True)
class Page(Generic[Entry]):
    """Entries, the newest first, and the cursors of the pages around; empty where there is none."""

    entries: tuple[Entry, ...]
    older: str
    newer: str
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class _Span:
    """Numbers of operations: from `low` to before `high`."""

    low: int
    high: int


class History:
    """One for the process, over a pool whose connections act as the back office's role."""

    def __init__(self, pool: asyncpg.Pool, *, timeout_ms: int = TIMEOUT_MS) -> None:
        self._pool = pool
        self._timeout_ms = timeout_ms
        self._patience_s = timeout_ms / 1_000 + 5

    async def player(self, name: str, brand: str | None) -> Player:
        """A player by his key, or by the operator's id of the brand; problem `player-not-found`."""
        names = [name] if is_player_key(name) else []
        names += [player_key(brand, name)] if brand else []
        async with self._reading() as connection:
            row = await connection.fetchrow(QUERIES["player"], names, brand)
        if row is None:
            raise Problem(p.PLAYER_NOT_FOUND, "no operation of such a player has been read")
        return Player(**row)

    async def rounds(self, player: str, ask: RoundsAsk, now: datetime) -> Page[Round]:
        """A page of a player's rounds."""
        return await self._page("rounds", player, ask, now, Round)

    async def operations(self, player: str, ask: HistoryAsk, now: datetime) -> Page[Operation]:
        """A page of a player's operations."""
        return await self._page("operations", player, ask, now, Operation)

    async def export(self, listed: Listed, player: str, ask: HistoryAsk, now: datetime) -> AsyncIterator[Sequence[Any]]:
        """All entries in portions, the newest first. Problem `too-much` before the first, where there may be too many."""
        wanted = replace(ask.wanted(now), limit=EXPORT_PAGE, direction="older", seq=0)
        async with self._reading() as connection:
            span = await self._span(connection, player, wanted)
        if span.high - span.low > EXPORT_OPERATIONS_MAX:
            told = f"the range has {span.high - span.low:,} operations; a file covers at most {EXPORT_OPERATIONS_MAX:,}"
            raise Problem(p.TOO_MUCH, told)
        return self._portions(listed, player, wanted, span)

    async def round(self, player: str, account: str, round_id: str) -> tuple[Round, tuple[Operation, ...]]:
        """A round and what names it; problem `round-not-found`."""
        async with self._reading() as connection:
            row = await connection.fetchrow(QUERIES["round"], player, account, round_id)
            rows = await connection.fetch(QUERIES["operations_of_round"], player, account, round_id, ROUND_OPERATIONS_MAX)
        if row is None:
            raise Problem(p.ROUND_NOT_FOUND, "the player has no such round at this provider account")
        return Round(**row), tuple(Operation(**each) for each in rows)

    async def operation(self, player: str, seq: int) -> OperationDetail:
        """An operation with its movements and callbacks; problem `operation-not-found`."""
        async with self._reading() as connection:
            row = await connection.fetchrow(QUERIES["operation"], player, seq)
            if row is None:
                raise Problem(p.OPERATION_NOT_FOUND, f"operation {seq} of this player has not been read")
            at: datetime = row["occurred_at"]
            callbacks = await connection.fetch(
                QUERIES["callbacks_of_operation"],
                player,
                at - CALLBACKS_BEFORE,
                at + CALLBACKS_AFTER,
                row["provider_account"],
                row["external_id"],
                CALLBACKS_MAX,
            )
        told = dict(row)
        moved = told.pop("movements")
        detail = {name: told.pop(name) for name in OperationDetail.__struct_fields__ if name in told}
        return OperationDetail(
            operation=Operation(**told),
            movements=_movements(moved) if moved else (),
            callbacks=tuple(_archived(each) for each in callbacks),
            **detail,
        )

    async def callback(self, request_id: str) -> tuple[Archived, tuple[Named, ...]]:
        """A callback, and the operations that its ids stand for; problem `callback-not-found`."""
        async with self._reading() as connection:
            row = await connection.fetchrow(QUERIES["callback"], request_id)
            if row is None:
                raise Problem(p.CALLBACK_NOT_FOUND, "no callback with this request id is kept")
            found = _archived(row)
            ids = sorted({found.external_id, *(key.external_id for key in found.keys)} - {""})
            rows = await connection.fetch(QUERIES["operations_named"], found.player, found.provider_account, ids) if ids else []
        return found, tuple(Named(**each) for each in rows)

    async def kinds(self, player: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Kinds and currencies of the player's newest operations, for filters."""
        async with self._reading() as connection:
            rows = await connection.fetch(QUERIES["kinds"], player, NEWEST_LOOKED_AT)
        return tuple(sorted({row["kind"] for row in rows})), tuple(sorted({row["currency"] for row in rows} - {""}))

    async def _page(self, listed: Listed, player: str, ask: HistoryAsk, now: datetime, kind: type[Entry]) -> Page[Entry]:
        wanted = ask.wanted(now)
        async with self._reading() as connection:
            span = await self._span(connection, player, wanted)
            rows = await self._fetch(connection, listed, player, wanted, _beside(span, wanted), wanted.limit + 1)
        more = len(rows) > wanted.limit
        entries = [kind(**row) for row in rows[: wanted.limit]]
        if wanted.direction == "newer":
            entries.reverse()
            has_older, has_newer = bool(wanted.seq), more
        else:
            has_older, has_newer = more, bool(wanted.seq)
        if not entries:
            return Page((), "", "", wanted.since, wanted.until)
        return Page(
            tuple(entries),
            ask.cursor_of("older", entries[-1].seq, wanted) if has_older else "",
            ask.cursor_of("newer", entries[0].seq, wanted) if has_newer else "",
            wanted.since,
            wanted.until,
        )

    async def _portions(self, listed: Listed, player: str, wanted: Wanted, span: _Span) -> AsyncIterator[Sequence[Any]]:
        kind = Round if listed == "rounds" else Operation
        while True:
            async with self._reading() as connection:
                rows = await self._fetch(connection, listed, player, wanted, span, wanted.limit)
            yield [kind(**row) for row in rows]
            if len(rows) < wanted.limit:
                return
            span = replace(span, high=rows[-1]["seq"])

    async def _span(self, connection: asyncpg.pool.PoolConnectionProxy, player: str, wanted: Wanted) -> _Span:
        """The numbers among which all operations of the range are, and few others."""
        low, high = [
            await connection.fetchval(QUERIES["seq_at"], player, at)
            for at in (wanted.since - CLOCKS_DIFFER, wanted.until + CLOCKS_DIFFER)
        ]
        return _Span(low or 1, high or 1)

    async def _fetch(
        self, connection: asyncpg.pool.PoolConnectionProxy, listed: Listed, player: str, wanted: Wanted, span: _Span, limit: int
    ) -> list[Any]:
        query = QUERIES[f"{listed}_{wanted.direction}"]
        arguments = (player, span.low, span.high, wanted.since, wanted.until, *wanted.filters, limit)
        rows: list[Any] = await connection.fetch(query, *arguments, timeout=self._patience_s)
        return rows

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[asyncpg.pool.PoolConnectionProxy]:
        """A transaction that only reads, for so long and no longer."""
        try:
            async with self._pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
                await connection.execute(QUERIES["settings"], str(self._timeout_ms))
                yield connection
        except (asyncpg.QueryCanceledError, TimeoutError) as error:
            raise Problem(p.TOO_SLOW, f"it was given up after {self._timeout_ms / 1_000:g} s") from error


def _beside(span: _Span, wanted: Wanted) -> _Span:
    """What is left of a stretch on the side of a cursor."""
    if not wanted.seq:
        return span
    if wanted.direction == "newer":
        return replace(span, low=max(span.low, wanted.seq + 1))
    return replace(span, high=min(span.high, wanted.seq))


def _archived(row: Any) -> Archived:
    told = dict(row)
    keys = told.pop("keys")
    return Archived(**told, keys=_keys(keys) if keys else ())
