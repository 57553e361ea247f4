"""Events of stored operations sent again to `wallet.events`, byte for byte as at first: after Kafka lost its data, for new consumers.

Repeats safely: a consumer that has an event already sees the same number and hash again. Records carry the time of their
sending, not of their operation: Kafka's retention would delete old ones at once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Final

from aiokafka.errors import KafkaError
from msgspec import Struct, field

from services.wallet.chain import event_of, verify_link
from services.wallet.decisions.model import Operation
from services.wallet.ledger.search import Ledger
from services.wallet.tools.scan import KafkaAwayError
from shared.errors import StakewireError
from shared.identity import partition_of
from shared.kafka.admin import check_topics
from shared.kafka.producer import Producer, Record
from shared.kafka.topics import EVENTS, TopicNames

RATE_DEFAULT: Final = 2_000
EVENTS_AT_ONCE: Final = 500
ACK_LIMIT_S: Final = 60.0
BROKEN_MAX: Final = 20


class NoSuchPlayerError(StakewireError):
    """The ledger has no such player."""

    def __init__(self, player: str) -> None:
        super().__init__(f"the ledger has no player {player}; nothing was sent. Is it the right brand, and the right database?")
        self.player = player


class Wanted(Struct, frozen=True, kw_only=True):
    """What is to be sent: of one player or of all after `after`, operations in [since, until) (Unix milliseconds, 0: no bound)."""

    player: str = ""
    after: str = ""
    since_ms: int = 0
    until_ms: int = 0


class Sent(Struct, kw_only=True):
    """What Kafka has confirmed. `player` is the last one that is complete: `after` him a later run goes on.

    `broken` names operations whose hash is not that of their content: they are not sent, nor what follows them.
    `archived` counts players whose first operations are in the archive only, where they were asked for.
    """

    events: int = 0
    players: int = 0
    player: str = ""
    archived: int = 0
    broken: list[str] = field(default_factory=list)


class Republisher:
    """Sends at `rate` events a second. Start before use, stop after."""

    def __init__(self, ledger: Ledger, bootstrap_servers: str, names: TopicNames, rate: int) -> None:
        self.sent = Sent()
        self._ledger = ledger
        self._bootstrap_servers = bootstrap_servers
        self._names = names
        self._rate = rate
        self._producer = Producer(bootstrap_servers, idempotent=True, acks="all")
        self._waiting: dict[int, list[Record]] = {}
        self._count = 0
        self._complete: list[str] = []
        self._began_s = 0.0

    async def run(self, wanted: Wanted, progress: Callable[[Sent], None] = lambda _: None) -> Sent:
        """Sends what is wanted and returns when Kafka has it; `progress` is told after each bundle.

        Raises NoSuchPlayerError, KafkaAwayError (`sent` tells how far it came), asyncpg's errors.
        """
        try:
            await self._producer.start()
            try:
                await asyncio.to_thread(check_topics, self._bootstrap_servers, self._names, topics=(EVENTS,))
                self._began_s = time.monotonic()
                async for player, last in self._players(wanted):
                    await self._player(player, last, wanted, progress)
                await self._flush(progress)
            finally:
                await self._producer.stop()
        except (KafkaError, TimeoutError) as error:
            raise KafkaAwayError(
                f"Kafka at {self._bootstrap_servers} did not take the events: {error!r}. {self.so_far()}"
            ) from error
        return self.sent

    def so_far(self) -> str:
        """How far it came, and how to go on."""
        place = f", or with `--after {self.sent.player}` to go on from there" if self.sent.player else ""
        return f"{self.sent.events:,} events are sent and stay right; run it again{place}."

    async def _players(self, wanted: Wanted) -> AsyncIterator[tuple[str, int]]:
        """(player, his last operation), in order."""
        if wanted.player:
            head = await self._ledger.head(wanted.player)
            if head is None:
                raise NoSuchPlayerError(wanted.player)
            yield wanted.player, head.seq
            return
        after = wanted.after
        while True:
            after, page = await self._ledger.players(after, wanted.since_ms)
            if not after:
                return
            for player, last in page:
                yield player, last

    async def _player(self, player: str, last: int, wanted: Wanted, progress: Callable[[Sent], None]) -> None:
        """One player's events up to the head that was read with him, in order."""
        partition = partition_of(player, EVENTS.partitions)
        first = 0
        async for page in self._ledger.span(player, 0, last, wanted.since_ms, wanted.until_ms):
            first = first or page[0].seq
            for operation in page:
                if not verify_link(operation.previous_hash, operation):
                    self._note_broken(operation)
                    self._complete.append(player)
                    return
                record = (player.encode(), event_of(operation), time.time_ns() // 1_000_000)
                self._waiting.setdefault(partition, []).append(record)
                self._count += 1
                if self._count >= min(EVENTS_AT_ONCE, self._rate):
                    await self._flush(progress)
        self._complete.append(player)
        self.sent.archived += first > 1 and not wanted.since_ms

    async def _flush(self, progress: Callable[[Sent], None]) -> None:
        """Sends what waits, waits until it is stored, then as long as the rate asks for."""
        waiting, self._waiting = self._waiting, {}
        count, self._count = self._count, 0
        topic = self._names.of(EVENTS)
        futures = [
            future
            for partition, records in waiting.items()
            for future in await self._producer.send_bundle(topic, records, partition=partition)
        ]
        async with asyncio.timeout(ACK_LIMIT_S):
            await asyncio.gather(*futures)
        self.sent.events += count
        self.sent.players += len(self._complete)
        self.sent.player = self._complete[-1] if self._complete else self.sent.player
        self._complete.clear()
        progress(self.sent)
        ahead_s = self._began_s + self.sent.events / self._rate - time.monotonic()
        if ahead_s > 0:
            await asyncio.sleep(ahead_s)

    def _note_broken(self, operation: Operation) -> None:
        if len(self.sent.broken) < BROKEN_MAX:
            self.sent.broken.append(f"{operation.player} operation {operation.seq}")
