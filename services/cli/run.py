"""`stakewire run`: the stack in the foreground, demo traffic on it, and a line every two seconds that says how it goes."""

from typing import Annotated

import typer

from deploy.local.lock import Foreground
from deploy.local.settings import load_stack_settings
from deploy.local.stack import Stack
from services.cli.display import Display
from services.cli.interrupts import orderly_end
from services.cli.output import ConsoleProgress, say
from services.cli.simulator import Play
from services.cli.stack import preparation, print_addresses


def run(
    players: Annotated[int, typer.Option(min=1, max=10_000, help="Automatic players.")] = 8,
    rate: Annotated[float, typer.Option(min=0, help="Rounds a second of all players together; 0 = as fast as it goes.")] = 25,
    traffic: Annotated[bool, typer.Option("--traffic/--no-traffic", help="Play demo traffic.")] = True,
) -> None:
    """Start everything in the foreground, play demo traffic and show it until Ctrl-C.

    Ctrl-C (or SIGTERM) stops everything that this command started, in order; a second Ctrl-C kills what is left. A stack
    that was up in the background before is used and left running.

    The line tells the callbacks a second, their latency at the provider's side (half and 99 % are faster), how many
    commands the wallet has still to apply, and whether the simulator's own books agree with the wallet's.

    Examples:

    `stakewire run`

    `stakewire run --players 64 --rate 0` - as fast as this machine can
    """
    settings = load_stack_settings()
    foreground = Foreground(settings.run_dir)
    with ConsoleProgress() as progress:
        stack = Stack(settings, progress)
        mine = foreground.claim(stack_is_running=bool(stack.running()))
        with orderly_end(stack.processes) as interrupted:
            try:
                stack.up(preparation())
                progress.hide()
                say("everything is up" if mine else "the stack was up already; Ctrl-C ends this display and leaves it running")
                print_addresses(stack)
                Display(stack, interrupted).show(Play(players=players, rate_per_s=rate or None) if traffic else None)
            except Exception:
                if not interrupted.is_set():
                    raise
            finally:
                if mine:
                    progress.show()
                    stack.down()
                foreground.release()
    say(
        "everything is stopped; the data stays for the next start"
        if mine
        else "the stack keeps running; stop it with `stakewire down`"
    )
