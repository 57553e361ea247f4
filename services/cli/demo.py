"""`stakewire demo`: a bounded play with retries and rollbacks, then the simulator's books against the wallet's."""

import threading
import time
from typing import Annotated, NamedTuple
from urllib.parse import urlsplit

import typer

from deploy.local.errors import Interrupted
from deploy.local.lock import Foreground
from deploy.local.parts import urls
from deploy.local.settings import load_stack_settings
from deploy.local.stack import Stack
from services.cli.interrupts import orderly_end
from services.cli.output import ConsoleProgress, fail, say
from services.cli.simulator import Comparison, Play, PlayState, Simulator, SimulatorError
from services.cli.stack import preparation
from shared.errors import SettingsError

SIMULATOR_SETTING = "STAKEWIRE_SIMULATOR_URL"
POLL_S = 0.5
DIFFERENCES_SHOWN_MAX = 20


class Result(NamedTuple):
    """How a play ended, whether the books agree, and how long it took."""

    state: PlayState
    comparison: Comparison
    seconds: float


def demo(
    rounds: Annotated[int, typer.Option(min=1, max=10_000_000, help="Rounds to play.")] = 2000,
    players: Annotated[int, typer.Option(min=1, max=10_000, help="Automatic players.")] = 8,
    rollback_share: Annotated[float, typer.Option(min=0, max=1, help="Share of bets that the studio rolls back.")] = 0.02,
    retry_share: Annotated[float, typer.Option(min=0, max=1, help="Share of calls that the studio sends again.")] = 0.05,
    seed: Annotated[int | None, typer.Option(help="Seed of the play, to see the same one again.")] = None,
    limit_s: Annotated[float, typer.Option("--limit", min=1, help="Seconds after which the play counts as failed.")] = 900,
    down: Annotated[bool, typer.Option("--down", help="Stop the stack afterwards if this command started it.")] = False,
    simulator: Annotated[
        str,
        typer.Option(envvar=SIMULATOR_SETTING, help="Play on the stack of this simulator, wherever it runs.", show_default=False),
    ] = "",
) -> None:
    """Play a bounded demo, then compare both sides' books. Exit code 1 on any difference or problem.

    Automatic players bet and win through signed callbacks; the studio repeats some calls and rolls some bets back, as
    real ones do. It keeps its own books of every success it was told, and these must equal the wallet's.

    A stack that is up is used and left as it is. Otherwise it is started and stays up afterwards, so that you can look
    around (`stakewire status`); `--down` stops it again. With `--simulator` nothing is started or stopped here: the stack
    that this simulator belongs to, say one in containers, is played on as it is.

    Examples:

    `stakewire demo`

    `stakewire demo --rounds 500 --rollback-share 0.3 --seed 7 --down`

    `stakewire demo --simulator http://127.0.0.1:8084`
    """
    play = Play(players=players, rounds=rounds, rollback_share=rollback_share, retry_share=retry_share, seed=seed)
    if simulator:
        _on_a_stack_elsewhere(simulator, play, limit_s)
    else:
        _on_the_stack_here(play, limit_s, down=down)


def _on_a_stack_elsewhere(url: str, play: Play, limit_s: float) -> None:
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname or parts.path.strip("/") or parts.query:
        raise SettingsError(f"--simulator {url!r} cannot be used: expected http://host:port, such as http://127.0.0.1:8084")
    with ConsoleProgress() as progress, orderly_end() as interrupted:
        result = _play_and_compare(Simulator(url), play, progress, interrupted, limit_s)
    _tell(*result)
    if not _is_as_it_should_be(*result):
        fail(f"The demo did not end as it should; see above and the logs of the stack behind {url}")


def _on_the_stack_here(play: Play, limit_s: float, *, down: bool) -> None:
    settings = load_stack_settings()
    with ConsoleProgress() as progress:
        stack = Stack(settings, progress)
        was_running = bool(stack.running())
        with orderly_end(stack.processes) as interrupted:
            try:
                stack.up(preparation())
                Foreground(settings.run_dir).give_to_background()
                result = _play_and_compare(Simulator(urls(settings)["simulator"]), play, progress, interrupted, limit_s)
            finally:
                if down and not was_running:
                    stack.down()
    _tell(*result)
    if not was_running and not down:
        say("the stack is still up: look with `stakewire status`, stop it with `stakewire down`")
    if not _is_as_it_should_be(*result):
        fail("The demo did not end as it should; see above and the logs in " + str(settings.run_dir / "logs"))


def _play_and_compare(
    simulator: Simulator, play: Play, progress: ConsoleProgress, interrupted: threading.Event, limit_s: float
) -> Result:
    started = time.monotonic()
    state = _play(simulator, play, progress, interrupted, limit_s)
    seconds = time.monotonic() - started
    progress.doing("books: waiting for the wallet, then comparing")
    return Result(state, simulator.compare(), seconds)


def _is_as_it_should_be(state: PlayState, comparison: Comparison, _seconds: float) -> bool:
    return comparison.agree and state.state == "finished" and not state.problems


def _play(simulator: Simulator, play: Play, progress: ConsoleProgress, interrupted: threading.Event, limit_s: float) -> PlayState:
    """Play to the end and return the last state.

    Raises:
        Interrupted: the person gave up; the play is stopped.
        SimulatorError: the play took longer than `limit_s` seconds, or the simulator went away.
    """
    play_id = simulator.start(play)
    deadline = time.monotonic() + limit_s
    while True:
        state = simulator.state(play_id)
        progress.doing(f"play: {state.rounds_done:,} of {play.rounds:,} rounds, {state.callbacks_per_s:.0f} callbacks/s")
        if state.is_over:
            progress.done(f"play: {state.rounds_done:,} rounds {state.state}")
            return state
        if time.monotonic() > deadline:
            simulator.stop(play_id)
            raise SimulatorError(
                f"The play was not finished after {limit_s:g} s ({state.rounds_done:,} rounds done). See --limit and `stakewire status`."
            )
        if interrupted.wait(POLL_S):
            simulator.stop(play_id)
            raise Interrupted("The demo was interrupted; the stack keeps running. Stop it with `stakewire down`.")


def _tell(state: PlayState, comparison: Comparison, seconds: float) -> None:
    def milliseconds(value: float | None) -> str:
        return "-" if value is None else f"{value:.1f} ms"

    say(f"  rounds      {state.rounds_done:,} in {seconds:.1f} s, {state.callbacks:,} callbacks, {state.errors:,} errors")
    say(f"  latency     p50 {milliseconds(state.p50_ms)}, p99 {milliseconds(state.p99_ms)}")
    say(
        f"  books       {comparison.players:,} players, {comparison.operations:,} operations: {'agree' if comparison.agree else 'DIFFER'}"
    )
    for title, lines in (("problem", state.problems), ("difference", comparison.differences)):
        for line in lines[:DIFFERENCES_SHOWN_MAX]:
            say(f"  {title:<11} {line}")
        if len(lines) > DIFFERENCES_SHOWN_MAX:
            say(f"  ... and {len(lines) - DIFFERENCES_SHOWN_MAX} more")
