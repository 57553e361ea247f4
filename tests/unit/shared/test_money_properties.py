"""What must hold for every amount, whatever its currency and wire."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shared.contracts import CurrencyMapping
from shared.errors import MoneyError
from shared.money import CRYPTO_SCALES, MAX_UNITS, MinorUnits, parse_decimal, render_decimal, scale_of

currencies = st.sampled_from(["EUR", "JPY", "USD", *sorted(CRYPTO_SCALES)])
units = st.integers(-MAX_UNITS, MAX_UNITS)
conversions = st.builds(
    lambda currency, digits, factor: MinorUnits.of(
        CurrencyMapping(wire="W", currency=currency, digits=digits, factor_exponent=factor)
    ),
    currencies,
    st.integers(0, 18),
    st.integers(-18, 18),
)


@given(units, currencies)
def test_all_digits_shown_read_back_the_same(amount: int, currency: str) -> None:
    assert parse_decimal(render_decimal(amount, currency), currency) == amount


@given(units, currencies, st.integers(0, 18))
def test_what_is_shown_is_never_above_the_amount_and_less_than_a_last_digit_below(amount: int, currency: str, digits: int) -> None:
    exact = Fraction(amount, 10 ** scale_of(currency))
    shown = Fraction(render_decimal(amount, currency, digits))
    assert shown <= exact < shown + Fraction(1, 10**digits)


@given(st.integers(-(10**12), 10**12), st.integers(0, 12), currencies)
def test_a_decimal_is_read_exactly_or_refused(digits_of_amount: int, places: int, currency: str) -> None:
    sign, digits = ("-" if digits_of_amount < 0 else ""), str(abs(digits_of_amount)).rjust(places + 1, "0")
    text = f"{sign}{digits[: len(digits) - places]}{'.' if places else ''}{digits[len(digits) - places :]}"
    exact = Fraction(digits_of_amount, 10**places) * 10 ** scale_of(currency)
    try:
        read = parse_decimal(text, currency)
    except MoneyError:
        assert exact.denominator != 1 or abs(exact) > MAX_UNITS
    else:
        assert read == exact
        assert abs(read) <= MAX_UNITS


@given(conversions, st.integers())
def test_minor_units_are_exact_or_refused(conversion: MinorUnits, wire: int) -> None:
    exact = Fraction(10) ** conversion.exponent * wire
    try:
        ours = conversion.to_units(wire)
    except MoneyError:
        assert exact.denominator != 1 or abs(exact) > MAX_UNITS
    else:
        assert type(ours) is int
        assert ours == exact
        assert abs(ours) <= MAX_UNITS
        assert conversion.from_units(ours) == wire


@given(conversions, units)
def test_a_balance_on_the_wire_is_never_above_the_balance(conversion: MinorUnits, amount: int) -> None:
    wire = conversion.from_units(amount)
    assert type(wire) is int
    told = Fraction(10) ** conversion.exponent * wire
    assert told <= amount < told + max(Fraction(10) ** conversion.exponent, Fraction(1))


@given(conversions, st.integers(-(10**9), 10**9), st.integers(-(10**9), 10**9), st.integers(0, 18))
def test_minor_units_add_up_and_keep_their_order(conversion: MinorUnits, one: int, other: int, zeros: int) -> None:
    # Zeros at the end let amounts fit that are finer on the wire than in our units.
    wires = (one * 10**zeros, other * 10**zeros, (one + other) * 10**zeros)
    assume(all(_fits(conversion, wire) for wire in wires))
    ours, theirs, together = (conversion.to_units(wire) for wire in wires)
    assert ours + theirs == together
    assert (ours < theirs) == (one < other)


def _fits(conversion: MinorUnits, wire: int) -> bool:
    try:
        conversion.to_units(wire)
    except MoneyError:
        return False
    return True


SCALES = sorted({scale_of(currency): currency for currency in ("EUR", *CRYPTO_SCALES)}.items())
"""Each scale there is, with a currency of it."""
EXTREMES = (0, 1, MAX_UNITS - 1, MAX_UNITS)
BIGINT_MAX = 2**63 - 1


@pytest.mark.parametrize(("scale", "currency"), SCALES)
@pytest.mark.parametrize("amount", [*EXTREMES, *(-each for each in EXTREMES)])
def test_extremes_go_to_the_wire_and_back_exactly(scale: int, currency: str, amount: int) -> None:
    for digits in range(scale, 19):
        conversion = MinorUnits.of(CurrencyMapping(wire="W", currency=currency, digits=digits))
        assert conversion.to_units(conversion.from_units(amount)) == amount
        assert parse_decimal(render_decimal(amount, currency, digits), currency) == amount


@pytest.mark.parametrize(("scale", "currency"), SCALES)
@pytest.mark.parametrize("amount", [MAX_UNITS + 1, BIGINT_MAX, BIGINT_MAX + 1, 2**64, -MAX_UNITS - 1, -BIGINT_MAX - 1])
def test_what_is_beyond_the_edge_is_refused_on_every_way_in(scale: int, currency: str, amount: int) -> None:
    with pytest.raises(MoneyError):
        parse_decimal(render_decimal(amount, currency), currency)
    with pytest.raises(MoneyError):
        MinorUnits.of(CurrencyMapping(wire="W", currency=currency, digits=scale)).to_units(amount)


@given(st.integers(-BIGINT_MAX, BIGINT_MAX), currencies, st.integers(0, 18))
def test_a_balance_that_grew_beyond_the_edge_is_shown_truncated_too(amount: int, currency: str, digits: int) -> None:
    # Sums of accepted amounts may exceed what one call may say; the ledger holds them up to a bigint.
    exact = Fraction(amount, 10 ** scale_of(currency))
    shown = Fraction(render_decimal(amount, currency, digits))
    told = MinorUnits.of(CurrencyMapping(wire="W", currency=currency, digits=digits)).from_units(amount)
    assert shown == Fraction(told, 10**digits)
    assert shown <= exact < shown + Fraction(1, 10**digits)


@given(units, currencies, st.integers(0, 18))
def test_shown_sums_never_exceed_the_sum_shown(amount: int, currency: str, digits: int) -> None:
    half = amount // 2
    parts = Fraction(render_decimal(half, currency, digits)) + Fraction(render_decimal(amount - half, currency, digits))
    assert parts <= Fraction(render_decimal(amount, currency, digits))
