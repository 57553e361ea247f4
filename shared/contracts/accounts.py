"""Brands and provider accounts as every service knows them: facts without secrets."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Brand:
    """One brand of the operator.

    `time_zone` is an IANA name, `gaming_day_start` the local time ("HH:MM") at which a gaming day begins.
    """

    brand: str
    time_zone: str = "UTC"
    gaming_day_start: str = "00:00"
    currencies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrencyMapping:
    """How a provider's currency code maps to ours.

    One wire major unit is 10**factor_exponent of our major units; the wire shows `digits` decimals.
    """

    wire: str
    currency: str
    factor_exponent: int = 0
    digits: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderAccountFacts:
    """One contract with a provider: its name, dialect, the brands that use it and its currencies."""

    provider_account: str
    dialect: str
    brands: tuple[str, ...]
    currency_map: tuple[CurrencyMapping, ...] = ()
