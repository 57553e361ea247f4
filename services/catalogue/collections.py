"""Ordered sets of games, each of one brand: shown, made, changed, deleted. The only user of sql/collections.sql.

A change and its line in the audit are one transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import asyncpg

from services.catalogue.errors import CollectionRefusedError
from services.catalogue.overlay import Author
from shared.access import Change, write_audit
from shared.contracts import CatalogueState
from shared.database import load_queries

QUERIES: Final = load_queries(Path(__file__).parent / "sql" / "collections.sql")
COLLECTIONS_MAX: Final = 500
"""For each brand: a lobby shows them all."""

GAMES_MAX: Final = 2_000
"""In one collection."""

Put = Literal["created", "changed", "unchanged"]


class GameKey(NamedTuple):
    """A game of a provider account."""

    provider_account: str
    game_id: str


@dataclass(frozen=True, slots=True)
class Member:
    """A game of a collection, as it is now."""

    key: GameKey
    name: str
    state: CatalogueState


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """A collection without its games; `games` is their number."""

    collection_id: str
    title: str
    position: int
    games: int
    changed_at: datetime
    changed_by: str


class CollectionStore:
    """One for the process, over a pool whose connections act as the catalogue's role."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def all(self, brand: str) -> list[Collection]:
        """The collections of a brand in their order."""
        return [_collection(row, row["games"]) for row in await self._pool.fetch(QUERIES["all"], brand)]

    async def exists(self, brand: str, collection_id: str) -> bool:
        """Whether a brand has a collection."""
        return await self._pool.fetchrow(QUERIES["one"], brand, collection_id) is not None

    async def one(self, brand: str, collection_id: str) -> tuple[Collection, list[Member]] | None:
        """A collection with its games in their order; None where there is none."""
        async with self._pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
            row = await connection.fetchrow(QUERIES["one"], brand, collection_id)
            members = await self._members(connection, brand, collection_id)
        return None if row is None else (_collection(row, len(members)), members)

    async def put(self, collection_id: str, title: str, position: int, games: Sequence[GameKey], author: Author) -> Put:
        """Makes a collection, or makes it the wanted one. The same again is not recorded.

        CollectionRefusedError where a game comes twice or is not in the catalogue, or the brand has too many collections.
        """
        if len(set(games)) < len(games):
            twice = next(game for at, game in enumerate(games) if game in games[:at])
            raise CollectionRefusedError(f"the game {twice.game_id!r} of {twice.provider_account!r} is named more than once")
        columns = [game.provider_account for game in games], [game.game_id for game in games]
        brand = author.brand
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.fetchval(QUERIES["take_turn"])
            missing = await connection.fetch(QUERIES["missing"], *columns)
            if missing:
                names = ", ".join(f"{row['provider_account']}/{row['game_id']}" for row in missing)
                raise CollectionRefusedError(f"the catalogue does not have {names}")
            before = await self._state(connection, brand, collection_id)
            after = _shown(title, position, games)
            if before == after:
                return "unchanged"
            if before is None and await connection.fetchval(QUERIES["count"], brand) >= COLLECTIONS_MAX:
                raise CollectionRefusedError(f"the brand {brand!r} has {COLLECTIONS_MAX} collections already")
            await connection.execute(QUERIES["put"], brand, collection_id, title, position, author.actor)
            await connection.execute(QUERIES["empty"], brand, collection_id)
            await connection.execute(QUERIES["fill"], brand, collection_id, *columns)
            await self._note(connection, "collection.set", collection_id, before, after, author)
        return "created" if before is None else "changed"

    async def delete(self, collection_id: str, author: Author) -> bool:
        """Deletes a collection; the games stay. False where there is none."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.fetchval(QUERIES["take_turn"])
            before = await self._state(connection, author.brand, collection_id)
            if before is None:
                return False
            await connection.execute(QUERIES["delete"], author.brand, collection_id)
            await self._note(connection, "collection.delete", collection_id, before, None, author)
        return True

    async def _state(self, connection: asyncpg.Connection, brand: str, collection_id: str) -> dict[str, Any] | None:
        row = await connection.fetchrow(QUERIES["one"], brand, collection_id)
        if row is None:
            return None
        members = await self._members(connection, brand, collection_id)
        return _shown(row["title"], row["position"], [member.key for member in members])

    async def _members(self, connection: asyncpg.Connection, brand: str, collection_id: str) -> list[Member]:
        rows = await connection.fetch(QUERIES["games"], brand, collection_id)
        return [Member(GameKey(row["provider_account"], row["game_id"]), row["name"], row["state"]) for row in rows]

    async def _note(
        self,
        connection: asyncpg.Connection,
        action: str,
        collection_id: str,
        before: dict[str, Any] | None,
        after: dict[str, Any] | None,
        author: Author,
    ) -> None:
        change = Change(
            action=action,
            subject=f"collection:{author.brand}|{collection_id}",
            actor=author.actor,
            brand=author.brand,
            before=before,
            after=after,
            reason=author.reason,
            request_id=author.request_id,
        )
        await write_audit(connection, change)


def _collection(row: asyncpg.Record, games: int) -> Collection:
    return Collection(
        collection_id=row["collection_id"],
        title=row["title"],
        position=row["position"],
        games=games,
        changed_at=row["changed_at"],
        changed_by=row["changed_by"],
    )


def _shown(title: str, position: int, games: Sequence[GameKey]) -> dict[str, Any]:
    """What the audit keeps; also what counts as the same."""
    return {"title": title, "position": position, "games": [f"{game.provider_account}/{game.game_id}" for game in games]}
