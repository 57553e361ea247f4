"""uvicorn as the last thing to start and the first to end: what stands around it is closed in order after it."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
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
    `ending` is called at the signal: it ends answers that would go on for ever.
    """

    def __init__(self, config: uvicorn.Config, ending: Callable[[], object] | None = None) -> None:
        super().__init__(config)
        self._ending = ending

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The signal has come."""
        if self._ending is not None:
            self._ending()
        super().handle_exit(sig, frame)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The first signal ends the server; those that come after it has ended are not ours any more."""
        before = {number: signal.signal(number, self.handle_exit) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


async def serve_until_signal(
    app: ASGIApp, host: str, port: int, connections_max: int, ending: Callable[[], object] | None = None
) -> None:
    """Serves on the running event loop; returns when a signal came and the running requests were finished.

    `ending` is called at the signal, from wherever the program is: it only schedules (`loop.call_soon_threadsafe`).
    """
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
    await EndingServer(config, ending).serve()
