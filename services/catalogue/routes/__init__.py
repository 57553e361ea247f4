"""The catalogue's API: the same keys, scopes and problems as the operator API. What is asked here is answered by the stores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import asyncpg
from fastapi import APIRouter

from services.catalogue.browse import Browser
from services.catalogue.collections import CollectionStore
from services.catalogue.lobby_view import LobbyViews
from services.catalogue.overlay import OverlayStore
from services.catalogue.problems import ALL as PROBLEMS
from services.catalogue.reach import Reach
from services.catalogue.routes import collections, export, games, lobby, syncs
from services.catalogue.sync.syncer import Syncer
from shared.settings import AccountsFile

__all__ = ["PROBLEMS", "Api", "make_api"]


@dataclass(frozen=True, slots=True)
class Api:
    """The routes, and the views of the lobby that they share with the lobby's own page."""

    router: APIRouter
    views: LobbyViews


def make_api(pool: asyncpg.Pool, file: AccountsFile, syncer: Syncer, published: Callable[[], None]) -> Api:
    """All routes; `published` wakes who publishes games, after a change of an overlay."""
    reach = Reach(file)
    views = LobbyViews(pool, reach)
    collection_store = CollectionStore(pool)
    browser = Browser(pool)
    shelf = games.Shelf(reach, browser, OverlayStore(pool), collection_store)

    def changed() -> None:
        views.changed()
        published()

    router = APIRouter()
    # The export first: its path must not be taken for another route's.
    router.include_router(export.routes(shelf))
    router.include_router(games.routes(shelf, changed))
    router.include_router(collections.routes(reach, collection_store, views.changed))
    router.include_router(syncs.routes(reach, browser, syncer, views.changed))
    router.include_router(lobby.routes(reach, views))
    return Api(router, views)
