"""Connects a requester in the background: a listener can answer (and say that it is not ready) while Kafka is away."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Final

import structlog

from shared.errors import StakewireError
from shared.requester import Requester

log = structlog.get_logger(__name__)

RETRY_S: Final = 1.0


@contextlib.asynccontextmanager
async def connected(requester: Requester, service: str, when_ready: Callable[[], object] | None = None) -> AsyncIterator[None]:
    """The requester connects beside the block and is stopped after it. `when_ready` is called once it has connected."""
    connecting = asyncio.create_task(_connect(requester, service, when_ready), name="connect")
    try:
        yield
    finally:
        connecting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await connecting
        await requester.stop()


async def _connect(requester: Requester, service: str, when_ready: Callable[[], object] | None) -> None:
    while True:
        try:
            await requester.start()
        except StakewireError as error:
            log.warning("not connected yet", cause=str(error), again_in_s=RETRY_S)
            await asyncio.sleep(RETRY_S)
        else:
            if when_ready is not None:
                when_ready()
            log.info("ready for commands", part=service, reply_partition=requester.partition)
            return
