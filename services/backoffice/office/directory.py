"""Finds players, games and provider accounts in the projections. The only user of sql/directory.sql; it changes nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import asyncpg

from shared.database import load_queries
from shared.identity import is_player_key, parse_provider_player_id, player_key, player_key_of

QUERIES: Final = load_queries(Path(__file__).parent / "sql" / "directory.sql")
WORDS_CHARS_MAX: Final = 200
LATEST_WITHIN: Final = timedelta(hours=1)
ROUNDS_WITHIN: Final = timedelta(days=1)
ROUNDS_SHOWN: Final = 15
PAGE: Final = 50
_OPERATION: Final = re.compile(r"([a-z2-7]{16})-([1-9][0-9]{0,17})")


@dataclass(frozen=True, slots=True)
class PlayerRow:
    """A player as the projections have him."""

    player: str
    brand: str
    country: str
    test: bool
    status: str
    excluded_until_ms: int
    seq: int
    created_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Hit:
    """An operation or a round that has the id that was searched for."""

    player: str
    provider_account: str
    kind: str
    round_id: str
    external_id: str
    seq: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class RoundRow:
    """A round in a short list. Money in units."""

    player: str
    provider_account: str
    round_id: str
    game_id: str
    game: str
    currency: str
    status: str
    bets: int
    stake: int
    win: int
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class GameRow:
    """A game. `rtp` are percentages as decimal strings; `record` is what the catalogue published."""

    provider_account: str
    game_id: str
    name: str
    state: str
    studio: str
    section: str
    tags: Sequence[str]
    rtp: Sequence[str]
    version: int
    record: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class GameFilter:
    """Which games; empty texts filter nothing."""

    words: str = ""
    provider_account: str = ""
    section: str = ""
    studio: str = ""
    tag: str = ""
    state: str = ""


def keys_of(words: str, brands: Iterable[str]) -> list[str]:
    """The player keys that words can mean: a key, an id towards providers, an id that begins with a key, an operator's player id."""
    found = [words] if is_player_key(words) else []
    provider_id, operation = parse_provider_player_id(words), _OPERATION.fullmatch(words)
    if provider_id is not None:
        found.append(provider_id[0])
    if operation is not None:
        found.append(operation[1])
    keyed = player_key_of(words)
    if keyed is not None:
        found.append(keyed)
    return [*found, *(player_key(brand, words) for brand in brands)]


class Directory:
    """One for the process. `brands` are those of the configuration."""

    def __init__(self, pool: asyncpg.Pool, brands: Iterable[str]) -> None:
        self._pool = pool
        self.brands = tuple(brands)

    async def players(self, words: str) -> list[PlayerRow]:
        """The players that words name: by key, by id, by the operator's id in any brand."""
        rows = await self._pool.fetch(QUERIES["players_by_key"], keys_of(words, self.brands))
        return [PlayerRow(*row) for row in rows]

    async def player(self, key: str) -> PlayerRow | None:
        """One player by his key."""
        if not is_player_key(key):
            return None
        rows = await self._pool.fetch(QUERIES["players_by_key"], [key])
        return PlayerRow(*rows[0]) if rows else None

    async def hits(self, words: str) -> list[Hit]:
        """Operations with this external id, and rounds with this id, newest first."""
        return [Hit(*row) for row in await self._pool.fetch(QUERIES["players_by_external_id"], words)]

    async def latest(self) -> list[PlayerRow]:
        """Who has played just now."""
        rows = await self._pool.fetch(QUERIES["latest_players"], datetime.now(UTC) - LATEST_WITHIN)
        return [PlayerRow(*row) for row in rows]

    async def balances(self, player: str) -> list[tuple[str, int]]:
        """Currency and units."""
        return [(row["currency"], row["balance"]) for row in await self._pool.fetch(QUERIES["balances"], player)]

    async def rounds_of_player(self, player: str) -> list[RoundRow]:
        """His newest rounds."""
        return [_round(row) for row in await self._pool.fetch(QUERIES["last_rounds_of_player"], player, ROUNDS_SHOWN)]

    async def rounds_of_game(self, account: str, game_id: str) -> list[RoundRow]:
        """The newest rounds of a game within a day."""
        since = datetime.now(UTC) - ROUNDS_WITHIN
        rows = await self._pool.fetch(QUERIES["last_rounds_of_game"], account, game_id, since, ROUNDS_SHOWN)
        return [_round(row) for row in rows]

    async def game(self, account: str, game_id: str) -> GameRow | None:
        """One game."""
        row = await self._pool.fetchrow(QUERIES["game"], account, game_id)
        return _game(row) if row else None

    async def games(self, wanted: GameFilter, after: tuple[str, str, str] = ("", "", "")) -> tuple[list[GameRow], bool]:
        """A page of games by name, behind `after` (name, account, id), and whether there are more."""
        filters = (wanted.words, wanted.provider_account, wanted.section, wanted.studio, wanted.tag, wanted.state)
        rows = await self._pool.fetch(QUERIES["games"], *filters, *after, PAGE + 1)
        return [_game(row) for row in rows[:PAGE]], len(rows) > PAGE

    async def accounts(self) -> list[str]:
        """The provider accounts that anything is known of."""
        return [row["provider_account"] for row in await self._pool.fetch(QUERIES["accounts"])]

    async def count_games(self, account: str) -> dict[str, int]:
        """How many games an account has, by state."""
        return {row["state"]: row["games"] for row in await self._pool.fetch(QUERIES["count_games"], account)}

    async def dialect(self, account: str) -> str:
        """The dialect by the account's last callback; empty where there was none for a week."""
        since = datetime.now(UTC) - timedelta(days=7)
        return str(await self._pool.fetchval(QUERIES["dialect"], account, since) or "")


def _round(row: Any) -> RoundRow:
    return RoundRow(**{name: row[name] for name in RoundRow.__slots__})


def _game(row: Any) -> GameRow:
    record = json.loads(row["record"])
    return GameRow(**{name: row[name] for name in GameRow.__slots__ if name != "record"}, record=record)
