"""What a contestant's driver is told and what it tells: plain values that pass as JSON between it and the bench."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.bench.wallet.stream import Pattern

Say = Callable[[str], None]
"""Is told `start` and `end`, the edges of the measured time."""


@dataclass(frozen=True, slots=True)
class Order:
    """One point. `players` are (key, session); `commands` is how many are prepared.

    `kafka`: all at once through `topic_prefix`; `again` sends a stream that was sent before, as a caller who repeats.
    `single` and `pgledger`: from memory into `database_url`, with `at_once` under way, for a time.
    `lone`: one after the other, to the wallet behind `topic_prefix` and to the bare echo behind `echo_prefix`.
    """

    kind: Literal["kafka", "single", "pgledger", "lone"]
    players: list[tuple[str, str]]
    pattern: Pattern
    tag: str
    commands: int
    bootstrap_servers: str = ""
    topic_prefix: str = ""
    echo_prefix: str = ""
    again: bool = False
    database_url: str = ""
    at_once: int = 0
    houses: int = 0
    warm_up_s: float = 0.0
    seconds: float = 0.0


@dataclass(slots=True)
class Tally:
    """What came out; `answered`, `refused` and `unanswered` of the whole point, the rest of its measured time.

    The names are those of `tests.bench.point`, which reads them. `bare_us` are the echo's latencies, of the lone calls.
    """

    answered: int = 0
    refused: int = 0
    unanswered: int = 0
    amount: int = 0
    measured: int = 0
    seconds: float = 0.0
    cpu_s: float = 0.0
    p50_us: float = 0.0
    p99_us: float = 0.0
    mean_us: float = 0.0
    exhausted: bool = False
    faults: list[str] = field(default_factory=list)
    stamps: list[tuple[int, int]] = field(default_factory=list)
    bare_p50_us: float = 0.0
    commit_p50_us: float = 0.0


def order_of(document: dict[str, Any]) -> Order:
    """An order that came as JSON."""
    document["players"] = [tuple(each) for each in document["players"]]
    return Order(**document)
