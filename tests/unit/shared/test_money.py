"""Money from the wire to units and back: exact, never rounded up, refused where it does not fit."""

from __future__ import annotations

import re

import pytest

from shared import money
from shared.contracts import CurrencyMapping
from shared.errors import MoneyError, SettingsError
from shared.money import MAX_UNITS, MinorUnits, parse_decimal, render_decimal, scale_of

PARSED = [
    ("0", "EUR", 0),
    ("-0", "EUR", 0),
    ("1", "EUR", 100_000),
    ("0.00001", "EUR", 1),
    ("12.34", "EUR", 1_234_000),
    ("12.34000000", "EUR", 1_234_000),  # zeros behind the last digit that fits say nothing
    ("-12.34", "EUR", -1_234_000),
    ("4", "JPY", 400_000),
    ("0.00000001", "BTC", 1),
    ("21.5", "BTC", 2_150_000_000),
    ("0.000000001", "ETH", 1),
    ("10000000000", "EUR", MAX_UNITS),
    ("-10000000000", "EUR", -MAX_UNITS),
]
REFUSED = [
    "",
    " ",
    "1 ",
    " 1",
    "+1",
    "1.",
    ".5",
    "01",
    "00",
    "1e5",
    "1,5",
    "1_000",
    "0x1",
    "NaN",
    "inf",
    "--1",
    "1.2.3",
    "1\n",
    "\u0661",
    "1" * 26,
]
RENDERED = [
    (0, "EUR", None, "0.00000"),
    (0, "EUR", 0, "0"),
    (123_456, "EUR", None, "1.23456"),
    (123_456, "EUR", 2, "1.23"),
    (123_999, "EUR", 2, "1.23"),
    (99_999, "EUR", 0, "0"),
    (123_456, "EUR", 7, "1.2345600"),
    (-1, "EUR", 2, "-0.01"),  # downwards below zero, too: a debt is never shown smaller
    (-123_456, "EUR", 2, "-1.24"),
    (1, "BTC", None, "0.00000001"),
    (MAX_UNITS, "EUR", 2, "10000000000.00"),
]


@pytest.mark.parametrize(("text", "currency", "units"), PARSED)
def test_a_decimal_becomes_units(text: str, currency: str, units: int) -> None:
    assert parse_decimal(text, currency) == units


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_plain_decimal_is_refused(text: str) -> None:
    with pytest.raises(MoneyError, match="is not an amount; expected a plain decimal number"):
        parse_decimal(text, "EUR")


@pytest.mark.parametrize(
    ("text", "currency"), [("0.000001", "EUR"), ("1.123456", "JPY"), ("0.000000001", "BTC"), ("0.0000000001", "ETH")]
)
def test_more_digits_than_fit_are_refused(text: str, currency: str) -> None:
    with pytest.raises(MoneyError, match=r"more than the \d digits"):
        parse_decimal(text, currency)


@pytest.mark.parametrize("text", ["10000000000.00001", "-10000000000.00001", "9" * 25])
def test_an_amount_out_of_range_is_refused(text: str) -> None:
    with pytest.raises(MoneyError, match=r"above the largest amount of 10000000000\.00000 EUR"):
        parse_decimal(text, "EUR")


@pytest.mark.parametrize(("units", "currency", "digits", "text"), RENDERED)
def test_units_become_a_decimal_truncated_downwards(units: int, currency: str, digits: int | None, text: str) -> None:
    assert render_decimal(units, currency, digits) == text


@pytest.mark.parametrize(
    ("currency", "scale"), [("EUR", 5), ("JPY", 5), ("XXX", 5), ("BTC", 8), ("USDT", 8), ("ETH", 9), ("SOL", 9)]
)
def test_fiat_has_five_digits_and_crypto_eight_or_more(currency: str, scale: int) -> None:
    assert scale_of(currency) == scale


@pytest.mark.parametrize("currency", ["", "eur", "EU", "EURO", "EUR\n", "E1R", "ÄÖÜ"])
def test_an_unknown_currency_is_named_with_what_is_known(currency: str) -> None:
    with pytest.raises(MoneyError, match=r"is not known; expected a three-letter fiat code or one of ADA, BCH"):
        scale_of(currency)


def minor(currency: str, digits: int = 2, factor: int = 0) -> MinorUnits:
    return MinorUnits.of(CurrencyMapping(wire="W", currency=currency, factor_exponent=factor, digits=digits))


@pytest.mark.parametrize(
    ("conversion", "wire", "units"),
    [
        (minor("EUR"), 1, 1_000),
        (minor("EUR"), 10_000, 10_000_000),
        (minor("JPY", digits=0), 7, 700_000),
        (minor("EUR", digits=5), 7, 7),
        (minor("EUR", digits=8), 7_000, 7),
        (minor("BTC", digits=8, factor=-3), 100_000, 100),  # mBTC with eight decimals
        (minor("BTC", digits=2, factor=-6), 100, 100),  # uBTC with two: one of them is a satoshi's hundredth
        (minor("EUR", digits=0, factor=3), 2, 200_000_000),  # thousands
        (minor("EUR"), -5, -5_000),
    ],
)
def test_minor_units_of_a_wire(conversion: MinorUnits, wire: int, units: int) -> None:
    assert conversion.to_units(wire) == units
    assert conversion.from_units(units) == wire


@pytest.mark.parametrize("amount", [1, 999, 1_001, -1])
def test_what_a_finer_wire_says_beyond_our_digits_is_refused(amount: int) -> None:
    with pytest.raises(MoneyError, match="refused, never rounded"):
        minor("EUR", digits=8).to_units(amount)


@pytest.mark.parametrize("amount", [MAX_UNITS // 1_000 + 1, -(MAX_UNITS // 1_000) - 1, 10**15 + 1, 10**40])
def test_wire_amounts_out_of_range_are_refused(amount: int) -> None:
    with pytest.raises(MoneyError, match="out of range"):
        minor("EUR").to_units(amount)


def test_the_largest_wire_amount_is_taken() -> None:
    assert minor("EUR").to_units(MAX_UNITS // 1_000) == MAX_UNITS


@pytest.mark.parametrize(("units", "wire"), [(1_999, 1), (999, 0), (-1, -1), (-1_000, -1), (-1_001, -2)])
def test_a_reported_balance_is_truncated_never_rounded_up(units: int, wire: int) -> None:
    assert minor("EUR").from_units(units) == wire


@pytest.mark.parametrize(
    ("digits", "factor"),
    [(-1, 0), (19, 0), (2, 19), (2, -19)],
    ids=["digits below", "digits above", "factor above", "factor below"],
)
def test_a_mapping_without_sense_is_a_wrong_setting(digits: int, factor: int) -> None:
    with pytest.raises(SettingsError, match=re.escape("currency map 'W': digits must be 0..18 and factor_exponent -18..18")):
        minor("EUR", digits, factor)


def test_a_mapping_to_an_unknown_currency_is_a_wrong_setting() -> None:
    with pytest.raises(SettingsError, match="currency map 'W': currency 'euro' is not known"):
        minor("euro")


def test_a_power_of_ten_below_one_is_no_integer() -> None:
    with pytest.raises(ValueError, match="no integer"):
        money.power_of_ten(-1)
