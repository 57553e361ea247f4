"""Whether this process makes traces at all. Imports OpenTelemetry only where it does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:  # the import itself is what a process without traces is to be spared
    from shared.settings import ServiceSettings
    from shared.tracing.tracer import Tracer

log = structlog.get_logger(__name__)


@asynccontextmanager
async def tracing(settings: ServiceSettings, service: str) -> AsyncIterator[Tracer | None]:
    """The process's tracer, or None where STAKEWIRE_TRACE_SHARE is 0. At the end what is left is sent, within a limit.

    Args:
        settings: their `trace_share` and `trace_trust_callers`; the exporter reads the standard OTEL_ variables itself.
        service: becomes `stakewire-<service>` in the traces, unless OTEL_SERVICE_NAME says otherwise.

    Raises:
        SettingsError: an OTEL_ variable is wrong.
    """
    if not settings.trace_share:
        yield None
        return
    from shared.tracing.export import Export  # noqa: PLC0415  # only where it is used: half a second and 20 MB
    from shared.tracing.tracer import Tracer  # noqa: PLC0415

    export = Export(service)
    log.info("traces are made", share=settings.trace_share, sent_to=export.host, trust_callers=settings.trace_trust_callers)
    try:
        yield Tracer(export.tracer, share=settings.trace_share, trust_callers=settings.trace_trust_callers)
    finally:
        # In a thread: a collector that does not answer must not hold up what else has to be closed.
        await asyncio.to_thread(export.close)
