"""Limits that a player sets for himself: what they are, what counts towards them, and what they stop.

Only stakes and deposits are ever stopped. What counts is the money itself: stakes as debited, wins, deposits, each on its
gaming day; a rollback is taken out of the day of its original, so that it frees the window that it was counted in.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, Final

from services.wallet.decisions.common import (
    AUTHOR_CHARS_MAX,
    REASON_CHARS_MAX,
    as_details,
    foreign_player,
    replay_or_conflict,
)
from services.wallet.decisions.model import APPLIED, Decision, Limit, Operation, Session, Usage, View, answer
from shared.contracts import NO_LIMIT, LimitSetting, Result, SetLimits

RAISE_DELAY_MS: Final = 24 * 60 * 60 * 1000
"""How long a laxer limit waits before it holds."""
SETTINGS_MAX: Final = 50
VALUE_MAX: Final = 2**63 - 1

_WINDOWS: Final = ("day", "week", "month")
_PLACES: Final = (
    ("stake", ""),
    ("session_time", ""),
    *(("loss", window) for window in _WINDOWS),
    *(("wager", window) for window in _WINDOWS),
    *(("deposit", window) for window in _WINDOWS),
)
_ORDER: Final = {place: number for number, place in enumerate(_PLACES)}
"""All limits there are, as (kind, window), in the order in which they are looked at."""

COUNTED_KINDS: Final = frozenset({"bet", "bet_and_win", "win", "settle_round"})
"""Stakes and wins of the game: they and their undos count. Promotions and corrections count nothing."""


def limit_name(kind: str, window: str) -> str:
    """The name of a limit in replies and operations: "stake", "loss_day"..."""
    return f"{kind}_{window}" if window else kind


def value_in_force(limit: Limit, now_ms: int) -> int:
    """The value that holds at `now_ms`, NO_LIMIT for none."""
    return limit.next_value if limit.next_from_ms and now_ms >= limit.next_from_ms else limit.value


@lru_cache(maxsize=256)
def days_of(window: str, gaming_day: str) -> tuple[str, str]:
    """The first gaming day of the window that `gaming_day` is in, and the first one after it."""
    day = date.fromisoformat(gaming_day)
    if window == "day":
        first, after = day, day + timedelta(days=1)
    elif window == "week":
        first = day - timedelta(days=day.weekday())
        after = first + timedelta(days=7)
    else:
        first = day.replace(day=1)
        after = (first + timedelta(days=31)).replace(day=1)
    return first.isoformat(), after.isoformat()


def used(limit: Limit, usage: Iterable[Usage], gaming_day: str) -> int:
    """What counts towards a limit in the window of `gaming_day`, in units; 0 where the limit has no window.

    Less than 0 for a loss where the player has won.
    """
    if not limit.window:
        return 0
    first, after = days_of(limit.window, gaming_day)
    rows = [row for row in usage if row.currency == limit.currency and first <= row.gaming_day < after]
    if limit.kind == "deposit":
        return sum(row.deposited for row in rows)
    staked = sum(row.staked for row in rows)
    return staked - sum(row.won for row in rows) if limit.kind == "loss" else staked


def stake_stopped_by(view: View, currency: str, debit: int, session: Session | None) -> str:
    """The name of the first limit that stops a stake, empty if none does. `debit`: what would be taken, in units.

    The win of the same call does not help. A stake that takes nothing is stopped by the session's time alone.
    """
    for limit in sorted(view.limits, key=_order):
        value = value_in_force(limit, view.now_ms)
        if value == NO_LIMIT or limit.kind == "deposit":
            continue
        if limit.kind == "session_time":
            over = session is not None and view.now_ms - session.opened_at_ms > value * 1000
        else:
            over = debit > 0 and limit.currency == currency and used(limit, view.usage, view.gaming_day) + debit > value
        if over:
            return limit_name(limit.kind, limit.window)
    return ""


def deposit_stopped_by(view: View, currency: str, amount: int) -> str:
    """The name of the first limit that stops a deposit, empty if none does."""
    for limit in sorted(view.limits, key=_order):
        value = value_in_force(limit, view.now_ms)
        if value == NO_LIMIT or limit.kind != "deposit" or limit.currency != currency:
            continue
        if used(limit, view.usage, view.gaming_day) + amount > value:
            return limit_name(limit.kind, limit.window)
    return ""


def counts(view: View, currency: str, *, staked: int = 0, won: int = 0, deposited: int = 0) -> Usage | None:
    """What money that moves today counts; None where nothing does."""
    if view.player is None or not (staked or won or deposited):
        return None
    return Usage(
        player=view.player.player, currency=currency, gaming_day=view.gaming_day, staked=staked, won=won, deposited=deposited
    )


def undo_counts(target: Operation) -> Usage | None:
    """What the undo of an applied operation counts, on the day of the original; None where the original counts nothing.

    An undo has stored what it took from the player as its stake and what it gave him as its win: the undo of an undo
    counts the original again, the undo of that takes it out once more.
    """
    if target.kind == "rollback":
        facts: dict[str, Any] = json.loads(target.details) if target.details else {}
        if facts.get("uncounted"):
            return None
        day: str = facts.get("counts_on", target.gaming_day)
        staked, won = (-target.stake, -target.win) if facts.get("restores") else (target.win, target.stake)
    elif target.kind in COUNTED_KINDS:
        day, staked, won = target.gaming_day, -target.stake, -target.win
    else:
        return None
    if not staked and not won:
        return None
    return Usage(player=target.player, currency=target.currency, gaming_day=day, staked=staked, won=won)


def decide_set_limits(command: SetLimits, view: View) -> Decision:
    """Sets limits: what is stricter or the same holds at once and drops what waits, what is laxer waits for 24 hours."""
    stored = view.stored
    if foreign_player(command, view):
        return answer(Result.PLAYER_NOT_FOUND)
    if stored is not None:
        same = stored.kind == command.kind and _asked_before(stored) == [_asked(setting) for setting in command.limits]
        return replay_or_conflict(stored, same=same)
    wrong = _wrong(command.limits)
    if wrong:
        return answer(Result.BAD_REQUEST, detail=wrong)
    if any(setting.currency not in view.currencies for setting in command.limits if setting.currency):
        return answer(Result.WRONG_CURRENCY, detail="the player has no account in this currency")
    known = {(limit.currency, limit.kind, limit.window): limit for limit in view.limits}
    changed: list[Limit] = []
    told: list[dict[str, Any]] = []
    for setting in command.limits:
        before = known.get((setting.currency, setting.kind, setting.window))
        after = _after(command.player, setting, before, view.now_ms)
        if after != before and not (before is None and after.value == NO_LIMIT):
            changed.append(after)
        told.append(
            {**_as_facts(setting), "from_ms": after.next_from_ms or view.now_ms, "before": _value_before(before, view.now_ms)}
        )
    reason, author = command.reason[:REASON_CHARS_MAX], command.author[:AUTHOR_CHARS_MAX]
    return Decision(
        result=Result.OK,
        status=APPLIED,
        limits=tuple(changed),
        details=as_details(limits=told, reason=reason, author=author),
    )


def _wrong(settings: tuple[LimitSetting, ...]) -> str:
    """What is wrong with the settings of one command, empty if nothing is."""
    if not 0 < len(settings) <= SETTINGS_MAX:
        return f"1 to {SETTINGS_MAX} limits are expected"
    if len({(setting.currency, setting.kind, setting.window) for setting in settings}) < len(settings):
        return "one limit is named twice"
    for setting in settings:
        if (setting.kind, setting.window) not in _ORDER:
            return f"a limit of {setting.kind} has no window {setting.window!r}"
        if bool(setting.currency) == (setting.kind == "session_time"):
            return "a currency is expected for limits of money, none for the time of a session"
        if setting.value != NO_LIMIT and not 0 <= setting.value <= VALUE_MAX:
            return f"the value of a limit is {NO_LIMIT} (none) or from 0 to {VALUE_MAX}"
    return ""


def _after(player: str, setting: LimitSetting, before: Limit | None, now_ms: int) -> Limit:
    """The limit as it stands after a setting."""
    holds = _value_before(before, now_ms)
    laxer = holds != NO_LIMIT and (setting.value == NO_LIMIT or setting.value > holds)
    return Limit(
        player=player,
        kind=setting.kind,
        window=setting.window,
        currency=setting.currency,
        value=holds if laxer else setting.value,
        next_value=setting.value if laxer else NO_LIMIT,
        next_from_ms=now_ms + RAISE_DELAY_MS if laxer else 0,
    )


def _value_before(before: Limit | None, now_ms: int) -> int:
    return NO_LIMIT if before is None else value_in_force(before, now_ms)


def _order(limit: Limit) -> int:
    return _ORDER[limit.kind, limit.window]


def _as_facts(setting: LimitSetting) -> dict[str, Any]:
    return {"kind": setting.kind, "window": setting.window, "currency": setting.currency, "value": setting.value}


def _asked(setting: LimitSetting) -> tuple[str, str, str, int]:
    return setting.kind, setting.window, setting.currency, setting.value


def _asked_before(stored: Operation) -> list[tuple[str, str, str, int]]:
    told = json.loads(stored.details)["limits"]
    return [(each["kind"], each["window"], each["currency"], each["value"]) for each in told]
