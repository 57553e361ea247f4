"""What one command comes to in the model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Outcome:
    """`status` as stored (empty: not stored); `changes` are carried out if it is applied."""

    result: str = "OK"
    status: str = "applied"
    currency: str = ""
    limit: str = ""
    stake: int = 0
    win: int = 0
    round_id: str = ""
    grant_id: str = ""
    charged: int = 0
    left: int = -1
    target: int = 0
    tombstone: tuple[str, str, str] | None = None
    changes: tuple[Callable[[], None], ...] = ()


def no(result: str, currency: str = "", *, limit: str = "", kept: bool = False, left: int = -1) -> Outcome:
    """A refusal; `kept` where it is final."""
    return Outcome(result, "refused" if kept else "", currency, limit, left=left)
