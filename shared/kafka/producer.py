"""The one producer wrapper: checks sizes before sending, and makes its producer anew when it can no longer send.

An idempotent producer does not heal: after one record that the broker refuses, every later send to that partition
fails. So oversized records never reach it, and errors of that family replace it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from typing import Final, Literal

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidProducerEpoch,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    OutOfOrderSequenceNumber,
    ProducerClosed,
    ProducerFenced,
    UnknownProducerId,
)
from prometheus_client import Counter

from shared.errors import StakewireError
from shared.kafka.connection import aiokafka_options
from shared.kafka.topics import MAX_RECORD_BYTES
from shared.waiting import give_up_after

log = structlog.get_logger(__name__)

STOP_LIMIT_S: Final = 5.0
_BROKEN: Final = (
    OutOfOrderSequenceNumber,
    UnknownProducerId,
    InvalidProducerEpoch,
    ProducerFenced,
    ProducerClosed,
    MessageSizeTooLargeError,
)
_replaced = Counter("stakewire_kafka_producer_replaced_total", "Producers made anew after an error they do not heal from")
_send_errors = Counter("stakewire_kafka_send_errors_total", "Records that Kafka did not take", ["topic"])

Acks = Literal[0, 1, "all"]
Record = tuple[bytes, bytes, int]
"""(key, value, timestamp in Unix milliseconds)."""
Headers = Sequence[tuple[str, bytes]]
"""Of a record: few and short, for its size is checked without them."""


class RecordTooLargeError(StakewireError):
    """A record is larger than the broker takes; nothing was sent."""

    def __init__(self, topic: str, size: int) -> None:
        super().__init__(f"a record of {size} bytes for {topic} was not sent: at most {MAX_RECORD_BYTES} bytes are taken")
        self.topic = topic
        self.size = size


class Producer:
    """A self-healing aiokafka producer.

    `idempotent` and `acks` as in Kafka; `compression` is None or a codec's name. Start it before use, stop it after.
    `topics` are those it will send to: their errors are counted from 0 on, so that the first one is seen as an increase.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        *,
        idempotent: bool = True,
        acks: Acks = "all",
        linger_ms: int = 0,
        compression: str | None = None,
        batch_bytes: int = 262_144,
        request_timeout_ms: int = 10_000,
        topics: Collection[str] = (),
    ) -> None:
        for topic in topics:
            _send_errors.labels(topic)
        self._make: Callable[[], AIOKafkaProducer] = lambda: AIOKafkaProducer(
            **aiokafka_options(bootstrap_servers),
            enable_idempotence=idempotent,
            acks=acks,
            linger_ms=linger_ms,
            compression_type=compression,
            max_batch_size=batch_bytes,
            max_request_size=MAX_RECORD_BYTES + 48_000,
            request_timeout_ms=request_timeout_ms,
        )
        self._producer: AIOKafkaProducer | None = None
        self._replacing: asyncio.Task[None] | None = None
        self._stopping: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Connects; raises aiokafka's KafkaConnectionError where no broker answers."""
        producer = self._make()
        try:
            await producer.start()
        except BaseException:
            await producer.stop()
            raise
        self._producer = producer

    async def stop(self) -> None:
        """Sends what is buffered and closes, within a limit."""
        if self._replacing is not None:
            self._replacing.cancel()
            await asyncio.gather(self._replacing, return_exceptions=True)
        producer, self._producer = self._producer, None
        if producer is not None:
            await _close(producer)
        await asyncio.gather(*self._stopping, return_exceptions=True)

    @property
    def available(self) -> bool:
        """Whether there is a working producer now; False while it is being replaced."""
        return self._producer is not None

    async def prepare(self, topic: str) -> None:
        """Fetches what must be known of a topic, so that the first send does not wait for it."""
        await self._current().partitions_for(topic)

    async def send(
        self,
        topic: str,
        value: bytes,
        *,
        partition: int,
        key: bytes = b"",
        timestamp_ms: int | None = None,
        headers: Headers | None = None,
    ) -> asyncio.Future[object]:
        """Hands one record over; the future ends when Kafka has taken it (or fails with KafkaError).

        Raises RecordTooLargeError before anything is sent, KafkaError where there is no producer or its buffer is full.
        """
        size = len(value) + len(key) + 200
        if size > MAX_RECORD_BYTES:
            raise RecordTooLargeError(topic, size)
        producer = self._current()
        future: asyncio.Future[object] = await producer.send(
            topic, value, key=key or None, partition=partition, timestamp_ms=timestamp_ms, headers=headers
        )
        future.add_done_callback(lambda done: self._look_at(producer, topic, done))
        return future

    async def send_bundle(self, topic: str, records: Iterable[Record], *, partition: int) -> list[asyncio.Future[object]]:
        """Hands many records over as few prepared batches (8.5 us a record where single sends cost 36).

        Records above the limit raise RecordTooLargeError; those before it are sent.
        """
        producer = self._current()
        futures: list[asyncio.Future[object]] = []
        batch = producer.create_batch()
        for key, value, timestamp_ms in records:
            if len(value) + len(key) + 200 > MAX_RECORD_BYTES:
                raise RecordTooLargeError(topic, len(value))
            if batch.append(key=key, value=value, timestamp=timestamp_ms) is None:
                futures.append(await self._submit(producer, batch, topic, partition))
                batch = producer.create_batch()
                batch.append(key=key, value=value, timestamp=timestamp_ms)
        if batch.record_count():
            futures.append(await self._submit(producer, batch, topic, partition))
        return futures

    async def _submit(self, producer: AIOKafkaProducer, batch: object, topic: str, partition: int) -> asyncio.Future[object]:
        batch.close()  # type: ignore[attr-defined]  # aiokafka has no types
        send: Callable[..., Awaitable[asyncio.Future[object]]] = producer.send_batch
        future = await send(batch, topic, partition=partition)
        future.add_done_callback(lambda done: self._look_at(producer, topic, done))
        return future

    def _current(self) -> AIOKafkaProducer:
        if self._producer is None:
            raise KafkaTimeoutError("the producer is being made anew; try again in a moment")
        return self._producer

    def _look_at(self, producer: AIOKafkaProducer, topic: str, future: asyncio.Future[object]) -> None:
        error = None if future.cancelled() else future.exception()
        if error is None:
            return
        _send_errors.labels(topic).inc()
        if isinstance(error, _BROKEN) and producer is self._producer:
            log.warning("kafka producer is made anew", topic=topic, cause=repr(error))
            self._producer = None
            stopping = asyncio.ensure_future(_close(producer))
            self._stopping.add(stopping)
            stopping.add_done_callback(self._stopping.discard)
            self._replacing = asyncio.ensure_future(self._replace())

    async def _replace(self) -> None:
        delay_s = 0.05
        while True:
            try:
                await self.start()
            except (KafkaError, OSError) as error:
                log.warning("kafka producer could not be started again", cause=repr(error), again_in_s=delay_s)
                await asyncio.sleep(delay_s)
                delay_s = min(delay_s * 2, 2.0)
            else:
                _replaced.inc()
                return


async def _close(producer: AIOKafkaProducer) -> None:
    await give_up_after(producer.stop(), STOP_LIMIT_S, "kafka producer's stop")
