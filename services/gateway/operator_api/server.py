"""Starts and stops the operator's API: database, requester, switches, provider clients, HTTP server.

It listens once the database has answered; Kafka and the providers may come later. At SIGTERM running requests are
finished, then everything is closed in reverse order.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import asyncpg
import structlog
import uvicorn
from typing_extensions import override

from services.gateway.connecting import connected
from services.gateway.operator_api.app import Parts, make_app
from services.gateway.operator_api.desk import Desk
from services.gateway.operator_api.estate import Estate, open_clients
from services.gateway.operator_api.games import GameDirectory
from services.gateway.operator_api.launches import Launcher
from services.gateway.operator_api.settings import PORT_OFFSET, OperatorApiSettings
from services.gateway.operator_api.store import LaunchStore
from services.gateway.switches import SwitchBoard, SwitchControl, SwitchReader, SwitchStore
from shared.access import ROLE, KeyRing, KeyStore
from shared.database import open_pool
from shared.kafka.topics import TopicNames
from shared.providers.client import ProviderClient
from shared.requester import Requester
from shared.settings import AccountsFile, load_accounts_file

log = structlog.get_logger(__name__)

DATABASE_RETRY_S: Final = 1.0
PURGE_EVERY_S: Final = 3_600.0
FINISH_S: Final = 20
KEEP_ALIVE_S: Final = 75
POOL_SIZE: Final = 8


async def serve(settings: OperatorApiSettings) -> None:
    """Serves the operator's API until a signal. SettingsError stops the start."""
    file = load_accounts_file(settings.config_file)
    async with _running(settings, file) as (parts, keys):
        config = uvicorn.Config(
            make_app(parts, keys, settings.gate),
            host=settings.host,
            port=settings.listen_port(PORT_OFFSET),
            loop="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=FINISH_S,
            limit_concurrency=settings.connections_max,
            proxy_headers=False,
        )
        log.info("operator API listens", host=settings.host, port=config.port, accounts=sorted(file.provider_accounts))
        await _Server(config).serve()
    log.info("operator API has stopped")


class _Server(uvicorn.Server):
    """Ends at a signal by returning. uvicorn's own way raises the signal again, which ends the process before we have closed."""

    @override
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop, numbers = asyncio.get_running_loop(), (signal.SIGTERM, signal.SIGINT)
        for number in numbers:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in numbers:
                loop.remove_signal_handler(number)


@asynccontextmanager
async def _running(settings: OperatorApiSettings, file: AccountsFile) -> AsyncIterator[tuple[Parts, KeyRing]]:
    """Everything the application works with, started in order and stopped in reverse."""
    names = TopicNames(settings.topic_prefix)
    instance = settings.instance_id or f"operator:{socket.gethostname()}:{settings.listen_port(PORT_OFFSET)}"
    clients = open_clients(file)
    async with contextlib.AsyncExitStack() as stack:
        pool = await _pool(settings)
        stack.push_async_callback(pool.close)
        for client in clients.values():
            await client.start()
            stack.push_async_callback(client.close)
        requester = Requester(settings.kafka_bootstrap_servers, names, instance_id=instance)
        await stack.enter_async_context(connected(requester, "operator API"))
        board = SwitchBoard()
        reader = SwitchReader(settings.kafka_bootstrap_servers, names, board)
        await stack.enter_async_context(_reading(reader))
        control = SwitchControl(SwitchStore(pool), settings.kafka_bootstrap_servers, names, reader)
        await control.start()
        stack.push_async_callback(control.stop)
        launches = LaunchStore(pool)
        await stack.enter_async_context(_background(_purge(launches, settings.records_kept_days), "purge"))
        games = GameDirectory(settings.games_fresh_s)
        await stack.enter_async_context(_background(_keep_lists(clients, games), "game-lists"))
        desk = Desk(requester, settings.wallet_deadline_ms)
        estate = Estate(file, board, clients, pool)

        def not_ready_because() -> str:
            if not requester.ready:
                return "no connection to Kafka"
            return "" if reader.caught_up else "the switches are not read yet"

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


async def _pool(settings: OperatorApiSettings) -> asyncpg.Pool:
    """The connections; waits for the database, however long it takes to come."""
    while True:
        try:
            return await open_pool(settings.database_url, role=ROLE, application_name="stakewire-operator-api", size_max=POOL_SIZE)
        except (OSError, asyncpg.PostgresError) as error:
            log.warning("the database does not answer yet; trying again", cause=repr(error), again_in_s=DATABASE_RETRY_S)
            await asyncio.sleep(DATABASE_RETRY_S)


@asynccontextmanager
async def _reading(reader: SwitchReader) -> AsyncIterator[None]:
    async with _background(reader.start(), "switches"):
        yield
    await reader.stop()


@asynccontextmanager
async def _background(work: Coroutine[object, object, None], name: str) -> AsyncIterator[None]:
    """Runs a coroutine beside the block and ends it with it."""
    task = asyncio.create_task(work, name=name)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _purge(launches: LaunchStore, days: int) -> None:
    """Forgets old launches every hour."""
    while True:
        try:
            await launches.purge(days)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            log.warning("old launches could not be deleted; trying again later", cause=repr(error))
        await asyncio.sleep(PURGE_EVERY_S)


async def _keep_lists(clients: Mapping[str, ProviderClient], games: GameDirectory) -> None:
    """Reads each provider's list now and then: the first launch need not wait for it, and health is known before."""
    while True:
        await asyncio.gather(*(games.refresh(name, client) for name, client in clients.items()))
        await asyncio.sleep(games.fresh_s)
