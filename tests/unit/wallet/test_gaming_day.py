"""The gaming day of a brand: in its time zone, from its own hour on, also where clocks are put forward and back."""

from __future__ import annotations

from datetime import datetime

import pytest

from shared.contracts import Brand
from shared.gaming_day import GamingDays

BRANDS = {
    "utc": Brand(brand="utc"),
    "malta": Brand(brand="malta", time_zone="Europe/Malta", gaming_day_start="06:00"),
    "kathmandu": Brand(brand="kathmandu", time_zone="Asia/Kathmandu", gaming_day_start="00:00"),
    "lima": Brand(brand="lima", time_zone="America/Lima", gaming_day_start="23:30"),
}


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * 1_000


@pytest.mark.parametrize(
    ("brand", "moment", "day"),
    [
        ("utc", "2026-11-22T00:00:00+00:00", "2026-11-22"),
        ("utc", "2026-11-21T23:59:59+00:00", "2026-11-21"),
        ("nobody's", "2026-11-21T23:59:59+00:00", "2026-11-21"),
        ("malta", "2026-11-22T06:00:00+01:00", "2026-11-22"),
        ("malta", "2026-11-22T05:59:59+01:00", "2026-11-21"),
        ("malta", "2026-07-01T06:00:00+02:00", "2026-07-01"),
        ("malta", "2026-07-01T05:59:59+02:00", "2026-06-30"),
        ("malta", "2026-03-29T06:00:00+02:00", "2026-03-29"),  # the night that has an hour less
        ("malta", "2026-03-29T05:59:59+02:00", "2026-03-28"),
        ("malta", "2026-10-25T06:00:00+01:00", "2026-10-25"),  # and the one that has an hour more
        ("malta", "2026-10-25T05:59:59+01:00", "2026-10-24"),
        ("kathmandu", "2026-11-22T00:00:00+05:45", "2026-11-22"),
        ("kathmandu", "2026-11-21T23:59:59+05:45", "2026-11-21"),
        ("lima", "2026-11-22T23:30:00-05:00", "2026-11-22"),
        ("lima", "2026-11-22T23:29:59-05:00", "2026-11-21"),
    ],
)
def test_a_moment_belongs_to_a_gaming_day(brand: str, moment: str, day: str) -> None:
    assert GamingDays(BRANDS).at(ms(moment))[brand] == day


def test_the_days_move_on_with_the_clock() -> None:
    days = GamingDays(BRANDS)
    before = days.at(ms("2026-11-22T05:59:59+01:00"))["malta"]
    assert (before, days.at(ms("2026-11-22T06:00:00+01:00"))["malta"]) == ("2026-11-21", "2026-11-22")
