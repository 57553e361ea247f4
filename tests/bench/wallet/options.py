"""What a run of the wallet's bench may be told: by arguments, or by environment variables `STAKEWIRE_BENCH_WALLET_<NAME>`."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass, fields
from typing import Final

PREFIX: Final = "STAKEWIRE_BENCH_WALLET_"
SECONDS_MAX: Final = 120.0
COMMANDS_MIN: Final = 100
COMMANDS_MAX: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Options:
    """Lengths in seconds; a *point* is one contestant with one stream, once."""

    repetitions: int = 3
    """How often all points are measured, contestants taking turns."""
    commands: int = 30_000
    """Commands of a point of Stakewire, all handed to Kafka at once."""
    seconds: float = 4.0
    """Measured time of a point of the baselines."""
    warm_up: float = 1.0
    """Time before it, with the same load."""
    single_rate_max: int = 5_000
    """Commands a second that are prepared for the baselines; a point that is faster ends earlier."""
    players: int = 10_000
    pool: int = 16
    """Connections of the baselines, each with a command under way."""
    houses: int = 64
    """House accounts of the plain SQL functions."""
    lone_calls: int = 200
    """Commands sent one after the other in a repetition; 0 leaves the low load out."""
    idle_seconds: float = 5.0
    """How long the wallet is watched doing nothing, in a repetition; 0 leaves that out."""
    replicas: int = 2
    """Wallets that share the load in the point of replicas; 1 leaves it out."""
    growth_index_mib: int = 48
    """Size that the largest index is grown to; shared_buffers are cut to a quarter. 0 leaves growth out."""


def parse(arguments: list[str] | None = None) -> Options:
    """Options from the command line, with defaults from the environment. Exits with a message where one is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.wallet", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    defaults = Options()
    for field in fields(Options):
        name, default = PREFIX + field.name.upper(), getattr(defaults, field.name)
        flag = "--" + field.name.replace("_", "-")
        parser.add_argument(flag, type=type(default), default=os.environ.get(name, default), help=f"also {name}")
    options = Options(**vars(parser.parse_args(arguments)))
    problem = _problem(options)
    if problem:
        parser.error(problem)
    return options


def _problem(options: Options) -> str:
    if not 0 < options.seconds <= SECONDS_MAX or not 0 <= options.warm_up <= SECONDS_MAX:
        return f"seconds must be above 0, warm-up 0 or more, both at most {SECONDS_MAX:g}"
    if not 0 <= options.idle_seconds <= SECONDS_MAX:
        return f"idle-seconds must be at most {SECONDS_MAX:g}; 0 leaves the idle wallet out"
    if not COMMANDS_MIN <= options.commands <= COMMANDS_MAX or not 100 <= options.single_rate_max <= 100_000:
        return f"commands must be {COMMANDS_MIN} to {COMMANDS_MAX:,} and single-rate-max 100 to 100,000"
    if not 1 <= options.repetitions <= 50 or not 1 <= options.players <= 100_000:
        return "repetitions must be 1 to 50 and players 1 to 100,000"
    if not 1 <= options.pool <= 64 or not 1 <= options.houses <= 10_000:
        return "pool must be 1 to 64 and houses 1 to 10,000"
    if not 0 <= options.lone_calls <= 10_000 or not 1 <= options.replicas <= 8:
        return "lone-calls must be at most 10,000 and replicas 1 to 8"
    if not 0 <= options.growth_index_mib <= 4_096:
        return "growth-index-mib must be at most 4,096; 0 leaves growth out"
    return ""
