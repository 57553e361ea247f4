"""The wallet's loop: consumer -> batches -> ledger -> replies -> events -> offsets.

On aiokafka directly (docs/decisions): batches of whatever has arrived, no waiting, positions in the database.
Kafka's offsets are a hint where to read from; what has been applied is known to PostgreSQL alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterable
from typing import Any, Final

import asyncpg
import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.errors import KafkaError
from msgspec import Struct
from prometheus_client import Counter, Gauge

from services.wallet import metrics
from services.wallet.batch import BatchApplier, Published
from services.wallet.failpoints import Failpoint
from services.wallet.intake import ClockWatch, Taken, now_ms, take
from services.wallet.ledger.positions import EpochError, current_epoch, read_positions
from services.wallet.ledger.store import PositionMovedError
from services.wallet.offsets import OffsetHints
from services.wallet.outbox import Outbox
from services.wallet.queries import QueryDesk
from services.wallet.setback import SetbackWatch
from services.wallet.settings import WalletSettings
from services.wallet.traces import Traces
from shared.database.away import DATABASE_AWAY
from shared.errors import StakewireError, TopicError
from shared.gaming_day import GamingDays
from shared.kafka.admin import topic_id
from shared.kafka.connection import aiokafka_options
from shared.kafka.topics import COMMANDS, TopicNames
from shared.waiting import give_up_after

log = structlog.get_logger(__name__)

POLL_MS: Final = 200
FRESH_POLL_S: Final = 10.0
HAND_OVER_LIMIT_S: Final = 8.0
PARTITION_FETCH_BYTES: Final = 4 * 1024**2
FETCH_BYTES: Final = 16 * 1024**2
IDLE_S: Final = 0.02
"""A poll that waited longer than this found nothing waiting."""
REBUILD_BACKOFF_S: Final = (0.2, 0.5, 1.0, 2.0)

_lag = Gauge("stakewire_wallet_lag_records", "Commands in Kafka that are not applied yet")
_parts = Gauge("stakewire_wallet_topic_partitions", "Partitions that the topic of the commands has")
_assigned = Gauge("stakewire_wallet_partitions", "Partitions this wallet owns")
_rebalances = Counter("stakewire_wallet_rebalances_total", "Assignments of partitions")
_rebuilds = Counter("stakewire_wallet_consumer_rebuilds_total", "Consumers made anew after an error")


class GapError(StakewireError):
    """Kafka gave records with offsets missing between them."""


class Batch(Struct, kw_only=True):
    """Decoded records on their way to the ledger; `generation` is the assignment they were fetched under."""

    items: list[Taken]
    generation: int
    waiting_since_ms: int | None


class Worker(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """One wallet process. `run` until `stop`."""

    def __init__(
        self, settings: WalletSettings, pool: asyncpg.Pool, outbox: Outbox, days: GamingDays, traces: Traces | None = None
    ) -> None:
        self._settings = settings
        self._pool = pool
        self._outbox = outbox
        self._names = TopicNames(settings.topic_prefix)
        self._topic = self._names.of(COMMANDS)
        self._failpoint = Failpoint(settings.wallet_failpoint)
        self._traces = traces or Traces(None)
        self._applier = BatchApplier(pool, settings, days, outbox.bury, self._failpoint, self._traces)
        self._desk = QueryDesk(pool, settings.wallet_expiry_margin_ms, outbox.reply, days, self._traces)
        self._consumer: AIOKafkaConsumer | None = None
        self._generation = 0
        self._positions: dict[int, int] = {}
        self._expected: dict[int, int] = {}
        self._reached: dict[int, int] = {}
        self._known_gaps: set[tuple[int, int]] = set()
        self._epoch = 0
        self._busy = asyncio.Lock()
        self._clocks = ClockWatch()
        self._in_hand: asyncio.Future[None] | None = None
        self._failure: asyncio.Future[None] | None = None
        self._setback = SetbackWatch()
        self._hints = OffsetHints(self._topic, self._failpoint, lambda: self._positions)
        self._stopping = asyncio.Event()
        self._last_poll = 0.0
        self._problem = "starting"

    async def run(self) -> None:
        """Consumes until `stop`; makes the consumer anew after errors of Kafka or the database."""
        answering = asyncio.create_task(self._desk.run(), name="queries")
        try:
            await self._consume_for_ever()
        finally:
            answering.cancel()
            await asyncio.gather(answering, return_exceptions=True)

    async def _consume_for_ever(self) -> None:
        attempt = 0
        while not self._stopping.is_set():
            try:
                await self._consume()
                attempt = 0
            except EpochError as error:
                self._problem = str(error)
                log.error("the wallet does not go on", cause=str(error))  # noqa: TRY400  # the message says it all
                attempt = len(REBUILD_BACKOFF_S)
            except (*DATABASE_AWAY, GapError, TopicError, KafkaError) as error:
                self._problem = repr(error)
                log.warning("the consumer is made anew", cause=repr(error))
            if not self._stopping.is_set():
                _rebuilds.inc()
                delay_s = REBUILD_BACKOFF_S[min(attempt, len(REBUILD_BACKOFF_S) - 1)]
                attempt += 1
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), delay_s)

    def stop(self) -> None:
        """Asks the loop to finish its batch, hand over and end."""
        self._stopping.set()

    def readiness(self) -> tuple[bool, str]:
        """Whether this wallet owns partitions and has polled within the last seconds, and why not."""
        if self._stopping.is_set():
            return False, "stopping"
        if self._problem:
            return False, self._problem
        if not self._positions:
            return False, "no partitions are assigned to this wallet"
        silent_s = time.monotonic() - self._last_poll
        if silent_s > FRESH_POLL_S:
            return False, f"no poll for {silent_s:.0f} s"
        return True, f"{len(self._positions)} partitions"

    async def _consume(self) -> None:
        settings = self._settings
        consumer = AIOKafkaConsumer(
            **aiokafka_options(settings.kafka_bootstrap_servers),
            group_id=self._names.prefix + settings.wallet_group,
            group_instance_id=settings.wallet_instance_id or None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=settings.wallet_session_timeout_ms,
            heartbeat_interval_ms=min(3_000, settings.wallet_session_timeout_ms // 4),
            fetch_max_wait_ms=500,
            # A partition is asked for more only when all that was fetched of it is used up: of a single busy one that must be
            # several batches. What is held in memory is bounded by the second.
            max_partition_fetch_bytes=PARTITION_FETCH_BYTES,
            fetch_max_bytes=FETCH_BYTES,
            # A topic that comes back after it was deleted is noticed by this alone; the default is five minutes.
            metadata_max_age_ms=5_000,
        )
        self._consumer = consumer
        self._failure = asyncio.get_running_loop().create_future()
        queue: asyncio.Queue[Batch] = asyncio.Queue(maxsize=1)
        tasks: list[asyncio.Future[None]] = [self._failure]
        try:
            await consumer.start()
            consumer.subscribe([self._topic], listener=self)
            tasks += [
                asyncio.create_task(self._fetch(consumer, queue), name="fetch"),
                asyncio.create_task(self._apply(queue), name="apply"),
                asyncio.create_task(self._hints.tell(consumer), name="offsets"),
                asyncio.create_task(self._wait_stop(), name="stop"),
            ]
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            async with self._between_batches():
                await self._hand_over(consumer)
                self._forget()
            self._consumer = None
            await give_up_after(consumer.stop(), HAND_OVER_LIMIT_S, "wallet consumer's stop")

    @contextlib.asynccontextmanager
    async def _between_batches(self) -> AsyncIterator[None]:
        """No batch is in the database inside. One that does not end within the limit is rolled back."""
        try:
            await asyncio.wait_for(self._busy.acquire(), HAND_OVER_LIMIT_S)
        except TimeoutError:
            if self._in_hand is not None:
                self._in_hand.cancel()
            await self._busy.acquire()
        try:
            yield
        finally:
            self._busy.release()

    async def _wait_stop(self) -> None:
        await self._stopping.wait()

    async def _fetch(self, consumer: AIOKafkaConsumer, queue: asyncio.Queue[Batch]) -> None:
        """Fetches and decodes the next batch while the last one is in the database."""
        while True:
            began_ms, began = now_ms(), time.monotonic()
            fetched: dict[Any, list[Any]] = await consumer.getmany(timeout_ms=POLL_MS, max_records=self._settings.wallet_batch_max)
            # What is returned now was fetched under the assignment of now; a later one seeks, and fetches it again.
            generation = self._generation
            self._last_poll = time.monotonic()
            items = take(record for records in fetched.values() for record in records)
            idle = self._last_poll - began > IDLE_S and queue.empty() and not self._busy.locked()
            if items:
                self._failpoint.passed("fetched")
                await queue.put(Batch(items=items, generation=generation, waiting_since_ms=began_ms if idle else None))
            elif self._applier.deferred and queue.empty():
                await queue.put(Batch(items=[], generation=generation, waiting_since_ms=None))
            self._measure(consumer)

    async def _apply(self, queue: asyncio.Queue[Batch]) -> None:
        while True:
            batch = await queue.get()
            # Shielded: a stop or a rebuild lets the batch in hand come to its end.
            self._in_hand = asyncio.ensure_future(self._locked(batch))
            await asyncio.shield(self._in_hand)

    async def _locked(self, batch: Batch) -> None:
        async with self._busy:
            if batch.generation == self._generation:
                await self._one(batch)

    def _check_order(self, items: list[Taken]) -> None:
        """Every record follows the one before it; a command that was skipped would be lost for good.

        GapError makes the consumer begin anew at the position. A gap that is there again is really one in the topic.
        """
        for item in items:
            expected = self._expected.get(item.partition, item.offset)
            if item.offset != expected and (item.partition, item.offset) not in self._known_gaps:
                self._known_gaps.add((item.partition, item.offset))
                raise GapError(f"partition {item.partition} gave offset {item.offset} after {expected - 1}; reading again")
            self._expected[item.partition] = item.offset + 1

    async def _one(self, batch: Batch) -> None:
        """One batch from the ledger to Kafka."""
        self._check_order(batch.items)
        expire = not batch.items or self._clocks.agree(
            max(item.timestamp_ms for item in batch.items), now_ms(), batch.waiting_since_ms
        )
        owned = [item for item in batch.items if item.partition in self._positions]
        self._setback.taken(owned, self._positions)
        published = await self._applied(owned, expire=expire)
        self._setback.committed(self._epoch, self._positions)
        await self._applier.give_up_deferred(published)
        self._desk.take(published.queries, expire=expire)
        self._reached.update(_ends(owned))
        await self._say(published, owned)
        self._problem = ""

    async def _applied(self, owned: list[Taken], *, expire: bool) -> Published:
        while True:
            try:
                return await self._applier.apply(owned, self._positions, self._epoch, expire=expire)
            except PositionMovedError as error:
                # Our own commit whose answer got lost, or another owner: the database knows. Read, and give it again.
                log.warning("positions moved without us; reading them again", cause=str(error))
                await self._read_positions(list(self._positions))

    async def _say(self, published: Published, owned: list[Taken]) -> None:
        stages = metrics.Stages()
        await self._outbox.reply(published)
        self._failpoint.passed("replied")
        stages.reached("reply")
        futures = await self._outbox.publish(published)
        stages.reached("publish")
        self._traces.tell(stages.times)
        self._hints.add(futures, self._reached, {item.partition for item in owned}, self._applier.waiting())

    async def _hand_over(self, consumer: AIOKafkaConsumer) -> None:
        """Before partitions go to somebody else: events stored, offsets told, nothing left set aside."""
        published = Published()
        try:
            async with asyncio.timeout(HAND_OVER_LIMIT_S):
                await self._applier.give_up_deferred(published, all_of_them=True)
                await self._outbox.reply(published)
                await self._hints.finish(consumer)
        except (KafkaError, OSError, TimeoutError) as error:
            log.warning("the hand-over was cut short; the next owner answers from what is stored", cause=repr(error))
        self._hints.forget()

    async def on_partitions_revoked(self, revoked: Iterable[Any]) -> None:
        """Finishes the batch in hand and hands over."""
        self._generation += 1
        async with self._between_batches():
            if self._consumer is not None and self._positions:
                await self._hand_over(self._consumer)
            self._forget()
        log.info("partitions revoked", partitions=sorted(item.partition for item in revoked))

    async def on_partitions_assigned(self, assigned: Iterable[Any]) -> None:
        """Reads where to go on from the database and starts each partition there, or earlier if the hint is."""
        _rebalances.inc()
        consumer = self._consumer
        parts = {item.partition: item for item in assigned}
        if consumer is not None:
            _parts.set(len(consumer.partitions_for_topic(self._topic) or ()))
        if consumer is None or not parts:
            return
        async with self._between_batches():
            try:
                await self._read_positions(list(parts))
                first = await consumer.beginning_offsets(list(parts.values()))
                # Without a hint all that is retained is read again: answer-only, so it changes nothing.
                hints = {part: await consumer.committed(part) or 0 for part in parts.values()}
            except (*DATABASE_AWAY, EpochError, TopicError, KafkaError) as error:
                # aiokafka only logs what a listener raises; without positions the loop must begin anew.
                self._forget()
                if self._failure is not None and not self._failure.done():
                    self._failure.set_exception(error)
                return
            # What was fetched before the seek is dropped: it comes again from where the seek points. Not a single await in
            # between, or records fetched after a seek would be dropped too, and those do not come again.
            stale = self._setback.assigned({number: hints[part] for number, part in parts.items()}, self._positions)
            self._hints.add([], dict.fromkeys(stale, 0), stale, {})
            for number, part in parts.items():
                self._expected[number] = max(first[part], min(hints[part], self._positions[number]))
                consumer.seek(part, self._expected[number])
            self._generation += 1
            self._last_poll = time.monotonic()
            self._problem = ""
        _assigned.set(len(parts))
        log.info("partitions assigned", partitions=sorted(parts), epoch=self._epoch)

    async def _read_positions(self, partitions: list[int]) -> None:
        identity = await asyncio.to_thread(topic_id, self._settings.kafka_bootstrap_servers, self._topic)
        async with self._pool.acquire() as connection:
            self._epoch = await current_epoch(connection, self._topic, identity)
            self._positions = await read_positions(connection, partitions, self._epoch)
        self._setback.read(self._epoch, self._positions)

    def _forget(self) -> None:
        self._positions = {}
        self._reached = {}
        _assigned.set(0)
        _lag.set(0)
        metrics.partition_lag.forget()

    def _measure(self, consumer: AIOKafkaConsumer) -> None:
        lags = metrics.partition_lag.records
        for number, position in self._positions.items():
            high = consumer.highwater(TopicPartition(self._topic, number))
            if high is not None:
                # Queries alone move no position, but they are done.
                lags[number] = max(0, high - max(position, self._reached.get(number, 0)))
        _lag.set(sum(lags.values()))


def _ends(items: list[Taken]) -> dict[int, int]:
    ends: dict[int, int] = {}
    for item in items:
        if item.offset >= ends.get(item.partition, 0):
            ends[item.partition] = item.offset + 1
    return ends
