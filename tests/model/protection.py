"""Limits and exclusion in the model: counted anew from the list of operations each time."""

from __future__ import annotations

from datetime import date, timedelta

from shared.contracts import NO_LIMIT, Command, Exclude, LiftExclusion, LimitSetting, Result, SetLimits
from tests.model import sessions
from tests.model.outcome import Outcome, no
from tests.model.world import Bound, File, Play, gaming_day

DAY_MS = 24 * 3_600_000
WINDOWS = ("day", "week", "month")
WINDOWLESS = ("stake", "session_time")
SETTINGS_MAX = 50


def window(day: date, name: str) -> tuple[date, date]:
    """The first gaming day of a window, and the one after its last."""
    if name == "day":
        return day, day + timedelta(days=1)
    if name == "week":
        monday = day - timedelta(days=day.weekday())
        return monday, monday + timedelta(days=7)
    first = day.replace(day=1)
    return first, (first + timedelta(days=32)).replace(day=1)


def sums(file: File, currency: str, name: str, now: int) -> tuple[int, int, int]:
    """Staked, won and deposited in the window of now."""
    staked = won = deposited = 0
    for op in file.standing(currency, *window(gaming_day(file.brand, now), name)):
        if op.kind in {"bet", "bet_and_win", "win", "settle_round"}:
            staked += op.stake
            won += op.win
        elif op.kind == "deposit":
            deposited += op.win
    return staked, won, deposited


def in_force(file: File, kind: str, name: str, currency: str, now: int) -> int:
    """The value of a limit now."""
    bound = file.limits.get((kind, name, currency))
    return NO_LIMIT if bound is None else bound.now(now)


def exceeded(file: File, currency: str, debit: int, session: Play | None, now: int) -> str:
    """The first limit that a stake would break, empty where it breaks none."""
    largest = in_force(file, "stake", "", currency, now)
    if largest != NO_LIMIT and debit > 0 and debit > largest:
        return "stake"
    longest = in_force(file, "session_time", "", "", now)
    if session is not None and longest != NO_LIMIT and now - session.opened > longest * 1_000:
        return "session_time"
    if debit <= 0:
        return ""
    for kind in ("loss", "wager"):
        for name in WINDOWS:
            bound = in_force(file, kind, name, currency, now)
            staked, won, _ = sums(file, currency, name, now)
            if bound != NO_LIMIT and staked + debit - (won if kind == "loss" else 0) > bound:
                return f"{kind}_{name}"
    return ""


def deposit_exceeded(file: File, currency: str, amount: int, now: int) -> str:
    """The first deposit limit that a deposit would break."""
    for name in WINDOWS:
        bound = in_force(file, "deposit", name, currency, now)
        if bound != NO_LIMIT and sums(file, currency, name, now)[2] + amount > bound:
            return f"deposit_{name}"
    return ""


def proper(setting: LimitSetting) -> bool:
    """Whether a setting makes sense: windows where there is something to count, none where there is no money."""
    windowed = setting.window in WINDOWS if setting.kind not in WINDOWLESS else setting.window == ""
    return windowed and (setting.kind == "session_time") == (setting.currency == "") and setting.value >= NO_LIMIT


def set_limits(file: File, command: SetLimits, now: int) -> Outcome:
    """Stricter at once, laxer in 24 hours."""
    if not 1 <= len(command.limits) <= SETTINGS_MAX:
        return no(Result.BAD_REQUEST)
    names = {(each.kind, each.window, each.currency) for each in command.limits}
    if len(names) < len(command.limits) or not all(proper(each) for each in command.limits):
        return no(Result.BAD_REQUEST)
    if any(each.kind != "session_time" and each.currency not in file.balances for each in command.limits):
        return no(Result.WRONG_CURRENCY)

    def put() -> None:
        for each in command.limits:
            put_one(file, each, now)

    return Outcome(changes=(put,))


def put_one(file: File, setting: LimitSetting, now: int) -> None:
    """One limit."""
    name = (setting.kind, setting.window, setting.currency)
    holds = in_force(file, *name, now)
    if setting.value == holds:
        if name in file.limits:
            file.limits[name] = Bound(holds)
    elif holds == NO_LIMIT or NO_LIMIT < setting.value < holds:
        file.limits[name] = Bound(setting.value)
    else:
        file.limits[name] = Bound(holds, setting.value, now + DAY_MS)


def exclude(file: File, command: Exclude, now: int) -> Outcome:
    """Until then no stakes, deposits and launches; never shortened by another one."""
    if command.until_ms <= now:
        return no(Result.BAD_REQUEST)

    def put() -> None:
        file.excluded_until = max(file.excluded_until, command.until_ms)
        sessions.close_all(file)

    return Outcome(changes=(put,))


def lift_exclusion(file: File, command: LiftExclusion, _now: int) -> Outcome:
    """By hand, at once."""
    if not command.reason or not command.author:
        return no(Result.BAD_REQUEST)

    def put() -> None:
        file.excluded_until = 0

    return Outcome(changes=(put,))


def close_account(file: File, _command: Command, _now: int) -> Outcome:
    """For good."""

    def put() -> None:
        file.status = "closed"
        sessions.close_all(file)

    return Outcome(changes=(put,))


KINDS = {"set_limits": set_limits, "exclude": exclude, "lift_exclusion": lift_exclusion, "close_account": close_account}
