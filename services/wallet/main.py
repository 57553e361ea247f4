"""Starts a wallet: settings, pool, producers, worker, health. Ends cleanly on SIGTERM and SIGINT."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import sys

import asyncpg
import structlog
import uvloop
from aiokafka.errors import KafkaError

from services.wallet.health import serve_health
from services.wallet.ledger.store import connection_settings
from services.wallet.outbox import Outbox
from services.wallet.settings import PORT_OFFSET, WalletSettings
from services.wallet.traces import Traces
from services.wallet.worker import Worker
from shared.errors import SettingsError, StakewireError
from shared.gaming_day import GamingDays
from shared.kafka.topics import TopicNames
from shared.settings import load_brands, load_settings
from shared.telemetry import configure_logs
from shared.tracing import tracing

log = structlog.get_logger(__name__)

RETRY_S = 1.0
GARBAGE_EVERY = 50_000
"""New objects between two looks for cycles. A batch holds thousands for its time and hardly ever a cycle: Python's 700 looks
through them again and again, for a tenth of a command's time."""


async def _keep(_: asyncpg.Connection) -> None:
    """Nothing to reset between two batches: the wallet changes no session state, and a reset is a round trip."""


async def open_pool(settings: WalletSettings) -> asyncpg.Pool:
    """The wallet's few connections; waits for the database, however long it takes to come."""
    if not settings.database_url:
        raise SettingsError("DATABASE_URL is not set; expected postgresql://user:password@host:port/name")
    while True:
        try:
            return await asyncpg.create_pool(
                settings.database_url,
                min_size=1,
                max_size=3,
                command_timeout=settings.wallet_statement_timeout_ms / 1000 + 5,
                reset=_keep,
                server_settings=connection_settings(
                    lock_timeout_ms=settings.wallet_lock_timeout_ms, statement_timeout_ms=settings.wallet_statement_timeout_ms
                ),
            )
        except asyncpg.InvalidParameterValueError as error:
            raise SettingsError(
                f"the database knows no role stakewire_wallet ({error}); run `stakewire migrate` with a role that owns the schema"
            ) from error
        except (OSError, asyncpg.PostgresError) as error:
            log.warning("the database does not answer yet; trying again", cause=repr(error), again_in_s=RETRY_S)
            await asyncio.sleep(RETRY_S)


async def serve(settings: WalletSettings) -> None:
    """Runs one wallet until it is told to stop."""
    days = GamingDays(load_brands(settings.config_file))
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    workers: list[Worker] = []
    runner = await serve_health(
        settings.host, settings.listen_port(PORT_OFFSET), lambda: workers[0].readiness() if workers else (False, "starting")
    )
    work = asyncio.create_task(_traced(settings, days, workers))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([work, stopping], return_when=asyncio.FIRST_COMPLETED)
        if workers:
            workers[0].stop()
        else:
            work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await work
    finally:
        stopping.cancel()
        await runner.cleanup()


async def _traced(settings: WalletSettings, days: GamingDays, workers: list[Worker]) -> None:
    async with tracing(settings, "wallet") as tracer:
        await _work(settings, days, workers, Traces(tracer))


async def _work(settings: WalletSettings, days: GamingDays, workers: list[Worker], traces: Traces) -> None:
    pool = await open_pool(settings)
    outbox = Outbox(settings.kafka_bootstrap_servers, TopicNames(settings.topic_prefix))
    try:
        await _start(outbox)
        workers.append(Worker(settings, pool, outbox, days, traces))
        await workers[0].run()
    finally:
        await outbox.stop()
        pool.terminate()


async def _start(outbox: Outbox) -> None:
    while True:
        try:
            await outbox.start()
        except (KafkaError, OSError) as error:
            log.warning("kafka does not answer yet; trying again", cause=repr(error), again_in_s=RETRY_S)
            await asyncio.sleep(RETRY_S)
        else:
            return


def main() -> None:
    """The entry point of `python -m services.wallet`."""
    try:
        settings = load_settings(WalletSettings)
        configure_logs("wallet", settings.log_level)
        gc.freeze()
        gc.set_threshold(GARBAGE_EVERY)
        uvloop.run(serve(settings))
    except (StakewireError, OSError, ValueError) as error:
        sys.stderr.write(f"wallet: {error}\n")
        sys.exit(1)
