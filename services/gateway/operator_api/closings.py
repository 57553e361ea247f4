"""Closes sessions at their providers that the wallet has closed because a player was excluded, closed or erased.

Follows `wallet.events` as a consumer group: of several processes one gets each event, at least once, and closing twice is
harmless. A provider that does not answer is asked again for minutes, and holds up nobody else: each session is closed
beside the others, and a partition's offset is committed up to the first event whose sessions are not done. What cannot be
closed in the end is told in the log and counted; stakes are refused by the wallet all the same, since before the event.

Where the events contradict what was read before (a fork), nothing more is closed until this process is started again: that is
people's decision. Nothing is left out by it, because no offset is committed beyond.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import re
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.errors import KafkaError
from msgspec import Struct
from prometheus_client import Counter, Gauge

from shared.contracts.codec import decode_event
from shared.errors import ContractError
from shared.kafka.connection import aiokafka_options
from shared.kafka.event_chain import EventChain, ForkError, head_of
from shared.kafka.topics import EVENTS, TopicNames
from shared.providers.client import ProviderClient, ProviderError, ProviderNotConfigured
from shared.waiting import give_up_after

log = structlog.get_logger(__name__)

GROUP: Final = "operator-api-closings"
POLL_MS: Final = 500
RECORDS_AT_ONCE: Final = 1_000
COMMIT_EVERY_S: Final = 1.0
STOP_LIMIT_S: Final = 5.0
RESTART_S: Final = (0.5, 1.0, 2.0, 5.0)
CALLS_AT_ONCE: Final = 4
"""Calls to one provider account at a time."""
OPEN_MAX: Final = 2_000
"""Closings under way; while there are so many, no further events are read."""
PAUSE_S, PAUSE_S_MAX = 0.5, 30.0
PATIENCE_S: Final = 900.0
"""How long a provider is asked again. A session that stays open there ends by itself."""

_concerns: Final = re.compile(rb'"kind":"(?:exclude|close_account|erase_player)"').search
"""Whether an event may be one of ours, without reading it: the topic carries every bet."""
_KINDS: Final = frozenset({"exclude", "close_account", "erase_player"})

_closings = Counter(
    "stakewire_operator_closings_total", "Sessions to be closed at providers after an exclusion", ["account", "outcome"]
)
_closings.labels("", "unreadable")
_lag = Gauge("stakewire_operator_closings_lag_records", "Events that were not looked at yet for sessions to be closed")
_under_way = Gauge("stakewire_operator_closings_under_way", "Sessions whose provider has not confirmed yet that they are closed")
_restarts = Counter("stakewire_operator_closings_restarts_total", "Consumers of the events made anew after an error")


class Closing(Struct, frozen=True):
    """A session that is to be closed at its provider."""

    account: str
    session_id: str
    provider_session_id: str


def closings_of(raw: bytes) -> list[Closing]:
    """The sessions that an event asks to be closed; none for other events. ContractError where it cannot be read."""
    if not _concerns(raw):
        return []
    event = decode_event(raw)
    if event.kind not in _KINDS or not event.details:
        return []
    try:
        named = json.loads(event.details).get("sessions", [])
        found = [Closing(*map(str, each)) for each in named]
    except (ValueError, TypeError, AttributeError) as error:
        raise ContractError(f"the details of {event.kind} {event.player}-{event.seq} name no sessions: {error!r}") from error
    # Without a provider's id it was never opened there, or its launch is under way and sees to it itself.
    return [each for each in found if each.provider_session_id]


class Progress:
    """What is read and what is done of each partition: everything below `committable` is done."""

    def __init__(self) -> None:
        self._read: dict[TopicPartition, int] = {}
        self._open: dict[TopicPartition, dict[int, int]] = {}
        self._committed: dict[TopicPartition, int] = {}

    def forget(self) -> None:
        """The partitions have been given out anew."""
        self._read.clear()
        self._open.clear()
        self._committed.clear()

    def began(self, partition: TopicPartition, offset: int, closings: int) -> None:
        """An event was read that asks for so many closings."""
        if closings:
            self._open.setdefault(partition, {})[offset] = closings

    def read(self, partition: TopicPartition, next_offset: int) -> None:
        """Everything below `next_offset` was read."""
        self._read[partition] = next_offset

    def lag(self, ends: Mapping[TopicPartition, int]) -> int:
        """How many events of the partitions that are being read were not read yet; `ends` are the partitions' ends."""
        return sum(max(0, ends.get(each, 0) - upto) for each, upto in self._read.items())

    def done(self, partition: TopicPartition, offset: int) -> None:
        """One closing of an event came to its end."""
        waiting = self._open.get(partition, {})
        if offset in waiting:
            waiting[offset] -= 1
            if not waiting[offset]:
                del waiting[offset]

    def committable(self) -> dict[TopicPartition, int]:
        """Offsets that have moved since they were noted as committed."""
        reached = {each: min(self._open.get(each) or (upto,), default=upto) for each, upto in self._read.items()}
        return {each: offset for each, offset in reached.items() if self._committed.get(each) != offset}

    def committed(self, offsets: dict[TopicPartition, int]) -> None:
        """These are committed."""
        self._committed.update(offsets)


class Closer(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """One for the process. `client_of` gives the client of a provider account, None where it cannot be called."""

    def __init__(
        self,
        bootstrap_servers: str,
        names: TopicNames,
        client_of: Callable[[str], ProviderClient | None],
        *,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._topic = names.of(EVENTS)
        self._group = names.prefix + GROUP
        self._client_of = client_of
        self._patience_s = patience_s
        self.progress = Progress()
        self._chain = EventChain(GROUP)
        self._works: set[asyncio.Task[None]] = set()
        self._room = asyncio.Event()
        self._turns: dict[str, asyncio.Semaphore] = {}

    def expect(self, accounts: Iterable[str]) -> None:
        """Shows the counters of these accounts as 0, so that the first closing that fails is seen as an increase."""
        for account in accounts:
            for outcome in ("closed", "failed"):
                _closings.labels(account, outcome)

    async def run(self) -> None:
        """Follows the events until it is cancelled, or they fork; the consumer is made anew after errors of Kafka."""
        attempt = 0
        while True:
            began = time.monotonic()
            try:
                await self._follow()
            except ForkError as error:
                log.critical("sessions are not closed at their providers any more", cause=str(error))
                return
            except (KafkaError, OSError, TimeoutError) as error:
                log.warning("sessions to be closed cannot be followed now; trying again", cause=repr(error))
            attempt = 0 if time.monotonic() - began > RESTART_S[-1] * 2 else attempt + 1
            _restarts.inc()
            await asyncio.sleep(RESTART_S[min(attempt, len(RESTART_S) - 1)])

    async def on_partitions_revoked(self, revoked: Iterable[Any]) -> None:  # noqa: ARG002  # as the listener is called
        """What is not committed is left to the next owner."""
        self._drop()

    async def on_partitions_assigned(self, assigned: Iterable[Any]) -> None:
        """Goes on where the last owner has committed."""

    async def _follow(self) -> None:
        consumer = AIOKafkaConsumer(
            **aiokafka_options(self._bootstrap_servers),
            group_id=self._group,
            enable_auto_commit=False,
            # A group that is new begins where the topic does: nobody who was excluded before is left out.
            auto_offset_reset="earliest",
            metadata_max_age_ms=5_000,
        )
        try:
            await consumer.start()
            consumer.subscribe([self._topic], listener=self)
            committed_at = time.monotonic()
            while True:
                await self._read(consumer)
                if time.monotonic() - committed_at >= COMMIT_EVERY_S:
                    committed_at = time.monotonic()
                    await self._commit(consumer)
        finally:
            self._drop()
            await give_up_after(consumer.stop(), STOP_LIMIT_S, "the stop of the consumer of events")

    async def _read(self, consumer: AIOKafkaConsumer) -> None:
        if len(self._works) >= OPEN_MAX:
            self._room.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._room.wait(), POLL_MS / 1_000)
            return
        fetched: dict[TopicPartition, list[Any]] = await consumer.getmany(timeout_ms=POLL_MS, max_records=RECORDS_AT_ONCE)
        for partition, records in fetched.items():
            for record in records:
                self._watch(record.value or b"")
                self.take(partition, record.offset, record.value or b"")
            self.progress.read(partition, records[-1].offset + 1)
        _lag.set(self.progress.lag({each: consumer.highwater(each) or 0 for each in consumer.assignment()}))

    def _watch(self, raw: bytes) -> None:
        """ForkError where an event contradicts what was read before. A gap is counted, and harmless here."""
        with contextlib.suppress(ContractError):  # `take` tells of what cannot be read
            self._chain.take(head_of(raw))

    def take(self, partition: TopicPartition, offset: int, raw: bytes) -> None:
        """Takes one event: its sessions are closed beside whatever comes next. Never waits."""
        try:
            closings = closings_of(raw)
        except ContractError as error:
            _closings.labels("", "unreadable").inc()
            log.error("an event could not be read; its sessions stay open at their providers", offset=offset, cause=str(error))  # noqa: TRY400  # the message says it all
            return
        self.progress.began(partition, offset, len(closings))
        for closing in closings:
            work = asyncio.create_task(self._close(closing, partition, offset), name=f"close {closing.session_id}")
            self._works.add(work)
            work.add_done_callback(self._works.discard)
        _under_way.set(len(self._works))

    async def _commit(self, consumer: AIOKafkaConsumer) -> None:
        offsets = self.progress.committable()
        if not offsets:
            return
        try:
            await consumer.commit(offsets)
        except KafkaError as error:
            # A rebalance, say: the next owner does what is not committed once more.
            log.info("offsets of the events were not taken", cause=repr(error))
        else:
            self.progress.committed(offsets)

    def _drop(self) -> None:
        for work in self._works:
            work.cancel()
        self.progress.forget()
        _under_way.set(0)

    async def _close(self, closing: Closing, partition: TopicPartition, offset: int) -> None:
        """Closes one session, or gives it up in the end."""
        try:
            outcome = await self._outcome(closing)
        except asyncio.CancelledError:
            raise
        except Exception:
            outcome = "failed"
            log.exception("a session was not closed at its provider", account=closing.account, session=closing.session_id)
        finally:
            self._room.set()
        _closings.labels(closing.account, outcome).inc()
        self.progress.done(partition, offset)
        _under_way.set(max(0, len(self._works) - 1))

    async def _outcome(self, closing: Closing) -> str:
        client = self._client_of(closing.account)
        facts = {"account": closing.account, "session": closing.session_id}
        if client is None:
            log.error("a session cannot be closed at its provider", cause="the account has no address to call", **facts)
            return "failed"
        turn = self._turns.setdefault(closing.account, asyncio.Semaphore(CALLS_AT_ONCE))
        until, pause_s = time.monotonic() + self._patience_s, PAUSE_S
        while True:
            try:
                async with turn:
                    await client.close_session(closing.provider_session_id)
            except ProviderError as error:
                if time.monotonic() + pause_s > until or isinstance(error, ProviderNotConfigured):
                    told = "a session was not closed at its provider; it ends by itself"
                    log.error(told, cause=str(error), advice=error.advice, **facts)  # noqa: TRY400  # the message says it all
                    return "failed"
                log.warning("a session is not closed at its provider yet", cause=str(error), again_in_s=round(pause_s, 1), **facts)
            else:
                log.info("a session was closed at its provider", **facts)
                return "closed"
            await asyncio.sleep(pause_s * random.uniform(0.5, 1))  # noqa: S311  # jitter
            pause_s = min(pause_s * 2, PAUSE_S_MAX)
