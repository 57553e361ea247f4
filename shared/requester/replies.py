"""Reads one partition of `wallet.replies` from its end on, and keeps doing so: a dead consumer is noticed and made anew.

By assignment, never by group: a reply belongs to the process that asked, and nobody else may take the partition over.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Callable
from typing import Final

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from prometheus_client import Counter

from shared.kafka.connection import aiokafka_options

log = structlog.get_logger(__name__)

LONG_POLL_MS: Final = 500
"""A broker that is alive answers a fetch at least this often, data or not."""

OPEN_LIMIT_S: Final = 15.0
CLOSE_LIMIT_S: Final = 3.0
RETRY_S: Final = 0.5
_CHECK_S: Final = 1.0

_reopened = Counter("stakewire_requester_reader_reopened_total", "Reply consumers made anew after an error or silence")


class ReplyReader:
    """Hands every record of one partition to `deliver`, which must not raise.

    After `reopen_s` without an answer of the broker the consumer is made anew: its connection may hang.
    """

    def __init__(
        self, bootstrap_servers: str, topic: str, partition: int, deliver: Callable[[bytes], None], *, reopen_s: float
    ) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._partition = TopicPartition(topic, partition)
        self._deliver = deliver
        self._reopen_s = reopen_s
        self._next_offset: int | None = None
        self._consumer: AIOKafkaConsumer | None = None
        self._task: asyncio.Task[None] | None = None
        self._opened_at_s = 0.0

    async def start(self) -> None:
        """Returns once the position is known: what is asked from now on, its reply is seen. Raises KafkaError, TimeoutError."""
        self._consumer = await self._open()
        self._task = asyncio.create_task(self._run(self._consumer), name="reply-reader")

    async def stop(self) -> None:
        """Closes the consumer."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    def silent_s(self) -> float:
        """Seconds since the broker last answered a fetch; infinite while there is no consumer."""
        if self._consumer is None:
            return math.inf
        polled_ms = self._consumer.last_poll_timestamp(self._partition)
        return time.time() - max(self._opened_at_s, (polled_ms or 0) / 1_000)

    async def _run(self, consumer: AIOKafkaConsumer) -> None:
        while True:
            reading = asyncio.create_task(self._read(consumer), name="reply-reader-fetch")
            try:
                while not reading.done() and self.silent_s() < self._reopen_s:
                    await asyncio.wait([reading], timeout=_CHECK_S)
                cause = repr(reading.exception()) if reading.done() else f"no answer to a fetch for {self._reopen_s:g} s"
            finally:
                self._consumer = None
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)
                await _close(consumer)
            log.warning("reply consumer is made anew", cause=cause, next_offset=self._next_offset)
            _reopened.inc()
            consumer = await self._reopen()

    async def _read(self, consumer: AIOKafkaConsumer) -> None:
        while True:
            record = await consumer.getone()
            self._next_offset = record.offset + 1
            self._deliver(record.value)

    async def _reopen(self) -> AIOKafkaConsumer:
        while True:
            try:
                self._consumer = await self._open()
            except (KafkaError, OSError, TimeoutError) as error:
                log.warning("reply consumer could not be opened", cause=repr(error), again_in_s=RETRY_S)
                await asyncio.sleep(RETRY_S)
            else:
                return self._consumer

    async def _open(self) -> AIOKafkaConsumer:
        consumer = AIOKafkaConsumer(
            **aiokafka_options(self._bootstrap_servers),
            enable_auto_commit=False,
            # Where our offset is gone (retention, a recreated topic), nothing older is of use to anybody who waits now.
            auto_offset_reset="latest",
            fetch_max_wait_ms=LONG_POLL_MS,
        )
        try:
            async with asyncio.timeout(OPEN_LIMIT_S):
                await consumer.start()
                consumer.assign([self._partition])
                if self._next_offset is None:
                    await consumer.seek_to_end(self._partition)
                else:
                    consumer.seek(self._partition, self._next_offset)
                self._next_offset = await consumer.position(self._partition)
        except BaseException:
            await _close(consumer)
            raise
        self._opened_at_s = time.time()
        return consumer


async def _close(consumer: AIOKafkaConsumer) -> None:
    # Not `wait_for`: that waits for the end of what it cancels, and a consumer without a broker swallows cancellation.
    closing = asyncio.create_task(consumer.stop(), name="reply-reader-close")
    closing.add_done_callback(_closed)
    done, _ = await asyncio.wait([closing], timeout=CLOSE_LIMIT_S)
    if not done:
        log.warning("reply consumer did not stop in time and is left behind", limit_s=CLOSE_LIMIT_S)
        closing.cancel()


def _closed(closing: asyncio.Task[None]) -> None:
    if not closing.cancelled() and closing.exception() is not None:
        log.warning("reply consumer did not stop cleanly", cause=repr(closing.exception()))
