"""A tracer whose spans stay in this process, and a way to look at them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from shared.tracing.tracer import Tracer


@dataclass
class Spans:
    """What a tracer has made and ended."""

    tracer: Tracer
    kept: InMemorySpanExporter

    def all(self) -> list[ReadableSpan]:
        """In the order of their ends."""
        return list(self.kept.get_finished_spans())

    def one(self, name: str) -> ReadableSpan:
        """The only span of this name."""
        (span,) = [each for each in self.all() if each.name == name]
        return span

    def attributes(self, name: str) -> dict[str, Any]:
        """Those of the only span of this name."""
        return dict(self.one(name).attributes or {})


@contextmanager
def spans_at(share: float, *, trust_callers: bool = False) -> Iterator[Spans]:
    """A tracer at a share."""
    kept = InMemorySpanExporter()
    provider = TracerProvider(sampler=ALWAYS_ON, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    yield Spans(Tracer(provider.get_tracer("test"), share=share, trust_callers=trust_callers), kept)
    provider.shutdown()


def id_of(span: ReadableSpan) -> int:
    """A span's id."""
    assert span.context is not None
    return int(span.context.span_id)


def parent_of(span: ReadableSpan) -> int:
    """Its parent's id; 0 where it is the first."""
    return span.parent.span_id if span.parent is not None else 0
