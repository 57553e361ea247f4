"""Starts and stops the callbacks service: accounts, switches, games, requester, archive, listener, signals.

At SIGTERM: readiness falls and every answer closes its connection, so that the provider's pools move elsewhere; when
the announcement is over no new connection is taken and what is pending gets its time; then the process ends. A second
signal skips the announcement.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import socket
from collections.abc import AsyncIterator
from typing import Final

import structlog

from services.gateway.callbacks.accounts import Account, open_accounts
from services.gateway.callbacks.app import CallbacksApp, describe
from services.gateway.callbacks.archive import Archive
from services.gateway.callbacks.listener import Listener, listen
from services.gateway.connecting import connected
from services.gateway.games import GameBook, GameReader
from services.gateway.settings import GatewaySettings
from services.gateway.switches import SwitchBoard, SwitchReader
from shared.kafka.topics import TopicNames
from shared.requester import Requester, RequesterLimits
from shared.settings import load_accounts_file
from shared.tracing import tracing

log = structlog.get_logger(__name__)

PORT_OFFSET: Final = 0
YOUNG_OBJECTS: Final = 20_000
"""Objects made before the garbage collector looks at them: at the default of 700 it takes a tenth of the time."""


async def serve(settings: GatewaySettings) -> None:
    """Serves callbacks until a signal. SettingsError and ListenError stop the start."""
    board, book = SwitchBoard(), GameBook()
    accounts = open_accounts(load_accounts_file(settings.config_file), settings.nonces_max, board, book)
    port = settings.listen_port(PORT_OFFSET)
    names = TopicNames(settings.topic_prefix)
    async with contextlib.AsyncExitStack() as stack:
        listening = stack.enter_context(listen(settings.host, port))
        tracer = await stack.enter_async_context(tracing(settings, "gateway"))
        requester = Requester(
            settings.kafka_bootstrap_servers,
            names,
            instance_id=settings.instance_id or f"{socket.gethostname()}:{port}",
            limits=RequesterLimits(settings.pending),
            tracer=tracer,
        )
        switches = SwitchReader(settings.kafka_bootstrap_servers, names, board)
        games = GameReader(settings.kafka_bootstrap_servers, names, book)
        async with _archive(settings, names, accounts) as archive, connected(requester, switches, games, when_ready=_settle):
            app = CallbacksApp(accounts, requester, archive, switches, games, tracer)
            listener = Listener(
                app.handle,
                connections_max=settings.connections_max,
                body_bytes_max=settings.body_bytes_max,
                request_s_max=settings.request_s_max,
                keep_alive_s=settings.keep_alive_s,
                drain_finish_s=settings.drain_finish_s,
            )
            await listener.start(listening)
            log.info(
                "gateway listens for callbacks",
                host=settings.host,
                port=port,
                accounts=describe(accounts),
                instance=requester.instance_id,
            )
            await _until_told_to_stop(app, listener, settings.drain_announce_s)
            await listener.stop()
    log.info("gateway has stopped")


async def _until_told_to_stop(app: CallbacksApp, listener: Listener, announce_s: float) -> None:
    loop = asyncio.get_running_loop()
    told, told_again = asyncio.Event(), asyncio.Event()

    def on_signal() -> None:
        (told_again if told.is_set() else told).set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    await told.wait()
    log.info("gateway is stopping", announced_for_s=announce_s)
    app.draining = listener.draining = True
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(told_again.wait(), announce_s)


@contextlib.asynccontextmanager
async def _archive(settings: GatewaySettings, names: TopicNames, accounts: dict[str, Account]) -> AsyncIterator[Archive | None]:
    if not settings.archive:
        yield None
        return
    archive = Archive(
        settings.kafka_bootstrap_servers,
        names,
        accounts,
        success_share=settings.archive_success_share,
        queue_max=settings.archive_queue_max,
        diagnoses_per_s=settings.diagnoses_per_s,
    )
    await archive.start()
    try:
        yield archive
    finally:
        await archive.stop()


def _settle() -> None:
    """What exists by now lives as long as the process: the collector need not look at it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 20, 20)
