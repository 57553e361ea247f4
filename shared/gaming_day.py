"""The gaming day: a brand's day in its own time zone, beginning at its own hour."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from shared.contracts import Brand


class GamingDays:
    """The gaming days of all brands; a brand that is not configured counts in UTC from midnight."""

    def __init__(self, brands: dict[str, Brand]) -> None:
        self._rules = {name: (ZoneInfo(brand.time_zone), _minutes(brand.gaming_day_start)) for name, brand in brands.items()}
        self.brands = tuple(brands)
        self._cached_minute = -1
        self._cached = Days()

    def at(self, unix_ms: int) -> Days:
        """The days at a moment, as a mapping brand -> "YYYY-MM-DD"."""
        minute = unix_ms // 60_000
        if minute != self._cached_minute:
            self._cached_minute, self._cached = minute, Days()
            moment = datetime.fromtimestamp(minute * 60, tz=UTC)
            self._cached[""] = moment.date().isoformat()
            for name, (zone, start) in self._rules.items():
                self._cached[name] = (moment.astimezone(zone) - timedelta(minutes=start)).date().isoformat()
        return self._cached

    def newest(self, unix_ms: int) -> str:
        """The gaming day of the brand that is furthest at a moment."""
        days = self.at(unix_ms)
        return max((days[brand] for brand in self.brands), default=days[""])


class Days(dict[str, str]):
    """Gaming days by brand, with UTC's for brands that are not configured."""

    def __missing__(self, brand: str) -> str:
        return self[""]


def _minutes(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)
