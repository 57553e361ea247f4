"""The watch lists: what somebody should look at, page by page. The only user of sql/watch.sql; it changes nothing."""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import asyncpg
import msgspec

from shared.database import load_queries
from shared.errors import StakewireError

QUERIES: Final = load_queries(Path(__file__).parent / "sql" / "watch.sql")
PAGE: Final = 50
PAGE_MAX: Final = 200
BACK_DAYS: Final = 30
"""Lists of what has happened go so far back; lists of what is the case now have no such end."""

UNFOLLOWED_BACK_DAYS: Final = 7
SETTLING_S: Final = 60
"""So young an UNKNOWN may still be followed up by the next try."""

CURSOR_CHARS_MAX: Final = 300
NUMBER_MAX: Final = 2**63 - 1
NOT_OURS: Final = "the page asked for is not one of this list; begin with its first page"


class CursorInvalid(StakewireError):
    """The page's key is not one of ours."""


@dataclass(frozen=True, slots=True)
class WatchList:
    """A list: what it is called, what is in it and why that matters. `dated`: it goes back `BACK_DAYS`."""

    name: str
    title: str
    about: str
    empty: str


LISTS: Final[Mapping[str, WatchList]] = {
    each.name: each
    for each in (
        WatchList(
            "stuck-rounds",
            "Stuck rounds",
            "Rounds that were opened long ago and never ended: the provider's last call may be missing, and with it a win.",
            "No round has been open for that long.",
        ),
        WatchList(
            "unknown-rollbacks",
            "Rollbacks without original",
            "The provider took back what we had never seen: usually a bet that was lost on its way, sometimes a wrong id.",
            "Every rollback found what it takes back.",
        ),
        WatchList(
            "tombstones",
            "Rolled back, never come",
            "Bets that were rolled back before they came, and have not come since: they stay refused if they come still.",
            "Every bet that was rolled back early has come, and was refused.",
        ),
        WatchList(
            "overdrafts",
            "Overdrafts",
            "Players below zero: something that they had spent already was taken back. They cannot bet until it is made good.",
            "No balance is below zero.",
        ),
        WatchList(
            "unfollowed",
            "Applied, but answered UNKNOWN",
            "Money has moved here, the provider was told that nobody knows, and neither a repetition nor a rollback followed.",
            "Every UNKNOWN that had moved money was followed up.",
        ),
        WatchList(
            "limits",
            "Limits reached",
            "Stakes and deposits that one of a player's limits refused.",
            "No limit has refused anything.",
        ),
        WatchList(
            "exclusions",
            "Excluded players",
            "Players who are excluded from playing now; the exclusion that ends first is at the top.",
            "Nobody is excluded.",
        ),
        WatchList(
            "excluded-stakes",
            "Tried while excluded",
            "Stakes and deposits of players who were excluded: all of them were refused.",
            "Nobody who is excluded has tried to play.",
        ),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchFilter:
    """What is shown: one provider account or all (empty), a brand or all, test players or not."""

    account: str = ""
    brand: str = ""
    test: bool = False


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a list. What a list does not have is empty; money in units. `at` is what it is sorted by."""

    at: datetime
    player: str
    number: int
    test: bool
    seq: int = 0
    provider_account: str = ""
    external_id: str = ""
    round_id: str = ""
    game_id: str = ""
    game: str = ""
    session_id: str = ""
    currency: str = ""
    kind: str = ""
    stake: int = 0
    win: int = 0
    balance: int = 0
    limit_name: str = ""
    details: str = ""
    last_at: datetime | None = None
    request_id: str = ""
    method: str = ""
    country: str = ""
    brand: str = ""
    occurred_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class WatchPage:
    """One page. `next` is the key of the following one, empty on the last."""

    lines: list[Line]
    next: str


class Watch:
    """Reads the lists. `clock`: Unix seconds."""

    def __init__(
        self, pool: asyncpg.Pool, *, stuck_after_h: int, tombstone_after_h: int, clock: Callable[[], float] = time.time
    ) -> None:
        self._pool = pool
        self._stuck_after = timedelta(hours=stuck_after_h)
        self._tombstone_after = timedelta(hours=tombstone_after_h)
        self._clock = clock

    async def page(self, name: str, wanted: WatchFilter, *, cursor: str = "", limit: int = PAGE) -> WatchPage:
        """A page of the list `name`; KeyError where there is none, CursorInvalid for a key that is not of ours."""
        query = LISTS[name].name.replace("-", "_")
        key = _unpacked(cursor)
        size = min(limit, PAGE_MAX)
        rows = await self._pool.fetch(QUERIES[query], *key, wanted.account, wanted.test, wanted.brand, size + 1, *self._times(name))
        lines = [_line(row) for row in rows[:size]]
        return WatchPage(lines, _packed(lines[-1]) if len(rows) > size else "")

    async def round(self, player: str, account: str, round_id: str) -> Line | None:
        """One round, its status as `kind`; None where there is none."""
        row = await self._pool.fetchrow(QUERIES["round"], player, account, round_id)
        return None if row is None else _line(row)

    async def stuck(self) -> dict[str, int]:
        """How many rounds of real players are stuck, by provider account; counted up to 10,000."""
        rows = await self._pool.fetch(QUERIES["count_stuck_rounds"], self._now() - self._stuck_after)
        return {row["provider_account"]: row["rounds"] for row in rows}

    def since(self, name: str) -> datetime | None:
        """Since when a list shows what has happened; None where it shows what is the case now."""
        if name in {"stuck-rounds", "overdrafts", "exclusions"}:
            return None
        return self._now() - timedelta(days=UNFOLLOWED_BACK_DAYS if name == "unfollowed" else BACK_DAYS)

    def _times(self, name: str) -> tuple[datetime, ...]:
        now = self._now()
        if name == "stuck-rounds":
            return (now - self._stuck_after,)
        if name == "exclusions":
            return (now,)
        since = self.since(name)
        if since is None:
            return ()
        if name == "tombstones":
            return (since, now - self._tombstone_after)
        return (since, now - timedelta(seconds=SETTLING_S)) if name == "unfollowed" else (since,)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)


def _line(row: asyncpg.Record) -> Line:
    known: dict[str, Any] = {name: value for name, value in row.items() if name in Line.__struct_fields__}
    return Line(**known)


def _packed(line: Line) -> str:
    key = msgspec.json.encode((line.at.isoformat(), line.player, line.number))
    return base64.urlsafe_b64encode(key).decode().rstrip("=")


def _unpacked(cursor: str) -> tuple[datetime | None, str | None, int | None]:
    if not cursor:
        return (None, None, None)
    try:
        raw = base64.urlsafe_b64decode(cursor[:CURSOR_CHARS_MAX].encode("ascii") + b"=" * (-len(cursor) % 4))
        at, player, number = msgspec.json.decode(raw, type=tuple[datetime, str, int])
    except (ValueError, binascii.Error, msgspec.MsgspecError) as error:
        raise CursorInvalid(NOT_OURS) from error
    if at.tzinfo is None or "\0" in player or abs(number) > NUMBER_MAX:
        raise CursorInvalid(NOT_OURS)
    return (at, player, number)
