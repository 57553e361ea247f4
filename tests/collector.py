"""A collector of traces for tests: takes OTLP over HTTP as a real one does, and keeps the spans to be looked at."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse
from opentelemetry.proto.trace.v1.trace_pb2 import Span

LIMIT_S = 60.0


@dataclass(frozen=True)
class Seen:
    """A span as it arrived; ids in hexadecimal, times in Unix nanoseconds."""

    service: str
    name: str
    kind: str
    trace: str
    span: str
    parent: str
    start_ns: int
    end_ns: int
    failed: bool
    attributes: dict[str, Any]
    events: tuple[str, ...]
    links: tuple[str, ...]


@dataclass
class Collector:
    """What has arrived so far."""

    endpoint: str = ""
    spans: list[Seen] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    def named(self, name: str) -> list[Seen]:
        """The spans of a name."""
        return [each for each in self.spans if each.name == name]

    async def trace_with(self, *names: str) -> dict[str, Seen]:
        """By name the spans of the first trace that has a span of each of these names; waits for it."""
        async with asyncio.timeout(LIMIT_S):
            while True:
                for trace in dict.fromkeys(each.trace for each in self.spans):
                    found = {each.name: each for each in self.spans if each.trace == trace}
                    if found.keys() >= set(names):
                        return found
                await asyncio.sleep(0.05)

    async def take(self, request: web.Request) -> web.Response:
        """One export."""
        body = await request.read()
        if request.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        self.bodies.append(body)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            service = next(each.value.string_value for each in resource.resource.attributes if each.key == "service.name")
            self.spans += [_seen(service, span) for scope in resource.scope_spans for span in scope.spans]
        return web.Response(body=ExportTraceServiceResponse().SerializeToString(), content_type="application/x-protobuf")


def _seen(service: str, span: Span) -> Seen:
    attributes = {each.key: getattr(each.value, each.value.WhichOneof("value") or "string_value") for each in span.attributes}
    return Seen(
        service=service,
        name=span.name,
        kind=Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_").lower(),
        trace=span.trace_id.hex(),
        span=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
        failed=span.status.code == span.status.STATUS_CODE_ERROR,
        attributes=attributes,
        events=tuple(each.name for each in span.events),
        links=tuple(f"{each.trace_id.hex()}-{each.span_id.hex()}" for each in span.links),
    )


@asynccontextmanager
async def collecting() -> AsyncIterator[Collector]:
    """A running collector on a port of its own."""
    collector = Collector()
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.add_routes([web.post("/v1/traces", collector.take)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    collector.endpoint = f"http://{host}:{port}"
    try:
        yield collector
    finally:
        await runner.cleanup()
