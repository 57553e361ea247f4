"""The types of what enters and leaves the operator's API: ids, amounts, times. Everything is checked here, at the edge."""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import re
from typing import Annotated, Final

from fastapi import Header, Path, Query
from pydantic import AfterValidator, Field, StringConstraints

from services.gateway.operator_api import problems as p
from shared.errors import MoneyError
from shared.identity import player_key_of
from shared.money import parse_decimal, scale_of
from shared.web.documented import REQUIRED_MARK
from shared.web.problems import Problem
from shared.web.values import (
    AccountName,
    AccountPath,
    BrandPath,
    Country,
    CurrencyCode,
    GameId,
    GamePath,
    Input,
    Language,
    Moment,
    Output,
    PageSize,
    Reason,
    SeqCursor,
    WebAddress,
    Why,
    example,
    millis,
    shown,
    when,
)

__all__ = [
    "AccountName",
    "AccountPath",
    "AmountText",
    "BrandPath",
    "Country",
    "CurrencyCode",
    "Cursor",
    "GameId",
    "GamePath",
    "GrantIdPath",
    "IdempotencyKey",
    "Input",
    "IpAddress",
    "KeyedId",
    "Language",
    "Moment",
    "NeededIdempotencyKey",
    "Output",
    "PageSize",
    "PlayerId",
    "PlayerIdPath",
    "Reason",
    "SeqCursor",
    "SessionIdPath",
    "SignedAmountText",
    "WebAddress",
    "Why",
    "derived_id",
    "example",
    "millis",
    "player_of",
    "required",
    "shown",
    "signed_units_of",
    "units_of",
    "when",
]

SIGNED_AMOUNT_PATTERN: Final = r"^-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,18})?$"
AMOUNT_PATTERN: Final = r"^(0|[1-9][0-9]{0,14})(\.[0-9]{1,18})?$"
PLAYER_ID_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._~@:+=-]{0,127}$"
KEYED_ID_PATTERN: Final = r"^[a-z2-7]{16}\.[A-Za-z0-9_-]{8,64}$"
IDEMPOTENCY_HEADER: Final = "Idempotency-Key"
IDEMPOTENCY_PATTERN: Final = r"^[\x21-\x7e]{1,128}$"


def _address(value: str) -> str:
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        raise ValueError("an IPv4 or IPv6 address is expected") from None


PlayerId = Annotated[
    str, StringConstraints(pattern=PLAYER_ID_PATTERN), Field(examples=["alice"], description="Your own id of the player.")
]
AmountText = Annotated[
    str,
    StringConstraints(pattern=AMOUNT_PATTERN),
    Field(examples=["12.34"], description="A decimal string in major units; never a number."),
]
SignedAmountText = Annotated[
    str,
    StringConstraints(pattern=SIGNED_AMOUNT_PATTERN),
    Field(examples=["-12.34"], description="A decimal string in major units, below zero with a minus; never a number."),
]
KeyedId = Annotated[str, StringConstraints(pattern=KEYED_ID_PATTERN), Field(examples=["k5x2mdp7q3ra4zte.Xk3v9QwLmN0aZr7TbY1c"])]
IpAddress = Annotated[
    str,
    StringConstraints(max_length=45),
    AfterValidator(_address),
    Field(
        examples=["203.0.113.7"],
        description="IPv4 or IPv6.",
        json_schema_extra={"anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]},
    ),
]

PlayerIdPath = Annotated[str, Path(pattern=PLAYER_ID_PATTERN, examples=["alice"], description="Your own id of the player.")]
SessionIdPath = Annotated[str, Path(pattern=KEYED_ID_PATTERN, description="As POST /v1/sessions answered it.")]
GrantIdPath = Annotated[str, Path(pattern=KEYED_ID_PATTERN, description="As POST /v1/free-rounds answered it.")]
Cursor = Annotated[
    str, Query(max_length=128, pattern=r"^[\x21-\x7e]*$", description="`next` of the page before; empty for the first.")
]
_KEY_SCHEMA: Final = {"minLength": 1, "maxLength": 128, "pattern": IDEMPOTENCY_PATTERN}
_KEY_TEXT: Final = "1 to 128 visible ASCII characters; new for each intended effect, the same for each repetition."
IdempotencyKey = Annotated[
    str | None,
    Header(alias=IDEMPOTENCY_HEADER, description=_KEY_TEXT, examples=["6f1c9b1e-7a40-4d0e"], json_schema_extra=_KEY_SCHEMA),
]
NeededIdempotencyKey = Annotated[
    str | None,
    Header(
        alias=IDEMPOTENCY_HEADER,
        description=_KEY_TEXT,
        examples=["6f1c9b1e-7a40-4d0e"],
        json_schema_extra={**_KEY_SCHEMA, REQUIRED_MARK: True},
    ),
]
"""Checked by `required`, so that its lack is told as a problem of its own; documented as required."""


def required(idempotency_key: str | None, why: str = "this request moves money") -> str:
    """The Idempotency-Key, or its problem."""
    if idempotency_key is None or not re.fullmatch(IDEMPOTENCY_PATTERN, idempotency_key):
        raise Problem(p.IDEMPOTENCY_KEY_MISSING, f"{why} and is sent without a usable Idempotency-Key")
    return idempotency_key


def units_of(amount: str, currency: str, *, zero: bool = False) -> int:
    """A decimal string in major units as units of the currency; problem `invalid-amount` where it does not fit exactly."""
    units = _parsed(amount, currency)
    if units < 0 or (units == 0 and not zero):
        raise Problem(p.INVALID_AMOUNT, f"{amount!r} {currency}: an amount above zero is expected")
    return units


def signed_units_of(amount: str, currency: str) -> int:
    """As `units_of`, for an amount above or below zero."""
    units = _parsed(amount, currency)
    if units == 0:
        raise Problem(p.INVALID_AMOUNT, f"{amount!r} {currency}: an amount above or below zero is expected")
    return units


def player_of(keyed_id: str) -> str:
    """The player key that a session or grant id begins with."""
    key = player_key_of(keyed_id)
    assert key is not None, "the pattern of the path holds"
    return key


def derived_id(player: str, *parts: str) -> str:
    """A keyed id that follows from its parts: the same request under the same key means the same grant."""
    digest = hashlib.sha256("\x1f".join(parts).encode()).digest()
    return f"{player}.{base64.urlsafe_b64encode(digest[:15]).decode()}"


def _parsed(amount: str, currency: str) -> int:
    try:
        return parse_decimal(amount, currency)
    except MoneyError as error:
        kind = p.INVALID_AMOUNT if _known(currency) else p.WRONG_CURRENCY
        raise Problem(kind, str(error)) from error


def _known(currency: str) -> bool:
    try:
        scale_of(currency)
    except MoneyError:
        return False
    return True
