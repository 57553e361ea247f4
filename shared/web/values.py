"""The types of what enters and leaves an interface for operators: ids, codes, moments. Everything is checked here, at the edge."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from shared.money import CRYPTO_SCALES, render_decimal

FIAT_CODE_CHARS: Final = 3
CURRENCY_PATTERN: Final = rf"^([A-Z]{{3}}|{'|'.join(sorted(code for code in CRYPTO_SCALES if len(code) > FIAT_CODE_CHARS))})$"
WHY_PATTERN: Final = r"^[^\x00-\x20\x7f][^\x00-\x1f\x7f]*$"
REASON_PATTERN: Final = r"^[^\x00-\x1f\x7f]*$"
GAME_ID_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._:+=-]{0,127}$"
ACCOUNT_PATTERN: Final = r"^[a-z0-9][a-z0-9-]{0,62}$"
COUNTRY_PATTERN: Final = r"^[A-Z]{2}$"
LANGUAGE_PATTERN: Final = r"^[A-Za-z]{2,3}([_-][A-Za-z0-9]{2,8}){0,2}$"
URL_CHARS_MAX: Final = 2_000
SHOWN_DIGITS_MIN: Final = 2


class Input(BaseModel):
    """A body: nothing unknown, nothing converted."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    def digest(self) -> bytes:
        """SHA-256 of the content: tells whether a repetition asks for the same."""
        return hashlib.sha256(self.model_dump_json(exclude_none=True).encode()).digest()


class Output(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(frozen=True)


def example(**values: Any) -> ConfigDict:
    """The example of a body in the documentation; what else a body's configuration says is inherited."""
    return ConfigDict(json_schema_extra={"examples": [values]})


CurrencyCode = Annotated[str, StringConstraints(pattern=CURRENCY_PATTERN), Field(examples=["EUR"])]
AccountName = Annotated[str, StringConstraints(pattern=ACCOUNT_PATTERN), Field(examples=["mascot-demo"])]
GameId = Annotated[str, StringConstraints(pattern=GAME_ID_PATTERN), Field(examples=["riot"])]
Language = Annotated[str, StringConstraints(pattern=LANGUAGE_PATTERN), Field(examples=["en"])]
Country = Annotated[str, StringConstraints(pattern=COUNTRY_PATTERN), Field(examples=["MT"])]
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
Moment = Annotated[datetime, Field(strict=False, examples=["2030-01-31T12:00:00Z"], description="ISO 8601 with a time zone.")]

AccountPath = Annotated[str, Path(pattern=ACCOUNT_PATTERN, examples=["mascot-demo"])]
GamePath = Annotated[str, Path(pattern=GAME_ID_PATTERN, examples=["riot"])]
BrandPath = Annotated[str, Path(pattern=ACCOUNT_PATTERN, examples=["main"])]
PageSize = Annotated[int, Query(ge=1, le=100, description="Entries of a page.")]
SeqCursor = Annotated[str, Query(pattern=r"^([1-9][0-9]{0,17})?$", description="`next` of the page before; empty for the first.")]


def when(at_ms: int) -> datetime:
    """Unix milliseconds as a moment in UTC."""
    return datetime.fromtimestamp(at_ms / 1_000, UTC)


def millis(at: datetime) -> int:
    """A moment as Unix milliseconds; problem-free only with a time zone, which the callers check."""
    return int(at.timestamp() * 1_000)


def shown(units: int, currency: str) -> str:
    """Units as an exact decimal string, with at least two digits after the point."""
    whole, point, fraction = render_decimal(units, currency).partition(".")
    return whole + point + fraction.rstrip("0").ljust(SHOWN_DIGITS_MIN, "0") if point else whole
