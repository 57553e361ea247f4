"""The steps of checking a provider account, as a person reads them. What is checked is each provider's own matter."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Literal, Protocol

import msgspec

from shared.settings.accounts import ProviderAccount


class CheckStep(msgspec.Struct, frozen=True):
    """One step: what was looked at, what came of it, and where it failed how to mend it.

    "skipped": it could not be looked at, which says nothing for or against it.
    """

    name: str
    state: Literal["ok", "failed", "skipped"]
    found: str
    mend: str = ""


class AccountCheck(Protocol):
    """Checks one account from both sides; never raises for what it finds."""

    def __call__(self, account: ProviderAccount, callback_url: str) -> AsyncIterator[CheckStep]:
        """Yields the steps in order. `callback_url` is where the running gateway takes this account's calls; "" = none runs."""
