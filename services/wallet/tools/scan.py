"""Reads a topic from a time on up to the end it had at the start: bounded in records and in time, never waits for more.

By assignment, without a group: nobody else's reading is moved by it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from shared.errors import StakewireError
from shared.kafka.admin import check_topics
from shared.kafka.connection import aiokafka_options
from shared.kafka.topics import Topic, TopicNames
from shared.waiting import give_up_after

RECORDS_AT_ONCE: Final = 2_000
SILENCE_S: Final = 20.0
"""A broker that gives nothing for so long, although there is more, has stopped answering."""
STOP_LIMIT_S: Final = 5.0
LIMIT_S: Final = 120.0


class KafkaAwayError(StakewireError):
    """Kafka could not be read."""


class Found(NamedTuple):
    """One record with its place; `timestamp_ms` in Unix milliseconds."""

    partition: int
    offset: int
    timestamp_ms: int
    key: bytes
    value: bytes


class TopicReader:
    """Reads one topic. Made by `reading`."""

    def __init__(self, consumer: AIOKafkaConsumer, name: str, topic: Topic) -> None:
        self._consumer = consumer
        self._topic = topic
        self.name = name
        self.records_read = 0
        self.cut_at_ms = 0
        """Where the time ran out: the time of the last record that was read; 0 where everything was."""

    async def batches(
        self, partitions: Iterable[int] | None = None, *, since_ms: int = 0, limit_s: float = LIMIT_S
    ) -> AsyncIterator[list[Found]]:
        """Everything from `since_ms` (Unix milliseconds) on, oldest first within a partition.

        Ends after `limit_s` seconds wherever it is then (`cut_at_ms`). KafkaAwayError where the broker falls silent.
        """
        numbers = range(self._topic.partitions) if partitions is None else partitions
        wanted = [TopicPartition(self.name, number) for number in numbers]
        ends = await self._open(wanted, since_ms)
        until_s = time.monotonic() + limit_s
        heard_s = time.monotonic()
        while ends:
            fetched: dict[Any, list[Any]] = await self._consumer.getmany(timeout_ms=500, max_records=RECORDS_AT_ONCE)
            found = [
                Found(part.partition, record.offset, record.timestamp, record.key or b"", record.value or b"")
                for part, records in fetched.items()
                for record in records
                if record.offset < ends.get(part, 0)
            ]
            await self._leave_finished(ends)
            now_s = time.monotonic()
            if found:
                heard_s = now_s
                self.records_read += len(found)
                yield found
            if ends and now_s > until_s:
                self.cut_at_ms = max((each.timestamp_ms for each in found), default=since_ms) or 1
                return
            if ends and now_s - heard_s > SILENCE_S:
                raise KafkaAwayError(f"{self.name} was read in part only: the broker gave nothing for {SILENCE_S:.0f} s; try again")

    async def ends(self) -> dict[int, int]:
        """Partition -> the offset behind its last record, now."""
        wanted = [TopicPartition(self.name, number) for number in range(self._topic.partitions)]
        found: dict[TopicPartition, int] = await self._consumer.end_offsets(wanted)
        return {part.partition: end for part, end in found.items()}

    async def one(self, partition: int, offset: int) -> Found | None:
        """The record at one place; None where there is none (any more)."""
        part = TopicPartition(self.name, partition)
        if not 0 <= partition < self._topic.partitions:
            return None
        first = (await self._consumer.beginning_offsets([part]))[part]
        end = (await self._consumer.end_offsets([part]))[part]
        if not first <= offset < end:
            return None
        self._consumer.assign([part])
        self._consumer.seek(part, offset)
        fetched = await self._consumer.getmany(part, timeout_ms=int(SILENCE_S * 1_000), max_records=1)
        for record in fetched.get(part, ()):
            if record.offset == offset:
                return Found(partition, offset, record.timestamp, record.key or b"", record.value or b"")
        return None

    async def _open(self, wanted: list[TopicPartition], since_ms: int) -> dict[TopicPartition, int]:
        """Goes to the first records from `since_ms` on; the ends of the partitions in which there is something to read."""
        consumer = self._consumer
        ends: dict[TopicPartition, int] = await consumer.end_offsets(wanted)
        begins: dict[TopicPartition, int] = await consumer.beginning_offsets(wanted)
        if since_ms > 0:
            at = await consumer.offsets_for_times(dict.fromkeys(wanted, since_ms))
            begins = {part: ends[part] if at.get(part) is None else max(begins[part], at[part].offset) for part in wanted}
        ends = {part: end for part, end in ends.items() if begins[part] < end}
        consumer.assign(list(ends))
        for part in ends:
            consumer.seek(part, begins[part])
        return ends

    async def _leave_finished(self, ends: dict[TopicPartition, int]) -> None:
        for part in list(ends):
            if await self._consumer.position(part) >= ends[part]:
                self._consumer.pause(part)
                del ends[part]


@asynccontextmanager
async def reading(bootstrap_servers: str, names: TopicNames, topic: Topic) -> AsyncIterator[TopicReader]:
    """A reader of one topic. KafkaAwayError where Kafka cannot be read, TopicError where the topic is missing."""
    name = names.of(topic)
    consumer = AIOKafkaConsumer(
        **aiokafka_options(bootstrap_servers),
        enable_auto_commit=False,
        # What retention takes away while we read is gone: the rest is read.
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=4 * 1024 * 1024,
    )
    try:
        await consumer.start()
        await asyncio.to_thread(check_topics, bootstrap_servers, names, topics=(topic,))
        yield TopicReader(consumer, name, topic)
    except (KafkaError, OSError, TimeoutError) as error:
        raise KafkaAwayError(f"{name} cannot be read at {bootstrap_servers}: {error!r}; is Kafka running and reachable?") from error
    finally:
        await give_up_after(consumer.stop(), STOP_LIMIT_S, "consumer's stop")
