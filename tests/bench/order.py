"""What the load generator is told and what it tells: plain values that pass as JSON between it and the bench."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["callbacks", "deposits", "launches"]


@dataclass(frozen=True, slots=True)
class Order:
    """What to do. `constant` repeats the requests and looks only at the status (a server that answers a constant).

    Callbacks: `path` is the account's, `casino_id`, `key_id` and `key_hex` sign, and `players` are (name at the
    provider, session id). Deposits and launches: `token` is the operator's key, and `players` are (operator's player id,
    player key); `provider_account` is where launches go.
    """

    host: str
    port: int
    players: list[tuple[str, str]]
    tag: str
    connections: int
    warm_up_s: float
    seconds: float
    requests_max: int
    kind: Kind = "callbacks"
    path: str = ""
    casino_id: int = 0
    key_id: str = ""
    key_hex: str = ""
    token: str = ""
    provider_account: str = ""
    constant: bool = False
    stamps: bool = False


@dataclass(slots=True)
class Tally:
    """What came out. Latencies in microseconds, of the measured time alone; `answered` and `refused` of the whole run.

    `amount` is what was deposited with the calls answered, in minor units. `stamps` are (sent, received) of each
    measured call in nanoseconds of the monotonic clock, where they were asked for.
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
