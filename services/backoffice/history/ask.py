"""What a history is asked for: time, games, kinds, amounts, and where a page goes on. Checked here; reads nothing."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, Field, StringConstraints

from services.backoffice import problems as p
from services.backoffice.reports.ask import Sets
from shared.errors import MoneyError
from shared.money import parse_decimal
from shared.web.problems import Problem
from shared.web.values import CURRENCY_PATTERN

RANGE_DAYS_MAX: Final = 366
DEFAULT_DAYS: Final = 31
PAGE_MAX: Final = 200
CURSOR_CHARS_MAX: Final = 200
SEQ_MAX: Final = 2**53
AMOUNT_PATTERN: Final = r"^([0-9]{1,16}(\.[0-9]{1,9})?)?$"
_MARK_CHARS: Final = 12
_EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)

Direction = Literal["older", "newer"]
Amount = Annotated[str, StringConstraints(pattern=AMOUNT_PATTERN), Field(examples=["12.50"])]
Moment = Annotated[AwareDatetime, Field(examples=["2030-01-31T12:00:00Z"])]


class HistoryAsk(Sets):
    """Which of a player's rounds or operations; a filter that is left out or empty lets all pass."""

    since: Moment | None = Field(None, description=f"From then on; left out: {DEFAULT_DAYS} days before `until`.")
    until: Moment | None = Field(None, description=f"Before then; left out: now. At most {RANGE_DAYS_MAX} days behind `since`.")
    currency: Annotated[str, StringConstraints(pattern=rf"{CURRENCY_PATTERN}|^$")] = Field("", examples=["EUR"])
    amount_min: Amount = Field("", description="Stake or win, whichever is larger, in major units; asks for `currency`.")
    amount_max: Amount = ""
    limit: int = Field(50, ge=1, le=PAGE_MAX, description="Entries of a page.")
    cursor: str = Field(
        "", pattern=rf"^[A-Za-z0-9_-]{{0,{CURSOR_CHARS_MAX}}}$", description="`older` or `newer` of a page; empty for the newest."
    )

    @property
    def said(self) -> tuple[str, str]:
        """Kind and status that are asked for."""
        return "", ""

    def wanted(self, now: datetime) -> Wanted:
        """As the store takes it; problems where range, amounts or cursor cannot be like this."""
        direction: Direction = "older"
        seq, until = 0, self.until
        if self.cursor:
            # The end of an open range moves on with the clock; a cursor keeps the one that it began with.
            direction, seq, began_until = _read(_mark(self), self.cursor)
            until = until or began_until
        since, until = _range(self.since, until, now)
        low, high = _amounts(self.amount_min, self.amount_max, self.currency)
        filters = (
            self.provider_account, self.game_id, self.section, self.studio, self.tag, self.collection, *self.said, self.currency,
        )  # fmt: skip
        return Wanted(since, until, (*(each or None for each in filters), low, high), self.limit, direction, seq)

    def cursor_of(self, direction: Direction, seq: int, wanted: Wanted) -> str:
        """The cursor of the page that goes on behind (or before) the entry numbered `seq`."""
        told = [_mark(self), direction, seq, round(wanted.until.timestamp() * 1_000)]
        return base64.urlsafe_b64encode(json.dumps(told, separators=(",", ":")).encode()).decode().rstrip("=")


class RoundsAsk(HistoryAsk):
    """Which of a player's rounds."""

    status: Literal["", "open", "closed", "voided", "settled"] = ""

    @property
    def said(self) -> tuple[str, str]:
        """Kind and status that are asked for."""
        return "", self.status


class OperationsAsk(HistoryAsk):
    """Which of a player's operations."""

    kind: Annotated[str, StringConstraints(pattern=r"^[a-z_]{0,40}$")] = Field("", examples=["bet"])
    status: Literal["", "applied", "refused", "void", "tombstone"] = ""

    @property
    def said(self) -> tuple[str, str]:
        """Kind and status that are asked for."""
        return self.kind, self.status


@dataclass(frozen=True, slots=True)
class Wanted:
    """A page: entries from `since` to before `until` that pass the filters (in the order of the queries), behind `seq`."""

    since: datetime
    until: datetime
    filters: tuple[str | int | None, ...]
    limit: int
    direction: Direction = "older"
    seq: int = 0
    """Of the entry beside which the page begins; 0 = at the newest."""


def _range(since: datetime | None, until: datetime | None, now: datetime) -> tuple[datetime, datetime]:
    until = until or now
    if not _EARLIEST <= until <= _LATEST or (since is not None and not _EARLIEST <= since <= _LATEST):
        raise Problem(p.RANGE_REFUSED, f"`since` and `until` are between {_EARLIEST.year} and {_LATEST.year}")
    since = since or until - timedelta(days=DEFAULT_DAYS)
    if since >= until:
        raise Problem(p.RANGE_REFUSED, f"the range ends at {until.isoformat()}, and begins no earlier")
    if until - since > timedelta(days=RANGE_DAYS_MAX):
        raise Problem(p.RANGE_REFUSED, f"the range has {(until - since).days} days; a history is told for at most {RANGE_DAYS_MAX}")
    return since, until


def _amounts(low: str, high: str, currency: str) -> tuple[int | None, int | None]:
    if (low or high) and not currency:
        raise Problem(p.AMOUNT_REFUSED, "amounts are named without a currency")
    try:
        least = parse_decimal(low, currency) if low else None
        most = parse_decimal(high, currency) if high else None
    except MoneyError as error:
        raise Problem(p.AMOUNT_REFUSED, str(error)) from error
    if least is not None and most is not None and least > most:
        raise Problem(p.AMOUNT_REFUSED, f"the least amount, {low}, is above the most, {high}")
    return least, most


def _mark(ask: HistoryAsk) -> str:
    """What a cursor is bound to: the list and its filters."""
    named = ask.model_dump_json(exclude={"cursor", "limit"})
    return hashlib.sha256(f"{type(ask).__name__}{named}".encode()).hexdigest()[:_MARK_CHARS]


def _read(mark: str, cursor: str) -> tuple[Direction, int, datetime]:
    try:
        parts = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise Problem(p.CURSOR_INVALID, "the cursor cannot be read") from error
    match parts:
        case [str(found), "older" | "newer" as direction, int(seq), int(until_ms)] if (
            type(seq) is int and type(until_ms) is int and 0 < seq < SEQ_MAX and 0 < until_ms < _LATEST.timestamp() * 1_000
        ):
            if found != mark:
                raise Problem(p.CURSOR_INVALID, "the cursor belongs to a list with other filters")
            return direction, seq, datetime.fromtimestamp(until_ms / 1_000, UTC)
        case _:
            raise Problem(p.CURSOR_INVALID, "the cursor cannot be read")
