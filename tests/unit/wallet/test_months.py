"""Which months may be archived, and which may leave the database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from services.wallet.audit.months import MonthError, begin_of, check_closed, check_old_enough, end_of, month_of, months_later


def test_months_are_those_of_utc() -> None:
    assert month_of(datetime(2026, 1, 1, 0, 30, tzinfo=timezone(timedelta(hours=1)))) == "2025-12"
    assert (begin_of("2026-02"), end_of("2025-12")) == (datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC))
    assert months_later(begin_of("2026-03"), -13) == begin_of("2025-02")
    assert months_later(begin_of("2026-12"), 13) == begin_of("2028-01")


@pytest.mark.parametrize(
    "text",
    ["", "2026", "2026-00", "2026-13", "26-01", "2026-1", "0000-01", "2026-01-01", " 2026-01", "\uff12\uff10\uff12\uff16-01"],
)
def test_what_is_no_month(text: str) -> None:
    with pytest.raises(MonthError, match="YYYY-MM"):
        begin_of(text)


def test_an_operation_stays_thirteen_months_to_the_day() -> None:
    # The last one of February 2026 happened as March began: thirteen months later it is April 2027.
    check_old_enough("2026-03", datetime(2027, 4, 1, tzinfo=UTC))
    with pytest.raises(MonthError, match="--before 2026-02"):
        check_old_enough("2026-03", datetime(2027, 3, 31, 23, 59, 59, tzinfo=UTC))


def test_a_month_is_closed_an_hour_after_its_end() -> None:
    check_closed("2026-03", datetime(2026, 3, 1, 1, tzinfo=UTC))
    for now in (datetime(2026, 3, 1, 0, 59, 59, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)):
        with pytest.raises(MonthError, match="not closed yet"):
            check_closed("2026-03", now)
