"""Logs and metrics: structured JSON lines with a correlation id, Prometheus text."""

from __future__ import annotations

import logging
import sys
from importlib import metadata
from typing import Final

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, Gauge, generate_latest

METRICS_CONTENT_TYPE: Final = CONTENT_TYPE_LATEST

_build: Final = Gauge("stakewire_build_info", "1; the labels say what runs here", ["service", "version"])


def configure_logs(service: str, level: str = "info") -> None:
    """One JSON line a log entry on standard output; `correlation_id` comes in through structlog's context variables."""
    number = logging.getLevelNamesMapping()[level.upper()]
    processors: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        # Without the frames' local variables: keys and bodies would be among them.
        structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False)),
        structlog.processors.JSONRenderer(),
    ]
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stdout),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(service=service)
    _build.labels(service, _version()).set(1)
    # Libraries log through the standard library: warnings and errors of theirs join our stream as JSON too.
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.contextvars.merge_contextvars, structlog.processors.add_log_level],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *processors[2:]],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)


def _version() -> str:
    try:
        return metadata.version("stakewire")
    except metadata.PackageNotFoundError:
        return "not installed"


def metrics_page() -> bytes:
    """The process's metrics as Prometheus text."""
    return generate_latest(REGISTRY)
