"""uvicorn as the last thing to start and the first to end: what stands around it is closed in order after it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import uvicorn

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


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
