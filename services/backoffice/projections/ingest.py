"""Takes the topics in: `Ingest` starts a reader for each of them, closes gaps, keeps the months of callbacks.

Several processes share the partitions. The projections may be emptied at any time (`rebuild`): each process sees it within a
second, or at its next batch, and begins again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import asyncpg
import structlog
from aiokafka import ConsumerRecord

from services.backoffice.projections import offsets
from services.backoffice.projections.callback_fold import Archived, decode_archived
from services.backoffice.projections.callback_store import keep_house, take_callbacks
from services.backoffice.projections.event_store import take_events
from services.backoffice.projections.game_store import GameTold, decode_told, take_games
from services.backoffice.projections.gaps import GapFiller, Ledger
from services.backoffice.projections.reader import Read, Topic, TopicReader
from services.backoffice.projections.values import Event, read_event
from shared.database.away import DATABASE_AWAY
from shared.kafka.topics import CALLBACKS, EVENTS, GAMES, TopicNames

log = structlog.get_logger(__name__)

GROUP: Final = "stakewire-backoffice"
TEND_EVERY_S: Final = 1.0
HOUSE_EVERY_S: Final = 60.0


class Ingest:
    """One for a process. `pool` acts in the back office's role; `ledger` is where missing events are had from."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        bootstrap_servers: str,
        names: TopicNames,
        ledger: Ledger,
        *,
        callbacks_kept_days: int,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._pool = pool
        self._kept_days, self._now = callbacks_kept_days, now
        self._generation = 0
        self._tasks: list[asyncio.Task[None]] = []
        group = names.prefix + GROUP
        events = Topic(EVENTS.name, names.of(EVENTS), _event, self._take_events)
        callbacks = Topic(CALLBACKS.name, names.of(CALLBACKS), _callback, self._take_callbacks)
        games = Topic(GAMES.name, names.of(GAMES), _game, self._take_games)
        self.events = TopicReader(events, pool, bootstrap_servers, group)
        self.readers: tuple[TopicReader[Any], ...] = (
            self.events,
            TopicReader(callbacks, pool, bootstrap_servers, group),
            TopicReader(games, pool, bootstrap_servers, group),
        )
        self._gaps = GapFiller(pool, events.name, ledger, self.events.stopped_by)

    async def start(self) -> None:
        """Begins in the background; needs neither Kafka nor the operator API to be there yet."""
        for reader in self.readers:
            reader.start()
        works: tuple[tuple[str, Coroutine[Any, Any, None]], ...] = (
            ("ingest-tends", _repeated(self._tend, TEND_EVERY_S)),
            ("ingest-keeps-house", _repeated(self._keep_house, HOUSE_EVERY_S)),
            ("ingest-gaps", self._gaps.run()),
        )
        self._tasks = [asyncio.create_task(work, name=name) for name, work in works]

    async def stop(self) -> None:
        """Hands over: what is being written is finished or rolled back."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._tasks = []
        await asyncio.gather(*(reader.stop() for reader in self.readers))

    def not_ready_because(self) -> str:
        """Why the projections are not kept up; empty where they are."""
        fork = self.events.fork
        if fork is not None:
            return f"events are taken in no more: {fork}"
        waiting = [reader.topic for reader in self.readers if not reader.joined]
        return f"not reading yet: {', '.join(waiting)}" if waiting else ""

    def lag(self) -> Mapping[str, int]:
        """Records of each topic, of the partitions of this process, that are not taken in yet; measured every second or so."""
        return {reader.label: reader.lag for reader in self.readers}

    async def _take_events(self, connection: asyncpg.Connection, reads: Sequence[Read[Event]]) -> None:
        events, partitions = [], {}
        for each in reads:
            assert each.value is not None, "only what could be read is handed on"
            events.append(each.value)
            partitions[each.value.player] = each.partition
        if (await take_events(connection, events, partitions)).waiting:
            self._gaps.wake()

    async def _take_callbacks(self, connection: asyncpg.Connection, reads: Sequence[Read[Archived]]) -> None:
        records = [each.value for each in reads if each.value is not None]
        told = await take_callbacks(connection, records, self._now(), self._kept_days)
        if told.out_of_range:
            log.info("callbacks of a time that is not kept are left out", records=told.out_of_range)

    async def _take_games(self, connection: asyncpg.Connection, reads: Sequence[Read[GameTold]]) -> None:
        await take_games(connection, [each.value for each in reads if each.value is not None])

    async def _tend(self) -> None:
        generation = await offsets.generation(self._pool)
        if generation != self._generation:
            if self._generation:
                log.warning("the projections are made anew; everything is read from the beginning", generation=generation)
            self._generation = generation
            for reader in self.readers:
                await reader.look_again()
        if self.events.fork is not None:
            await offsets.note_fork(self._pool, str(self.events.fork))
        for reader in self.readers:
            await reader.tend()

    async def _keep_house(self) -> None:
        for name in await keep_house(self._pool, self._now(), self._kept_days):
            log.info("a month of callbacks was dropped", table=name)


async def _repeated(work: Callable[[], Coroutine[Any, Any, None]], every_s: float) -> None:
    """Does something at intervals for ever; what fails is told and done again."""
    while True:
        try:
            await work()
        except DATABASE_AWAY as error:
            log.warning("the database does not answer the ingest", cause=repr(error), again_in_s=every_s)
        except Exception:
            log.exception("the ingest has a fault of ours", again_in_s=every_s)
        await asyncio.sleep(every_s)


def _event(record: ConsumerRecord) -> Event:
    return read_event(record.value or b"")


def _callback(record: ConsumerRecord) -> Archived:
    return decode_archived(record.value or b"")


def _game(record: ConsumerRecord) -> GameTold:
    return decode_told(record.key or b"", record.value)
