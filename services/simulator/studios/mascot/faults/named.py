"""A fault: its name, what it does, and how it makes its requests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from services.simulator.studios.mascot.faults.bench import Bench, Sent


class Fault(Struct, frozen=True):
    """`make` gives the requests to send one after another; the last one is the broken one.

    `account` is what the account must be like, empty for any: `mtls`, `fenced` (an allow-list), `once` (repetitions refused).
    """

    name: str
    about: str
    make: Callable[[Bench], list[Sent]]
    account: str = ""


def sealed_so(name: str, about: str, /, **how: Any) -> Fault:
    """A fault of the signature alone: a good body, sealed otherwise."""
    return Fault(name, about, lambda bench: [bench.send(**how)])


def made_so(name: str, about: str, make: Callable[[Bench], Sent], account: str = "") -> Fault:
    """A fault of one request."""
    return Fault(name, about, lambda bench: [make(bench)], account)
