"""The archive of callbacks on `gateway.callbacks`: all failures, successes by sampling rate, never a secret.

It can never hold up an answer: the hot path appends to a bounded queue or drops and counts; encoding happens in a
background task, the diagnosis of failures in a thread beside it, sending and compression in the threads of librdkafka (acks=1, not idempotent: measured at a third of
what the event loop would spend on it).
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import random
from collections import deque
from typing import Any, Final

import structlog
from confluent_kafka import KafkaError, KafkaException, Producer

from services.gateway.callbacks import metrics
from services.gateway.callbacks.accounts import Account
from services.gateway.callbacks.diagnosing import PER_CAUSE_S, Diagnoses, is_noteworthy
from services.gateway.callbacks.trace import ANSWERED, Trace
from shared.contracts import codec
from shared.contracts.archive import CallbackRecord
from shared.contracts.keys import keys_of
from shared.contracts.replies import Result
from shared.identity import partition_of
from shared.kafka.connection import librdkafka_options
from shared.kafka.topics import CALLBACKS, TopicNames
from shared.providers.diagnosis import Finding, encode_finding

log = structlog.get_logger(__name__)

FLUSH_EVERY_S: Final = 0.1
SLICE: Final = 32
"""Records encoded at a stretch before answers get their turn again."""
QUEUE_BYTES_MAX: Final = 32 * 1024 * 1024
STOP_LIMIT_S: Final = 3.0
RECORD_OVERHEAD_BYTES: Final = 1_024


class Archive:
    """Takes finished callbacks with `offer` and writes them in the background."""

    def __init__(
        self,
        bootstrap_servers: str,
        names: TopicNames,
        accounts: dict[str, Account],
        *,
        success_share: float = 1.0,
        queue_max: int = 20_000,
        diagnoses_per_s: float = PER_CAUSE_S,
    ) -> None:
        self._topic = names.of(CALLBACKS)
        self._accounts = accounts
        doctors = {name: each.doctor for name, each in accounts.items() if each.doctor is not None}
        self._diagnoses = Diagnoses(doctors, diagnoses_per_s)
        self._success_share = success_share
        self._queue_max = queue_max
        self._queue: deque[Trace] = deque()
        self._queued_bytes = 0
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        quiet = logging.getLogger("stakewire.archive")
        quiet.setLevel(logging.CRITICAL)
        self._producer = Producer(
            {
                **librdkafka_options(bootstrap_servers),
                "acks": 1,
                "linger.ms": 100,
                "compression.type": "lz4",
                "queue.buffering.max.messages": queue_max,
                "queue.buffering.max.kbytes": QUEUE_BYTES_MAX // 1_024,
                "message.timeout.ms": 30_000,
                "delivery.report.only.error": True,
                "on_delivery": _delivered,
            },
            logger=quiet,
        )

    async def start(self) -> None:
        """Begins to write; needs no Kafka to be there yet."""
        self._task = asyncio.create_task(self._run(), name="archive")

    async def stop(self) -> None:
        """Writes what is queued, within a limit."""
        if self._task is not None:
            # Not cancelled: what is being diagnosed would be lost with its slice.
            self._stopping.set()
            await self._task
            self._task = None
        while self._queue:
            await self._write_some()
        left = await asyncio.to_thread(self._producer.flush, STOP_LIMIT_S)
        if left:
            metrics.archive_dropped.labels("stopped").inc(left)
            log.warning("archive did not get everything written before the end", records_lost=left)

    def offer(self, trace: Trace) -> None:
        """Queues a finished callback, unless it is a success that sampling leaves out, or the queue is full."""
        if trace.verdict == ANSWERED and trace.result == Result.OK and not is_noteworthy(trace):
            if not self._sampled():
                return
            trace.kept_share = self._success_share
        if len(self._queue) >= self._queue_max or self._queued_bytes > QUEUE_BYTES_MAX:
            metrics.archive_dropped.labels("queue_full").inc()
            return
        self._queue.append(trace)
        self._queued_bytes += _size(trace)

    def _sampled(self) -> bool:
        return self._success_share >= 1 or random.random() < self._success_share  # noqa: S311 - sampling, not a secret

    async def _run(self) -> None:
        while not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), FLUSH_EVERY_S)
            metrics.archive_queued.set(len(self._queue))
            while self._queue:
                await self._write_some()
                self._producer.poll(0)
                await asyncio.sleep(0)

    async def _write_some(self) -> None:
        """The next slice. Only where one of it has to be diagnosed, a thread does that; the event loop goes on meanwhile."""
        traces = [self._queue.popleft() for _ in range(min(SLICE, len(self._queue)))]
        ill = [each for each in traces if self._diagnoses.wants(each)]
        found = dict(zip(map(id, ill), await asyncio.to_thread(self._diagnoses.find, ill), strict=True)) if ill else {}
        for trace in traces:
            self._write(trace, found.get(id(trace)))

    def _write(self, trace: Trace, finding: Finding | None) -> None:
        self._queued_bytes -= _size(trace)
        try:
            key = trace.player or trace.account
            self._producer.produce(
                self._topic,
                codec.encode(self._record(trace, finding)),
                key.encode(),
                partition=partition_of(key, CALLBACKS.partitions),
                timestamp=trace.received_at_ms,
            )
        except (BufferError, KafkaException):
            metrics.archive_dropped.labels("not_taken").inc()
        except Exception:
            # One callback that cannot be written must not end the archive.
            metrics.archive_dropped.labels("not_encoded").inc()
            log.exception("a callback could not be archived", correlation_id=trace.request_id, account=trace.account)

    def _record(self, trace: Trace, finding: Finding | None = None) -> CallbackRecord:
        callback, answer, command = trace.callback, trace.answer, trace.command
        headers = self._accounts[trace.account].dialect.redact(callback.headers) if callback else {}
        request, request_base64 = _text(callback.body if callback else b"")
        response, response_base64 = _text(answer.body if answer else b"")
        return CallbackRecord(
            request_id=trace.request_id,
            provider_account=trace.account,
            dialect=trace.dialect,
            received_at_ms=trace.received_at_ms,
            remote_address=trace.address,
            request_headers=headers,
            request_body=request,
            request_base64=request_base64,
            response_status=answer.status if answer else 0,
            response_body=response,
            response_base64=response_base64,
            verdict=trace.verdict,
            method=trace.method,
            player=trace.player,
            external_id=trace.external_id,
            result=trace.result,
            diagnosis=trace.diagnosis,
            verify_us=(trace.verified_ns - trace.started_ns) // 1_000,
            parse_us=(trace.parsed_ns - trace.verified_ns) // 1_000,
            wallet_us=(trace.replied_ns - trace.parsed_ns) // 1_000,
            total_us=(trace.done_ns - trace.started_ns) // 1_000,
            command_id=command.command_id if command else "",
            kind=command.kind if command else "",
            keys=keys_of(command) if command else (),
            finding=finding.code if finding else "",
            finding_facts=encode_finding(finding) if finding else "",
            kept_share=trace.kept_share,
        )


def _text(body: bytes) -> tuple[str, bool]:
    """A body as text, or as base64 where it is no UTF-8; and which of the two."""
    try:
        return body.decode(), False
    except UnicodeDecodeError:
        return base64.b64encode(body).decode("ascii"), True


def _size(trace: Trace) -> int:
    return RECORD_OVERHEAD_BYTES + (len(trace.callback.body) if trace.callback else 0)


def _delivered(error: KafkaError | None, _message: Any) -> None:
    if error is not None:
        metrics.archive_dropped.labels("not_delivered").inc()
