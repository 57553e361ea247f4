"""Child processes of the local stack: start, find again, stop. The only module that sends signals.

A child is known by pid *and* start time, kept in `<run dir>/processes/<name>.json`: pids are reused, and a signal must
never reach a program that is not ours. Children get a session of their own, so that Ctrl-C at the terminal reaches only
the command and the command decides in which order they end.
"""

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil

from deploy.local.errors import Interrupted, StartFailed, StopFailed
from deploy.local.files import private_folder, tail, write_private_json

LOG_BYTES_MAX = 20 * 1024 * 1024
# psutil derives the start time from the wall clock, which may be corrected by a little while we run.
START_TIME_TOLERANCE_S = 2.0
KILL_TIMEOUT_S = 10.0
POLL_S = 0.05


@dataclass(frozen=True)
class Account:
    """An operating-system account that a child runs under."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True)
class Command:
    """How one child is started and stopped."""

    name: str
    argv: Sequence[str]
    cwd: Path
    env: Mapping[str, str] = field(default_factory=dict)
    account: Account | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_timeout_s: float = 15.0


@dataclass(frozen=True)
class Identity:
    """What a child is recognised by: its pid, its start (seconds since 1970) and how it wants to be stopped."""

    pid: int
    create_time: float
    stop_signal: int
    stop_timeout_s: float


class Processes:
    """The children of one stack, on disk in its run folder so that any later command finds them again."""

    def __init__(self, run_dir: Path) -> None:
        """Use `run_dir` for records and logs; both folders are made when needed."""
        self._records = run_dir / "processes"
        self._logs = run_dir / "logs"
        # Children of this very command, kept to collect their exit status.
        self._own: dict[str, subprocess.Popen[bytes]] = {}
        self._lock = threading.Lock()
        # Set by a signal handler: starting is given up; stopping no longer waits for an orderly end.
        self.interrupted = threading.Event()
        self.hurried = threading.Event()

    def log_file(self, name: str) -> Path:
        """Return where the child's output goes."""
        return self._logs / f"{name}.log"

    def names(self) -> list[str]:
        """Return the names of all recorded children, running or dead."""
        return sorted(path.stem for path in self._records.glob("*.json"))

    def find(self, name: str) -> psutil.Process | None:
        """Return the running child of that name, or None if it never ran, has ended or is no longer ours."""
        identity = self._read(name)
        if identity is None:
            return None
        self._collect(name)
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(identity.pid)
            if abs(process.create_time() - identity.create_time) <= START_TIME_TOLERANCE_S and not _is_over(process):
                return process
        # It may have ended between the two looks.
        self._collect(name)
        return None

    def start(self, command: Command) -> psutil.Process:
        """Start a child with its output appended to its log file.

        Raises:
            StartFailed: the program could not be executed, or a child of that name is already running.
        """
        if self.find(command.name) is not None:
            raise StartFailed(f"{command.name} is already running; stop it before it is started again.")
        log, account = self._open_log(command.name), command.account
        try:
            child = subprocess.Popen(
                list(command.argv),
                cwd=command.cwd,
                env={**os.environ, **command.env},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=account.uid if account else None,
                group=account.gid if account else None,
                extra_groups=[] if account else None,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise StartFailed(f"{command.name} could not be executed ({command.argv[0]}): {error}") from error
        finally:
            os.close(log)
        with self._lock:
            self._own[command.name] = child
        process = psutil.Process(child.pid)
        identity = Identity(child.pid, process.create_time(), int(command.stop_signal), command.stop_timeout_s)
        write_private_json(self._record(command.name), asdict(identity))
        return process

    def wait_until(self, name: str, ready: Callable[[], bool], timeout_s: float, hint: str = "") -> None:
        """Wait until a just started child is ready.

        Args:
            name: the child to watch.
            ready: asked about twenty times a second.
            timeout_s: seconds until the start counts as failed.
            hint: a sentence for the message, on what to do.

        Raises:
            StartFailed: the child ended, or was not ready in time; the end of its log is in the message.
            Interrupted: the person gave up waiting.
        """
        deadline = time.monotonic() + timeout_s
        while not ready():
            if self.interrupted.is_set():
                raise Interrupted(f"The start of {name} was interrupted.")
            if self.find(name) is None:
                raise StartFailed(self._failure(name, "ended while it was being started", hint))
            if time.monotonic() > deadline:
                raise StartFailed(self._failure(name, f"was not ready within {timeout_s:g} s", hint))
            time.sleep(POLL_S)

    def signal(self, name: str, number: signal.Signals) -> bool:
        """Send a signal to the child; return False when it is not running."""
        process = self.find(name)
        if process is None:
            return False
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)
        return True

    def stop(self, name: str, timeout_s: float | None = None) -> bool:
        """Stop a child with its own stop signal, then SIGKILL; return whether it was running.

        Args:
            name: the child.
            timeout_s: seconds to wait before SIGKILL; the child's own limit by default, 0 kills at once.

        Raises:
            StopFailed: the process is still there after SIGKILL.
        """
        identity, process = self._read(name), self.find(name)
        if identity is None or process is None:
            self._record(name).unlink(missing_ok=True)
            return False
        family = _family(process)
        limit_s = identity.stop_timeout_s if timeout_s is None else timeout_s
        if limit_s > 0:
            self.signal(name, signal.Signals(identity.stop_signal))
        if limit_s <= 0 or not self._wait_gone(name, limit_s):
            for each in [process, *family]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    each.kill()
            if not self._wait_gone(name, KILL_TIMEOUT_S, patient=True):
                raise StopFailed(f"{name} (pid {process.pid}) is still running after SIGKILL; see whether its disk is stuck.")
        self._record(name).unlink(missing_ok=True)
        return True

    def kill(self, name: str) -> bool:
        """Kill the child alone with SIGKILL, as a crash would, and wait until it is gone; return whether it was running."""
        was_running = self.signal(name, signal.SIGKILL)
        if was_running and not self._wait_gone(name, KILL_TIMEOUT_S, patient=True):
            raise StopFailed(f"{name} is still running {KILL_TIMEOUT_S:g} s after SIGKILL; see whether its disk is stuck.")
        return was_running

    def _wait_gone(self, name: str, timeout_s: float, *, patient: bool = False) -> bool:
        deadline = time.monotonic() + timeout_s
        while self.find(name) is not None:
            if time.monotonic() > deadline or (self.hurried.is_set() and not patient):
                return False
            time.sleep(POLL_S)
        return True

    def _collect(self, name: str) -> None:
        """Take the exit status of an ended child of this command, so that it does not stay as a zombie."""
        with self._lock:
            child = self._own.get(name)
            if child is not None and child.poll() is not None:
                del self._own[name]

    def _record(self, name: str) -> Path:
        return self._records / f"{name}.json"

    def _read(self, name: str) -> Identity | None:
        try:
            return Identity(**json.loads(self._record(name).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def _open_log(self, name: str) -> int:
        path = self.log_file(name)
        private_folder(path.parent)
        if path.exists() and path.stat().st_size > LOG_BYTES_MAX:
            path.replace(path.with_suffix(".log.1"))
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def _failure(self, name: str, what: str, hint: str) -> str:
        log = self.log_file(name)
        end = tail(log)
        said = f" Its last lines in {log}:\n{end}" if end else f" Its log {log} is empty."
        return f"{name} {what}.{' ' + hint if hint else ''}{said}"


def _is_over(process: psutil.Process) -> bool:
    """Tell whether only the entry in the process table is left. A zombie whose other threads still end holds its ports."""
    return process.status() == psutil.STATUS_ZOMBIE and process.num_threads() <= 1


def _family(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []
