"""Finds games: filters, search that forgives typing mistakes, orders with pages, and what a game was at some time.

The only user of sql/browse.sql. It changes nothing, and knows nothing of HTTP.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Literal

import asyncpg
import msgspec

from services.catalogue.sync.store import Sync
from shared.contracts import CatalogueState, OffRule
from shared.database import load_queries
from shared.providers.facts import GameFacts, decode_facts

QUERIES: Final = load_queries(Path(__file__).parent / "sql" / "browse.sql")
LIKENESS: Final = "0.4"
"""Share of its trigrams that a mistyped text must have in common with a stretch of words (pg_trgm.word_similarity_threshold)."""

EXPORT_PAGE: Final = 500
SORT_NAME_CHARS_MAX: Final = 200

Order = Literal["relevance", "collection", "position", "name", "-name", "changed", "-changed", "released", "-released"]
Key = tuple[Any, ...]
"""Where a page has ended: one or two sort keys, then provider account and game id."""

ChangeKind = Literal["added", "changed", "withdrawn", "returned"]

_PAGES: Final[Mapping[Order, tuple[str, tuple[type, ...]]]] = {
    "relevance": ("page_by_relevance", (int, str)),
    "collection": ("page_by_collection", (int, str)),
    "position": ("page_by_position", (int, str)),
    "name": ("page_by_name", (str,)),
    "-name": ("page_by_name_down", (str,)),
    "changed": ("page_by_change", (datetime,)),
    "-changed": ("page_by_change_down", (datetime,)),
    "released": ("page_by_release", (str,)),
    "-released": ("page_by_release_down", (str,)),
}
"""The query of each order, and the types of its sort keys."""

_decode_rules: Final = msgspec.json.Decoder(tuple[OffRule, ...]).decode


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What a list is filtered by; None = not filtered. `rtp_min` and `rtp_max` are percentages; all of `tags` must be there.

    `brand` is whose `collection` it is.
    """

    accounts: tuple[str, ...]
    brand: str
    studio: str | None = None
    section: str | None = None
    tags: tuple[str, ...] | None = None
    device: str | None = None
    language: str | None = None
    features: tuple[str, ...] | None = None
    state: CatalogueState | None = None
    rtp_min: Decimal | None = None
    rtp_max: Decimal | None = None
    collection: str | None = None
    text: str | None = None

    @property
    def order(self) -> Order:
        """The order where none is asked for."""
        if self.text is not None:
            return "relevance"
        return "name" if self.collection is None else "collection"

    def arguments(self) -> tuple[Any, ...]:
        """In the order of `catalogue.found`."""
        return (
            list(self.accounts),
            self.studio,
            self.section,
            self.tags,
            self.device,
            self.language,
            self.features,
            self.state,
            self.rtp_min,
            self.rtp_max,
            self.brand,
            self.collection,
            self.text,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """What the operator has laid over a game; empty = as the provider tells."""

    name: str = ""
    image: str = ""
    tags: tuple[str, ...] = ()
    rtp: tuple[str, ...] = ()
    position: int | None = None
    off: tuple[OffRule, ...] = ()
    changed_at: datetime | None = None
    changed_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundGame:
    """A game: what the provider tells, and the overlay. `version` is 0 where it is a game of the past."""

    provider_account: str
    facts: GameFacts
    state: CatalogueState
    version: int
    first_seen_at: datetime | None
    changed_at: datetime
    source_hash: str
    overlay: Overlay | None
    key: Key = ()


@dataclass(frozen=True, slots=True)
class PastChange:
    """A line of a game's history. `before` has the former values of the fields that changed, None for a new game."""

    change_id: int
    at: datetime
    change: ChangeKind
    before: dict[str, Any] | None
    after: dict[str, Any]
    sync_id: int


def fits(order: Order, key: Sequence[Any]) -> Key | None:
    """A key that came back from outside, with the types of the order; None where it cannot be one."""
    types = _PAGES[order][1]
    if len(key) != len(types) + 2 or not all(isinstance(part, str) for part in key[len(types) :]):
        return None
    own = [_typed(kind, part) for kind, part in zip(types, key, strict=False)]
    return None if None in own else (*own, *key[len(types) :])


class Browser:
    """One for the process, over a pool whose connections act as the catalogue's role."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def revision(self) -> int:
        """Changes with whatever a list or a game is made of. Read it first: what is read later is at least as new."""
        return int(await self._pool.fetchval(QUERIES["revision"]))

    async def page(self, filters: Filters, order: Order, after: Key | None, limit: int) -> list[FoundGame]:
        """Up to `limit` games behind `after`, None for the first page."""
        query, types = _PAGES[order]
        keys = after or (None,) * (len(types) + 2)
        async with self._pool.acquire() as connection, connection.transaction(readonly=True):
            await connection.execute(QUERIES["settings"], LIKENESS)
            rows = await connection.fetch(QUERIES[query], *filters.arguments(), *keys, limit)
        return [found_game(row, (*_keys(row, len(types)), row["provider_account"], row["game_id"])) for row in rows]

    async def count(self, filters: Filters, up_to: int) -> int:
        """How many games pass, counted up to a limit."""
        async with self._pool.acquire() as connection, connection.transaction(readonly=True):
            await connection.execute(QUERIES["settings"], LIKENESS)
            return int(await connection.fetchval(QUERIES["count"], *filters.arguments(), up_to))

    async def all(self, filters: Filters) -> AsyncIterator[list[FoundGame]]:
        """All games that pass, by name, page by page: no connection is held between pages."""
        after: Key | None = None
        while True:
            games = await self.page(filters, "name", after, EXPORT_PAGE)
            yield games
            if len(games) < EXPORT_PAGE:
                return
            after = games[-1].key

    async def one(self, account: str, game_id: str) -> FoundGame | None:
        """A game as it is now."""
        row = await self._pool.fetchrow(QUERIES["one"], account, game_id)
        return None if row is None else found_game(row, ())

    async def as_of(self, account: str, game_id: str, moment: datetime) -> FoundGame | None:
        """What the provider's game was at a moment, without overlay; None where the catalogue did not have it yet."""
        row = await self._pool.fetchrow(QUERIES["as_of"], account, game_id, moment)
        if row is None:
            return None
        return FoundGame(
            provider_account=account,
            facts=decode_facts(row["after"]),
            state="withdrawn" if row["change"] == "withdrawn" else "live",
            version=0,
            first_seen_at=None,
            changed_at=row["at"],
            source_hash="",
            overlay=None,
        )

    async def history(self, account: str, game_id: str, before_id: int, limit: int) -> list[PastChange]:
        """The changes of a game, newest first, older than `before_id` (0 = from the newest)."""
        rows = await self._pool.fetch(QUERIES["history"], account, game_id, before_id, limit)
        return [
            PastChange(
                row["id"],
                row["at"],
                row["change"],
                None if row["before"] is None else msgspec.json.decode(row["before"]),
                msgspec.json.decode(row["after"]),
                row["sync_id"],
            )
            for row in rows
        ]

    async def syncs(self, accounts: Sequence[str], before_id: int, limit: int) -> list[Sync]:
        """The syncs of some provider accounts, newest first, older than `before_id` (0 = from the newest)."""
        return [Sync(**row) for row in await self._pool.fetch(QUERIES["syncs"], list(accounts), before_id, limit)]


def found_game(row: asyncpg.Record, key: Key) -> FoundGame:
    """A row of the view `catalogue.shown`."""
    overlay = None
    if row["overlay_changed_at"] is not None:
        overlay = Overlay(
            name=row["own_name"],
            image=row["own_image"],
            tags=tuple(row["own_tags"]),
            rtp=tuple(row["own_rtp"]),
            position=row["position"],
            off=_decode_rules(row["off"]),
            changed_at=row["overlay_changed_at"],
            changed_by=row["overlay_changed_by"],
        )
    return FoundGame(
        provider_account=row["provider_account"],
        facts=decode_facts(row["record"]),
        state=row["state"],
        version=row["version"],
        first_seen_at=row["first_seen_at"],
        changed_at=row["changed_at"],
        source_hash=row["source_hash"],
        overlay=overlay,
        key=key,
    )


def _keys(row: asyncpg.Record, count: int) -> tuple[Any, ...]:
    return tuple(row[f"key_{number + 1}"] for number in range(count))


def _typed(kind: type, value: Any) -> Any:
    """The value as its type, or None."""
    if kind is datetime:
        try:
            moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        except ValueError:
            return None
        return moment if moment is not None and moment.tzinfo is not None else None
    if kind is int:
        return value if type(value) is int and abs(value) < 2**31 else None
    return value if isinstance(value, str) and len(value) <= SORT_NAME_CHARS_MAX and "\0" not in value else None
