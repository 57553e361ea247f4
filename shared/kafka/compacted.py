"""Reads a compacted topic of one partition from its beginning, and keeps doing so. Decides nothing about its records.

By assignment, never by group: every process needs every record. What was taken stays taken whatever happens to Kafka; a
topic that was deleted and made anew is read from its beginning again. Whoever takes the records passes over what is
older than what it has: after a lost connection all records come once more.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Final

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError
from prometheus_client import Counter

from shared.errors import ContractError, StakewireError, TopicError
from shared.kafka.admin import topic_id
from shared.kafka.connection import aiokafka_options
from shared.kafka.topics import Topic, TopicNames
from shared.waiting import give_up_after

log = structlog.get_logger(__name__)

LONG_POLL_MS: Final = 500
RECORDS_AT_ONCE: Final = 500
OPEN_LIMIT_S: Final = 15.0
CLOSE_LIMIT_S: Final = 3.0
SILENCE_S: Final = 10.0
"""After so long without an answer of the broker the consumer is made anew: its connection may hang."""

RETRY_S, RETRY_MAX_S = 0.25, 4.0
CHECK_S: Final = 1.0
TOPIC_CHECK_S: Final = 10.0
TOPIC_ID_LIMIT_S: Final = 3.0

_reopened = Counter("stakewire_compacted_reader_reopened_total", "Consumers of compacted topics made anew", ["topic"])
_broken = Counter("stakewire_compacted_broken_records_total", "Records of compacted topics that could not be decoded", ["topic"])


class _TopicReplacedError(StakewireError):
    """The topic was deleted and made anew."""


class CompactedReader(ABC):
    """Hands every record of partition 0 to `take`. `check_topic_s` is how often it is asked whether the topic is still the same."""

    def __init__(self, bootstrap_servers: str, names: TopicNames, topic: Topic, *, check_topic_s: float = TOPIC_CHECK_S) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._name = topic.name
        self._partition = TopicPartition(names.of(topic), 0)
        self._check_topic_s = check_topic_s
        self._topic_id = ""
        for counter in (_reopened, _broken):
            counter.labels(self._name)
        self._opened_at_s = 0.0
        self._end: int | None = None
        self._caught_up = asyncio.Event()
        self._moved = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @abstractmethod
    def take(self, key: bytes, value: bytes | None) -> None:
        """Takes one record; a value of None is a key that was purged. ContractError where it is no such record: it is skipped."""

    def begin(self) -> None:  # noqa: B027  # most need not know
        """The topic is read from its beginning: for the first time, or once more."""

    def reached_end(self) -> None:  # noqa: B027  # most need not know
        """Everything was read that was on the topic when its reading began."""

    async def start(self) -> None:
        """Returns once everything is read that was on the topic at the start; waits for Kafka however long it takes."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name=f"reader of {self._name}")
        caught_up = asyncio.create_task(self._caught_up.wait())
        try:
            await asyncio.wait([self._task, caught_up], return_when=asyncio.FIRST_COMPLETED)
            if self._task.done():
                self._task.result()
        finally:
            caught_up.cancel()

    async def stop(self) -> None:
        """Closes the consumer."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    @property
    def caught_up(self) -> bool:
        """Whether the topic was ever read to the end seen at the start of reading."""
        return self._caught_up.is_set()

    @property
    def at_end(self) -> bool:
        """Whether it is not being read anew just now: what it had when that began was read."""
        return self._end is None and self.caught_up

    async def wait_for_it(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        """Waits until a condition holds that only records can bring about; False where it does not in time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while not condition():
                    await self._moved.wait()
        return condition()

    async def _run(self) -> None:
        retry_s = RETRY_S
        while True:
            try:
                consumer = await self._open()
            except (KafkaError, TopicError, OSError, TimeoutError) as error:
                log.warning("a topic cannot be read yet", topic=self._name, cause=repr(error), again_in_s=retry_s)
                await asyncio.sleep(retry_s)
                retry_s = min(retry_s * 2, RETRY_MAX_S)
                continue
            retry_s = RETRY_S
            cause = await self._read_until_it_breaks(consumer)
            log.warning("the consumer of a topic is made anew", topic=self._name, cause=cause)
            _reopened.labels(self._name).inc()
            await asyncio.sleep(RETRY_S)

    async def _open(self) -> AIOKafkaConsumer:
        consumer = AIOKafkaConsumer(
            **aiokafka_options(self._bootstrap_servers),
            enable_auto_commit=False,
            # An offset that is gone means another topic: that must be seen, not healed in silence.
            auto_offset_reset="none",
            fetch_max_wait_ms=LONG_POLL_MS,
        )
        try:
            async with asyncio.timeout(OPEN_LIMIT_S):
                await consumer.start()
                # Before the first offset is read: one that is made anew after this is noticed by its other id.
                self._topic_id = await self._ask_topic_id()
                consumer.assign([self._partition])
                await consumer.seek_to_beginning(self._partition)
                self._end = (await consumer.end_offsets([self._partition]))[self._partition]
        except BaseException:
            await self._close(consumer)
            raise
        self.begin()
        self._opened_at_s = time.time()
        return consumer

    async def _read_until_it_breaks(self, consumer: AIOKafkaConsumer) -> str:
        """Reads until an error, silence, or another topic in the place of this one; returns what it was."""
        works = [
            asyncio.create_task(self._read(consumer), name=f"fetch of {self._name}"),
            asyncio.create_task(self._watch_topic(consumer), name=f"watch of {self._name}"),
        ]
        try:
            while not any(work.done() for work in works):
                silent_s = self._silent_s(consumer)
                if silent_s > SILENCE_S:
                    return f"no answer to a fetch for {silent_s:.0f} s"
                await asyncio.wait(works, timeout=CHECK_S, return_when=asyncio.FIRST_COMPLETED)
            return repr(next(work.exception() for work in works if work.done()))
        finally:
            for work in works:
                work.cancel()
            await asyncio.gather(*works, return_exceptions=True)
            await self._close(consumer)

    async def _read(self, consumer: AIOKafkaConsumer) -> None:
        while True:
            if self._end is not None and await consumer.position(self._partition) >= self._end:
                self._end = None
                self._caught_up.set()
                self.reached_end()
            fetched = await consumer.getmany(self._partition, timeout_ms=LONG_POLL_MS, max_records=RECORDS_AT_ONCE)
            for records in fetched.values():
                self._take_all(records)

    def _take_all(self, records: Iterable[ConsumerRecord]) -> None:
        for record in records:
            try:
                self.take(record.key or b"", record.value)
            except ContractError as error:
                _broken.labels(self._name).inc()
                log.warning("a record could not be read and is skipped", topic=self._name, offset=record.offset, cause=str(error))
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    async def _watch_topic(self, consumer: AIOKafkaConsumer) -> None:
        """Ends with an error when another topic has taken the place of the one that is read."""
        while True:
            await asyncio.sleep(self._check_topic_s)
            if self._silent_s(consumer) > CHECK_S * 2:
                continue  # the broker does not answer: it would not answer this either
            try:
                now = await self._ask_topic_id()
            except TopicError as error:
                log.warning("a topic cannot be described", topic=self._name, cause=str(error))
                continue
            if now != self._topic_id:
                raise _TopicReplacedError(f"topic {self._partition.topic} had the id {self._topic_id}, now {now}")

    async def _ask_topic_id(self) -> str:
        return await asyncio.to_thread(topic_id, self._bootstrap_servers, self._partition.topic, timeout_s=TOPIC_ID_LIMIT_S)

    def _silent_s(self, consumer: AIOKafkaConsumer) -> float:
        polled_ms = consumer.last_poll_timestamp(self._partition)
        return time.time() - max(self._opened_at_s, (polled_ms or 0) / 1_000) if self._opened_at_s else math.inf

    async def _close(self, consumer: AIOKafkaConsumer) -> None:
        await give_up_after(consumer.stop(), CLOSE_LIMIT_S, f"the stop of the consumer of {self._name}")
