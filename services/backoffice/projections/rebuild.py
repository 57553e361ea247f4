"""Makes the projections anew: empties them in one transaction, and tells how far the running back offices have come since.

It reads no records itself: whoever runs the ingest notices that the offsets are gone and begins again. The schema `office` and
everything outside of `projections` stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from msgspec import Struct

from services.backoffice.projections import offsets
from shared.database import load_queries
from shared.kafka.connection import aiokafka_options
from shared.kafka.topics import CALLBACKS, EVENTS, GAMES, Topic, TopicNames

QUERIES: Final = load_queries(Path(__file__).parent / "sql" / "rebuild.sql")
TOPICS: Final = (EVENTS, CALLBACKS, GAMES)


class Progress(Struct, frozen=True, kw_only=True):
    """How far a topic has been read: records `read` of those `there`, and when the last of it was."""

    topic: str
    read: int
    there: int
    read_at: datetime | None = None

    @property
    def behind(self) -> int:
        """Records that are not taken in yet."""
        return max(0, self.there - self.read)


class Standing(Struct, frozen=True, kw_only=True):
    """How far everything is. `waiting` events of `players` wait for one that is to be fetched from the ledger.

    `fork` tells why a back office takes no more events in; empty where none has stopped.
    """

    generation: int
    topics: tuple[Progress, ...]
    waiting: int
    players: int
    fork: str = ""

    @property
    def complete(self) -> bool:
        """Whether everything that is there has been taken in."""
        return not self.waiting and not any(each.behind for each in self.topics)


async def rebuild(pool: asyncpg.Pool, names: TopicNames, *, keep_callbacks: bool = False) -> int:
    """Empties the projections; returns the number of the new generation.

    `keep_callbacks` leaves the archived callbacks and what is counted of them: the topic holds them for days only.
    """
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(QUERIES["patience"])
        await connection.execute(QUERIES["begin"])
        await connection.execute(QUERIES["empty_events"])
        if not keep_callbacks:
            await connection.execute(QUERIES["empty_callbacks"])
        await connection.execute(QUERIES["forget_offsets"], [names.of(CALLBACKS)] if keep_callbacks else [])
        generation: int = await connection.fetchval(QUERIES["next_generation"])
        return generation


async def callbacks_since(pool: asyncpg.Pool) -> datetime | None:
    """When the oldest callback that is kept was received; None where there is none."""
    found: datetime | None = await pool.fetchval(QUERIES["callbacks_since"])
    return found


class Watch:
    """Tells how far the topics are read. Start before use, stop after; reads no record."""

    def __init__(self, pool: asyncpg.Pool, bootstrap_servers: str, names: TopicNames) -> None:
        self._pool = pool
        self._names = names
        self._consumer = AIOKafkaConsumer(**aiokafka_options(bootstrap_servers))

    async def start(self) -> None:
        """Connects; KafkaError where there is no Kafka."""
        await self._consumer.start()

    async def stop(self) -> None:
        """Disconnects."""
        await self._consumer.stop()

    async def standing(self) -> Standing:
        """How far everything is now."""
        places = {(each.topic, each.partition): each for each in await offsets.places(self._pool)}
        topics = [await self._progress(topic, places) for topic in TOPICS]
        waiting, players = await offsets.count_waiting(self._pool)
        generation = await offsets.generation(self._pool)
        fork = await offsets.fork(self._pool)
        return Standing(generation=generation, topics=tuple(topics), waiting=waiting, players=players, fork=fork)

    async def oldest(self, topic: Topic) -> datetime | None:
        """When the oldest record that the topic still holds was made; None where it holds none."""
        partitions = self._partitions(topic)
        found = await self._consumer.offsets_for_times(dict.fromkeys(partitions, 0))
        times = [each.timestamp for each in found.values() if each is not None]
        return datetime.fromtimestamp(min(times) / 1_000, UTC) if times else None

    async def _progress(self, topic: Topic, places: Mapping[tuple[str, int], offsets.Place]) -> Progress:
        partitions = self._partitions(topic)
        begins = await self._consumer.beginning_offsets(partitions)
        ends = await self._consumer.end_offsets(partitions)
        read = there = 0
        moved = []
        for each in partitions:
            there += ends[each] - begins[each]
            place = places.get((each.topic, each.partition))
            if place is not None:
                read += min(max(0, place.next_offset - begins[each]), ends[each] - begins[each])
                moved.append(place.read_at)
        return Progress(topic=topic.name, read=read, there=there, read_at=max(moved, default=None))

    def _partitions(self, topic: Topic) -> list[TopicPartition]:
        return [TopicPartition(self._names.of(topic), each) for each in range(topic.partitions)]
