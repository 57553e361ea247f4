"""What a run of the bench may be told: by arguments, or by environment variables `STAKEWIRE_BENCH_<NAME>`."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass, fields
from typing import Final

PREFIX: Final = "STAKEWIRE_BENCH_"
CONNECTIONS_MAX: Final = 1_024
LAUNCH_CONNECTIONS_MAX: Final = 256
LAUNCH_PROVIDER_MS_MAX: Final = 2_000
SECONDS_MAX: Final = 120.0


@dataclass(frozen=True, slots=True)
class Options:
    """Lengths in seconds; a *point* is one contestant at one number of connections, once."""

    seconds: float = 6.0
    """Measured time of a point."""
    warm_up: float = 2.0
    """Time before it, with the same load."""
    repetitions: int = 3
    """How often all points are measured, contestants taking turns."""
    connections: tuple[int, ...] = (1, 8, 64, 256)
    """Callbacks are measured at all of these, deposits at those above 1."""
    launch_connections: int = 8
    """Launches under way at once; 0 leaves them out."""
    launch_provider_ms: int = 100
    """What a provider elsewhere takes for a call: launches are measured with it and without. 0 leaves it out."""
    players: int = 1_000
    rate_max: int = 6_000
    """Calls a second that requests are prepared for; a point that is faster ends earlier."""
    baseline_workers: int = 1
    """Processes of the baseline."""
    lone_calls: int = 400
    """Callbacks of which the time is taken apart; 0 leaves that part out."""

    @property
    def deposit_connections(self) -> tuple[int, ...]:
        """The numbers of connections that deposits are measured at."""
        return tuple(number for number in self.connections if number > 1)

    @property
    def launch_delays_ms(self) -> tuple[int, ...]:
        """What the provider's calls are made to take, one point of launches each."""
        if not self.launch_connections:
            return ()
        return (0, self.launch_provider_ms) if self.launch_provider_ms else (0,)


def parse(arguments: list[str] | None = None) -> Options:
    """Options from the command line, with defaults from the environment. Exits with a message where one is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    defaults = Options()
    for field in fields(Options):
        default = getattr(defaults, field.name)
        text = os.environ.get(PREFIX + field.name.upper())
        kind = _numbers if isinstance(default, tuple) else type(default)
        flag = "--" + field.name.replace("_", "-")
        parser.add_argument(flag, type=kind, default=default if text is None else text, help=f"also {PREFIX}{field.name.upper()}")
    options = Options(**vars(parser.parse_args(arguments)))
    problem = _problem(options)
    if problem:
        parser.error(problem)
    return options


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


def _problem(options: Options) -> str:
    if not 0 < options.seconds <= SECONDS_MAX or not 0 <= options.warm_up <= SECONDS_MAX:
        return f"seconds must be above 0, warm-up 0 or more, both at most {SECONDS_MAX:g}"
    if not options.connections or not all(1 <= number <= CONNECTIONS_MAX for number in options.connections):
        return f"connections must be numbers from 1 to {CONNECTIONS_MAX}, separated by commas"
    if not 0 <= options.launch_connections <= LAUNCH_CONNECTIONS_MAX:
        return f"launch-connections must be at most {LAUNCH_CONNECTIONS_MAX}; 0 leaves launches out"
    if not 0 <= options.launch_provider_ms <= LAUNCH_PROVIDER_MS_MAX:
        return f"launch-provider-ms must be at most {LAUNCH_PROVIDER_MS_MAX}; 0 leaves that part out"
    if not 1 <= options.repetitions <= 50:
        return "repetitions must be 1 to 50"
    if not 1 <= options.players <= 100_000 or not 100 <= options.rate_max <= 100_000:
        return "players must be 1 to 100,000 and rate-max 100 to 100,000"
    if not 1 <= options.baseline_workers <= 16 or not 0 <= options.lone_calls <= 10_000:
        return "baseline-workers must be 1 to 16 and lone-calls at most 10,000"
    return ""
