"""What is wrong with the parameters of a method: names, types, amounts, references. From the protocol's tables."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Literal, NamedTuple

from shared.errors import MoneyError
from shared.money import MAX_UNITS, MinorUnits
from shared.providers.diagnosis.finding import Note, shown
from shared.providers.dialect import MAX_ID_BYTES, text_fits
from shared.providers.mascot.diagnosis.reading import Real, kind_of

Kind = Literal["caller", "text", "reference", "amount", "count", "flag"]
_COUNT_MAX: Final = 2**31 - 1
_DIGITS_MAX: Final = 40
_WANTED: Final[dict[Kind, str]] = {
    "caller": "the casino id as an integer",
    "text": "a string",
    "reference": "a string",
    "amount": "an integer in minor units",
    "count": "an integer of 0 or more",
    "flag": "true or false",
}


class Field(NamedTuple):
    """One parameter."""

    kind: Kind
    required: bool = False


_COMMON: Final = {
    "callerId": Field("caller", required=True),
    "playerName": Field("text", required=True),
    "gameId": Field("text"),
    "sessionId": Field("text"),
    "sessionAlternativeId": Field("text"),
    "bonusId": Field("text"),
}
_MONEY: Final = {
    "currency": Field("text", required=True),
    "transactionRef": Field("reference", required=True),
    "gameRoundRef": Field("text"),
}
FIELDS: Final[dict[str, dict[str, Field]]] = {
    "getBalance": {**_COMMON, "currency": Field("text", required=True)},
    "withdrawAndDeposit": {
        **_COMMON,
        **_MONEY,
        "withdraw": Field("amount", required=True),
        "deposit": Field("amount", required=True),
        "reason": Field("text"),
        "chargeFreerounds": Field("count"),
        "freeround": Field("flag"),
    },
    "rollbackTransaction": {**_COMMON, "transactionRef": Field("reference", required=True), "gameRoundRef": Field("text")},
    "collectBonusReward": {**_COMMON, **_MONEY, "depositAmount": Field("amount", required=True)},
}


class ParamRules:
    """The rules of one account. `casinos` are the casino ids of other provider accounts, by id."""

    def __init__(self, casino_id: int, casinos: Mapping[int, str], currencies: Mapping[str, MinorUnits]) -> None:
        self._casino_id = casino_id
        self._casinos = casinos
        self._currencies = currencies

    def notes(self, method: str, params: Mapping[str, Any]) -> list[Note]:
        """All that is wrong, in the protocol's order of parameters."""
        found = []
        for name, field in FIELDS.get(method, {}).items():
            note = self._note(name, field, params)
            if note is not None:
                found.append(note)
        return found

    def _note(self, name: str, field: Field, params: Mapping[str, Any]) -> Note | None:
        if params.get(name) is None:
            return _missing(name, field, params) if field.required else None
        value = params[name]
        if field.kind == "caller":
            return self._caller(name, value)
        if field.kind == "amount":
            return self._amount(name, value, params.get("currency"))
        return _plain(name, field, value)

    def _caller(self, name: str, value: Any) -> Note | None:
        if type(value) is not int:
            return _wrong_type(name, "caller", value)
        if value == self._casino_id:
            return None
        other = self._casinos.get(value)
        whose = f", that of the provider account {other!r}" if other else ""
        return Note("caller_id", f"{name} is {shown(str(value))}{whose}; this casino is {self._casino_id}.")

    def _amount(self, name: str, value: Any, currency: Any) -> Note | None:
        money = self._currencies.get(currency) if isinstance(currency, str) else None
        if isinstance(value, Real):
            return _fraction(name, value, money)
        if isinstance(value, str):
            return Note("amount_text", f"{name} is the string {shown(value)}; an integer in minor units is expected.").but(
                _as_minor(value, money)
            )
        if type(value) is not int:
            return _wrong_type(name, "amount", value)
        if value < 0:
            return Note("amount_negative", f"{name} is {value}: below 0.")
        try:
            units = value if money is None else money.to_units(value)
        except MoneyError as error:
            return Note("amount_out_of_range", f"{name} is {value}: {error}.")
        return Note("amount_out_of_range", f"{name} is {value}, more than is accepted.") if units > MAX_UNITS else None


def _missing(name: str, field: Field, params: Mapping[str, Any]) -> Note:
    plain = _letters(name)
    other = next((each for each in params if each != name and _letters(each) == plain), None)
    if other is not None:
        return Note("param_renamed", f"The parameter {shown(other)} must be named {name!r}, in these very letters.")
    code = "ref_missing" if field.kind == "reference" else "param_missing"
    return Note(code, f"{name} is {'null' if name in params else 'missing'}; {_WANTED[field.kind]} is required.")


def _plain(name: str, field: Field, value: Any) -> Note | None:
    if field.kind in ("text", "reference"):
        if not isinstance(value, str) or isinstance(value, Real):
            return _wrong_type(name, field.kind, value)
        return _text(name, field, value)
    if field.kind == "flag":
        return None if isinstance(value, bool) else _wrong_type(name, "flag", value)
    fits = type(value) is int and 0 <= value <= _COUNT_MAX
    return None if fits else _wrong_type(name, "count", value)


def _text(name: str, field: Field, value: str) -> Note | None:
    if field.kind == "reference" and not value:
        return Note("ref_missing", f"{name} is empty; it must name the transaction.")
    length = len(value.encode("utf-8", "surrogatepass"))
    if length > MAX_ID_BYTES:
        return Note("text_too_long", f"{name} has {length} bytes; at most {MAX_ID_BYTES} are taken.")
    if not text_fits(value):
        return Note("text_not_accepted", f"{name} holds a NUL or half of a surrogate pair, which cannot be kept.")
    return None


def _wrong_type(name: str, kind: Kind, value: Any) -> Note:
    told = f" ({shown(value)})" if isinstance(value, str) else f" ({value})" if type(value) is int else ""
    return Note("param_type", f"{name} is {kind_of(value)}{told}; {_WANTED[kind]} is expected.")


def _fraction(name: str, value: Real, money: MinorUnits | None) -> Note:
    """A number that is no integer on the wire: major units where only they make sense of it."""
    meant = _as_minor(value, money)
    number = _decimal(value)
    if number is not None and "e" not in value.lower() and number != number.to_integral_value() and meant:
        said = f"{name} is {value}: an amount in major units."
        return Note("amount_major_units", said, (meant,))
    return Note(
        "amount_fraction", f"{name} is written {shown(value)[1:-1]}; an integer without point and exponent is expected."
    ).but(meant)


def _as_minor(text: str, money: MinorUnits | None) -> str:
    """What a decimal amount in major units is in minor ones, empty where it is none or does not fit exactly."""
    number = _decimal(text)
    if number is None or money is None or "e" in text.lower() or number == number.to_integral_value():
        return ""
    mapping = money.mapping
    minor = number.scaleb(mapping.digits)
    if minor != minor.to_integral_value():
        return ""
    return f"If {text} {mapping.wire} is meant, the integer is {int(minor)}."


def _decimal(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number.adjusted()) <= _DIGITS_MAX else None


def _letters(name: str) -> str:
    return "".join(each for each in name.casefold() if each.isalnum())
