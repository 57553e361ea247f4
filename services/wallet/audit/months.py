"""Calendar months in UTC, as the archive cuts the ledger: `2026-01`. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from shared.errors import StakewireError

KEPT_MONTHS: Final = 13
"""So long an operation stays in the database at least, and its key with it: providers may repeat a call."""
CLOSED_AFTER: Final = timedelta(hours=1)
_MONTH: Final = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")


class MonthError(StakewireError):
    """A month that is none, or that must not be archived yet."""


def begin_of(month: str) -> datetime:
    """The first moment of a month. MonthError where it is none."""
    match = _MONTH.fullmatch(month)
    if match is None or match[1] == "0000":
        raise MonthError(f"{month!r} is not a month; expected YYYY-MM, as 2026-01")
    return datetime(int(match[1]), int(match[2]), 1, tzinfo=UTC)


def month_of(moment: datetime) -> str:
    """The month of a moment, in UTC."""
    at = moment.astimezone(UTC)
    return f"{at.year:04}-{at.month:02}"


def end_of(month: str) -> datetime:
    """The first moment after a month."""
    return months_later(begin_of(month), 1)


def months_later(begin: datetime, months: int) -> datetime:
    """The first moment of the month that many months after (or, below 0, before) that of `begin`."""
    count = begin.year * 12 + begin.month - 1 + months
    return begin.replace(year=count // 12, month=count % 12 + 1, day=1)


def check_closed(before: str, now: datetime) -> None:
    """MonthError unless all months before `before` are over."""
    if begin_of(before) + CLOSED_AFTER > now:
        raise MonthError(
            f"--before {before}: the month before it is not closed yet; a month is closed an hour after its end (UTC). "
            f"The latest that goes now is --before {month_of(now - CLOSED_AFTER)}."
        )


def check_old_enough(before: str, now: datetime) -> None:
    """MonthError unless all operations before `before` are older than the ledger has to keep them."""
    latest = months_later(begin_of(month_of(now)), -KEPT_MONTHS)
    if begin_of(before) > latest:
        raise MonthError(
            f"--delete --before {before}: operations and their keys stay in the database for {KEPT_MONTHS} months, so that a "
            f"repeated call is never applied twice. The latest that goes now is --before {month_of(latest)}; without --delete, "
            "later months can be archived."
        )
