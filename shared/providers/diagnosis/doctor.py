"""What a doctor is: one provider account's rules over callbacks that failed. The gateway knows only these shapes."""

from __future__ import annotations

from typing import Final, Literal, Protocol

import msgspec

from shared.contracts.commands import Command
from shared.providers.diagnosis.finding import Finding
from shared.providers.dialect import Callback

Stage = Literal["", "shed", "deadline", "wallet", "internal"]
"""Where a callback got no certain answer; empty where it got one."""

REFUSED_METHOD: Final = "refused_method"
REFUSED_PATH: Final = "refused_path"
NEVER_SEEN: Final = "original_not_found"
"""What the wallet says of a rollback whose original it does not have."""


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A callback and what became of it.

    `at_s` is our clock when it came, in Unix seconds; `result` the wallet's word, or `refused_<cause>`; `detail` what was said
    with it; `claim` what its nonce turned out to be (`repeated`, `conflicting`); times are in microseconds.
    """

    callback: Callback
    at_s: float
    result: str
    detail: str = ""
    claim: str = ""
    stage: Stage = ""
    command: Command | None = None
    http_method: str = "POST"
    address: str = ""
    verify_us: int = 0
    parse_us: int = 0
    wallet_us: int = 0
    total_us: int = 0


class Check(msgspec.Struct, frozen=True):
    """One thing that was looked at. "skipped": it could not be looked at, which says nothing for or against it."""

    name: str
    state: Literal["ok", "failed", "skipped"]
    said: str


class Examination(msgspec.Struct, frozen=True):
    """What comes of looking at a request that nobody has answered: the findings, most important first, and what was looked at."""

    findings: tuple[Finding, ...]
    checks: tuple[Check, ...]


class Doctor(Protocol):
    """Diagnoses the callbacks of one provider account. Never raises for anything a caller may send."""

    def diagnose(self, seen: Seen, *, thorough: bool = True) -> Finding | None:
        """Why a callback failed, or what is worth knowing of it; None where there is nothing to say (a business refusal).

        `thorough=False` leaves out what costs: the search for how a signature that does not fit was made.
        """

    def examine(self, callback: Callback, *, at_s: float | None, http_method: str = "POST") -> Examination:
        """Looks at a request as the listener would, and asks nobody. Claims no nonce.

        `at_s` is when it came, None where nobody knows: then its own timestamp is believed. A callback without `peer` came
        nobody knows whence.
        """
