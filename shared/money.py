"""Money: integers with a currency scale, from the wire to the disk. Nothing here knows a float.

A *unit* is 10**-scale of a currency's major unit: EUR has scale 5, so 1.00 EUR is 100,000 units.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from shared.contracts.accounts import CurrencyMapping
from shared.errors import MoneyError, SettingsError

MAX_UNITS: Final = 10**15
"""Amounts above this are refused at the edge; sums of many still fit PostgreSQL's bigint (9.2 * 10**18)."""

FIAT_SCALE: Final = 5
DIGITS_MAX: Final = 18
"""Most decimals a wire format or a factor of a currency map may have."""

CRYPTO_SCALES: Final = {
    "ADA": 8, "BCH": 8, "BNB": 8, "BTC": 8, "DOGE": 8, "ETH": 9, "LTC": 8, "SOL": 9, "TRX": 8, "USDC": 8, "USDT": 8, "XRP": 8,
}  # fmt: skip
_FIAT: Final = re.compile(r"[A-Z]{3}")
_DECIMAL: Final = re.compile(r"(-?)(0|[1-9][0-9]{0,24})(?:\.([0-9]{1,24}))?", re.ASCII)


def power_of_ten(exponent: int) -> int:
    """10**exponent for an exponent of 0 or more: always an integer."""
    if exponent < 0:
        raise ValueError("a power of ten below 1 is no integer")
    result: int = 10**exponent
    return result


def scale_of(currency: str) -> int:
    """The scale of a currency: 5 for fiat codes (three capital letters), 8 or more for the listed crypto currencies."""
    scale = CRYPTO_SCALES.get(currency)
    if scale is not None:
        return scale
    if _FIAT.fullmatch(currency):
        return FIAT_SCALE
    known = ", ".join(sorted(CRYPTO_SCALES))
    raise MoneyError(f"currency {currency!r} is not known; expected a three-letter fiat code or one of {known}")


def parse_decimal(text: str, currency: str) -> int:
    """A decimal string in major units, such as "12.34", as units of `currency`.

    Raises MoneyError for anything that is not a plain decimal, has more digits than fit, or is out of range.
    """
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise MoneyError(f"{text[:40]!r} is not an amount; expected a plain decimal number such as '12.34'")
    sign, whole, fraction = match[1], match[2], match[3] or ""
    scale = scale_of(currency)
    if len(fraction.rstrip("0")) > scale:
        raise MoneyError(f"{text!r} has more than the {scale} digits after the point that {currency} has")
    units = int(whole) * power_of_ten(scale) + int(fraction[:scale].ljust(scale, "0") or "0")
    if units > MAX_UNITS:
        raise MoneyError(f"{text!r} is above the largest amount of {render_decimal(MAX_UNITS, currency)} {currency}")
    return -units if sign else units


def render_decimal(units: int, currency: str, digits: int | None = None) -> str:
    """Units as a decimal string in major units with `digits` decimals (all if None), truncated downwards."""
    scale = scale_of(currency)
    shown = scale if digits is None else digits
    value = units // power_of_ten(scale - shown) if shown <= scale else units * power_of_ten(shown - scale)
    sign, value = ("-", -value) if value < 0 else ("", value)
    if shown == 0:
        return f"{sign}{value}"
    whole, fraction = divmod(value, power_of_ten(shown))
    return f"{sign}{whole}.{fraction:0{shown}d}"


@dataclass(frozen=True, slots=True)
class MinorUnits:
    """Conversion between a provider's integer minor units and ours, for one entry of a currency map."""

    mapping: CurrencyMapping
    exponent: int
    """units = wire minor units * 10**exponent; negative where the wire is finer than our scale."""

    @classmethod
    def of(cls, mapping: CurrencyMapping) -> MinorUnits:
        """The conversion for a mapping; SettingsError where the mapping makes no sense."""
        if not 0 <= mapping.digits <= DIGITS_MAX or abs(mapping.factor_exponent) > DIGITS_MAX:
            raise SettingsError(f"currency map {mapping.wire!r}: digits must be 0..18 and factor_exponent -18..18")
        try:
            scale = scale_of(mapping.currency)
        except MoneyError as error:
            raise SettingsError(f"currency map {mapping.wire!r}: {error}") from error
        return cls(mapping, scale + mapping.factor_exponent - mapping.digits)

    def to_units(self, amount: int) -> int:
        """Wire minor units as our units; MoneyError where they do not fit exactly or are out of range."""
        if self.exponent >= 0:
            units = amount * power_of_ten(self.exponent) if abs(amount) <= MAX_UNITS else MAX_UNITS + 1
        else:
            units, rest = divmod(amount, power_of_ten(-self.exponent))
            if rest:
                raise MoneyError(f"{amount} has more digits than fit {self.mapping.currency}; it is refused, never rounded")
        if abs(units) > MAX_UNITS:
            raise MoneyError(f"the amount is out of range: at most {MAX_UNITS} units are accepted")
        return units

    def from_units(self, units: int) -> int:
        """Our units as wire minor units, truncated downwards: a reported balance is never rounded up."""
        if self.exponent >= 0:
            return units // power_of_ten(self.exponent)
        return units * power_of_ten(-self.exponent)
