"""A player's limits as a query tells them: what holds now, what is used of it, what waits. Changes nothing, reads nothing."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

from services.wallet.decisions.limits import used, value_in_force
from services.wallet.decisions.model import Limit
from services.wallet.ledger.reads import StoredLimits
from shared.contracts import NO_LIMIT, LimitsView, LimitView
from shared.gaming_day import Days

COUNTED_DAYS: Final = 40
"""A window begins at most 30 days ago, and a brand's gaming day is less than two days away from UTC's."""


def counted_since(utc_day: str) -> date:
    """The first gaming day that may lie in a window that is under way, on the day `utc_day` in UTC."""
    return date.fromisoformat(utc_day) - timedelta(days=COUNTED_DAYS)


def limits_view(stored: StoredLimits, days: Days, now_ms: int) -> LimitsView:
    """The limits that hold or are to hold. `days`: the gaming day of each brand at `now_ms`."""
    shown = [_shown(limit, stored, days[stored.brand], now_ms) for limit in stored.limits]
    told = tuple(each for each in shown if each.value != NO_LIMIT or each.next_from_ms)
    return LimitsView(limits=told, excluded_until_ms=stored.excluded_until_ms if stored.excluded_until_ms > now_ms else 0)


def _shown(limit: Limit, stored: StoredLimits, gaming_day: str, now_ms: int) -> LimitView:
    waits = limit.next_from_ms > now_ms
    return LimitView(
        kind=limit.kind,
        window=limit.window,
        currency=limit.currency,
        value=value_in_force(limit, now_ms),
        next_value=limit.next_value if waits else NO_LIMIT,
        next_from_ms=limit.next_from_ms if waits else 0,
        used=used(limit, stored.usage, gaming_day),
    )
