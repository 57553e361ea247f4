"""Templates of the console: how money, moments, shares and numbers are shown. Everything from outside is escaped by Jinja."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from shared.errors import MoneyError
from shared.web.values import shown

TEMPLATES: Final = Path(__file__).parent / "templates"
NOTHING: Final = "–"  # noqa: RUF001  # an en dash is what an empty cell shows


def make_environment() -> Environment:
    """The templates with their filters."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        cache_size=200,
    )
    made.filters |= {"money": money, "when": when, "percent": percent, "number": number, "decimal": decimal, "moment": moment}
    made.globals |= {"NOTHING": NOTHING, "zip": zip}
    return made


def money(units: int, currency: str) -> str:
    """Units as grouped major units: 1,234.50. A currency that nobody knows any more is shown in its units."""
    try:
        text = shown(units, currency)
    except MoneyError:
        return f"{units:,} units"
    return decimal(text)


def decimal(text: str) -> str:
    """A decimal text in major units with groups of thousands."""
    whole, point, fraction = text.partition(".")
    sign, digits = ("-", whole[1:]) if whole.startswith("-") else ("", whole)
    return f"{sign}{int(digits):,}{point}{fraction}" if digits.isascii() and digits.isdigit() else text


def moment(text: str) -> datetime:
    """ISO 8601, as the operator API tells times."""
    return datetime.fromisoformat(text)


def number(value: int | Decimal | None) -> str:
    """A number with groups of thousands."""
    return NOTHING if value is None else f"{value:,}"


def percent(value: Decimal | None, digits: int = 2) -> str:
    """A share (1 = 100 %) as a percentage."""
    return NOTHING if value is None else f"{value * 100:.{digits}f} %"


@pass_context
def when(context: Context, at: datetime | date | None, style: str = "seconds") -> str | Markup:
    """A moment in the zone of who looks, with the zone's name. `style`: seconds, minutes, day."""
    if at is None:
        return NOTHING
    if not isinstance(at, datetime):
        return Markup('<time datetime="{0}">{0}</time>').format(at.isoformat())
    local = at.astimezone(zone_of(str(context.get("zone", "UTC"))))
    pattern = {"seconds": "%Y-%m-%d %H:%M:%S %Z", "minutes": "%Y-%m-%d %H:%M %Z", "day": "%Y-%m-%d"}[style]
    iso = at.astimezone(UTC).isoformat(timespec="milliseconds")
    return Markup('<time datetime="{}">{}</time>').format(iso, local.strftime(pattern))


@lru_cache(maxsize=700)
def zone_of(name: str) -> zoneinfo.ZoneInfo:
    """A zone by its IANA name; UTC for what is none."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return zoneinfo.ZoneInfo("UTC")


@lru_cache(maxsize=1)
def zones() -> tuple[str, ...]:
    """The names of all zones, UTC first."""
    found = {name for name in zoneinfo.available_timezones() if "/" in name and not name.startswith(("Etc/", "SystemV/"))}
    return ("UTC", *sorted(found))


def render(environment: Environment, name: str, values: dict[str, Any]) -> str:
    """A template, filled in."""
    return environment.get_template(name).render(values)
