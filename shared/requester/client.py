"""The requester: commands out on `wallet.commands`, replies in on a partition of our own, matched by command id.

The road of a command: `ask` -> table of what is pending -> producer ... reply reader -> `_deliver` -> the asker.
It decides nothing about money. What cannot be known here is said as such: OutcomeUnknownError or ShedError.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import time
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Final

import structlog
from aiokafka.errors import KafkaError
from prometheus_client import Counter, Gauge

from shared.contracts import codec
from shared.contracts.commands import Command
from shared.contracts.replies import Reply
from shared.errors import ContractError, TopicError
from shared.identity import partition_of
from shared.kafka.admin import check_topics
from shared.kafka.producer import Producer, RecordTooLargeError
from shared.kafka.topics import COMMANDS, REPLIES, TopicNames
from shared.requester.errors import OutcomeUnknownError, RequesterError, ShedError
from shared.requester.pending import PRIORITIES, TICK_S, PendingLimits, PendingTable, Priority
from shared.requester.replies import ReplyReader
from shared.requester.spans import AskSpans

if TYPE_CHECKING:  # importing it is what a process without traces is spared
    from shared.tracing.tracer import Tracer

log = structlog.get_logger(__name__)

BATCH_BYTES: Final = 900_000
"""Per partition; more than can ever be pending there, so that handing over does not wait for room."""

_shed = Counter("stakewire_requester_shed_total", "Commands that were not sent", ["cause"])
_unknown = Counter("stakewire_requester_unknown_total", "Commands sent whose outcome is unknown", ["cause"])
_late = Counter("stakewire_requester_late_replies_total", "Replies to commands that nobody waits for any more")
_foreign = Counter("stakewire_requester_foreign_bundles_total", "Reply records on our partition that hold nothing for us")
_broken = Counter("stakewire_requester_broken_bundles_total", "Reply records that could not be decoded")
_pending = Gauge("stakewire_requester_pending", "Commands whose reply is awaited")
for _cause in ("not_handed_over", "not_ready", *(each.name.lower() for each in Priority)):
    _shed.labels(_cause)
for _cause in ("not_confirmed", "deadline"):
    _unknown.labels(_cause)


@dataclass(frozen=True, slots=True)
class RequesterLimits:
    """How much may wait, and how long the broker may be silent.

    After `silence_s` commands are shed instead of sent, after `reopen_s` the reply consumer is made anew.
    """

    pending: PendingLimits = field(default_factory=PendingLimits)
    silence_s: float = 4.0
    reopen_s: float = 10.0


class Requester:
    """One process's line to the wallet. `instance_id` chooses the reply partition; give each process its own.

    `tracer` is None where no traces are made.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        names: TopicNames | None = None,
        *,
        instance_id: str = "",
        limits: RequesterLimits | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        self._tracer = tracer
        self._bootstrap_servers = bootstrap_servers
        self._names = names or TopicNames()
        self._limits = limits or RequesterLimits()
        self.instance_id = instance_id or f"{socket.gethostname()}-{os.getpid()}"
        # A restarted process keeps its partition, but must not take replies to its former self for its own.
        mark = secrets.token_hex(6)
        self.caller = f"{self.instance_id}/{mark}"
        self.partition = partition_of(self.instance_id, REPLIES.partitions)
        self._mark = mark.encode()
        self._topic = self._names.of(COMMANDS)
        self._count = 0
        self._pending = PendingTable(self._limits.pending)
        self._producer = Producer(bootstrap_servers, idempotent=True, linger_ms=0, batch_bytes=BATCH_BYTES, topics=(self._topic,))
        self._reader = ReplyReader(
            bootstrap_servers, self._names.of(REPLIES), self.partition, self._deliver, reopen_s=self._limits.reopen_s
        )
        self._handing_over: dict[str, asyncio.Task[object]] = {}
        self._given_up: set[str] = set()
        self._open = False
        self._timer: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        """Connects; returns when replies to what is asked from now on will be seen.

        Raises TopicError where a topic is missing or wrong, RequesterError where Kafka cannot be reached.
        """
        try:
            # First what fails at once where there is no broker: the check of the topics would wait for one.
            await self._producer.start()
            await asyncio.to_thread(check_topics, self._bootstrap_servers, self._names, topics=(COMMANDS, REPLIES))
            await self._producer.prepare(self._topic)
            await self._reader.start()
        except TopicError:
            await self._producer.stop()
            raise
        except (KafkaError, OSError, TimeoutError) as error:
            await self._producer.stop()
            raise RequesterError(
                f"Kafka at {self._bootstrap_servers} cannot be used: {error!r}; is it running and reachable?"
            ) from error
        self._loop = asyncio.get_running_loop()
        self._open = True
        self._tick()

    async def stop(self) -> None:
        """Ends what still waits as unknown and disconnects."""
        self._open = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._pending.fail_all("the process is stopping")
        self._give_up_handing_over()
        await self._reader.stop()
        await self._producer.stop()

    @property
    def pending(self) -> int:
        """How many commands wait for their reply."""
        return len(self._pending)

    @property
    def ready(self) -> bool:
        """Whether commands can be sent and their replies will be seen."""
        return self._open

    def new_command_id(self, prefix: str) -> str:
        """An id for one attempt; `prefix` correlates it with logs, the rest makes it unique in this process."""
        self._count += 1
        return f"{prefix}.{self._count:x}"

    def address(self, command: Command, prefix: str = "") -> Command:
        """The command with an id of its own and our address. Needed for commands that were made without them."""
        command_id = command.command_id or self.new_command_id(prefix or secrets.token_hex(8))
        return replace(command, command_id=command_id, caller=self.caller, reply_partition=self.partition)

    async def ask(self, command: Command) -> Reply:
        """Sends a command and waits for its reply, at most `deadline_ms`.

        Raises ShedError where it was not sent, OutcomeUnknownError where it was and no reply came.
        """
        if command.caller != self.caller:
            command = self.address(command)
        self._admit(command)
        command_id, deadline_s = command.command_id, self._loop.time() + command.deadline_ms / 1_000
        waiter = self._loop.create_future()
        self._pending.add(command_id, waiter, deadline_s)
        spans = None if self._tracer is None else AskSpans.beneath(self._tracer.current(), command, self._topic)
        try:
            sent = await self._hand_over(command, waiter, spans)
            sent.add_done_callback(partial(self._sent, command_id))
            if spans is not None:
                spans.handed_over(sent)
            reply: Reply = await waiter
        except asyncio.CancelledError:
            self._pending.drop(command_id)
            raise
        finally:
            if spans is not None:
                spans.end(waiter)
        return reply

    async def _hand_over(self, command: Command, waiter: asyncio.Future[Reply], spans: AskSpans | None) -> asyncio.Future[object]:
        """Gives the command to the producer, which normally takes it at once.

        It may have to wait (no metadata, a full buffer); then the deadline ends that too, by `_give_up_handing_over`:
        a timeout of its own for each command would cost more than handing it over.
        """
        command_id, task = command.command_id, asyncio.current_task()
        assert task is not None
        self._handing_over[command_id] = task
        try:
            return await self._producer.send(
                self._topic,
                codec.encode(command),
                partition=partition_of(command.player, COMMANDS.partitions),
                key=command.player.encode(),
                timestamp_ms=int(time.time() * 1_000),
                headers=None if spans is None else spans.headers,
            )
        except (KafkaError, RecordTooLargeError) as error:
            cause: BaseException = error
        except asyncio.CancelledError as error:
            if command_id not in self._given_up:
                self._pending.drop(command_id)
                raise
            task.uncancel()
            cause = error
        finally:
            self._handing_over.pop(command_id, None)
            self._given_up.discard(command_id)
        self._pending.drop(command_id)
        if not waiter.cancel():
            waiter.exception()
        _shed.labels("not_handed_over").inc()
        raise ShedError(f"the command could not be handed to Kafka: {cause!r}") from cause

    def _give_up_handing_over(self) -> None:
        """Ends the attempts to hand over what nobody waits for any more."""
        for command_id, task in self._handing_over.items():
            if command_id not in self._pending and command_id not in self._given_up:
                self._given_up.add(command_id)
                task.cancel()

    def _admit(self, command: Command) -> None:
        if not self._open:
            _shed.labels("not_ready").inc()
            raise ShedError("the command was not sent: Kafka does not answer, or the requester is not started")
        priority = PRIORITIES.get(command.kind, Priority.SETTLEMENT)
        if not self._pending.has_room(priority):
            _shed.labels(priority.name.lower()).inc()
            raise ShedError(f"the command was not sent: {len(self._pending)} commands wait already")

    def _sent(self, command_id: str, sent: asyncio.Future[object]) -> None:
        error = asyncio.CancelledError() if sent.cancelled() else sent.exception()
        if error is not None and self._pending.fail(
            command_id, OutcomeUnknownError(f"Kafka did not confirm the command: {error!r}")
        ):
            _unknown.labels("not_confirmed").inc()

    def _deliver(self, raw: bytes) -> None:
        # A record without our mark holds nothing for us: seen without decoding it.
        if self._mark not in raw:
            _foreign.inc()
            return
        try:
            bundle = codec.decode_replies(raw)
        except ContractError as error:
            _broken.inc()
            log.warning("a reply record could not be decoded", cause=str(error))
            return
        for reply in bundle.replies:
            if reply.caller == self.caller and not self._pending.resolve(reply):
                _late.inc()

    def _tick(self) -> None:
        """Every TICK_S: deadlines, and whether the broker still answers."""
        expired = self._pending.expire(self._loop.time())
        if expired:
            _unknown.labels("deadline").inc(expired)
        if self._handing_over:
            self._give_up_handing_over()
        _pending.set(len(self._pending))
        is_open = self._producer.available and self._reader.silent_s() < self._limits.silence_s
        if is_open != self._open:
            self._open = is_open
            log.warning("Kafka answers again" if is_open else "Kafka does not answer: commands are shed", partition=self.partition)
        self._timer = self._loop.call_later(TICK_S, self._tick)
