"""What the live board shows, read from the projections: callbacks by second, lag, the games and wins of the last hour.

The only user of sql/board.sql. One `Board` a process: `look` asks the same few queries however many people look on. Games
and wins are kept minute by minute and only the newest minutes are read again: nothing here reads an hour each second.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import asyncpg
import msgspec

from services.backoffice.live.figures import (
    HOUR_MINUTES,
    QUARTER_MINUTES,
    Ending,
    Play,
    Second,
    Win,
    second_of,
    top_games,
    top_wins,
)
from shared.database import load_queries

QUERIES: Final = load_queries(Path(__file__).parent / "sql" / "board.sql")
SHOWN_S: Final = 300
"""How far back the curves go."""

AGAIN_S: Final = 15
"""Seconds that are told again with each look: callbacks are counted once the ingest has read them."""

RESULTS_S: Final = 60
PLAYS_EVERY_S: Final = 5.0
LATE_S: Final = 60
"""So late a play may still come into its minute before that is taken as complete."""

CHUNK_S: Final = 300
"""The past hour is read in pieces: one look never asks for more."""

GAMES_A_MINUTE: Final = 200
WINS_A_PIECE: Final = 50
WINS_KEPT: Final = 2_000
HOUR_S: Final = HOUR_MINUTES * 60
MINUTE_S: Final = 60


class TopicLag(msgspec.Struct, frozen=True):
    """How far the ingest is behind a topic: records not read yet (-1: not known), seconds since it last wrote something."""

    topic: str
    behind: int
    wrote_s_ago: float


class Plays(msgspec.Struct, frozen=True):
    """The best games of the last quarter and the last hour, and the notable wins. `since_s` is how far back they go by now."""

    quarter: list[Play]
    hour: list[Play]
    wins: list[Win]
    since_s: int


class Look(msgspec.Struct, frozen=True):
    """What one look found. `plays` is None where nothing of it has changed."""

    at_ms: int
    seconds: list[Second]
    results: list[Ending]
    lag: list[TopicLag]
    newest_callback_s: float | None
    newest_play_s: float | None
    plays: Plays | None


class Board:
    """Reads what the live board shows.

    Args:
        pool: in the back office's role.
        behind: records that the ingest has not read yet, by topic; asked with each look, from memory.
        clock: Unix seconds.
    """

    def __init__(
        self, pool: asyncpg.Pool, behind: Callable[[], Mapping[str, int]], *, clock: Callable[[], float] = time.time
    ) -> None:
        self._pool = pool
        self._behind = behind
        self._clock = clock
        self._plays: dict[int, list[Play]] = {}
        self._wins: dict[int, list[Win]] = {}
        self._read_from = self._read_to = 0
        """The minutes in between are read and complete (Unix seconds, whole minutes)."""

        self._newest_play_s = 0.0
        self._plays_at_s = -PLAYS_EVERY_S
        self._told_plays: Plays | None = None
        self._seconds: dict[int, Second] = {}
        self._seconds_at_s = 0.0

    async def look(self) -> Look:
        """One look. asyncpg's errors and OSError where the database does not answer."""
        now = self._clock()
        async with self._pool.acquire() as connection:
            seconds = await self._read_seconds(connection, now)
            endings = await connection.fetch(QUERIES["results"], RESULTS_S)
            written = await connection.fetch(QUERIES["read_at"])
            plays = await self._look_at_plays(connection, now)
        newest = max((each.second for each in seconds), default=None)
        return Look(
            at_ms=int(now * 1_000),
            seconds=seconds,
            results=[Ending(row["result"], row["verdict"], row["count"]) for row in endings],
            lag=_lag(written, self._behind(), now),
            newest_callback_s=None if newest is None else round(max(0.0, now - newest), 1),
            newest_play_s=round(max(0.0, now - self._newest_play_s), 1) if self._newest_play_s else None,
            plays=plays,
        )

    def whole(self, look: Look) -> Look:
        """The same look for who comes now: with all seconds of the curves, and the games and wins as they were read last."""
        return msgspec.structs.replace(
            look, seconds=[self._seconds[each] for each in sorted(self._seconds)], plays=self._told_plays
        )

    async def _read_seconds(self, connection: asyncpg.Connection, now: float) -> list[Second]:
        """The newest seconds once more, and whatever a pause has left out."""
        pause_s = now - self._seconds_at_s
        back_s = min(float(SHOWN_S), pause_s + AGAIN_S) if pause_s > 0 else float(SHOWN_S)
        found = [_second(row) for row in await connection.fetch(QUERIES["seconds"], back_s)]
        self._seconds_at_s = now
        self._seconds |= {each.second: each for each in found}
        for old in [each for each in self._seconds if each < now - SHOWN_S]:
            del self._seconds[old]
        return found

    async def still_signed_in(self, tokens: Collection[bytes], idle_s: float) -> set[bytes]:
        """Which of the sign-ins (SHA-256 of their tokens) still hold: one query for all of them."""
        rows = await self._pool.fetch(QUERIES["signed_in"], list(tokens), idle_s)
        return {row["token_sha256"] for row in rows}

    async def _look_at_plays(self, connection: asyncpg.Connection, now: float) -> Plays | None:
        hour_ago = _minute(now) - HOUR_S
        unread = self._read_from > hour_ago or not self._read_to
        if not unread and now - self._plays_at_s < PLAYS_EVERY_S:
            return None
        if now - self._plays_at_s >= PLAYS_EVERY_S or not self._read_to:
            await self._read_newest(connection, now)
            self._plays_at_s = now
        elif unread:
            await self._read_older(connection, hour_ago)
        self._forget_before(hour_ago)
        self._told_plays = self._told(now)
        return self._told_plays

    async def _read_newest(self, connection: asyncpg.Connection, now: float) -> None:
        """The minutes that are not complete yet. After a long pause, or at the beginning, it starts anew from the end."""
        first = self._read_to
        if not first or now - first > CHUNK_S + LATE_S:
            first = self._read_from = _minute(now) - CHUNK_S
            self._plays.clear()
            self._wins.clear()
        await self._read(connection, first, int(now) + MINUTE_S)
        # What the ingest has not read yet may still come: a minute is complete when newer plays than its end plus some are there.
        known_s = min(now, self._newest_play_s) if self._newest_play_s else now - CHUNK_S
        self._read_to = max(first, min(_minute(now), _minute(known_s - LATE_S)))

    async def _read_older(self, connection: asyncpg.Connection, hour_ago: int) -> None:
        """One piece further back."""
        first = max(hour_ago, self._read_from - CHUNK_S)
        await self._read(connection, first, self._read_from)
        self._read_from = first

    async def _read(self, connection: asyncpg.Connection, first: int, end: int) -> None:
        span = (datetime.fromtimestamp(first, UTC), datetime.fromtimestamp(end, UTC))
        plays = await connection.fetch(QUERIES["plays"], *span, GAMES_A_MINUTE)
        wins = await connection.fetch(QUERIES["wins"], *span, WINS_A_PIECE)
        for minute in range(first, end, MINUTE_S):
            self._plays.pop(minute, None)
            self._wins.pop(minute, None)
        for row in plays:
            play = _play(row)
            self._plays.setdefault(play.minute, []).append(play)
            self._newest_play_s = max(self._newest_play_s, row["last_at"].timestamp())
        for row in wins:
            win = _win(row)
            self._wins.setdefault(win.minute, []).append(win)

    def _forget_before(self, minute: int) -> None:
        for kept in (self._plays, self._wins):
            for old in [each for each in kept if each < minute]:
                del kept[old]

    def _told(self, now: float) -> Plays:
        plays = [play for minute in self._plays.values() for play in minute]
        wins = [win for minute in self._wins.values() for win in minute][-WINS_KEPT:]
        hour_ago = _minute(now) - HOUR_S
        return Plays(
            quarter=top_games(plays, _minute(now) - QUARTER_MINUTES * MINUTE_S),
            hour=top_games(plays, hour_ago),
            wins=top_wins(wins, hour_ago),
            since_s=min(HOUR_S, max(0, _minute(now) - self._read_from)),
        )


def _minute(at_s: float) -> int:
    return int(at_s) // MINUTE_S * MINUTE_S


def _second(row: asyncpg.Record) -> Second:
    counts = (row["ok"], row["refused"], row["rejected"], row["unknown"])
    return second_of(row["second"], counts, [count or 0 for count in row["buckets"]], row["slowest_us"] or 0)


def _play(row: asyncpg.Record) -> Play:
    return Play(
        row["minute"], row["provider_account"], row["game_id"], row["currency"], row["name"], int(row["stake"]), row["bets"]
    )


def _win(row: asyncpg.Record) -> Win:
    at_s = row["occurred_at"].timestamp()
    return Win(
        minute=_minute(at_s),
        at_ms=int(at_s * 1_000),
        player=row["player"],
        seq=row["seq"],
        provider_account=row["provider_account"],
        game_id=row["game_id"],
        name=row["name"],
        currency=row["currency"],
        stake=row["stake"],
        win=row["win"],
    )


def _lag(written: list[asyncpg.Record], behind: Mapping[str, int], now: float) -> list[TopicLag]:
    at = datetime.fromtimestamp(now, UTC)
    ago = {row["topic"]: max(timedelta(0), at - row["read_at"]).total_seconds() for row in written}
    return [
        TopicLag(topic, behind.get(topic, -1), round(ago[topic], 1) if topic in ago else -1.0) for topic in sorted({*ago, *behind})
    ]
