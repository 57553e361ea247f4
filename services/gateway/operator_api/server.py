"""Starts and stops the operator's API: database, requester, switches, games, provider clients, HTTP server.

It listens once the database has answered; Kafka and the providers may come later. At SIGTERM running requests are
finished, then everything is closed in reverse order.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import structlog

from services.gateway.connecting import connected
from services.gateway.games import GameBook, GameReader
from services.gateway.operator_api.app import Parts, make_app
from services.gateway.operator_api.closings import Closer
from services.gateway.operator_api.database_facts import DatabaseFacts
from services.gateway.operator_api.desk import Desk
from services.gateway.operator_api.estate import Estate
from services.gateway.operator_api.games import GameOffer
from services.gateway.operator_api.launches import Launcher
from services.gateway.operator_api.probes import Probes
from services.gateway.operator_api.settings import PORT_OFFSET, OperatorApiSettings
from services.gateway.operator_api.store import LaunchStore
from services.gateway.switches import SwitchBoard, SwitchControl, SwitchReader, SwitchStore
from shared.access import ROLE, KeyRing, KeyStore
from shared.database import wait_for_pool
from shared.database.away import DATABASE_AWAY
from shared.kafka.topics import TopicNames
from shared.providers.registry import open_clients
from shared.requester import Requester
from shared.settings import AccountsFile, load_accounts_file
from shared.tracing import tracing
from shared.waiting import beside
from shared.web.serving import serve_until_signal

if TYPE_CHECKING:  # importing it is what a process without traces is spared
    from shared.tracing.tracer import Tracer

log = structlog.get_logger(__name__)

PURGE_EVERY_S: Final = 3_600.0
POOL_SIZE: Final = 8


async def serve(settings: OperatorApiSettings) -> None:
    """Serves the operator's API until a signal. SettingsError stops the start."""
    file = load_accounts_file(settings.config_file)
    async with tracing(settings, "operator-api") as tracer, _running(settings, file, tracer) as (parts, keys):
        port = settings.listen_port(PORT_OFFSET)
        log.info("operator API listens", host=settings.host, port=port, accounts=sorted(file.provider_accounts))
        await serve_until_signal(make_app(parts, keys, settings.gate, tracer), settings.host, port, settings.connections_max)
    log.info("operator API has stopped")


@asynccontextmanager
async def _running(
    settings: OperatorApiSettings, file: AccountsFile, tracer: Tracer | None
) -> AsyncIterator[tuple[Parts, KeyRing]]:
    """Everything the application works with, started in order and stopped in reverse."""
    names = TopicNames(settings.topic_prefix)
    instance = settings.instance_id or f"operator:{socket.gethostname()}:{settings.listen_port(PORT_OFFSET)}"
    clients = open_clients(file.provider_accounts.values())
    async with contextlib.AsyncExitStack() as stack:
        pool = await wait_for_pool(settings.database_url, role=ROLE, application_name="stakewire-operator-api", size_max=POOL_SIZE)
        stack.push_async_callback(pool.close)
        for client in clients.values():
            await client.start()
            stack.push_async_callback(client.close)
        requester = Requester(settings.kafka_bootstrap_servers, names, instance_id=instance, tracer=tracer)
        board, book = SwitchBoard(), GameBook()
        reader = SwitchReader(settings.kafka_bootstrap_servers, names, board)
        catalogue = GameReader(settings.kafka_bootstrap_servers, names, book)
        await stack.enter_async_context(connected(requester, reader, catalogue))
        control = SwitchControl(SwitchStore(pool), settings.kafka_bootstrap_servers, names, reader)
        await control.start()
        stack.push_async_callback(control.stop)
        launches = LaunchStore(pool)
        await stack.enter_async_context(beside(_purge(launches, settings.records_kept_days), "purge"))
        await stack.enter_async_context(beside(DatabaseFacts(pool).run(), "database facts"))
        probes = Probes(clients, settings.probe_every_s)
        await stack.enter_async_context(beside(probes.run(), "probes"))
        closer = Closer(settings.kafka_bootstrap_servers, names, clients.get)
        closer.expect(clients)
        await stack.enter_async_context(beside(closer.run(), "closings"))
        games = GameOffer(file, board, book, probes.failure_of)
        desk = Desk(requester, settings.wallet_deadline_ms)
        estate = Estate(file, board, clients, pool, settings.callback_url)

        def not_ready_because() -> str:
            if not reader.caught_up:
                return "the switches are not read yet"
            if not catalogue.caught_up:
                return "the games are not read yet"
            return "" if requester.ready else "no connection to Kafka"

        parts = Parts(
            desk=desk,
            estate=estate,
            games=games,
            launcher=Launcher(desk, estate, games, launches, settings),
            launches=launches,
            switches=control,
            pool=pool,
            not_ready_because=not_ready_because,
        )
        yield parts, KeyRing(KeyStore(pool).find_by_token_hash)


async def _purge(launches: LaunchStore, days: int) -> None:
    """Forgets old launches every hour."""
    while True:
        try:
            await launches.purge(days)
        except DATABASE_AWAY as error:
            log.warning("old launches could not be deleted; trying again later", cause=repr(error))
        await asyncio.sleep(PURGE_EVERY_S)
