"""A Mascot account as the settings file would give it, without a file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from shared.contracts.accounts import CurrencyMapping
from shared.money import MinorUnits
from shared.settings.accounts import ProviderAccount

KEYS = {"main": b"demo-key-1", "next": b"demo-key-2"}


def mascot_account(games: dict[str, str] | None = None, keys: dict[str, bytes] | None = None, **settings: Any) -> ProviderAccount:
    mappings = {
        "EUR": CurrencyMapping(wire="EUR", currency="EUR"),
        "JPY": CurrencyMapping(wire="JPY", currency="JPY", digits=0),
        "mBTC": CurrencyMapping(wire="mBTC", currency="BTC", factor_exponent=-3, digits=8),
    }
    return ProviderAccount(
        name="mascot-demo",
        dialect="mascot",
        brands=("main",),
        settings={"casino_id": 7, **settings},
        currencies={wire: MinorUnits.of(mapping) for wire, mapping in mappings.items()},
        games=games or {},
        keys=KEYS if keys is None else keys,
    )


@pytest.fixture
def account() -> Callable[..., ProviderAccount]:
    return mascot_account
