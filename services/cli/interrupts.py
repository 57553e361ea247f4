"""Ctrl-C and SIGTERM for commands that start processes: the first asks for an orderly end, the second hurries it."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from deploy.local.processes import Processes
from services.cli.output import errors

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def orderly_end(processes: Processes | None = None) -> Iterator[threading.Event]:
    """Turn signals into events while the block runs, so that it always comes to its own end and leaves no orphan.

    The first signal sets `processes.interrupted`, which is yielded: starts are given up and the block should end.
    A further one sets `processes.hurried`: whatever is being stopped is killed instead. Without `processes` nothing was
    started here: there is only the event, and a further signal changes nothing.
    """
    interrupted = processes.interrupted if processes is not None else threading.Event()

    def handle(_number: int, _frame: FrameType | None) -> None:
        if processes is None:
            interrupted.set()
            errors.print("\nending")
        elif interrupted.is_set():
            processes.hurried.set()
            errors.print("\nkilling what is left ...")
        else:
            interrupted.set()
            errors.print("\nending; press Ctrl-C again to kill instead of stop")

    before = {number: signal.signal(number, handle) for number in SIGNALS}
    try:
        yield interrupted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
