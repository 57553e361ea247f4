"""The limits of a batch's players and what counts towards them, command by command. Pure of I/O, part of the working set.

Who has limits is counted, and what is added is written. Who gets his first limit by the batch is counted from the
batch's beginning, so that it makes no difference what else is in the batch; it is written once he has the limit.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from services.wallet.decisions.model import Limit, Usage

T = TypeVar("T")

LimitName = tuple[str, str, str, str]
"""(player, currency, kind, window): a limit's primary key."""
UsageDay = tuple[str, str, str]
"""(player, currency, gaming day): the primary key of usage."""


class Saved(Struct, frozen=True):
    """What a tally held of one player."""

    limits: tuple[Limit, ...]
    usage: tuple[Usage, ...] | None
    changed: dict[LimitName, Limit]
    added: dict[UsageDay, Usage]


class Tally:
    """Limits and usage of one batch's players."""

    def __init__(self, limits: Iterable[Limit], usage: Iterable[Usage], counting: Iterable[str]) -> None:
        """`usage`: of the players with `limits` and of those named by `counting`, who may get their first."""
        self._limits: dict[str, tuple[Limit, ...]] = {}
        for limit in limits:
            self._limits[limit.player] = (*self._limits.get(limit.player, ()), limit)
        self._usage: dict[str, tuple[Usage, ...]] = dict.fromkeys((*self._limits, *counting), ())
        for row in usage:
            self._usage[row.player] = (*self._usage[row.player], row)
        self.changed_limits: dict[LimitName, Limit] = {}
        self.added_usage: dict[UsageDay, Usage] = {}
        """What is to be added to the stored usage, of players who have limits."""

    def limits(self, player: str) -> tuple[Limit, ...]:
        """All limits of a player."""
        return self._limits.get(player, ())

    def usage(self, player: str) -> tuple[Usage, ...]:
        """What counts towards a player's limits; nothing of a player who is not counted."""
        return self._usage.get(player, ())

    def set(self, limits: tuple[Limit, ...]) -> None:
        """Takes note of limits of one player that are new or changed. Not empty."""
        player = limits[0].player
        before = self._limits.get(player, ())
        changed = {_name(limit): limit for limit in limits}
        self._limits[player] = (*(limit for limit in before if _name(limit) not in changed), *limits)
        self.changed_limits.update(changed)
        if not before:
            # His first: what was counted so far is kept from now on.
            self.added_usage.update((_day(row), row) for row in self._usage[player])

    def count(self, more: Usage) -> None:
        """Adds to the usage of a day, if the player is counted."""
        before = self._usage.get(more.player)
        if before is None:
            return
        place = _day(more)
        known = [row for row in before if _day(row) == place]
        rest = tuple(row for row in before if _day(row) != place)
        self._usage[more.player] = (*rest, _sum(known[0], more) if known else more)
        if more.player in self._limits:
            added = self.added_usage.get(place)
            self.added_usage[place] = _sum(added, more) if added is not None else more

    def save(self, player: str) -> Saved:
        """What is held of a player, for `restore`."""
        return Saved(
            self._limits.get(player, ()),
            self._usage.get(player),
            {name: limit for name, limit in self.changed_limits.items() if limit.player == player},
            {place: row for place, row in self.added_usage.items() if row.player == player},
        )

    def restore(self, player: str, saved: Saved) -> None:
        """Takes back everything about a player since `save`."""
        _put_back(self._limits, player, saved.limits or None)
        _put_back(self._usage, player, saved.usage)
        self.changed_limits = {name: row for name, row in self.changed_limits.items() if row.player != player} | saved.changed
        self.added_usage = {place: row for place, row in self.added_usage.items() if row.player != player} | saved.added


def _put_back(rows: dict[str, T], player: str, value: T | None) -> None:
    if value is None:
        rows.pop(player, None)
    else:
        rows[player] = value


def _name(limit: Limit) -> LimitName:
    return limit.player, limit.currency, limit.kind, limit.window


def _day(usage: Usage) -> UsageDay:
    return usage.player, usage.currency, usage.gaming_day


def _sum(usage: Usage, more: Usage) -> Usage:
    return replace(usage, staked=usage.staked + more.staked, won=usage.won + more.won, deposited=usage.deposited + more.deposited)
