"""Limits counted by hand: every amount is kept as it came, and added up anew for each question.

It knows nothing of operations and usage: it holds what each call did on which day, and which limits were set when.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from msgspec import Struct

from shared.contracts import Command
from tests.unit.wallet.builders import (
    EUR,
    bet,
    bet_and_win,
    deposit,
    limit,
    promo_win,
    rollback,
    set_limits,
    win,
)
from tests.unit.wallet.counted import MONDAY, ms

CURRENCIES = ("EUR", "USD")
WINDOWED = [(kind, window) for kind in ("loss", "wager", "deposit") for window in ("day", "week", "month")]
KINDS = [("stake", ""), *WINDOWED]
WAIT = timedelta(hours=24)


class Did(Struct):
    """What one call did: (staked, won, deposited) of a currency on a day; nothing that counts where `counts` is false."""

    key: tuple[str, str]
    currency: str
    day: date
    amounts: tuple[int, int, int]
    counts: bool = True
    applied: bool = True
    undone: bool = False


class Setting(NamedTuple):
    """A limit: what holds, and what will from when; None is no limit."""

    value: int | None
    later: int | None = None
    when: datetime | None = None


class Count:
    """The count by hand: all that was done, and the limits that were set."""

    def __init__(self) -> None:
        self.done: list[Did] = []
        self.limits: dict[tuple[str, str, str], Setting] = {}

    def sum_of(self, kind: str, window: str, currency: str, today: date) -> int:
        staked, won, deposited = (
            sum(each.amounts[which] for each in self.done if self._within(each, window, currency, today)) for which in range(3)
        )
        return {"loss": staked - won, "wager": staked, "deposit": deposited}[kind]

    @staticmethod
    def _within(each: Did, window: str, currency: str, today: date) -> bool:
        if not each.counts or each.currency != currency:
            return False
        return {
            "day": each.day == today,
            "week": each.day.isocalendar()[:2] == today.isocalendar()[:2],
            "month": (each.day.year, each.day.month) == (today.year, today.month),
        }[window]

    def holds(self, kind: str, window: str, currency: str, now: datetime) -> int | None:
        setting = self.limits.get((kind, window, currency), Setting(None))
        return setting.later if setting.when is not None and now >= setting.when else setting.value

    def set(self, kind: str, window: str, currency: str, value: int | None, now: datetime) -> None:
        holds = self.holds(kind, window, currency, now)
        laxer = holds is not None and (value is None or value > holds)
        self.limits[kind, window, currency] = Setting(holds, value, now + WAIT) if laxer else Setting(value)

    def stopped(self, kinds: tuple[str, ...], currency: str, amount: int, now: datetime, today: date) -> str:
        for kind, window in KINDS:
            most = self.holds(kind, window, currency, now)
            if most is None or kind not in kinds:
                continue
            before = 0 if kind == "stake" else self.sum_of(kind, window, currency, today)
            if before + amount > most:
                return f"{kind}_{window}" if window else kind
        return ""

    def undo(self, which: Did, key: tuple[str, str]) -> None:
        if not which.applied or which.undone:
            self.done.append(Did(key, which.currency, which.day, (0, 0, 0), applied=False))
            return
        which.undone = True
        taken_back = (-which.amounts[0], -which.amounts[1], -which.amounts[2])
        self.done.append(Did(key, which.currency, which.day, taken_back, counts=which.counts))


class Play:
    """Turns actions into commands and into the answers that the count expects."""

    def __init__(self) -> None:
        self.count = Count()
        self.moment = datetime.fromtimestamp(ms(MONDAY) / 1_000, tz=UTC)

    @property
    def today(self) -> date:
        """The gaming day."""
        # In the time zone itself: what the clock on the wall there shows, six hours back.
        return (self.moment.astimezone(ZoneInfo("Europe/Malta")).replace(tzinfo=None) - timedelta(hours=6)).date()

    def command(self, number: int, action: tuple[Any, ...]) -> tuple[Command, str] | None:
        """The command of an action and its answer; None where it is none."""
        kind, *facts = action
        ref = f"t{number}"
        if kind == "wait":
            self.moment += timedelta(hours=facts[0])
            return None
        if kind == "limit":
            (name, window), currency, value = facts
            self.count.set(name, window, currency, None if value < 0 else value, self.moment)
            units = value * EUR if value >= 0 else -1
            return set_limits(limit(units, name, window, currency), external_id=ref), "OK"
        if kind == "undo":
            return self._undo(ref, facts[0])
        currency, first, *more = facts
        expected = self._note(kind, ref, currency, first, *more)
        return self._money(kind, ref, currency, first, *more), expected

    def _undo(self, ref: str, index: int) -> tuple[Command, str] | None:
        known = [each for each in self.count.done if each.key[0] != "deposit"]
        if not known:
            return None
        target = known[index % len(known)]
        self.count.undo(target, ("undo", ref))
        namespace, external_id = target.key
        names = {"namespace": "undo", "external_id": ref, "target_namespace": namespace, "target_external_id": external_id}
        return rollback(**names), "OK"

    def _note(self, kind: str, ref: str, currency: str, first: int, won: int = 0) -> str:
        staked = first if kind in {"bet", "both"} else 0
        deposited = first if kind == "deposit" else 0
        stopped = ""
        if staked:
            stopped = self.count.stopped(("stake", "loss", "wager"), currency, staked, self.moment, self.today)
        elif deposited:
            stopped = self.count.stopped(("deposit",), currency, deposited, self.moment, self.today)
        key = ("deposit" if kind == "deposit" else "tx", ref)
        moved = (staked, first if kind == "win" else won, deposited)
        self.count.done.append(
            Did(key, currency, self.today, (0, 0, 0) if stopped else moved, counts=kind != "promo", applied=not stopped)
        )
        return stopped or "OK"

    @staticmethod
    def _money(kind: str, ref: str, currency: str, first: int, won: int = 0) -> Command:
        if kind == "deposit":
            return deposit(first * EUR, currency=currency, external_id=ref)
        where = {"currency": currency, "wire_currency": currency, "player_currency": currency, "external_id": ref}
        if kind == "bet":
            return bet(first * EUR, round_id=ref, **where)
        if kind == "both":
            return bet_and_win(first * EUR, won * EUR, round_id=ref, **where)
        if kind == "free":
            return bet_and_win(first * EUR, won * EUR, round_id=ref, free_round=True, free_round_stake="nominal", **where)
        return win(first * EUR, round_id=ref, **where) if kind == "win" else promo_win(first * EUR, round_id=ref, **where)


def random_actions(seed: int, length: int) -> list[tuple[Any, ...]]:
    """Actions of a player over some weeks."""
    random = Random(seed)
    kinds = ("bet", "both", "free", "win", "promo", "deposit", "undo", "limit", "wait")
    made: list[tuple[Any, ...]] = []
    for _ in range(length):
        kind, currency, amount = random.choice(kinds), random.choice(CURRENCIES), random.randint(0, 5)
        rest: dict[str, tuple[Any, ...]] = {
            "both": (currency, amount, random.randint(0, 5)),
            "free": (currency, amount, random.randint(0, 5)),
            "deposit": (currency, amount + 1),
            "undo": (random.randrange(30),),
            "limit": (random.choice(KINDS), currency, random.randint(-1, 12)),
            "wait": (random.randint(1, 60),),
        }
        made.append((kind, *rest.get(kind, (currency, amount))))
    return made
