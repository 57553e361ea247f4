"""Games: found, shown as they are and as they were, with an overlay laid over them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Response

from services.catalogue import problems as p
from services.catalogue.browse import Browser, Filters, FoundGame, Key, Order, fits
from services.catalogue.collections import CollectionStore
from services.catalogue.cursors import invalid, mark_of, read_cursor, write_cursor
from services.catalogue.errors import GameUnknownError
from services.catalogue.overlay import Author, OverlayStore
from services.catalogue.reach import Reach
from services.catalogue.routes.values import (
    Filter,
    Game,
    GameDetail,
    Games,
    History,
    ListQuery,
    PutOverlay,
    detail_of,
    entry_of,
    game_values,
)
from shared.web import etags
from shared.web.callers import Administers, Caller, Reads
from shared.web.documented import Problems
from shared.web.etags import IfNoneMatch
from shared.web.problems import INVALID_REQUEST, Problem
from shared.web.values import AccountPath, GamePath, Moment, PageSize, SeqCursor

SHAPE = 1
"""Grows when the same game is told in another shape: part of the ETags."""

At = Annotated[
    Moment | None,
    Query(description="A moment with its time zone: the game as it was then.", examples=["2030-01-31T12:00:00Z"]),
]


class Shelf:
    """What the routes of games have in common: which games a caller may see, and how they are filtered."""

    def __init__(self, reach: Reach, browser: Browser, overlays: OverlayStore, collections: CollectionStore) -> None:
        self.reach = reach
        self.browser = browser
        self.overlays = overlays
        self._collections = collections

    async def filters(self, caller: Caller, wanted: Filter) -> Filters:
        """The filters of a request; problems where provider account or collection are not the brand's."""
        if wanted.provider_account:
            accounts = [self.reach.account(caller.brand, wanted.provider_account).name]
        else:
            accounts = [account.name for account in self.reach.accounts(caller.brand)]
        if wanted.collection and not await self._collections.exists(caller.brand, wanted.collection):
            raise Problem(p.COLLECTION_NOT_FOUND, f"the brand {caller.brand!r} has no collection {wanted.collection!r}")
        return wanted.filters(caller.brand, accounts)

    async def game(self, caller: Caller, account: str, game_id: str, at: datetime | None) -> FoundGame:
        """A game of the brand, as it is or as it was."""
        self.reach.account(caller.brand, account)
        now = await self.browser.one(account, game_id)
        if now is None:
            raise Problem(p.GAME_NOT_FOUND, f"the catalogue has no game {game_id!r} of {account!r}")
        if at is None:
            return now
        then = await self.browser.as_of(account, game_id, at)
        if then is None:
            assert now.first_seen_at is not None, "a game in the catalogue was seen"
            raise Problem(
                p.GAME_NOT_FOUND,
                f"the catalogue did not have the game {game_id!r} then; it was first seen at {now.first_seen_at.isoformat()}",
            )
        overlay = await self.overlays.as_of(account, game_id, at)
        return replace(then, overlay=overlay, first_seen_at=now.first_seen_at)


def routes(shelf: Shelf, changed: Callable[[], None]) -> APIRouter:
    """The routes of games; `changed` is called when an overlay was laid."""
    router = APIRouter(prefix="/v1/games", tags=["Games"])
    _add_reading(router, shelf)
    _add_overlays(router, shelf, changed)
    return router


def _add_reading(router: APIRouter, shelf: Shelf) -> None:
    @router.get(
        "",
        summary="List games",
        response_model=Games,
        responses={
            **Problems.documented(p.PROVIDER_ACCOUNT_NOT_FOUND, p.COLLECTION_NOT_FOUND, p.CURSOR_INVALID, p.BRAND_FORBIDDEN),
            **etags.NOT_MODIFIED,
        },
    )
    async def listed(caller: Reads, query: Annotated[ListQuery, Query()], if_none_match: IfNoneMatch = None) -> Response:
        """Games of the provider accounts that serve the key's brand, filtered, searched, in pages.

        Pages neither repeat nor leave out a game, whatever is added meanwhile. An unknown parameter is refused.
        """
        filters = await shelf.filters(caller, query)
        order = query.order(filters)
        mark = mark_of(order, filters)
        after = _after(order, mark, query.cursor)
        etag = etags.etag_of(SHAPE, await shelf.browser.revision(), mark, after, query.limit)
        if etags.is_known(etag, if_none_match):
            return etags.not_modified(etag)
        found = await shelf.browser.page(filters, order, after, query.limit)
        page = Games(
            games=[Game(**game_values(game, caller.brand)) for game in found],
            next=write_cursor(mark, found[-1].key) if len(found) == query.limit else None,
        )
        return etags.answer(page.model_dump_json(), etag)

    @router.get(
        "/{provider_account}/{game_id}",
        summary="Show a game",
        response_model=GameDetail,
        responses={
            **Problems.documented(p.PROVIDER_ACCOUNT_NOT_FOUND, p.GAME_NOT_FOUND, p.BRAND_FORBIDDEN),
            **etags.NOT_MODIFIED,
        },
    )
    async def show(
        provider_account: AccountPath, game_id: GamePath, caller: Reads, at: At = None, if_none_match: IfNoneMatch = None
    ) -> Response:
        """The game with its overlay; with `at` both as they were at that moment."""
        moment = _checked(at)
        revision = await shelf.browser.revision()
        game = await shelf.game(caller, provider_account, game_id, moment)
        etag = etags.etag_of(SHAPE, revision, caller.brand, provider_account, game_id, moment)
        if etags.is_known(etag, if_none_match):
            return etags.not_modified(etag)
        return etags.answer(detail_of(game, caller.brand).model_dump_json(), etag)

    @router.get(
        "/{provider_account}/{game_id}/history",
        summary="Show a game's history",
        responses=Problems.documented(p.PROVIDER_ACCOUNT_NOT_FOUND, p.GAME_NOT_FOUND, p.BRAND_FORBIDDEN),
    )
    async def history(
        provider_account: AccountPath, game_id: GamePath, caller: Reads, limit: PageSize = 50, cursor: SeqCursor = ""
    ) -> History:
        """What the provider has changed and when, newest first. Your own changes are in the audit log of the operator API."""
        await shelf.game(caller, provider_account, game_id, None)
        changes = await shelf.browser.history(provider_account, game_id, int(cursor or 0), limit)
        more = str(changes[-1].change_id) if len(changes) == limit else None
        return History(entries=[entry_of(change) for change in changes], next=more)


def _add_overlays(router: APIRouter, shelf: Shelf, changed: Callable[[], None]) -> None:
    @router.put(
        "/{provider_account}/{game_id}/overlay",
        summary="Lay your own over a game",
        responses=Problems.documented(p.PROVIDER_ACCOUNT_NOT_FOUND, p.GAME_NOT_FOUND, p.BRAND_FORBIDDEN, p.OUTCOME_UNKNOWN),
    )
    async def overlay(provider_account: AccountPath, game_id: GamePath, body: PutOverlay, caller: Administers) -> GameDetail:
        """Replaces the overlay as a whole; an empty body takes it away. It survives every sync of the provider's list.

        Name, image, tags and position hold for all brands of the provider account; `off` is your brand's alone. A game that
        is off everywhere takes no new rounds; one that is off in a country or currency is hidden and cannot be launched there.
        """
        shelf.reach.account(caller.brand, provider_account)
        try:
            done = await shelf.overlays.put(provider_account, game_id, body.wanted(), author_of(caller, body.reason))
        except GameUnknownError as error:
            raise Problem(p.GAME_NOT_FOUND, str(error)) from error
        if done:
            changed()
        return detail_of(await shelf.game(caller, provider_account, game_id, None), caller.brand)


def author_of(caller: Caller, reason: str) -> Author:
    """Who changes something, for the audit."""
    return Author(actor=f"key:{caller.key.key_id}", brand=caller.brand, reason=reason, request_id=caller.request_id)


def _after(order: Order, mark: str, cursor: str) -> Key | None:
    if not cursor:
        return None
    key = fits(order, read_cursor(mark, cursor))
    if key is None:
        raise invalid()
    return key


def _checked(at: datetime | None) -> datetime | None:
    """In UTC; problem `invalid-request` where the moment has no time zone or cannot be one."""
    if at is None:
        return None
    if at.tzinfo is None:
        raise Problem(INVALID_REQUEST, "query.at: a moment with its time zone is expected, such as 2030-01-31T12:00:00Z")
    try:
        return at.astimezone(UTC)
    except OverflowError as error:
        raise Problem(INVALID_REQUEST, "query.at: the moment is out of range") from error
