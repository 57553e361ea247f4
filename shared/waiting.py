"""Waiting at most so long, for things that do not always listen to a cancellation; and work beside other work."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import structlog

log = structlog.get_logger(__name__)


async def give_up_after(work: Coroutine[Any, Any, object], limit_s: float, what: str) -> None:
    """Runs `work` to its end or leaves it behind after `limit_s` seconds; its errors become a log line.

    `asyncio.wait_for` waits for the cancelled task, and aiokafka's clients may swallow the cancellation when no broker
    answers: a stop would hang for good.
    """
    task = asyncio.ensure_future(work)
    _, pending = await asyncio.wait([task], timeout=limit_s)
    if pending:
        task.cancel()
        # Whatever it still ends with has been told of by this line.
        task.add_done_callback(lambda left: left.cancelled() or left.exception())
        log.warning("it did not end in time and is left behind", what=what, limit_s=limit_s)
    elif not task.cancelled() and (error := task.exception()) is not None:
        log.warning("it did not end cleanly", what=what, cause=repr(error))


@contextlib.asynccontextmanager
async def beside(work: Coroutine[Any, Any, None], name: str) -> AsyncIterator[None]:
    """Runs a coroutine beside the block and ends it with it."""
    task = asyncio.create_task(work, name=name)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
