"""The numbers of the live board, pure: latencies from buckets, the games and wins of the last hour from minutes.

What is here is worked out from values alone; the store reads them, the hub hands them on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

BOUNDS_MS: Final = (5, 10, 20, 50, 100, 200, 500, 1_000, 2_500)
"""Upper ends of the buckets of `projections.pulse`; the last bucket has none."""

QUANTILES: Final = (50, 95, 99)
TOP_GAMES: Final = 10
CURRENCIES_MAX: Final = 4
TOP_WINS: Final = 15
HOUR_MINUTES: Final = 60
QUARTER_MINUTES: Final = 15


class Second(msgspec.Struct, frozen=True, array_like=True):
    """The callbacks of one second (Unix): how they ended, and latencies in milliseconds (None where none was measured)."""

    second: int
    ok: int
    refused: int
    rejected: int
    unknown: int
    p50: float | None
    p95: float | None
    p99: float | None


class Ending(msgspec.Struct, frozen=True):
    """How many callbacks ended so in the last minute."""

    result: str
    verdict: str
    count: int


class Play(msgspec.Struct, frozen=True):
    """What a game took in one minute (Unix seconds of its beginning), in units of the currency."""

    minute: int
    provider_account: str
    game_id: str
    currency: str
    name: str
    stake: int
    bets: int


class Win(msgspec.Struct, frozen=True):
    """A win; `stake` is the whole round's where the win came alone, 0 where none is known. Money in units."""

    minute: int
    at_ms: int
    player: str
    seq: int
    provider_account: str
    game_id: str
    name: str
    currency: str
    stake: int
    win: int

    @property
    def multiple(self) -> int:
        """How many times the stake, in hundredths, truncated; 0 where the stake is not known."""
        return self.win * 100 // self.stake if self.stake > 0 else 0


def quantile(buckets: Sequence[int], percent: int, slowest_ms: float) -> float | None:
    """The latency in milliseconds that `percent` of the callbacks did not exceed, by even spread within its bucket.

    None where nothing was counted. The open last bucket ends at the slowest.
    """
    total = sum(buckets)
    if total <= 0:
        return None
    wanted, seen = total * percent / 100, 0
    low = 0.0
    for count, bound in zip(buckets, (*BOUNDS_MS, max(slowest_ms, BOUNDS_MS[-1])), strict=True):
        high = min(float(bound), max(slowest_ms, low)) if slowest_ms else float(bound)
        if count and seen + count >= wanted:
            return round(low + (high - low) * (wanted - seen) / count, 1)
        seen += count
        low = float(bound)
    return round(low, 1)


def second_of(second: int, counts: tuple[int, int, int, int], buckets: Sequence[int], slowest_us: int) -> Second:
    """One second of the board; `counts` are ok, refused, rejected, unknown."""
    latencies = (quantile(buckets, percent, slowest_us / 1_000) for percent in QUANTILES)
    return Second(second, *counts, *latencies)


def top_games(plays: Iterable[Play], since: int) -> list[Play]:
    """The games with the highest stakes since a minute: the best of each currency, the busiest currencies first.

    `minute` of each is 0: it is a sum over all of them.
    """
    stakes: defaultdict[tuple[str, str, str], int] = defaultdict(int)
    bets: defaultdict[tuple[str, str, str], int] = defaultdict(int)
    names: dict[tuple[str, str, str], str] = {}
    busy: defaultdict[str, int] = defaultdict(int)
    for play in plays:
        if play.minute < since:
            continue
        key = (play.currency, play.provider_account, play.game_id)
        stakes[key] += play.stake
        bets[key] += play.bets
        names[key] = play.name
        busy[play.currency] += play.bets
    chosen: list[Play] = []
    for currency in sorted(busy, key=lambda each: (-busy[each], each))[:CURRENCIES_MAX]:
        ranked = sorted((key for key in stakes if key[0] == currency), key=lambda key: (-stakes[key], key))
        chosen += [Play(0, key[1], key[2], currency, names[key], stakes[key], bets[key]) for key in ranked[:TOP_GAMES]]
    return chosen


def top_wins(wins: Iterable[Win], since: int) -> list[Win]:
    """The notable wins since a minute, newest first: the largest of each currency and the largest multiples."""
    lately = [win for win in wins if win.minute >= since]
    by_multiple = sorted(lately, key=lambda win: (-win.multiple, -win.win, win.player, win.seq))[:TOP_WINS]
    by_currency: defaultdict[str, list[Win]] = defaultdict(list)
    for win in lately:
        by_currency[win.currency].append(win)
    by_amount: list[Win] = []
    for currency in sorted(by_currency, key=lambda each: (-len(by_currency[each]), each))[:CURRENCIES_MAX]:
        by_amount += sorted(by_currency[currency], key=lambda win: (-win.win, win.player, win.seq))[:TOP_WINS]
    chosen = {(win.player, win.seq): win for win in (*by_multiple, *by_amount)}
    best = sorted(chosen.values(), key=lambda win: (-win.multiple, -win.win, win.player, win.seq))
    return sorted(best[: 2 * TOP_WINS], key=lambda win: (-win.at_ms, win.player, win.seq))
