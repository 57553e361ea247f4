"""Reads one topic by FastStream and takes its records in, exactly once: what was read and where it was read to are one commit.

FastStream logs and drops whatever a handler raises, so nothing leaves `_handle`: it goes on trying until the batch is in the
database, this process ends, or the partition is somebody else's. What cannot be stored is found by halving the batch, and
only that is left out.

Where to read on is in the database, and Kafka's own offsets are a hint for people. A partition is *placed* once its records
come from that place on, or the handler has sought there; only the handler places, so that no fetch from before is under way, and
what came from elsewhere is dropped. The listener and `look_again` merely make the consumer fetch something near.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, Final, Generic, TypeVar

import asyncpg
import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.errors import IllegalStateError, KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage
from faststream.kafka.message import FAKE_CONSUMER
from faststream.message import StreamMessage
from msgspec import Struct

from services.backoffice.projections import metrics, offsets
from services.backoffice.projections.broker import new_broker
from services.backoffice.projections.offsets import MovedError
from shared.database.away import DATABASE_AWAY
from shared.errors import ContractError
from shared.kafka.event_chain import ForkError
from shared.waiting import give_up_after

log = structlog.get_logger(__name__)

BATCH_MAX: Final = 5_000
"""Players come again within a batch: the larger it is, the fewer rows are written for an event."""

POLL_MS: Final = 20
"""FastStream waits that long for records, and as long again where none came."""
FETCH_WAIT_MS: Final = 200
"""A seek waits for the fetch that is under way."""
HEARTBEAT_MS: Final = 1_000
PARTITION_BYTES: Final = 4 * 1024 * 1024
PAUSE_S, PAUSE_S_MAX = 0.1, 5.0
START_AGAIN_S: Final = 2.0
STOP_LIMIT_S: Final = 10.0
KAFKA_LIMIT_S: Final = 5.0

POISON: Final = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, ContractError, ValueError, OverflowError)
"""What a record raises that cannot be stored as it is."""

V = TypeVar("V")


class Read(Struct, Generic[V], frozen=True):
    """A decoded record and its place."""

    partition: int
    offset: int
    value: V | None
    """None where it could not be decoded: its place is passed, and nothing is made of it."""


class Topic(Struct, Generic[V], frozen=True):
    """What is read: the topic, its name on the broker, how a record is decoded (ContractError), how records are taken in."""

    label: str
    name: str
    decode: Callable[[ConsumerRecord], V]
    take: Callable[[asyncpg.Connection, Sequence[Read[V]]], Awaitable[None]]


class TopicReader(Generic[V]):
    """One for a topic and process. Starts without Kafka or a database to be there yet."""

    def __init__(self, topic: Topic[V], pool: asyncpg.Pool, bootstrap_servers: str, group: str) -> None:
        self.label, self.topic = topic.label, topic.name
        self.fork: ForkError | None = None
        self.joined = False
        self.lag = 0
        self._decode, self._take = topic.decode, topic.take
        self._pool = pool
        self._bootstrap_servers, self._group = bootstrap_servers, group
        self._placed: dict[int, int] = {}
        """Partition -> the offset that is expected next. Set by the handler only."""
        self._near: dict[int, int] = {}
        """Partition -> where fetching began, as the database said; placed or not."""
        self._sought: set[int] = set()
        """Partitions whose records of the batch at hand are from before a seek."""
        self._doubted: set[int] = set()
        self._uncommitted: dict[int, int] = {}
        self._stopping = asyncio.Event()
        self._broker: KafkaBroker | None = None
        self._subscriber: Any = None
        self._task: asyncio.Task[None] | None = None
        metrics.prepare(topic.label)

    def start(self) -> None:
        """Begins to read in the background."""
        self._stopping.clear()
        self._task = asyncio.create_task(self._connect(), name=f"reads {self.topic}")

    async def stop(self) -> None:
        """Ends reading: a batch that is being written is finished or rolled back."""
        self._stopping.set()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        await self._tell_kafka()
        if self._broker is not None:
            await give_up_after(self._broker.stop(), STOP_LIMIT_S, f"the consumer of {self.topic}")
            self._broker = None

    async def look_again(self) -> None:
        """Partitions are to be read from where the database says now: the projections are made anew."""
        self._placed.clear()
        self._near.clear()
        await self._go_near()

    async def tend(self) -> None:
        """To be called every second or so: finds places that could not be found before, tells Kafka, measures the lag."""
        if self._subscriber is None:
            return
        await self._go_near()
        await self._tell_kafka()
        self._measure()

    # --- consumer -----------------------------------------------------------------------------------------------------

    @property
    def _consumer(self) -> AIOKafkaConsumer | None:
        return None if self._subscriber is None else self._subscriber.consumer

    def _assigned(self) -> set[int]:
        consumer = self._consumer
        return set() if consumer is None else {each.partition for each in consumer.assignment()}

    async def _connect(self) -> None:
        """Until the consumer has started; FastStream keeps it running from then on."""
        while not self._stopping.is_set():
            broker = new_broker(self._bootstrap_servers)
            self._subscriber = self._subscribe(broker)
            self._broker = broker
            try:
                await broker.start()
                return
            except (KafkaError, OSError) as error:
                log.warning("Kafka cannot be read yet; trying again", topic=self.topic, cause=repr(error), again_in_s=START_AGAIN_S)
            self._subscriber = None
            await give_up_after(broker.stop(), STOP_LIMIT_S, f"the consumer of {self.topic}")
            await asyncio.sleep(START_AGAIN_S)

    def _subscribe(self, broker: KafkaBroker) -> Any:
        subscriber = broker.subscriber(
            self.topic,
            batch=True,
            group_id=self._group,
            auto_offset_reset="earliest",
            ack_policy=AckPolicy.MANUAL,
            max_records=BATCH_MAX,
            batch_timeout_ms=POLL_MS,
            max_partition_fetch_bytes=PARTITION_BYTES,
            fetch_max_wait_ms=FETCH_WAIT_MS,
            heartbeat_interval_ms=HEARTBEAT_MS,
            listener=_Listener(self._assigned_anew),
            parser=_unparsed,
            decoder=_raw,
            no_reply=True,
        )
        subscriber(self._handle)
        return subscriber

    async def _assigned_anew(self) -> None:
        self._placed.clear()
        self._near.clear()
        self._uncommitted.clear()
        self.joined = True
        self._hold_still()
        await self._go_near()

    async def _go_near(self) -> None:
        """Makes the consumer fetch from where the database says, where it is not known to do so. Never raises for the database."""
        wanted = self._assigned() - self._near.keys() - self._placed.keys()
        if not wanted or self.fork is not None:
            return
        try:
            places = await offsets.begin(self._pool, self.topic, wanted)
        except DATABASE_AWAY as error:
            log.warning("the database does not say where to read on; asking again", topic=self.topic, cause=repr(error))
            return
        # Nothing is awaited from here on: what the handler has placed meanwhile stays where it is.
        for partition, offset in places.items():
            if partition not in self._placed and self._seek(partition, offset):
                self._near[partition] = offset

    def _seek(self, partition: int, offset: int) -> bool:
        consumer = self._consumer
        if consumer is None:
            return False
        try:
            consumer.seek(TopicPartition(self.topic, partition), offset)
        except IllegalStateError:  # it was taken away meanwhile
            return False
        return True

    def _hold_still(self) -> None:
        """After a fork nothing more is fetched."""
        consumer = self._consumer
        if self.fork is not None and consumer is not None:
            consumer.pause(*consumer.assignment())

    async def _tell_kafka(self) -> None:
        """Commits what is stored, for people who look at the group; nothing depends on it."""
        told, self._uncommitted = self._uncommitted, {}
        consumer = self._consumer
        assigned = self._assigned()
        places = {TopicPartition(self.topic, each): offset for each, offset in told.items() if each in assigned}
        if consumer is None or not places:
            return
        try:
            async with asyncio.timeout(KAFKA_LIMIT_S):
                await consumer.commit(places)
        except (KafkaError, TimeoutError, IllegalStateError) as error:
            log.info("Kafka was not told how far the topic is read", topic=self.topic, cause=repr(error))

    def _measure(self) -> None:
        """The lag by what the last fetches told of the ends: asking for them would wait behind a fetch that waits for records."""
        consumer, places = self._consumer, self._near | self._placed
        self.lag = 0
        for partition in self._assigned():
            end = consumer.highwater(TopicPartition(self.topic, partition)) if consumer is not None else None
            self.lag += max(0, (end or 0) - places.get(partition, 0))
        metrics.lag.labels(self.label).set(self.lag)

    # --- records ------------------------------------------------------------------------------------------------------

    async def _handle(self, records: Sequence[ConsumerRecord]) -> None:
        """One batch, of any of our partitions. Returns once it is stored, or is not ours to store."""
        if self.fork is not None:
            return
        runs = [(partition, list(group)) for partition, group in groupby(records, key=_partition)]
        await self._place({partition: run[0].offset for partition, run in runs if partition not in self._placed})
        at: dict[int, int] = {}
        lost: set[int] = set()
        batch: list[Read[V]] = []
        unreadable: list[tuple[int, int, str]] = []
        for partition, run in runs:
            expected = self._placed.get(partition)
            if expected is None or partition in self._sought:
                continue  # what comes of it next is what was sought
            if run[0].offset < expected and not await self._remade(partition, run[0].offset, expected):
                lost.add(partition)
                continue
            self._doubted.discard(partition)
            at[partition] = min(expected, run[0].offset)
            batch.extend(self._decoded(run, unreadable))
        self._sought.clear()
        self._tell_unreadable(unreadable)
        if batch:
            await self._store(batch, at, lost)
        await self._place(dict.fromkeys(lost, -1))
        self._sought.clear()

    def _decoded(self, records: Iterable[ConsumerRecord], unreadable: list[tuple[int, int, str]]) -> Iterable[Read[V]]:
        decode = self._decode
        for record in records:
            value: V | None = None
            try:
                value = decode(record)
            except ContractError as error:
                unreadable.append((record.partition, record.offset, str(error)))
            yield Read(record.partition, record.offset, value)

    def _tell_unreadable(self, unreadable: Sequence[tuple[int, int, str]]) -> None:
        if unreadable:
            partition, offset, cause = unreadable[0]
            metrics.skipped.labels(self.label).inc(len(unreadable))
            log.error(
                "records that cannot be read are left out; the first of them is told",
                topic=self.topic,
                records=len(unreadable),
                partition=partition,
                offset=offset,
                cause=cause[:500],
            )

    async def _place(self, came: Mapping[int, int]) -> None:
        """Finds out where partitions are to be read on, and seeks there unless that is where records `came` from.

        Tries until it is known, or this process ends.
        """
        pause_s = PAUSE_S
        while came and not self._stopping.is_set():
            try:
                places = await offsets.begin(self._pool, self.topic, came)
            except DATABASE_AWAY as error:
                pause_s = await self._pause(pause_s, "away", error)
                continue
            for partition, offset in places.items():
                if came[partition] == offset:
                    self._placed[partition] = offset
                elif self._seek(partition, offset):
                    self._placed[partition] = offset
                    self._sought.add(partition)
            return

    async def _remade(self, partition: int, came: int, expected: int) -> bool:
        """Whether the topic was made anew, so that its first records lie before what was read. If so they are read.

        What comes from before the place that was sought once more means that Kafka has no such place any more.
        """
        if partition not in self._doubted:
            self._doubted.add(partition)
            del self._placed[partition]
            return False
        log.warning(
            "the topic ends before the place that was read last: it was made anew, or has lost records. It is read from its first record",
            topic=self.topic,
            partition=partition,
            expected=expected,
            found=came,
        )
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                await offsets.move(connection, self.topic, {partition: expected}, {partition: came})
        except (*DATABASE_AWAY, MovedError) as error:
            log.warning("the partition could not be begun again now", topic=self.topic, partition=partition, cause=repr(error))
            del self._placed[partition]
            return False
        self._placed[partition] = came
        return True

    async def _store(self, batch: Sequence[Read[V]], at: dict[int, int], lost: set[int]) -> None:
        """Stores a batch whose partitions are `at` these offsets, which moves on. Partitions that are not become `lost`."""
        pause_s = PAUSE_S
        while not self._stopping.is_set():
            try:
                await self._write(batch, at)
                return
            except MovedError as error:
                log.info("read again", cause=str(error))
                metrics.retries.labels(self.label, "moved").inc()
                lost |= at.keys()
                return
            except ForkError as error:
                self.stopped_by(error)
                return
            except POISON as error:
                if len(batch) > 1:
                    half = len(batch) // 2
                    await self._store(batch[:half], at, lost)
                    if not lost and self.fork is None:
                        await self._store(batch[half:], at, lost)
                    return
                batch = [self._left_out(batch[0], error)]
            except DATABASE_AWAY as error:
                pause_s = await self._pause(pause_s, "away", error)
            except Exception as error:
                log.exception("a batch was not stored because of a fault of ours", topic=self.topic)
                pause_s = await self._pause(pause_s, "fault", error)

    def _left_out(self, read: Read[V], error: Exception) -> Read[V]:
        metrics.skipped.labels(self.label).inc()
        log.error(
            "a record cannot be stored and is left out",
            topic=self.topic,
            partition=read.partition,
            offset=read.offset,
            cause=repr(error)[:500],
        )
        return Read(read.partition, read.offset, None)

    async def _write(self, batch: Sequence[Read[V]], at: dict[int, int]) -> None:
        """One transaction."""
        to = {each.partition: each.offset + 1 for each in batch}
        expected = {partition: at[partition] for partition in to}
        told = [each for each in batch if each.value is not None]
        began = time.perf_counter()
        async with self._pool.acquire() as connection, connection.transaction():
            await offsets.move(connection, self.topic, expected, to)
            if told:
                await self._take(connection, told)
        metrics.seconds.labels(self.label).observe(time.perf_counter() - began)
        metrics.records.labels(self.label).inc(len(told))
        at.update(to)
        for partition, offset in to.items():
            if self._placed.get(partition) == expected[partition]:  # else it was taken away and given back meanwhile
                self._placed[partition] = offset
        self._uncommitted |= to

    def stopped_by(self, error: ForkError) -> None:
        """Takes nothing more of this topic until the process is started again: that is people's decision."""
        if self.fork is None:
            self.fork = error
            self._placed.clear()
            metrics.forked.set(1)
            log.critical("events are taken in no more", topic=self.topic, player=error.player, seq=error.seq, cause=str(error))
        self._hold_still()

    async def _pause(self, pause_s: float, cause: str, error: BaseException) -> float:
        """Waits, or returns at once where this process ends; returns how long to wait the next time."""
        metrics.retries.labels(self.label, cause).inc()
        log.warning("a batch waits to be stored", topic=self.topic, cause=repr(error)[:500], again_in_s=pause_s)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), pause_s)
        return min(pause_s * 2, PAUSE_S_MAX)


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
    def __init__(self, assigned: Callable[[], Awaitable[None]]) -> None:
        self._assigned = assigned

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """What is being written is checked against the database: nothing to do."""

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:  # noqa: ARG002  # aiokafka's signature
        await self._assigned()


async def _unparsed(records: Any) -> KafkaMessage:
    """A batch as one message: FastStream's own parser looks at every record."""
    return KafkaMessage(raw_message=records, body=b"", consumer=FAKE_CONSUMER)


async def _raw(message: StreamMessage[Any]) -> Any:
    """The records as they came: FastStream's own decoding would cost more than all else that is done with a record."""
    return message.raw_message


def _partition(record: ConsumerRecord) -> int:
    partition: int = record.partition
    return partition
