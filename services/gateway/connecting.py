"""Connects what a process of the gateway needs of Kafka in the background: it can answer, and say that it is not ready, meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Final

import structlog

from shared.errors import StakewireError
from shared.kafka.compacted import CompactedReader
from shared.requester import Requester

log = structlog.get_logger(__name__)

RETRY_S: Final = 1.0


@contextlib.asynccontextmanager
async def connected(
    requester: Requester, *readers: CompactedReader, when_ready: Callable[[], object] | None = None
) -> AsyncIterator[None]:
    """All connect beside the block and are stopped after it; `when_ready` is called once they have connected."""
    connecting = asyncio.create_task(_connect(requester, readers, when_ready), name="connect")
    try:
        yield
    finally:
        connecting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await connecting
        await requester.stop()
        await asyncio.gather(*(reader.stop() for reader in readers))


async def _connect(requester: Requester, readers: tuple[CompactedReader, ...], when_ready: Callable[[], object] | None) -> None:
    # First: no command goes to the wallet before it is known what is open for play.
    await asyncio.gather(*(reader.start() for reader in readers))
    while True:
        try:
            await requester.start()
        except StakewireError as error:
            log.warning("not connected yet", cause=str(error), again_in_s=RETRY_S)
            await asyncio.sleep(RETRY_S)
        else:
            if when_ready is not None:
                when_ready()
            log.info("ready for commands", reply_partition=requester.partition)
            return
