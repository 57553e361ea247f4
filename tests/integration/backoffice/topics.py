"""Topics of a test's own, with records as the wallet, the gateway and the catalogue write them; and ingests on them."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Final

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from services.backoffice.projections import offsets
from services.backoffice.projections.gaps import Ledger, NoLedger
from services.backoffice.projections.ingest import GROUP, Ingest
from shared.contracts.codec import encode
from shared.contracts.games import GameRecord
from shared.identity import partition_of
from shared.kafka.connection import aiokafka_options
from shared.kafka.topics import CALLBACKS, EVENTS, GAMES, Topic, TopicNames
from tests.integration.backoffice.stand import KEPT_DAYS
from tests.integration.backoffice.story import Story
from tests.waiting import LIMIT_S, POLL_S

TOPICS: Final = (EVENTS, CALLBACKS, GAMES)


@dataclass
class Topics:
    """Where the topics are, and a producer."""

    bootstrap_servers: str
    names: TopicNames
    producer: AIOKafkaProducer

    async def stories(self, *stories: Story) -> None:
        """All events of these players, each on its player's partition."""
        for story in stories:
            await self.events(story.player, story.events)

    async def events(self, player: str, events: Iterable[bytes]) -> None:
        """Events of one player."""
        await self.send(EVENTS, partition_of(player, EVENTS.partitions), events)

    async def callbacks(self, *records: bytes, partition: int = 0) -> None:
        """Archived callbacks."""
        await self.send(CALLBACKS, partition, records)

    async def games(self, *records: GameRecord) -> None:
        """Games as the catalogue publishes them."""
        for record in records:
            key = f"{record.provider_account}|{record.game_id}".encode()
            await self.producer.send_and_wait(self.names.of(GAMES), encode(record), key=key, partition=0)

    async def send(self, topic: Topic, partition: int, records: Iterable[bytes]) -> None:
        """Records as they are."""
        name = self.names.of(topic)
        sent = [await self.producer.send(name, record, partition=partition) for record in records]
        await asyncio.gather(*sent)

    async def all_read(self, pool: asyncpg.Pool, topics: Iterable[Topic] = TOPICS) -> bool:
        """Whether everything that is on the topics has been taken in, and nothing waits."""
        ends = await self._ends(topics)
        at = {(place.topic, place.partition): place.next_offset for place in await offsets.places(pool)}
        behind = any(at.get((each.topic, each.partition), 0) < end for each, end in ends.items())
        return not behind and await offsets.count_waiting(pool) == (0, 0)

    async def _ends(self, topics: Iterable[Topic]) -> dict[TopicPartition, int]:
        consumer = AIOKafkaConsumer(**aiokafka_options(self.bootstrap_servers))
        await consumer.start()
        try:
            partitions = [TopicPartition(self.names.of(topic), each) for topic in topics for each in range(topic.partitions)]
            ends: dict[TopicPartition, int] = await consumer.end_offsets(partitions)
            return ends
        finally:
            await consumer.stop()


@contextlib.asynccontextmanager
async def open_topics(bootstrap_servers: str, names: TopicNames) -> AsyncIterator[Topics]:
    """A producer for topics that exist."""
    producer = AIOKafkaProducer(**aiokafka_options(bootstrap_servers), enable_idempotence=True)
    await producer.start()
    try:
        yield Topics(bootstrap_servers, names, producer)
    finally:
        await producer.stop()


@contextlib.asynccontextmanager
async def running(topics: Topics, pool: asyncpg.Pool, ledger: Ledger | None = None) -> AsyncIterator[Ingest]:
    """An ingest in this process, until the end of the block."""
    ingest = Ingest(pool, topics.bootstrap_servers, topics.names, ledger or NoLedger(), callbacks_kept_days=KEPT_DAYS)
    await ingest.start()
    try:
        yield ingest
    finally:
        await ingest.stop()


async def until(condition: Callable[[], Awaitable[object]], what: str, limit_s: float = LIMIT_S) -> None:
    """Waits until a condition holds; fails with `what` was expected."""
    deadline = time.monotonic() + limit_s
    while not await condition():
        assert time.monotonic() < deadline, f"not within {limit_s:g} s: {what}"
        await asyncio.sleep(POLL_S)


def joined(ingest: Ingest) -> Callable[[], Awaitable[bool]]:
    """Whether an ingest is a member of its group, for `until`."""

    async def ready() -> bool:
        return not ingest.not_ready_because()

    return ready


async def commit(topics: Topics, callbacks_at: dict[int, int]) -> None:
    """Tells Kafka, in the name of the group, where the callbacks are read to."""
    consumer = AIOKafkaConsumer(
        **aiokafka_options(topics.bootstrap_servers), group_id=topics.names.prefix + GROUP, enable_auto_commit=False
    )
    await consumer.start()
    try:
        places = {TopicPartition(topics.names.of(CALLBACKS), each): offset for each, offset in callbacks_at.items()}
        consumer.assign(list(places))
        await consumer.commit(places)
    finally:
        await consumer.stop()
