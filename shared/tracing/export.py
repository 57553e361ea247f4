"""Where spans go: into a bounded queue, from there in batches by OTLP over HTTP to a collector, in a thread of its own.

Nothing here can hold up a bet. A full queue drops spans, a collector that is away is told in one log line a minute.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

import structlog
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import Tracer
from prometheus_client import Counter
from typing_extensions import override

from shared.errors import SettingsError

log = structlog.get_logger(__name__)

CLOSE_LIMIT_S: Final = 3.0
"""How long the end of a process may wait for a collector."""
LINE_EVERY_S: Final = 60.0
ENDPOINT: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"
TRACES_ENDPOINT: Final = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
ENDPOINT_DEFAULT: Final = "http://localhost:4318"
PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL")
PROTOCOL: Final = "http/protobuf"

_exported = Counter("stakewire_trace_spans_exported_total", "Spans that the collector has taken")


class Export:
    """The way out of a process. Opened once, closed once."""

    def __init__(self, service: str) -> None:
        self.host = urlsplit(_endpoint()).netloc.rpartition("@")[2]
        _speak_rarely(service)
        name = {} if os.environ.get("OTEL_SERVICE_NAME") else {SERVICE_NAME: f"stakewire-{service}"}
        try:
            self._exporter = _Exporter()
            # What has a span is recorded: `Tracer.request` has chosen already.
            self._provider = TracerProvider(
                sampler=ALWAYS_ON, resource=Resource.create({"service.namespace": "stakewire", **name}), shutdown_on_exit=False
            )
            self._provider.add_span_processor(BatchSpanProcessor(self._exporter))
        except (ValueError, OSError) as error:
            raise SettingsError(
                f"traces cannot be sent: {error}; correct the OTEL_ variables, or set STAKEWIRE_TRACE_SHARE=0"
            ) from error
        self.tracer: Tracer = self._provider.get_tracer("stakewire")

    def close(self, limit_s: float = CLOSE_LIMIT_S) -> None:
        """Sends what is left, as far as that goes within `limit_s` seconds. Blocks; what is not sent by then is lost."""
        closing = threading.Thread(target=self._provider.shutdown, name="traces-close", daemon=True)
        closing.start()
        closing.join(limit_s)
        if closing.is_alive():
            log.warning("the collector did not take the last traces in time", limit_s=limit_s)
            self._exporter.shutdown()  # type: ignore[no-untyped-call]  # it has no types


class _Exporter(OTLPSpanExporter):
    """Counts what was taken. Reads the standard OTEL_EXPORTER_OTLP_ variables."""

    @override
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = super().export(spans)
        if result is SpanExportResult.SUCCESS:
            _exported.inc(len(spans))
        return result


class _Seldom(logging.Handler):
    """OpenTelemetry's own warnings, one a minute: it has one for each batch that was not sent, and for each span dropped."""

    def __init__(self, service: str) -> None:
        super().__init__(logging.WARNING)
        self._service = service
        self._next_s = 0.0
        self._left_out = 0

    @override
    def emit(self, record: logging.LogRecord) -> None:
        """Logs a warning, or counts it for the next one."""
        now_s = time.monotonic()
        if now_s < self._next_s:
            self._left_out += 1
            return
        self._next_s = now_s + LINE_EVERY_S
        left_out, self._left_out = self._left_out, 0
        # This may be the exporter's thread, which has none of the process's context.
        log.warning(
            "traces are not exported; bets go on", service=self._service, cause=record.getMessage()[:500], similar_before=left_out
        )


def _speak_rarely(service: str) -> None:
    logger = logging.getLogger("opentelemetry")
    logger.propagate = False
    logger.handlers[:] = [_Seldom(service)]


def _endpoint() -> str:
    """Where spans will be sent; SettingsError where no request can go there."""
    for name in PROTOCOLS:
        if os.environ.get(name, PROTOCOL) != PROTOCOL:
            raise SettingsError(f"{name} is {os.environ[name]!r}; traces are sent by {PROTOCOL!r} alone (a collector's port 4318)")
    name = TRACES_ENDPOINT if os.environ.get(TRACES_ENDPOINT) else ENDPOINT
    endpoint = os.environ.get(name) or ENDPOINT_DEFAULT
    if not endpoint.startswith(("http://", "https://")):
        raise SettingsError(f"{name} is no address of a collector; expected one such as {ENDPOINT_DEFAULT}")
    return endpoint
