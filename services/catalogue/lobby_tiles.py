"""The games of all lobbies as they lie in memory: who may see each, and its finished text. The only user of sql/lobby.sql."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

import asyncpg
import msgspec

from shared.contracts import BetLimits, OffRule
from shared.database import load_queries
from shared.errors import MoneyError
from shared.web.values import shown

QUERIES: Final = load_queries(Path(__file__).parent / "sql" / "lobby.sql")
NEW_FOR: Final = timedelta(days=30)
CAME_TOGETHER: Final = timedelta(days=1)
LAST: Final = 2**31 - 1
"""The place of games to which the operator has given none."""

READ_AHEAD: Final = 500

_rules: Final = msgspec.json.Decoder(tuple[OffRule, ...]).decode
_limits: Final = msgspec.json.Decoder(tuple[BetLimits, ...]).decode
_texts: Final = msgspec.json.Decoder(tuple[str, ...]).decode


class Place(NamedTuple):
    """Where a lobby is shown. An empty country is an unknown one."""

    brand: str
    country: str
    currency: str
    device: str
    language: str


class Rank(NamedTuple):
    """The order of a lobby: the operator's place, then the name."""

    position: int
    sort_name: str
    account: str
    game_id: str


@dataclass(slots=True)
class Tile:
    """A live game. An empty set of devices or currencies means that the provider tells none: any."""

    rank: Rank
    devices: frozenset[str]
    currencies: frozenset[str]
    forbidden: frozenset[str]
    languages: tuple[str, ...]
    off: tuple[OffRule, ...]
    limits: dict[str, tuple[str | None, str | None]]
    facts: bytes
    _texts: dict[tuple[str | None, str], bytes] = field(default_factory=dict)

    @property
    def account(self) -> str:
        """The provider account."""
        return self.rank.account

    @property
    def game_id(self) -> str:
        """The provider's id of the game."""
        return self.rank.game_id

    def shows_in(self, place: Place) -> bool:
        """Whether a player there may see the game."""
        if (self.devices and place.device not in self.devices) or (self.currencies and place.currency not in self.currencies):
            return False
        if place.country and place.country in self.forbidden:
            return False
        return not any(
            rule.brand in ("", place.brand) and rule.country in ("", place.country) and rule.currency in ("", place.currency)
            for rule in self.off
        )

    def text(self, place: Place) -> bytes:
        """The game as JSON; views that differ in nothing it shows have it in common."""
        language = self._language(place.language)
        currency = place.currency if place.currency in self.limits else ""
        text = self._texts.get((language, currency))
        if text is None:
            lowest, highest = self.limits.get(currency, (None, None))
            more = {"language": language, "lowest_bet": lowest, "highest_bet": highest}
            text = self._texts[language, currency] = self.facts[:-1] + b"," + json.dumps(more).encode()[1:]
        return text

    def _language(self, wanted: str) -> str | None:
        """The language the game will speak: the wanted one, else English, else its first; None where it tells none."""
        primary = wanted.replace("_", "-").partition("-")[0].lower()
        for language in (wanted, primary, "en"):
            if language in self.languages:
                return language
        return self.languages[0] if self.languages else None


Members = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All live games in the lobby's order, and each brand's collections: id, title, games."""

    revision: int
    day: date
    tiles: list[Tile]
    collections: dict[str, list[tuple[str, str, Members]]]


async def read_snapshot(pool: asyncpg.Pool, today: date) -> Snapshot:
    """Reads everything as of one moment, some hundred games at a time, so that requests go on meanwhile."""
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        revision = int(await connection.fetchval(QUERIES["revision"]))
        began = {row["provider_account"]: row["began_at"] for row in await connection.fetch(QUERIES["beginnings"])}
        tiles = [
            _tile(row, began[row["provider_account"]], today)
            async for row in connection.cursor(QUERIES["tiles"], prefetch=READ_AHEAD)
        ]
        members: dict[tuple[str, str], Members] = {}
        for row in await connection.fetch(QUERIES["collection_games"]):
            members.setdefault((row["brand"], row["collection_id"]), []).append((row["provider_account"], row["game_id"]))
        collections: dict[str, list[tuple[str, str, Members]]] = {}
        for row in await connection.fetch(QUERIES["collections"]):
            entry = (row["collection_id"], row["title"], members.get((row["brand"], row["collection_id"]), []))
            collections.setdefault(row["brand"], []).append(entry)
    tiles.sort(key=lambda tile: tile.rank)
    return Snapshot(revision, today, tiles, collections)


def _tile(row: asyncpg.Record, began_at: datetime, today: date) -> Tile:
    position = LAST if row["position"] is None else row["position"]
    badges = ["new"] if _is_new(row["release_date"], row["first_seen_at"], began_at, today) else []
    facts: dict[str, Any] = {
        "provider_account": row["provider_account"],
        "game_id": row["game_id"],
        "name": row["name"],
        "studio": row["studio"],
        "section": row["section"],
        "type": row["type"],
        "image": row["image"],
        "badges": [*badges, *(tag for tag in row["own_tags"] if tag not in badges)],
        "tags": row["tags"],
        "features": row["features"],
        "devices": row["devices"],
        "rtp": _texts(row["rtp"]),
        "volatility": row["volatility"],
        "lines": row["lines"],
        "released": row["release_date"],
        "first_seen": row["first_seen_at"].isoformat(),
        "position": row["position"],
    }
    return Tile(
        rank=Rank(position, row["sort_name"], row["provider_account"], row["game_id"]),
        devices=frozenset(row["devices"]),
        currencies=frozenset(row["currencies"]),
        forbidden=frozenset(row["forbidden_countries"]),
        languages=tuple(row["languages"]),
        off=_rules(row["off"]),
        limits=dict(_amounts(limits) for limits in _limits(row["bet_limits"])),
        facts=json.dumps(facts, ensure_ascii=False).encode("utf-8", "replace"),
    )


def _amounts(limits: BetLimits) -> tuple[str, tuple[str | None, str | None]]:
    try:
        return limits.currency, (
            shown(limits.lowest, limits.currency) if limits.lowest else None,
            shown(limits.highest, limits.currency) if limits.highest else None,
        )
    except MoneyError:  # a currency that we do not keep
        return limits.currency, (None, None)


def _is_new(released: str, first_seen_at: datetime, began_at: datetime, today: date) -> bool:
    """Released lately; or, where no date is told, seen lately and not among the account's first games."""
    try:
        return today - NEW_FOR <= date.fromisoformat(released) <= today
    except ValueError:
        return first_seen_at.date() >= today - NEW_FOR and first_seen_at - began_at > CAME_TOGETHER
