"""The provider accounts there are: as the operator API has them, or those that were met where it cannot be asked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

import msgspec

from services.backoffice.findings.store import Findings
from shared.errors import StakewireError

KEPT_S: Final = 15.0
PATH: Final = "/v1/provider-accounts"


class Known(msgspec.Struct, frozen=True):
    """A provider account. `outbound` is how our calls to it go (ok, failing, unknown, not-configured), empty where not known."""

    name: str
    dialect: str = ""
    brands: tuple[str, ...] = ()
    outbound: str = ""
    cause: str = ""


class Operator(Protocol):
    """So much of the operator API's client as this asks for."""

    @property
    def brands(self) -> tuple[str, ...]:
        """The brands that there is a key for."""
        ...

    async def get(self, brand: str, path: str) -> Mapping[str, Any]:
        """What the operator API shows; StakewireError where it does not."""
        ...


class AccountBook:
    """Asked as often as pages like: the operator API is asked every 15 seconds at most. `clock`: seconds that only grow."""

    def __init__(self, operator: Operator, findings: Findings, clock: Callable[[], float] = time.monotonic) -> None:
        self._operator = operator
        self._findings = findings
        self._clock = clock
        self._turn = asyncio.Lock()
        self._known: list[Known] = []
        self._read_at_s: float | None = None
        self.away = ""
        """Why the operator API could not be asked, empty where it could."""

    async def all(self) -> list[Known]:
        """All accounts by name."""
        async with self._turn:
            if self._read_at_s is None or self._clock() - self._read_at_s >= KEPT_S:
                told = await self._ask()
                met = [Known(name) for name in await self._findings.accounts()]
                self._known = sorted({each.name: each for each in (*met, *told)}.values(), key=lambda each: each.name)
                self._read_at_s = self._clock()
            return self._known

    async def names(self) -> list[str]:
        """The names of all accounts."""
        return [each.name for each in await self.all()]

    async def find(self, name: str) -> Known | None:
        """An account by its name; None where there is none."""
        return next((each for each in await self.all() if each.name == name), None)

    async def outbound(self) -> dict[str, tuple[str, str]]:
        """How our calls to each account go: status and cause, as `HealthBook` takes them."""
        return {each.name: (each.outbound, each.cause) for each in await self.all() if each.outbound}

    async def _ask(self) -> list[Known]:
        found: dict[str, Known] = {}
        self.away = "" if self._operator.brands else "the operator API is not set up here"
        for brand in self._operator.brands:
            try:
                told = await self._operator.get(brand, PATH)
            except StakewireError as error:
                self.away = str(error)
                continue
            for each in told.get("provider_accounts", ()):
                known = _known(each, brand, found.get(str(each.get("provider_account"))))
                found[known.name] = known
        return list(found.values())


def _known(told: Mapping[str, Any], brand: str, before: Known | None) -> Known:
    health = told.get("health") or {}
    return Known(
        name=str(told["provider_account"]),
        dialect=str(told.get("dialect", "")),
        brands=(*(before.brands if before else ()), brand),
        outbound=str(health.get("status", "")),
        cause=str(health.get("cause") or ""),
    )
