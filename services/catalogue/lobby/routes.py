"""The lobby's page and what the page asks: games, search, the player's money, launches. No keys: only its own page is served.

What is asked without a key is bounded by address, and answered only to a page of the same origin: a header that no
foreign page can send without being asked first, `Sec-Fetch-Site`, and for launches `Origin` must all say so.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final, Literal, Protocol
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, ConfigDict, Field

from services.catalogue.lobby import problems as p
from services.catalogue.lobby.player import DemoPlayer, Device, Order
from services.catalogue.lobby.settings import HOW_TO_PLAY, LobbySettings
from shared.web.problems import RATE_LIMITED, Problem
from shared.web.rates import RateLimit

ASSETS: Final = Path(__file__).parent / "assets"
OWN_PAGE: Final = "stakewire-lobby"
FOUND_MAX: Final = 100
READS_BURST, LAUNCHES_BURST = 100, 20
# Covers and games come from the providers' own hosts, which are as many as there are providers.
CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' http: https:; "
    "frame-src http: https:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
    "trusted-types 'none'"
)
PAGE_HEADERS: Final = {
    "Content-Security-Policy": CSP,
    "Cache-Control": "no-cache",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


class View(Protocol):
    """A lobby view as JSON, ready before it is asked for."""

    @property
    def body(self) -> bytes:
        """The answer: `games` and `collections` as GET /v1/lobby has them, all on one page."""
        ...

    @property
    def etag(self) -> str:
        """Changes with the body."""
        ...


class FoundGame(Protocol):
    """A game that a search found."""

    @property
    def provider_account(self) -> str:
        """The provider account."""
        ...

    @property
    def game_id(self) -> str:
        """The provider's id of the game."""
        ...


class LobbyGames(Protocol):
    """Where the page's games come from."""

    async def view(self, *, brand: str, country: str, currency: str, device: str, language: str) -> View:
        """All games and collections that a player of this kind may see."""
        ...

    async def search(self, *, brand: str, words: str, limit: int) -> Sequence[FoundGame]:
        """The live games that are most like the words, best first; typing mistakes are forgiven."""
        ...


class Launch(BaseModel):
    """A game to open for the demo player, or as a demo without him."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    provider_account: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    game_id: str = Field(min_length=1, max_length=128)
    demo: bool = False
    device: Device = "desktop"
    key: str = Field(pattern=r"^[A-Za-z0-9_-]{16,64}$", description="new for each intended launch")


class Launched(BaseModel):
    """Where the game is; `free_rounds` wait in it."""

    launch_url: str
    free_rounds: int


class PlayerShown(BaseModel):
    """The demo player; without `playing` only `why` is set."""

    playing: bool
    why: str = ""
    player_id: str = ""
    balance: str = ""
    currency: str = ""


class _Found(BaseModel):
    provider_account: str
    game_id: str


class SearchResult(BaseModel):
    """Games that a search found, best first."""

    games: list[_Found]


def add_lobby(app: FastAPI, games: LobbyGames, player: DemoPlayer | None, settings: LobbySettings) -> None:
    """Adds the page, its assets and its routes; without a player the games are only shown."""
    app.mount("/lobby/assets", _Assets(directory=ASSETS), name="lobby")
    page = (ASSETS / "index.html").read_text(encoding="utf-8")
    if player is None:
        page = page.replace('data-playing="yes"', 'data-playing="no"', 1)

    @app.get("/", include_in_schema=False)
    async def index() -> HTMLResponse:
        return HTMLResponse(page, headers=PAGE_HEADERS)

    visitors = _Visitors(settings)
    app.include_router(_reading(games, visitors, settings))
    app.include_router(_playing(player, visitors))


def _reading(games: LobbyGames, visitors: _Visitors, settings: LobbySettings) -> APIRouter:
    router = APIRouter(prefix="/lobby", include_in_schema=False, dependencies=[Depends(visitors.reads)])

    @router.get("/games")
    async def view(request: Request, device: Literal["desktop", "mobile"] = "desktop") -> Response:
        found = await games.view(
            brand=settings.brand,
            country=settings.country,
            currency=settings.currency,
            device=device,
            language=settings.language,
        )
        headers = {"ETag": found.etag, "Cache-Control": "no-cache"}
        if request.headers.get("if-none-match") == found.etag:
            return Response(status_code=304, headers=headers)
        return Response(found.body, media_type="application/json", headers=headers)

    @router.get("/search")
    async def search(q: Annotated[str, Query(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")]) -> SearchResult:
        found = await games.search(brand=settings.brand, words=q, limit=FOUND_MAX)
        return SearchResult(games=[_Found(provider_account=each.provider_account, game_id=each.game_id) for each in found])

    return router


def _playing(player: DemoPlayer | None, visitors: _Visitors) -> APIRouter:
    router = APIRouter(prefix="/lobby", include_in_schema=False)

    @router.get("/player", dependencies=[Depends(visitors.reads)])
    async def purse(response: Response) -> PlayerShown:
        response.headers["Cache-Control"] = "no-store"
        if player is None:
            return PlayerShown(playing=False, why=HOW_TO_PLAY)
        found = await player.purse()
        return PlayerShown(playing=True, player_id=found.player_id, balance=found.balance, currency=found.currency)

    @router.post("/launch", dependencies=[Depends(visitors.launches)])
    async def launch(body: Launch, request: Request) -> Launched:
        if player is None:
            raise Problem(p.PLAYING_OFF, "this lobby has no operator API to launch games with", advice=HOW_TO_PLAY)
        order = Order(
            provider_account=body.provider_account,
            game_id=body.game_id,
            demo=body.demo,
            device=body.device,
            key=body.key,
            return_url=f"{request.headers['origin']}/",
        )
        opened = await player.open(order)
        return Launched(launch_url=opened.launch_url, free_rounds=opened.free_rounds)

    return router


class _Visitors:
    """Who may ask: the lobby's own page, so often for each address."""

    def __init__(self, settings: LobbySettings) -> None:
        self._reads = RateLimit(settings.reads_per_s, READS_BURST)
        self._launches = RateLimit(settings.launches_per_s, LAUNCHES_BURST)

    async def reads(self, request: Request) -> None:
        """Admits what only shows."""
        _must_be_own_page(request)
        _slow_down(self._reads, request)

    async def launches(self, request: Request) -> None:
        """Admits a launch."""
        _must_be_own_page(request)
        _must_have_own_origin(request)
        _slow_down(self._launches, request)


def _must_be_own_page(request: Request) -> None:
    if request.headers.get("x-requested-with") != OWN_PAGE:
        raise Problem(p.FOREIGN_PAGE, f"the header X-Requested-With is not {OWN_PAGE!r}")
    site = request.headers.get("sec-fetch-site", "same-origin")
    if site != "same-origin":
        raise Problem(p.FOREIGN_PAGE, f"the request comes from another page ({site[:20]!r})")


def _must_have_own_origin(request: Request) -> None:
    try:
        origin = urlsplit(request.headers.get("origin", ""))
    except ValueError:
        origin = urlsplit("")
    if origin.scheme not in {"http", "https"} or origin.netloc != request.headers.get("host") or origin.path:
        raise Problem(p.FOREIGN_PAGE, "the header Origin does not name this server")


def _slow_down(limit: RateLimit, request: Request) -> None:
    wait_s = limit.take(request.client.host if request.client else "")
    if wait_s:
        raise Problem(RATE_LIMITED, "too many requests came from your address", headers={"Retry-After": str(wait_s)})


class _Assets(StaticFiles):
    """The page's files; a browser asks each time whether they are still the same."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]  # handed on as they come
        response.headers["Cache-Control"] = "no-cache"
        return response
