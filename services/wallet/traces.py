"""The wallet's part of a trace: what became of a sampled command, in spans that are made when its reply is out.

Made afterwards from the times that a batch notes anyway, so that no reply waits for a span, and a batch without sampled
commands pays for a look at its items at most. It observes; nothing is decided here.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Final, Literal

from msgspec import Struct
from prometheus_client import Counter

from services.wallet.intake import Taken

if TYPE_CHECKING:  # importing it is what a process without traces is spared
    from shared.tracing.tracer import Span, Tracer

TRACED_MAX: Final = 64
"""Commands of one batch whose spans are made: they cost more than applying the command, and the next batch waits."""

DATABASE: Final = {"db.system.name": "postgresql"}
Times = Sequence[tuple[str, float]]
"""(stage, when it ended) in seconds of the performance counter; first ("", when all began)."""
Outcome = Literal["committed", "read", "seen_before", "dead_letter"]

_left_out = Counter("stakewire_wallet_traces_left_out_total", "Sampled commands without spans: too many in one batch")


class _Done(Struct, kw_only=True):
    """A sampled command that is done with; `size` is how many commands shared the transaction of `times`."""

    item: Taken
    kind: str
    outcome: Outcome
    times: Times = ()
    size: int = 1
    saved: bool = True


class Traces:
    """Of one wallet; does nothing without a tracer."""

    def __init__(self, tracer: Tracer | None) -> None:
        self._tracer = tracer
        self._done: list[_Done] = []

    def committed(self, work: Sequence[Taken], times: Times, *, saved: bool) -> None:
        """A transaction has applied these; `saved`: whether it had anything to write."""
        if self._tracer is not None:
            self._note(work, "committed", times, saved=saved)

    def seen_before(self, items: Sequence[Taken]) -> None:
        """These were applied before they came this time: they were answered from what is stored, or not at all."""
        if self._tracer is not None:
            self._note(items, "seen_before")

    def buried(self, item: Taken) -> None:
        """This one went to the dead letters."""
        if self._tracer is not None:
            self._note([item], "dead_letter")

    def read(self, queries: Sequence[tuple[Taken, float, float]], said_at: float) -> None:
        """(query, from, to): answered from what was committed; their replies were handed over from `said_at` to now."""
        if self._tracer is None:
            return
        done: list[_Done] = []
        for item, began, ended in queries:
            if item.parent is not None:
                done.append(_Done(item=item, kind=_kind(item), outcome="read", times=[("", began), ("read", ended)]))
        self._make(self._tracer, done, said_at, time.perf_counter())

    def tell(self, times: Times) -> None:
        """The batch is over: makes the spans. `times` are those of its reply."""
        if self._tracer is not None and self._done:
            done, self._done = self._done, []
            self._make(self._tracer, done, times[0][1], times[1][1])

    def _note(self, items: Sequence[Taken], outcome: Outcome, times: Times = (), *, saved: bool = True) -> None:
        sampled = [item for item in items if item.parent is not None]
        room = TRACED_MAX - len(self._done)
        if len(sampled) > room:
            _left_out.inc(len(sampled) - room)
        for item in sampled[:room]:
            self._done.append(_Done(item=item, kind=_kind(item), outcome=outcome, times=times, size=len(items), saved=saved))

    @staticmethod
    def _make(tracer: Tracer, done: Sequence[_Done], reply_from: float, reply_to: float) -> None:
        # Stages are timed by a clock that never jumps; spans need the time of day.
        offset_ns = time.time_ns() - time.perf_counter_ns()
        for each in done:
            span = _apply_span(tracer, each)
            _stages(span, each, offset_ns)
            end_ns = _ns(reply_to, offset_ns)
            if each.outcome != "seen_before":
                span.child("send wallet.replies", "producer", at_ns=_ns(reply_from, offset_ns), attributes=_KAFKA).end(end_ns)
            span.end(end_ns)


_KAFKA: Final = {"messaging.system": "kafka", "messaging.operation.type": "send"}


def log_fields(item: Taken) -> dict[str, str]:
    """What a log line about one command says of its trace; nothing where it has none."""
    return {} if item.parent is None else {"trace_id": item.parent.trace}


def _apply_span(tracer: Tracer, each: _Done) -> Span:
    """From the moment the command was sent, as its record says: waiting in Kafka is part of what became of it."""
    item = each.item
    assert item.parent is not None, "only sampled commands are noted"
    # Records say milliseconds, cut off: the next one is surely not before the sending.
    sent_ns = max(0, min((item.timestamp_ms + 1) * 1_000_000, item.taken_ns))
    span = tracer.under(
        item.parent,
        f"apply {each.kind}",
        "consumer",
        at_ns=sent_ns,
        attributes={
            "messaging.system": "kafka",
            "messaging.operation.type": "process",
            "messaging.destination.partition.id": str(item.partition),
            "messaging.kafka.offset": item.offset,
            "stakewire.kind": each.kind,
            "stakewire.outcome": each.outcome,
            "stakewire.batch_commands": each.size,
            "stakewire.deferred": item.deferred_at > 0,
        },
    )
    span.event("taken from Kafka", item.taken_ns)
    if each.outcome == "dead_letter":
        span.fail("dead letter")
    return span


def _stages(span: Span, each: _Done, offset_ns: int) -> None:
    """The stages that are statements as spans, the others as moments: a span costs three times as much."""
    if each.times:
        span.event("begun", _ns(each.times[0][1], offset_ns))
    for (_, began), (stage, ended) in pairwise(each.times):
        if stage == "decide":
            span.event("decided", _ns(ended, offset_ns))
        elif stage != "save" or each.saved:
            span.child(stage, "client", at_ns=_ns(began, offset_ns), attributes=DATABASE).end(_ns(ended, offset_ns))


def _kind(item: Taken) -> str:
    return "unreadable" if item.command is None else item.command.kind


def _ns(at: float, offset_ns: int) -> int:
    """Unix nanoseconds of a time of the performance counter."""
    return int(at * 1e9) + offset_ns
