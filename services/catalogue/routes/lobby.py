"""The lobby of an operator's own pages: what a player may see, ready to be shown."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Response
from pydantic import Field

from services.catalogue import problems as p
from services.catalogue.browse import SORT_NAME_CHARS_MAX
from services.catalogue.cursors import CURSOR_CHARS_MAX, invalid, mark_of, read_cursor, write_cursor
from services.catalogue.lobby_tiles import LAST, Place, Rank
from services.catalogue.lobby_view import LobbyViews
from services.catalogue.reach import Reach
from shared.web import etags
from shared.web.callers import Reads
from shared.web.documented import Problems
from shared.web.etags import IfNoneMatch
from shared.web.problems import Problem
from shared.web.values import COUNTRY_PATTERN, CURRENCY_PATTERN, LANGUAGE_PATTERN, Output

GAMES_MAX: Final = 1_000
GAMES_DEFAULT: Final = 500

CountryQuery = Annotated[
    str,
    Query(
        pattern=rf"{COUNTRY_PATTERN}|^$",
        examples=["MT"],
        description="The player's; empty = unknown, then no country's rule holds.",
    ),
]
CurrencyQuery = Annotated[str, Query(pattern=CURRENCY_PATTERN, examples=["EUR"])]
LanguageQuery = Annotated[str, Query(pattern=LANGUAGE_PATTERN, examples=["en"])]
DeviceQuery = Annotated[Literal["desktop", "mobile"], Query()]
SizeQuery = Annotated[int, Query(ge=1, le=GAMES_MAX, description="Games of a page.")]
CursorQuery = Annotated[
    str, Query(pattern=rf"^[A-Za-z0-9_-]{{0,{CURSOR_CHARS_MAX}}}$", description="`next` of the page before; empty for the first.")
]


class LobbyGame(Output):
    """A game in the lobby. `language` is the one it will speak; bets are in major units of the lobby's currency, null = not told."""

    provider_account: str = Field(examples=["mascot-demo"])
    game_id: str = Field(examples=["riot"])
    name: str
    studio: str
    section: str
    type: str
    image: str
    badges: list[str] = Field(description="`new` for 30 days, then your own tags.", examples=[["new", "exclusive"]])
    tags: list[str]
    features: list[str] = Field(examples=[["demo", "free_rounds"]])
    devices: list[str]
    rtp: list[str]
    volatility: str
    lines: str
    released: str
    first_seen: str
    position: int | None
    language: str | None
    lowest_bet: str | None
    highest_bet: str | None


class LobbyMember(Output):
    """A game of a collection."""

    provider_account: str
    game_id: str


class LobbyCollection(Output):
    """A collection: those of its games that the player may see, in its order."""

    collection_id: str
    title: str
    games: list[LobbyMember]


class Lobby(Output):
    """A page of a lobby. `collections` are on the first page only, and name games of all pages."""

    brand: str
    country: str
    currency: str
    device: str
    language: str
    total: int = Field(description="Games of all pages.")
    collections: list[LobbyCollection]
    games: list[LobbyGame]
    next: str | None = Field(description="`cursor` of the page after this one; null on the last.")


def routes(reach: Reach, views: LobbyViews) -> APIRouter:
    """The route of the lobby."""
    router = APIRouter(prefix="/v1", tags=["Lobby"])

    @router.get(
        "/lobby",
        summary="Show a lobby",
        response_model=Lobby,
        responses={**Problems.documented(p.WRONG_CURRENCY, p.CURSOR_INVALID, p.BRAND_FORBIDDEN), **etags.NOT_MODIFIED},
    )
    async def lobby(
        caller: Reads,
        currency: CurrencyQuery,
        country: CountryQuery = "",
        device: DeviceQuery = "desktop",
        language: LanguageQuery = "en",
        limit: SizeQuery = GAMES_DEFAULT,
        cursor: CursorQuery = "",
        if_none_match: IfNoneMatch = None,
    ) -> Response:
        """What a player of the key's brand may see: by your own order, then by name, with collections, features and badges.

        Withdrawn games, games that are off there, and games that the provider forbids in the country are left out. Views are
        kept ready in memory: ask for them as often as you like, with the ETag of the last answer.
        """
        offered = reach.brand(caller.brand).currencies
        if currency not in offered:
            raise Problem(p.WRONG_CURRENCY, f"the brand {caller.brand!r} offers {', '.join(offered)}, not {currency}")
        place = Place(caller.brand, country, currency, device, language)
        mark = mark_of("lobby", place)
        after = _rank(read_cursor(mark, cursor)) if cursor else None
        page = await views.page(place, after, limit, lambda rank: write_cursor(mark, rank))
        if etags.is_known(page.etag, if_none_match):
            return etags.not_modified(page.etag)
        return etags.answer(page.body, page.etag)

    return router


def _rank(parts: list[Any]) -> Rank:
    if (
        len(parts) != len(Rank._fields)
        or type(parts[0]) is not int
        or not 0 <= parts[0] <= LAST
        or not all(isinstance(part, str) and len(part) <= SORT_NAME_CHARS_MAX for part in parts[1:])
    ):
        raise invalid()
    return Rank(*parts)
