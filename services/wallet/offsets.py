"""Where Kafka is told that the next owner may begin to read: a hint. What has been applied is known to PostgreSQL alone.

A hint never passes an event that Kafka has not taken yet, nor a command that waits for its player's row: whoever reads from
the hint publishes the events of what is stored again, so that none is missing for good.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Mapping
from typing import Final

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from prometheus_client import Gauge

from services.wallet.failpoints import Failpoint

log = structlog.get_logger(__name__)

TELL_EVERY_S: Final = 0.2

_unconfirmed: Final = Gauge("stakewire_wallet_unconfirmed_batches", "Committed batches whose events Kafka has not confirmed yet")


class OffsetHints:
    """The hints of one wallet: added batch by batch, told when the batch's events are stored."""

    def __init__(self, topic: str, failpoint: Failpoint, owned: Callable[[], Collection[int]]) -> None:
        """`owned` gives the partitions that are this wallet's now: of others nothing is told."""
        self._topic = topic
        self._failpoint = failpoint
        self._owned = owned
        self._pending: deque[tuple[list[asyncio.Future[object]], dict[int, int]]] = deque()
        self._held: set[int] = set()
        self._telling: asyncio.Future[None] | None = None

    def add(
        self,
        futures: list[asyncio.Future[object]],
        reached: Mapping[int, int],
        touched: Collection[int],
        waiting: Mapping[int, int],
    ) -> None:
        """Adds what one batch has reached.

        Args:
            futures: end when Kafka has stored the batch's events.
            reached: partition -> the offset behind the last command that was taken.
            touched: the partitions of this batch.
            waiting: partition -> the offset of its first command that waits for its player.
        """
        ends = {part: min(reached[part], waiting.get(part, reached[part])) for part in self._held.union(touched) if part in reached}
        self._held = set(waiting)
        if ends or futures:
            self._pending.append((futures, ends))

    async def tell(self, consumer: AIOKafkaConsumer) -> None:
        """Tells Kafka a few times a second, for ever. Raises what Kafka refused an event with: read again from the last hint."""
        while True:
            await asyncio.sleep(TELL_EVERY_S)
            ends: dict[int, int] = {}
            while self._pending and all(future.done() for future in self._pending[0][0]):
                futures, reached = self._pending.popleft()
                for future in futures:
                    future.result()
                ends.update(reached)
            _unconfirmed.set(len(self._pending))
            if ends:
                self._failpoint.passed("published")
                await self._commit(consumer, ends)
                self._failpoint.passed("offsets")

    async def finish(self, consumer: AIOKafkaConsumer) -> None:
        """Waits until the events are stored and tells all there is; the caller sets the limit. KafkaError where it cannot be."""
        if self._telling is not None:
            await asyncio.wait([self._telling])
        ends: dict[int, int] = {}
        while self._pending:
            futures, reached = self._pending.popleft()
            await asyncio.gather(*futures)
            ends.update(reached)
        if ends:
            await self._commit(consumer, ends)

    def forget(self) -> None:
        """Drops what was not told."""
        self._pending.clear()
        self._held.clear()
        _unconfirmed.set(0)

    async def _commit(self, consumer: AIOKafkaConsumer, ends: Mapping[int, int]) -> None:
        mine = {TopicPartition(self._topic, part): end for part, end in ends.items() if part in self._owned()}
        if not mine:
            return
        # Never cancelled: aiokafka would leave a request of its own behind, whose error nobody fetches.
        self._telling = asyncio.ensure_future(_told(consumer, mine))
        await asyncio.shield(self._telling)


async def _told(consumer: AIOKafkaConsumer, ends: dict[TopicPartition, int]) -> None:
    try:
        await consumer.commit(ends)
    except KafkaError as error:
        log.info("offsets were not taken; they are only a hint", cause=repr(error))
