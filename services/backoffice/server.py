"""Starts and stops the back office: database, ingest, clients, live board, alerts, HTTP server.

It listens once the database has answered; Kafka, the operator API and the catalogue may come later. At SIGTERM streams are
ended, running requests are finished, then everything is closed in reverse order.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

import asyncpg
import structlog

from services.backoffice.app import Parts, make_app
from services.backoffice.console.frame import Frame
from services.backoffice.console.oidc import Oidc
from services.backoffice.console.settings import ConsoleSettings
from services.backoffice.findings.accounts import AccountBook
from services.backoffice.findings.alerts import Alerts
from services.backoffice.findings.health import HealthBook
from services.backoffice.findings.outbox import Outbox
from services.backoffice.findings.settings import FindingsSettings
from services.backoffice.findings.store import Findings
from services.backoffice.findings.watch import Watch
from services.backoffice.live.board import Board
from services.backoffice.live.hub import Hub
from services.backoffice.migrate import ROLE
from services.backoffice.office.directory import Directory
from services.backoffice.operator import OperatorApi, operator_keys
from services.backoffice.projections.gaps import ApiLedger, NoLedger
from services.backoffice.projections.ingest import Ingest
from services.backoffice.reports.collections import Collections
from services.backoffice.settings import PORT_OFFSET, BackofficeSettings
from shared.access import KeyRing, KeyStore
from shared.database import wait_for_pool
from shared.database.away import DATABASE_AWAY
from shared.kafka.topics import TopicNames
from shared.settings import load_settings
from shared.settings.accounts import load_brands
from shared.waiting import beside
from shared.web.serving import serve_until_signal

log = structlog.get_logger(__name__)

DATABASE_LOOK_S: Final = 2.0
DATABASE_SILENT_S: Final = 10.0
PAGES_POOL_SIZE: Final = 10
INGEST_POOL_SIZE: Final = 6
"""Apart from that of the pages: whoever reads much does not hold up what is written, nor the other way round."""


async def serve(settings: BackofficeSettings) -> None:
    """Serves the back office until a signal. SettingsError stops the start."""
    async with _running(settings) as (parts, keys):
        port = settings.listen_port(PORT_OFFSET)
        log.info("backoffice listens", host=settings.host, port=port)
        loop = asyncio.get_running_loop()
        await serve_until_signal(
            make_app(parts, keys, settings.gate),
            settings.host,
            port,
            settings.connections_max,
            ending=partial(loop.call_soon_threadsafe, parts.hub.end_all),
        )
    log.info("backoffice has stopped")


@asynccontextmanager
async def _running(settings: BackofficeSettings) -> AsyncIterator[tuple[Parts, KeyRing]]:
    """Everything the application works with, started in order and stopped in reverse."""
    brands = load_brands(settings.config_file)
    console, about_findings = load_settings(ConsoleSettings), load_settings(FindingsSettings)
    keys = operator_keys(settings)
    async with contextlib.AsyncExitStack() as stack:
        pool = await _pool(stack, settings, "stakewire-backoffice", PAGES_POOL_SIZE)
        operator = OperatorApi(settings.operator_api_url, keys)
        await operator.start()
        stack.push_async_callback(operator.close)
        oidc = Oidc(console) if console.oidc_issuer else None
        if oidc is not None:
            stack.push_async_callback(oidc.close)
        ingest = await _ingest(stack, settings, operator)
        frame = Frame(pool, console)
        board = Board(pool, ingest.lag)
        hub = Hub(board, lambda tokens: board.still_signed_in(tokens, frame.sign_ins.idle_s))
        stack.push_async_callback(hub.stop)
        collections = Collections(pool, settings.catalogue_url, keys)
        await stack.enter_async_context(beside(collections.run(), "collections"))
        findings = Findings(pool)
        accounts = AccountBook(operator, findings)
        health = HealthBook(pool, findings, deadline_ms=about_findings.deadline_ms)
        watch = Watch(pool, stuck_after_h=about_findings.stuck_after_h, tombstone_after_h=about_findings.tombstone_after_h)
        outbox = Outbox(pool)
        alerts = Alerts(
            outbox,
            findings,
            health,
            watch,
            about_findings,
            accounts=accounts.names,
            fork=lambda: ingest.events.fork,
            console_url=console.url,
        )
        await alerts.start()
        stack.push_async_callback(alerts.stop)
        pulse = _Pulse(pool, ingest)
        await stack.enter_async_context(beside(pulse.beat(), "database-pulse"))
        parts = Parts(
            pool=pool,
            brands=brands,
            frame=frame,
            oidc=oidc,
            operator=operator,
            directory=Directory(pool, brands),
            collections=collections,
            hub=hub,
            findings=findings,
            accounts=accounts,
            health=health,
            watch=watch,
            stuck_after_h=about_findings.stuck_after_h,
            outbox=outbox,
            not_ready_because=pulse.not_ready_because,
        )
        yield parts, KeyRing(KeyStore(pool).find_by_token_hash)


async def _pool(stack: contextlib.AsyncExitStack, settings: BackofficeSettings, name: str, size_max: int) -> asyncpg.Pool:
    pool = await wait_for_pool(settings.database_url, role=ROLE, application_name=name, size_max=size_max)
    stack.push_async_callback(pool.close)
    return pool


async def _ingest(stack: contextlib.AsyncExitStack, settings: BackofficeSettings, operator: OperatorApi) -> Ingest:
    ingest = Ingest(
        await _pool(stack, settings, "stakewire-backoffice-ingest", INGEST_POOL_SIZE),
        settings.kafka_bootstrap_servers,
        TopicNames(settings.topic_prefix),
        ApiLedger(operator) if operator.brands else NoLedger(),
        callbacks_kept_days=settings.callbacks_kept_days,
    )
    await ingest.start()
    stack.push_async_callback(ingest.stop)
    return ingest


class _Pulse:
    """Whether the database answers: without it there is nothing to show."""

    def __init__(self, pool: asyncpg.Pool, ingest: Ingest) -> None:
        self._pool = pool
        self._ingest = ingest
        self._seen_s = time.monotonic()

    def not_ready_because(self) -> str:
        silent_s = time.monotonic() - self._seen_s
        if silent_s > DATABASE_SILENT_S:
            return f"the database has not answered for {silent_s:.0f} s"
        return self._ingest.not_ready_because()

    async def beat(self) -> None:
        while True:
            try:
                await self._pool.fetchval("SELECT 1", timeout=DATABASE_LOOK_S)
                self._seen_s = time.monotonic()
            except DATABASE_AWAY as error:
                log.warning("the database does not answer", cause=repr(error))
            await asyncio.sleep(DATABASE_LOOK_S)
