"""How the command line speaks: one console, progress of long steps, and errors without a traceback."""

import logging
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn, Self

import typer
from rich.console import Console
from rich.status import Status

from deploy.local.errors import Interrupted
from deploy.local.progress import Progress
from shared.errors import StakewireError

console = Console(highlight=False, soft_wrap=True)
errors = Console(stderr=True, highlight=False, soft_wrap=True)
PLAIN_PROGRESS_EVERY_S = 5.0
INTERRUPTED_EXIT_CODE = 128 + 2  # as a shell tells an end by SIGINT


class HelpfulApp(typer.Typer):
    """A command line that shows our own errors as one message, with exit code 1, and all others as what they are: defects."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the command that was asked for."""
        try:
            return super().__call__(*args, **kwargs)
        except Interrupted as error:
            _print_error(str(error))
            sys.exit(INTERRUPTED_EXIT_CODE)
        except StakewireError as error:
            _print_error(str(error))
            sys.exit(1)


def fail(message: str) -> NoReturn:
    """Print a message to standard error and end the command with exit code 1."""
    _print_error(message)
    raise typer.Exit(1)


def say(message: str) -> None:
    """Print a line of plain text."""
    console.print(_plain(message))


@contextmanager
def without_logs() -> Iterator[None]:
    """For commands whose own words tell what happens; log lines of the same would only stand between."""
    import structlog

    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.configure(**before)


def _print_error(message: str) -> None:
    errors.print(f"[bold red]error:[/] {_plain(message)}")


def _plain(text: str) -> str:
    """Keep rich from reading square brackets as markup."""
    return text.replace("[", r"\[")


class ConsoleProgress(Progress):
    """Progress at the terminal: finished steps as lines, those under way in one moving line.

    Without a terminal there is no moving line; a long step is told every few seconds.
    """

    def __init__(self) -> None:
        """Show nothing yet."""
        self._started = time.monotonic()
        self._lock = threading.Lock()
        self._under_way: dict[str, tuple[str, float]] = {}
        self._status: Status | None = None
        self._told = self._started

    def __enter__(self) -> Self:
        """Show the moving line from here on."""
        self.show()
        return self

    def __exit__(self, *_: object) -> None:
        """Take the moving line away."""
        self.hide()

    def show(self) -> None:
        """Show the moving line, if there is a terminal."""
        if self._status is None and console.is_terminal:
            self._status = console.status("starting", spinner="line")
            self._status.start()

    def hide(self) -> None:
        """Take the moving line away, for output of another kind."""
        if self._status is not None:
            self._status.stop()
            self._status = None

    def doing(self, text: str) -> None:
        """Show a step under way; the word before the colon tells steps apart."""
        with self._lock:
            step, now = text.partition(":")[0], time.monotonic()
            since = self._under_way.get(step, (text, now))[1]
            self._under_way[step] = (text, since)
            if self._status is not None:
                self._status.update(_plain(", ".join(each for each, _ in self._under_way.values())))
            elif now - max(since, self._told) > PLAIN_PROGRESS_EVERY_S:
                self._told = now
                console.print(f"    {now - self._started:6.1f} s  {_plain(text)} ...")

    def done(self, text: str) -> None:
        """Print a finished step with the seconds since the start."""
        with self._lock:
            self._under_way.pop(text.partition(":")[0], None)
            self._told = time.monotonic()
            console.print(f"[green]ok[/]  {self._told - self._started:6.1f} s  {_plain(text)}")
