"""Misbehaviour on demand: what the studio is to do wrong with the next calls of a method. Kept in memory only.

slow             waits `delay_s`, then does the work and answers
late             does the work, then waits `delay_s` before it answers: past a client's time limit the work is done all the same
down             closes the connection without an answer; nothing is done
rubbish          answers HTTP 200 with a page of HTML; nothing is done
empty            answers HTTP 200 with an empty body; nothing is done
error            answers with JSON-RPC error `code` and `message`; nothing is done
wrong_signature  does the work; the answer's signature belongs to other bytes (no difference on the plain address)
wrong_id         does the work; the answer has another id than the call

`delay_s` is waited with every fault, before the answer.
"""

from __future__ import annotations

from typing import Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

FaultKind = Literal["slow", "down", "rubbish", "late", "wrong_signature", "wrong_id", "error", "empty"]
MethodName = Literal[
    "Game.List",
    "BankGroup.Set",
    "Player.Set",
    "Bonus.Set",
    "Bonus.GetPendingBonusTransactions",
    "Session.Create",
    "Session.CreateDemo",
    "Session.Close",
    "Session.Get",
    "Session.List",
    "History.GetToken",
]
METHODS: Final[tuple[str, ...]] = get_args(MethodName)
ANY: Final = "*"
DELAY_S_MAX: Final = 120
TIMES_MAX: Final = 1_000_000
WITHOUT_WORK: Final = frozenset({"down", "rubbish", "empty", "error"})


class Fault(BaseModel):
    """What goes wrong with a method (`*` = every method), how many more times; `times` null = until it is taken away."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    method: MethodName | Literal["*"]
    fault: FaultKind
    delay_s: float = Field(default=0.0, ge=0, le=DELAY_S_MAX, allow_inf_nan=False)
    times: int | None = Field(default=1, ge=1, le=TIMES_MAX)
    code: int = Field(default=-32603, ge=-(2**31), lt=2**31)
    message: str = Field(default="Internal error", max_length=500)


class FaultBoard:
    """The faults that are asked for: at most one a method, and one for all; that of the method goes first."""

    def __init__(self) -> None:
        self._faults: dict[str, Fault] = {}

    def put(self, fault: Fault) -> None:
        """Asks for a fault, in place of the method's former one."""
        self._faults[fault.method] = fault

    def clear(self) -> None:
        """Takes all faults away."""
        self._faults.clear()

    def shown(self) -> list[Fault]:
        """The faults that are still to come."""
        return list(self._faults.values())

    def take(self, method: str) -> Fault | None:
        """The fault for one call of a method, counted."""
        fault = self._faults.get(method) or self._faults.get(ANY)
        if fault is not None and fault.times is not None:
            if fault.times == 1:
                del self._faults[fault.method]
            else:
                self._faults[fault.method] = fault.model_copy(update={"times": fault.times - 1})
        return fault
