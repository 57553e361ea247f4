"""What a player's lobby shows, kept ready in memory: for each brand, country, currency, device and language one view.

Games are read again when the catalogue's revision has moved; it is looked at once a second at most. A view is put together
from the finished texts of its games. While the database is away, the last views are still shown. It changes nothing.
"""

from __future__ import annotations

import asyncio
import json
import time
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

import asyncpg
import structlog
from prometheus_client import Counter, Gauge

from services.catalogue.browse import Browser, Filters
from services.catalogue.lobby_tiles import Place, Rank, Snapshot, Tile, read_snapshot
from services.catalogue.reach import Reach
from shared.database.away import DATABASE_AWAY
from shared.web.etags import etag_of

log = structlog.get_logger(__name__)

LOOK_EVERY_S: Final = 1.0
VIEWS_MAX: Final = 512
WHOLE_MAX: Final = 32
"""Views whose whole text is kept; a text of all games may have some MB."""

SHAPE: Final = 1
"""Grows when the same games are told in another shape: part of the ETags."""

_AWAY: Final = DATABASE_AWAY
_read = Counter("stakewire_catalogue_lobby_reads_total", "How often the games of the lobby were read")
_stale = Counter("stakewire_catalogue_lobby_stale_total", "Looks for changes that the database did not answer")
_tiles = Gauge("stakewire_catalogue_lobby_games", "Live games in memory")


@dataclass(frozen=True, slots=True)
class Page:
    """A finished answer."""

    body: bytes
    etag: str


@dataclass(frozen=True, slots=True)
class Found:
    """A game that a search has found."""

    provider_account: str
    game_id: str


@dataclass(frozen=True, slots=True)
class View:
    """The games of a place, in order, and the head of the answer. `tag` changes with its content."""

    place: Place
    tiles: list[Tile]
    head: bytes
    collections: bytes
    tag: str

    def body(self, first: int, limit: int, next_cursor: str | None) -> bytes:
        """The answer with `limit` games from number `first` on."""
        games = b",".join([tile.text(self.place) for tile in self.tiles[first : first + limit]])
        collections = self.collections if not first else b"[]"
        return b'%b,"collections":%b,"games":[%b],"next":%b}' % (self.head, collections, games, json.dumps(next_cursor).encode())


class LobbyViews:
    """One for the process, over a pool whose connections act as the catalogue's role."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        reach: Reach,
        *,
        clock: Callable[[], float] = time.monotonic,
        today: Callable[[], date] = lambda: datetime.now(UTC).date(),
    ) -> None:
        self._browser = Browser(pool)
        self._pool = pool
        self._reach = reach
        self._clock = clock
        self._today = today
        self._snapshot: Snapshot | None = None
        self._looked_at_s = float("-inf")
        self._looking: asyncio.Task[None] | None = None
        self._must_be_new = True
        self._views: OrderedDict[Place, View] = OrderedDict()
        self._whole: OrderedDict[Place, Page] = OrderedDict()

    def changed(self) -> None:
        """Somebody here has changed a game or a collection: the next view is made after it."""
        self._must_be_new = True

    async def page(self, place: Place, after: Rank | None, limit: int, cursor_of: Callable[[Rank], str]) -> Page:
        """Up to `limit` games behind `after`; `cursor_of` writes the rank of the last one for the caller."""
        view = await self._view(place)
        first = 0 if after is None else bisect_right(view.tiles, after, key=lambda tile: tile.rank)
        more = len(view.tiles) > first + limit
        cursor = cursor_of(view.tiles[first + limit - 1].rank) if more else None
        return Page(view.body(first, limit, cursor), etag_of(view.tag, first, limit))

    async def view(self, *, brand: str, country: str, currency: str, device: str, language: str) -> Page:
        """All games of a place in one answer, for the lobby's own page."""
        place = Place(brand, country, currency, device, language)
        view = await self._view(place)
        etag = etag_of(view.tag)
        whole = self._whole.get(place)
        if whole is None or whole.etag != etag:
            whole = self._whole[place] = Page(view.body(0, len(view.tiles), None), etag)
        self._whole.move_to_end(place)
        while len(self._whole) > WHOLE_MAX:
            self._whole.popitem(last=False)
        return whole

    async def search(self, *, brand: str, words: str, limit: int) -> Sequence[Found]:
        """The live games of a brand that are most like the words, best first."""
        accounts = tuple(account.name for account in self._reach.accounts(brand))
        filters = Filters(accounts=accounts, brand=brand, state="live", text=words)
        games = await self._browser.page(filters, "relevance", None, limit)
        return [Found(game.provider_account, game.facts.game_id) for game in games]

    async def _view(self, place: Place) -> View:
        snapshot = await self._current()
        view = self._views.get(place)
        tag = etag_of(SHAPE, snapshot.revision, snapshot.day, *place)
        if view is None or view.tag != tag:
            view = self._views[place] = self._made(snapshot, place, tag)
        self._views.move_to_end(place)
        while len(self._views) > VIEWS_MAX:
            self._views.popitem(last=False)
        return view

    def _made(self, snapshot: Snapshot, place: Place, tag: str) -> View:
        serving = {
            account.name: frozenset(game_id for game_id, state in account.games.items() if state == "off")
            for account in self._reach.accounts(place.brand)
            if any(entry.mapping.currency == place.currency for entry in account.currencies.values())
        }
        tiles = [
            tile
            for tile in snapshot.tiles
            if tile.account in serving and tile.game_id not in serving[tile.account] and tile.shows_in(place)
        ]
        there = {(tile.account, tile.game_id) for tile in tiles}
        collections: list[dict[str, Any]] = []
        for collection_id, title, members in snapshot.collections.get(place.brand, ()):
            games = [{"provider_account": key[0], "game_id": key[1]} for key in members if key in there]
            if games:
                collections.append({"collection_id": collection_id, "title": title, "games": games})
        head = json.dumps({**place._asdict(), "total": len(tiles)}, ensure_ascii=False).encode()
        return View(place, tiles, head.removesuffix(b"}"), json.dumps(collections, ensure_ascii=False).encode(), tag)

    async def _current(self) -> Snapshot:
        """The games as they are; at most a second old, older only while the database is away or while they are being read."""
        if self._snapshot is None or self._must_be_new:
            await asyncio.shield(self._look())
        elif self._clock() - self._looked_at_s >= LOOK_EVERY_S:
            self._look()
        assert self._snapshot is not None, "the first look has failed without an error"
        return self._snapshot

    def _look(self) -> asyncio.Task[None]:
        """The look under way, or a new one. It belongs to all who wait for it."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look_and_read(), name="lobby-look")
            self._looking.add_done_callback(_seen)
        return self._looking

    async def _look_and_read(self) -> None:
        try:
            while True:
                self._must_be_new = False
                await self._read_if_changed()
                if not self._must_be_new:  # else something was changed here meanwhile
                    return
        except _AWAY as error:
            if self._snapshot is None:
                self._must_be_new = True
                raise
            _stale.inc()
            log.warning("the lobby shows what it knew last: the database does not answer", cause=repr(error))
        finally:
            self._looked_at_s = self._clock()

    async def _read_if_changed(self) -> None:
        revision, today = await self._browser.revision(), self._today()
        held = self._snapshot
        if held is not None and (held.revision, held.day) == (revision, today):
            return
        self._snapshot = await read_snapshot(self._pool, today)
        _read.inc()
        _tiles.set(len(self._snapshot.tiles))


def _seen(task: asyncio.Task[None]) -> None:
    if not task.cancelled():
        task.exception()
