"""uvicorn as the last thing to start and the first to end: what stands around it is closed in order after it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import uvicorn
from starlette.types import ASGIApp

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
FINISH_S: Final = 20
"""How long running requests may take after a signal."""

KEEP_ALIVE_S: Final = 75


class EndingServer(uvicorn.Server):
    """A server that returns from `serve` after a signal.

    uvicorn's own raises the signal once more at its end, which kills the process before pools, clients and tasks are closed.
    """

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The first signal ends the server; those that come after it has ended are not ours any more."""
        before = {number: signal.signal(number, self.handle_exit) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


async def serve_until_signal(app: ASGIApp, host: str, port: int, connections_max: int) -> None:
    """Serves on the running event loop; returns when a signal came and the running requests were finished."""
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        loop="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=FINISH_S,
        limit_concurrency=connections_max,
        proxy_headers=False,
    )
    await EndingServer(config).serve()
