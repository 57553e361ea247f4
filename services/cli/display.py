"""What `stakewire run` shows while demo traffic plays: one line of speed, latency, lag and books. Starts and stops no process."""

import threading
from dataclasses import dataclass

from rich.live import Live
from rich.text import Text

from deploy.local.parts import services, urls
from deploy.local.stack import Stack
from services.cli.output import console, say
from services.cli.simulator import Play, PlayState, Simulator, SimulatorError, wallet_lag

LINE_EVERY_S = 2.0
PLAIN_LINE_EVERY_S = 10.0
COMPARE_EVERY_S = 10.0


@dataclass(frozen=True)
class Moment:
    """What is known at one moment; None = not known right now."""

    play: PlayState | None
    lag: int | None
    books: str
    ended: tuple[str, ...] = ()

    def line(self) -> str:
        """Return the moment as one line of text."""
        parts = []
        if self.play is not None:
            parts.append(f"{self.play.callbacks_per_s:.0f} callbacks/s")
            parts.append(f"p50 {_milliseconds(self.play.p50_ms)}, p99 {_milliseconds(self.play.p99_ms)}")
            parts.append(f"{self.play.rounds_done:,} rounds")
            if self.play.errors:
                parts.append(f"{self.play.errors:,} errors")
        parts.append("lag unknown" if self.lag is None else f"lag {self.lag:,}")
        parts.append(self.books)
        if self.ended:
            parts.append(f"NOT RUNNING: {', '.join(self.ended)} (`stakewire up` in another terminal starts it again)")
        return " | ".join(parts)


class Display:
    """Plays demo traffic and shows it until told to end."""

    def __init__(self, stack: Stack, end: threading.Event) -> None:
        """Watch `stack` until `end` is set."""
        settings = stack.settings
        self._stack = stack
        self._end = end
        self._simulator = Simulator(urls(settings)["simulator"])
        self._services = [service.name for service in services(settings)]
        self._wallets = [
            f"{settings.reach_host}:{service.port}" for service in services(settings) if service.name.startswith("wallet")
        ]
        self._play: Play | None = None
        self._play_id: str | None = None
        self._books = "books not compared"

    def show(self, play: Play | None) -> None:
        """Play (None: only look) and show a line every few seconds until the end."""
        self._play = play
        comparing = threading.Thread(target=self._compare_again_and_again, daemon=True)
        comparing.start()
        try:
            self._state()  # Starts the play, so that the first line already tells of it.
            if console.is_terminal:
                self._show_live()
            else:
                pause_s = LINE_EVERY_S
                while not self._end.wait(pause_s):
                    say(self._moment().line())
                    pause_s = PLAIN_LINE_EVERY_S
        finally:
            self._stop_play()

    def _show_live(self) -> None:
        with Live(Text("starting to play"), console=console, auto_refresh=False, transient=False) as live:
            while not self._end.wait(LINE_EVERY_S):
                live.update(Text(self._moment().line()), refresh=True)

    def _moment(self) -> Moment:
        ended = tuple(name for name in self._services if self._stack.processes.find(name) is None)
        return Moment(self._state(), wallet_lag(self._wallets), self._books, ended)

    def _state(self) -> PlayState | None:
        """Return how the play goes; start it first, and again if the simulator forgot it by a restart."""
        if self._play is None:
            return None
        try:
            if self._play_id is None:
                self._play_id = self._simulator.start(self._play)
            state = self._simulator.state(self._play_id)
        except SimulatorError:
            self._play_id = None
            return None
        if state.is_over:
            self._play_id = None
        return state

    def _compare_again_and_again(self) -> None:
        pause_s = LINE_EVERY_S
        while not self._end.wait(pause_s):
            pause_s = COMPARE_EVERY_S
            try:
                result = self._simulator.compare()
            except SimulatorError:
                self._books = "books not comparable now"
                continue
            if result.agree:
                self._books = "books agree"
            else:
                self._books = f"BOOKS DIFFER: {result.differences[0] if result.differences else 'see the simulator'}"

    def _stop_play(self) -> None:
        if self._play_id is not None:
            try:
                self._simulator.stop(self._play_id)
            except SimulatorError:
                return  # It is being stopped anyway, or is gone.


def _milliseconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} ms"
