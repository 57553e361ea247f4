"""Spans, as the services make them: a thin layer over OpenTelemetry's, so that only sampled requests ever touch it.

Which requests are sampled is decided here, before a span is made: OpenTelemetry's own sampler sits behind the making of
a span that records nothing, which costs a callback more than asking for a random number. Whatever has a span here is
recorded. Only this module and `export` import OpenTelemetry; import them only where tracing is on.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Final, Literal, Self

import structlog
from opentelemetry import trace as otel
from opentelemetry.context import Context
from prometheus_client import Counter

from shared.tracing.parents import Parent, parse_traceparent

Kind = Literal["server", "client", "producer", "consumer", "internal"]
Attributes = Mapping[str, str | int | float | bool]

_KINDS: Final = {
    "server": otel.SpanKind.SERVER,
    "client": otel.SpanKind.CLIENT,
    "producer": otel.SpanKind.PRODUCER,
    "consumer": otel.SpanKind.CONSUMER,
    "internal": otel.SpanKind.INTERNAL,
}
_SAMPLED: Final = otel.TraceFlags(otel.TraceFlags.SAMPLED)
_current: Final[ContextVar[Span | None]] = ContextVar("stakewire_span", default=None)
_ended = Counter("stakewire_trace_spans_total", "Spans of traces that were made; what was not exported was dropped")


class Span:
    """One span that is recorded. Times are Unix nanoseconds; left out they are now.

    As a context manager it is the one that `Tracer.current` gives inside, log lines there carry its trace id, and it
    ends with the block: as an error if an exception leaves it.
    """

    __slots__ = ("_context", "_logged", "_span", "_token", "_tracer")

    def __init__(self, tracer: otel.Tracer, span: otel.Span) -> None:
        self._tracer = tracer
        self._span = span
        self._context = otel.set_span_in_context(span, Context())
        self._token: Token[Span | None] | None = None
        self._logged: Mapping[str, Token[object]] = {}

    def child(self, name: str, kind: Kind = "internal", *, at_ns: int | None = None, attributes: Attributes | None = None) -> Span:
        """A span beneath this one."""
        made = self._tracer.start_span(name, self._context, _KINDS[kind], attributes, start_time=at_ns)
        return Span(self._tracer, made)

    def set(self, attributes: Attributes) -> None:
        """Adds facts: never an amount, a secret, or anything about a player but the player key."""
        self._span.set_attributes(attributes)

    def rename(self, name: str) -> None:
        """A better name, known only now; out of a small fixed set."""
        self._span.update_name(name)

    def event(self, name: str, at_ns: int) -> None:
        """Something that happened at one moment; a third of a span's cost."""
        self._span.add_event(name, timestamp=at_ns)

    def fail(self, what: str) -> None:
        """Marks it as failed; `what` is a word or two of our own, never text from outside."""
        self._span.set_status(otel.StatusCode.ERROR, what)

    def end(self, at_ns: int | None = None) -> None:
        """Ends it. Further ends do nothing."""
        if self._span.is_recording():
            self._span.end(at_ns)
            _ended.inc()

    @property
    def trace_id(self) -> str:
        """32 hexadecimal digits."""
        return otel.format_trace_id(self._span.get_span_context().trace_id)

    @property
    def traceparent(self) -> bytes:
        """What makes a span of another process a child of this one (W3C, version 00)."""
        context = self._span.get_span_context()
        return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}".encode()

    def __enter__(self) -> Self:
        self._token = _current.set(self)
        self._logged = structlog.contextvars.bind_contextvars(trace_id=self.trace_id)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._token is not None:
            _current.reset(self._token)
            self._token = None
        structlog.contextvars.reset_contextvars(**self._logged)
        if kind is not None:
            # The class alone: a message may hold what a caller sent.
            self.fail(kind.__name__)
        self.end()


class Tracer:
    """Makes the spans of a process. `share` of the requests get one (0 to 1).

    `trust_callers`: whether a caller's `traceparent` is continued, and its word taken on whether the request is recorded.
    """

    def __init__(self, tracer: otel.Tracer, *, share: float, trust_callers: bool = False) -> None:
        self._tracer = tracer
        self._share = share
        self._trust_callers = trust_callers

    def request(self, name: str, traceparent: bytes | None) -> Span | None:
        """The first span of a request that came in; None for one that is not sampled.

        A caller who is not trusted begins no trace and forces none: his span is only named as a link, so that both
        sides can find each other's trace.
        """
        if not self._trust_callers:
            return self._root(name, traceparent) if self._chosen() else None
        parent = parse_traceparent(traceparent)
        if parent is None:
            return self._root(name, None) if self._chosen() else None
        return self.under(parent, name, "server") if parent.sampled else None

    def under(
        self, parent: Parent, name: str, kind: Kind, *, at_ns: int | None = None, attributes: Attributes | None = None
    ) -> Span:
        """A span beneath one of another process."""
        context = otel.set_span_in_context(otel.NonRecordingSpan(_remote(parent)), Context())
        return Span(self._tracer, self._tracer.start_span(name, context, _KINDS[kind], attributes, start_time=at_ns))

    @staticmethod
    def current() -> Span | None:
        """The span of the request that is being handled here; None where it is not sampled."""
        return _current.get()

    def _chosen(self) -> bool:
        return random.random() < self._share  # noqa: S311  # sampling, not a secret

    def _root(self, name: str, traceparent: bytes | None) -> Span:
        caller = parse_traceparent(traceparent)
        links = [otel.Link(_remote(caller))] if caller is not None else None
        return Span(self._tracer, self._tracer.start_span(name, Context(), otel.SpanKind.SERVER, links=links))


def _remote(parent: Parent) -> otel.SpanContext:
    flags = _SAMPLED if parent.sampled else None
    return otel.SpanContext(parent.trace_id, parent.span_id, is_remote=True, trace_flags=flags)
