"""Starts and stops the catalogue: database, provider clients, publisher, syncer, HTTP server.

It listens once the database has answered; Kafka and the providers may come later. At SIGTERM running requests are
finished, then everything is closed in reverse order.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import asyncpg
import structlog

from services.catalogue.app import Parts, make_app
from services.catalogue.lobby import LobbySettings, demo_player
from services.catalogue.publish import Publisher
from services.catalogue.settings import PORT_OFFSET, CatalogueSettings
from services.catalogue.sync.store import ROLE, SyncStore
from services.catalogue.sync.syncer import Syncer
from shared.access import KeyRing, KeyStore
from shared.database import wait_for_pool
from shared.database.away import DATABASE_AWAY
from shared.kafka.topics import TopicNames
from shared.providers.registry import open_clients
from shared.settings import AccountsFile, load_accounts_file, load_settings
from shared.waiting import beside
from shared.web.serving import serve_until_signal

log = structlog.get_logger(__name__)

DATABASE_LOOK_S: Final = 2.0
DATABASE_SILENT_S: Final = 10.0
FIRST_LISTS_S: Final = 20.0
"""Who starts waits at most so long for the first lists: a provider that does not answer must not keep the others' games away."""

POOL_SIZE: Final = 10


async def serve(settings: CatalogueSettings) -> None:
    """Serves the catalogue until a signal. SettingsError stops the start."""
    file = load_accounts_file(settings.config_file)
    async with _running(settings, file) as (parts, keys):
        port = settings.listen_port(PORT_OFFSET)
        log.info("catalogue listens", host=settings.host, port=port, accounts=parts.syncer.accounts)
        await serve_until_signal(make_app(parts, keys, settings.gate), settings.host, port, settings.connections_max)
    log.info("catalogue has stopped")


@asynccontextmanager
async def _running(settings: CatalogueSettings, file: AccountsFile) -> AsyncIterator[tuple[Parts, KeyRing]]:
    """Everything the application works with, started in order and stopped in reverse."""
    clients = open_clients(file.provider_accounts.values())
    async with contextlib.AsyncExitStack() as stack:
        pool = await wait_for_pool(settings.database_url, role=ROLE, application_name="stakewire-catalogue", size_max=POOL_SIZE)
        stack.push_async_callback(pool.close)
        for client in clients.values():
            await client.start()
            stack.push_async_callback(client.close)
        publisher = Publisher(pool, settings.kafka_bootstrap_servers, TopicNames(settings.topic_prefix))
        await publisher.start()
        stack.push_async_callback(publisher.stop)
        syncer = Syncer(SyncStore(pool), clients, settings, publisher.wake)
        await syncer.start()
        stack.push_async_callback(syncer.stop)
        lobby = load_settings(LobbySettings)
        player = await stack.enter_async_context(demo_player(lobby))
        pulse = _Pulse(pool, syncer)
        await stack.enter_async_context(beside(pulse.beat(), "database-pulse"))
        parts = Parts(
            file=file,
            settings=settings,
            pool=pool,
            syncer=syncer,
            publisher=publisher,
            clients=clients,
            not_ready_because=pulse.not_ready_because,
            lobby=lobby,
            player=player,
        )
        yield parts, KeyRing(KeyStore(pool).find_by_token_hash)


class _Pulse:
    """Whether the database answers (without it the catalogue has nothing to show), and whether there was a first list."""

    def __init__(self, pool: asyncpg.Pool, syncer: Syncer) -> None:
        self._pool = pool
        self._syncer = syncer
        self._started_s = self._seen_s = time.monotonic()

    def not_ready_because(self) -> str:
        now_s = time.monotonic()
        if now_s - self._seen_s > DATABASE_SILENT_S:
            return f"the database has not answered for {now_s - self._seen_s:.0f} s"
        if self._syncer.unread and now_s - self._started_s < FIRST_LISTS_S:
            return f"the first list of {', '.join(self._syncer.unread)} is not read yet"
        return ""

    async def beat(self) -> None:
        while True:
            try:
                await self._pool.fetchval("SELECT 1", timeout=DATABASE_LOOK_S)
                self._seen_s = time.monotonic()
            except DATABASE_AWAY as error:
                log.warning("the database does not answer", cause=repr(error))
            await asyncio.sleep(DATABASE_LOOK_S)
