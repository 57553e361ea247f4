"""Waiting in a running loop for a condition, with a generous limit."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable

LIMIT_S = 60.0
POLL_S = 0.01


async def until(condition: Callable[[], object] | Callable[[], Awaitable[object]], what: str) -> None:
    """Returns when `condition` (plain or a coroutine function) gives something true; fails with `what` after LIMIT_S."""
    try:
        async with asyncio.timeout(LIMIT_S):
            while True:
                found = condition()
                if inspect.isawaitable(found):
                    found = await found
                if found:
                    return
                await asyncio.sleep(POLL_S)
    except TimeoutError:
        raise AssertionError(f"not within {LIMIT_S:g} s: {what}") from None
