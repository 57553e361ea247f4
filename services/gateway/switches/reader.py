"""Reads `gateway.switches` from its beginning into a board, and keeps doing so.

By assignment, never by group: every process needs every switch. What is on the board stays there whatever happens to
Kafka; a topic that was deleted and made anew is read from its beginning again.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Iterable
from typing import Final

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError
from prometheus_client import Counter

from services.gateway.switches.board import SwitchBoard, SwitchKey, key_of
from shared.contracts import SwitchSet, codec
from shared.errors import ContractError, StakewireError, TopicError
from shared.kafka.admin import topic_id
from shared.kafka.topics import SWITCHES, TopicNames
from shared.waiting import give_up_after

log = structlog.get_logger(__name__)

LONG_POLL_MS: Final = 500
OPEN_LIMIT_S: Final = 15.0
CLOSE_LIMIT_S: Final = 3.0
SILENCE_S: Final = 10.0
"""After so long without an answer of the broker the consumer is made anew: its connection may hang."""

RETRY_S, RETRY_MAX_S = 0.25, 4.0
CHECK_S: Final = 1.0
TOPIC_CHECK_S: Final = 10.0
TOPIC_ID_LIMIT_S: Final = 3.0

_reopened = Counter("stakewire_switches_reader_reopened_total", "Consumers of the switches made anew")
_broken = Counter("stakewire_switches_broken_records_total", "Records of the switches that could not be decoded")


class _TopicReplacedError(StakewireError):
    """The topic was deleted and made anew."""


class SwitchReader:
    """Fills `board`. `check_topic_s` is how often it is asked whether the topic is still the same one."""

    def __init__(
        self,
        bootstrap_servers: str,
        names: TopicNames,
        board: SwitchBoard,
        *,
        check_topic_s: float = TOPIC_CHECK_S,
    ) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._partition = TopicPartition(names.of(SWITCHES), 0)
        self.board = board
        self._check_topic_s = check_topic_s
        self._topic_id = ""
        self._opened_at_s = 0.0
        self._end: int | None = None
        self._on_topic: dict[SwitchKey, int] = {}
        self._caught_up = asyncio.Event()
        self._moved = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Returns once everything is read that was on the topic at the start; waits for Kafka however long it takes."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="switch-reader")
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
        """Whether the switches were read to the end seen at the start, or later."""
        return self._caught_up.is_set()

    @property
    def on_topic(self) -> dict[SwitchKey, int] | None:
        """The version that the newest record of each switch carries; None while the topic is being read anew."""
        return self._on_topic if self._end is None and self.caught_up else None

    async def wait_for(self, switch: SwitchSet, timeout_s: float) -> bool:
        """Waits until the board has this change of a switch, or a newer one; False where it has not in time."""
        key = key_of(switch)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while self.board.version_of(key) < switch.version:
                    await self._moved.wait()
        return self.board.version_of(key) >= switch.version

    async def _run(self) -> None:
        retry_s = RETRY_S
        while True:
            try:
                consumer = await self._open()
            except (KafkaError, TopicError, OSError, TimeoutError) as error:
                log.warning("switches cannot be read yet", cause=repr(error), again_in_s=retry_s)
                await asyncio.sleep(retry_s)
                retry_s = min(retry_s * 2, RETRY_MAX_S)
                continue
            retry_s = RETRY_S
            cause = await self._read_until_it_breaks(consumer)
            log.warning("the consumer of the switches is made anew", cause=cause)
            _reopened.inc()
            await asyncio.sleep(RETRY_S)

    async def _open(self) -> AIOKafkaConsumer:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap_servers,
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
            await _close(consumer)
            raise
        self._on_topic = {}
        self._opened_at_s = time.time()
        return consumer

    async def _read_until_it_breaks(self, consumer: AIOKafkaConsumer) -> str:
        """Reads until an error, silence, or another topic in the place of this one; returns what it was."""
        works = [
            asyncio.create_task(self._read(consumer), name="switch-reader-fetch"),
            asyncio.create_task(self._watch_topic(consumer), name="switch-reader-topic"),
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
            await _close(consumer)

    async def _read(self, consumer: AIOKafkaConsumer) -> None:
        while True:
            if self._end is not None and await consumer.position(self._partition) >= self._end:
                self._end = None
                self._caught_up.set()
            fetched = await consumer.getmany(self._partition, timeout_ms=LONG_POLL_MS, max_records=500)
            for records in fetched.values():
                self._take(records)

    def _take(self, records: Iterable[ConsumerRecord]) -> None:
        for record in records:
            try:
                switch = codec.decode_switch(record.value or b"")
            except ContractError as error:
                _broken.inc()
                log.warning("a record of the switches could not be read and is skipped", offset=record.offset, cause=str(error))
                continue
            self._on_topic[key_of(switch)] = switch.version
            if self.board.apply(switch) and self.caught_up:
                log.info("switch", key=str(key_of(switch)), state=switch.state, version=switch.version)
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
                log.warning("the topic of the switches cannot be described", cause=str(error))
                continue
            if now != self._topic_id:
                raise _TopicReplacedError(f"topic {self._partition.topic} had the id {self._topic_id}, now {now}")

    async def _ask_topic_id(self) -> str:
        return await asyncio.to_thread(topic_id, self._bootstrap_servers, self._partition.topic, timeout_s=TOPIC_ID_LIMIT_S)

    def _silent_s(self, consumer: AIOKafkaConsumer) -> float:
        polled_ms = consumer.last_poll_timestamp(self._partition)
        return time.time() - max(self._opened_at_s, (polled_ms or 0) / 1_000) if self._opened_at_s else math.inf


async def _close(consumer: AIOKafkaConsumer) -> None:
    await give_up_after(consumer.stop(), CLOSE_LIMIT_S, "the stop of the switches' consumer")
