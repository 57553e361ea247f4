"""The lock of a run folder: two commands never start or stop one stack at the same time."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local.errors import StackBusy
from deploy.local.progress import Progress

LOCK_TIMEOUT_S = 300.0
POLL_S = 0.1


@contextmanager
def stack_lock(run_dir: Path, progress: Progress, timeout_s: float = LOCK_TIMEOUT_S) -> Iterator[None]:
    """Hold the lock; the operating system gives it back when the process ends, however it ends.

    Raises:
        StackBusy: another command holds it for longer than `timeout_s` seconds.
    """
    run_dir.mkdir(parents=True, exist_ok=True)
    handle = os.open(run_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + timeout_s
        while not _try_lock(handle):
            holder = os.pread(handle, 32, 0).decode("ascii", "replace").strip() or "unknown"
            progress.doing(f"waiting for another stakewire command (pid {holder}) that starts or stops this stack")
            if time.monotonic() > deadline:
                raise StackBusy(
                    f"Another stakewire command (pid {holder}) has been starting or stopping the stack in {run_dir} for "
                    f"{timeout_s:g} s. Wait for it, or stop it and try again."
                )
            time.sleep(POLL_S)
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(handle)


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class Foreground:
    """Whether a foreground command owns the stack, so that it stops it at its end.

    A file marks that the stack belongs to a foreground command, and that command holds the file's lock. A mark without
    its lock was left by a command that was killed: the next foreground command takes the stack over.
    """

    def __init__(self, run_dir: Path) -> None:
        """Use the mark of that run folder; nothing is claimed yet."""
        self._path = run_dir / "foreground"
        self._handle: int | None = None

    def claim(self, *, stack_is_running: bool) -> bool:
        """Claim the stack; return False when it belongs to a background `up` or to another foreground command."""
        if stack_is_running and not self._path.exists():
            return False
        self._path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if not _try_lock(handle):
            os.close(handle)
            return False
        self._handle = handle
        return True

    def give_to_background(self) -> None:
        """Take away a mark that a killed foreground command left; one that is held stays."""
        if self._path.exists() and self.claim(stack_is_running=True):
            self.release()

    def release(self) -> None:
        """Give up the claim; nothing happens without one."""
        if self._handle is not None:
            self._path.unlink(missing_ok=True)
            os.close(self._handle)
            self._handle = None
