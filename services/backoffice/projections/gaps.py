"""Closes gaps: events that never came are fetched from the ledger, then those that waited for them follow.

A topic keeps events for days and the ledger keeps them for good, so this is also how a back office gets its history that starts
late or is made anew. Bounded: one player at a time, so many calls a second, and one that cannot be mended holds up nobody else.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

import asyncpg
import msgspec
import structlog

from services.backoffice.projections import metrics, offsets
from services.backoffice.projections.event_store import take_events
from services.backoffice.projections.offsets import Waits
from services.backoffice.projections.values import Event, checked, read_event
from shared.database.away import DATABASE_AWAY
from shared.errors import ContractError, StakewireError
from shared.kafka.event_chain import ForkError

log = structlog.get_logger(__name__)

PAGE: Final = 100
CHUNK: Final = 500
"""Waiting events that are taken in one transaction."""
CALLS_PER_S: Final = 20
LOOK_EVERY_S: Final = 1.0
PATIENCE_S, PATIENCE_S_MAX = 1.0, 300.0
"""When a player whose events could not be had is asked for again; doubles."""
REMEMBERED_MAX: Final = 10_000
_SEQ_MAX: Final = 2**63 - 1


class LedgerError(StakewireError):
    """The ledger could not be asked for the events of a player, or did not have them."""


class Ledger(Protocol):
    """Where missing events are had from. Anything it raises is a StakewireError: it is asked again later."""

    async def events(self, player: str, brand: str, after: int, limit: int) -> list[Event]:
        """Events of a player from number `after` + 1 on, oldest first, at most `limit`."""
        ...


class NoLedger:
    """Without an address and a key of the operator API, gaps stay."""

    async def events(self, player: str, brand: str, after: int, limit: int) -> list[Event]:
        """Says so."""
        raise LedgerError(
            f"events of player {player} after {after} are missing (brand {brand}, at most {limit} at a time), and there is nobody to ask: "
            "set STAKEWIRE_BACKOFFICE_OPERATOR_API_URL and STAKEWIRE_BACKOFFICE_OPERATOR_KEY_FILE"
        )


class Asks(Protocol):
    """What is needed of the client of the operator API."""

    async def get(self, brand: str, path: str) -> Any:
        """What a path shows, as a JSON object."""
        ...


class ApiLedger:
    """The ledger behind the operator API."""

    def __init__(self, api: Asks) -> None:
        self._api = api

    async def events(self, player: str, brand: str, after: int, limit: int) -> list[Event]:
        """As `Ledger.events`."""
        content = await self._api.get(brand, f"/v1/ledger/{player}/events?after={after}&limit={limit}")
        try:
            return [checked(each) for each in msgspec.convert(content.get("events"), list[Event])]
        except (msgspec.ValidationError, ContractError) as error:
            raise LedgerError(f"the operator API answered with no events: {error}") from error


class GapFiller:
    """One for a process; several at once are harmless. `topic` is that of the events; `forked` is told of a fork."""

    def __init__(self, pool: asyncpg.Pool, topic: str, ledger: Ledger, forked: Callable[[ForkError], None]) -> None:
        self._pool, self._topic, self._ledger, self._forked = pool, topic, ledger, forked
        self._wanted = asyncio.Event()
        self._after = ""
        self._later: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """Player -> when he is looked at again (monotonic), and how long was waited last."""
        self._called_s = 0.0

    def wake(self) -> None:
        """Events have begun to wait."""
        self._wanted.set()

    async def run(self) -> None:
        """Closes gaps for ever; to be cancelled. Ends by itself at a fork."""
        while True:
            self._wanted.clear()
            try:
                while await self.turn():
                    pass
                metrics.waiting.set((await offsets.count_waiting(self._pool))[0])
            except ForkError as error:
                self._forked(error)
                return
            except DATABASE_AWAY as error:
                log.warning("the database does not say whose events wait", cause=repr(error))
            except Exception:
                log.exception("gaps are not closed because of a fault of ours")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wanted.wait(), LOOK_EVERY_S)

    async def turn(self) -> bool:
        """Looks at the next player. False where all have been looked at once."""
        waits = await offsets.next_waiting(self._pool, self._after)
        if waits is None:
            self._after = ""
            return False
        self._after = waits.player
        due_s, pause_s = self._later.get(waits.player, (0.0, PATIENCE_S / 2))
        if time.monotonic() >= due_s:
            try:
                await self._mend(waits)
                self._later.pop(waits.player, None)
            except (LedgerError, StakewireError) as error:
                if isinstance(error, ForkError):
                    raise
                self._put_off(waits, min(pause_s * 2, PATIENCE_S_MAX), error)
        return True

    def _put_off(self, waits: Waits, pause_s: float, error: Exception) -> None:
        metrics.fetch_failures.inc()
        log.warning(
            "missing events could not be had; asking again",
            player=waits.player,
            after=waits.head,
            cause=str(error)[:500],
            again_in_s=pause_s,
        )
        self._later[waits.player] = (time.monotonic() + pause_s, pause_s)
        self._later.move_to_end(waits.player)
        if len(self._later) > REMEMBERED_MAX:
            self._later.popitem(last=False)

    async def _mend(self, waits: Waits) -> None:
        """Until nothing of the player waits, or the ledger does not have what is missing."""
        head, first = waits.head, waits.seq
        while True:
            if first > head + 1:
                head = await self._fetch(waits, head, first)
            rows = await offsets.waiting_of(self._pool, waits.player, _SEQ_MAX, 1)
            if not rows:
                return
            first = rows[0][0]
            if first <= head + 1:
                head = await self._drain(waits)
                rows = await offsets.waiting_of(self._pool, waits.player, _SEQ_MAX, 1)
                if not rows:
                    return
                first = rows[0][0]

    async def _fetch(self, waits: Waits, head: int, first: int) -> int:
        """Takes in what the ledger has after `head`; returns the new head. LedgerError where it has not the next one."""
        brand = await self._brand(waits)
        await self._breathe()
        events = await self._ledger.events(waits.player, brand, head, min(PAGE, first - head - 1))
        metrics.fetched.inc(len(events))
        if not events or events[0].seq > head + 1 or any(each.player != waits.player for each in events):
            raise LedgerError(
                f"the ledger does not have operation {head + 1} of player {waits.player} at hand, for which event {first} waits"
            )
        async with self._pool.acquire() as connection, connection.transaction():
            await self._lock(connection, waits)
            await take_events(connection, events, {waits.player: waits.partition})
            return await offsets.head_of_player(connection, waits.player)

    async def _drain(self, waits: Waits) -> int:
        """Takes in what waits and can follow; returns the new head."""
        async with self._pool.acquire() as connection, connection.transaction():
            await self._lock(connection, waits)
            rows = await offsets.waiting_of(connection, waits.player, _SEQ_MAX, CHUNK)
            await take_events(connection, _decoded(rows), {waits.player: waits.partition})
            head = await offsets.head_of_player(connection, waits.player)
            await offsets.forget_waiting(connection, waits.player, [row for row in rows if row[0] <= head])
            return head

    async def _lock(self, connection: asyncpg.Connection, waits: Waits) -> None:
        if not await offsets.lock(connection, self._topic, waits.partition):
            raise LedgerError(f"the projections are made anew: the events of player {waits.player} come again")

    async def _brand(self, waits: Waits) -> str:
        """The player's brand: events tell it, and the ledger shows a player to those who may act for it."""
        rows = await offsets.waiting_of(self._pool, waits.player, _SEQ_MAX, 1)
        if not rows:
            raise LedgerError(f"nothing of player {waits.player} waits any more")
        return read_event(rows[0][2]).brand

    async def _breathe(self) -> None:
        """Keeps to the rate."""
        wait_s = self._called_s + 1 / CALLS_PER_S - time.monotonic()
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        self._called_s = time.monotonic()


def _decoded(rows: Sequence[tuple[int, str, str]]) -> list[Event]:
    try:
        return [read_event(row[2]) for row in rows]
    except ContractError as error:
        raise LedgerError(f"what waits cannot be read: {error}") from error
