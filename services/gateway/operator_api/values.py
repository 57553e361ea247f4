"""The types of what enters and leaves the operator's API: ids, amounts, times. Everything is checked here, at the edge."""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import re
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import Header, Path, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from services.gateway.operator_api import problems as p
from shared.errors import MoneyError
from shared.identity import player_key_of
from shared.money import CRYPTO_SCALES, parse_decimal, render_decimal, scale_of
from shared.web.documented import REQUIRED_MARK
from shared.web.problems import Problem

FIAT_CODE_CHARS: Final = 3
AMOUNT_PATTERN: Final = r"^(0|[1-9][0-9]{0,14})(\.[0-9]{1,18})?$"
CURRENCY_PATTERN: Final = rf"^([A-Z]{{3}}|{'|'.join(sorted(code for code in CRYPTO_SCALES if len(code) > FIAT_CODE_CHARS))})$"
WHY_PATTERN: Final = r"^[^\x00-\x20\x7f][^\x00-\x1f\x7f]*$"
REASON_PATTERN: Final = r"^[^\x00-\x1f\x7f]*$"
PLAYER_ID_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._~@:+=-]{0,127}$"
GAME_ID_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._:+=-]{0,127}$"
ACCOUNT_PATTERN: Final = r"^[a-z0-9][a-z0-9-]{0,62}$"
KEYED_ID_PATTERN: Final = r"^[a-z2-7]{16}\.[A-Za-z0-9_-]{8,64}$"
IDEMPOTENCY_HEADER: Final = "Idempotency-Key"
IDEMPOTENCY_PATTERN: Final = r"^[\x21-\x7e]{1,128}$"
SHOWN_DIGITS_MIN: Final = 2
URL_CHARS_MAX: Final = 2_000


class Input(BaseModel):
    """A body: nothing unknown, nothing converted."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    def digest(self) -> bytes:
        """SHA-256 of the content: tells whether a repetition asks for the same."""
        return hashlib.sha256(self.model_dump_json(exclude_none=True).encode()).digest()


def example(**values: Any) -> ConfigDict:
    """The example of a body in the documentation; what else a body's configuration says is inherited."""
    return ConfigDict(json_schema_extra={"examples": [values]})


class Output(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(frozen=True)


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
CurrencyCode = Annotated[str, StringConstraints(pattern=CURRENCY_PATTERN), Field(examples=["EUR"])]
AccountName = Annotated[str, StringConstraints(pattern=ACCOUNT_PATTERN), Field(examples=["mascot-demo"])]
GameId = Annotated[str, StringConstraints(pattern=GAME_ID_PATTERN), Field(examples=["riot"])]
KeyedId = Annotated[str, StringConstraints(pattern=KEYED_ID_PATTERN), Field(examples=["k5x2mdp7q3ra4zte.Xk3v9QwLmN0aZr7TbY1c"])]
Language = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}([_-][A-Za-z0-9]{2,8}){0,2}$"), Field(examples=["en"])]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$"), Field(examples=["MT"])]
Reason = Annotated[str, StringConstraints(max_length=200, pattern=REASON_PATTERN), Field(examples=["asked by support"])]
Why = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200, pattern=WHY_PATTERN),
    Field(examples=["maintenance at the provider"], description="Kept in the audit log."),
]
WebAddress = Annotated[
    str,
    StringConstraints(pattern=r"^https?://[^\s\x00-\x20\"<>\\]{1,1980}$", max_length=URL_CHARS_MAX),
    Field(examples=["https://casino.example/lobby"]),
]
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
Moment = Annotated[datetime, Field(strict=False, examples=["2030-01-31T12:00:00Z"], description="ISO 8601 with a time zone.")]

PlayerIdPath = Annotated[str, Path(pattern=PLAYER_ID_PATTERN, examples=["alice"], description="Your own id of the player.")]
SessionIdPath = Annotated[str, Path(pattern=KEYED_ID_PATTERN, description="As POST /v1/sessions answered it.")]
GrantIdPath = Annotated[str, Path(pattern=KEYED_ID_PATTERN, description="As POST /v1/free-rounds answered it.")]
AccountPath = Annotated[str, Path(pattern=ACCOUNT_PATTERN, examples=["mascot-demo"])]
GamePath = Annotated[str, Path(pattern=GAME_ID_PATTERN, examples=["riot"])]
BrandPath = Annotated[str, Path(pattern=ACCOUNT_PATTERN, examples=["main"])]
PageSize = Annotated[int, Query(ge=1, le=100, description="Entries of a page.")]
SeqCursor = Annotated[str, Query(pattern=r"^([1-9][0-9]{0,17})?$", description="`next` of the page before; empty for the first.")]
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
    try:
        units = parse_decimal(amount, currency)
    except MoneyError as error:
        kind = p.INVALID_AMOUNT if _known(currency) else p.WRONG_CURRENCY
        raise Problem(kind, str(error)) from error
    if units < 0 or (units == 0 and not zero):
        raise Problem(p.INVALID_AMOUNT, f"{amount!r} {currency}: an amount above zero is expected")
    return units


def shown(units: int, currency: str) -> str:
    """Units as an exact decimal string, with at least two digits after the point."""
    whole, point, fraction = render_decimal(units, currency).partition(".")
    return whole + point + fraction.rstrip("0").ljust(SHOWN_DIGITS_MIN, "0") if point else whole


def when(at_ms: int) -> datetime:
    """Unix milliseconds as a moment in UTC."""
    return datetime.fromtimestamp(at_ms / 1_000, UTC)


def millis(at: datetime) -> int:
    """A moment as Unix milliseconds; problem-free only with a time zone, which the callers check."""
    return int(at.timestamp() * 1_000)


def player_of(keyed_id: str) -> str:
    """The player key that a session or grant id begins with."""
    key = player_key_of(keyed_id)
    assert key is not None, "the pattern of the path holds"
    return key


def derived_id(player: str, *parts: str) -> str:
    """A keyed id that follows from its parts: the same request under the same key means the same grant."""
    digest = hashlib.sha256("\x1f".join(parts).encode()).digest()
    return f"{player}.{base64.urlsafe_b64encode(digest[:15]).decode()}"


def _known(currency: str) -> bool:
    try:
        scale_of(currency)
    except MoneyError:
        return False
    return True
