"""The HTTP side of the launched game: its page, spins, balance, history, and the pictures and scripts they need."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path as FilePath
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, HTTPException, Path, Request, Response, status
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ConfigDict, Field

from services.simulator.errors import BooksError
from services.simulator.studios.mascot.art.cover import cover, scene
from services.simulator.studios.mascot.art.symbols import SYMBOLS, symbol
from services.simulator.studios.mascot.operator_api.desk import OperatorDesk
from services.simulator.studios.mascot.operator_api.launched import BET_MAX, NotPlayableError
from services.simulator.studios.mascot.operator_api.lessons import Mode
from services.simulator.studios.mascot.operator_api.page import HEADERS, rounds_shown, session_page, unknown_page
from services.simulator.studios.mascot.operator_api.store import Session

SPINS_SHOWN: Final = 200
ROUNDS_ON_PAGE: Final = 20
PICTURE_AGE_S: Final = 86_400
SVG: Final = "image/svg+xml"
SessionId = Annotated[str, Path(max_length=128)]
GameId = Annotated[str, Path(max_length=128)]

_ASSETS: Final = {
    file.name: (file.read_bytes(), {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}[file.suffix])
    for file in sorted((FilePath(__file__).parent / "assets").iterdir())
    if file.suffix in {".js", ".css"}
}
# Pictures stand on other origins' pages too: the lobby's tiles are covers. They can do nothing but be looked at.
_PICTURE_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Cache-Control": f"public, max-age={PICTURE_AGE_S}",
}


class SpinRequest(BaseModel):
    """One spin: the stake in minor units of the session's currency; a free round charges the session's bonus.

    A free round without a bet takes the `freeround_bet` of Session.Create. `mode` is what is to go wrong with it.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    bet: int | None = Field(default=None, ge=1, le=BET_MAX)
    free_round: bool = False
    mode: Mode = "normal"


def add_launch(router: APIRouter, desk: OperatorDesk) -> None:
    """The page and what it calls."""

    @router.get("/launch/{session_id}")
    async def launch(session_id: SessionId) -> Response:
        """What the player sees."""
        session = desk.store.session(session_id)
        if session is None or session.provider_account not in desk.operators:
            return HTMLResponse(unknown_page(session_id), status.HTTP_404_NOT_FOUND, HEADERS)
        told = await desk.launched.ask(session) if session.closed_ms is None else None
        digits = desk.digits_of(session.provider_account, session.currency)
        rounds = desk.store.spins_of(session.session_id, ROUNDS_ON_PAGE)
        return HTMLResponse(session_page(session, desk.games.get(session.game_id), told, digits, rounds), headers=HEADERS)

    @router.post("/launch/{session_id}/spin")
    async def spin(session_id: SessionId, request: SpinRequest) -> dict[str, Any]:
        """Plays one spin in a launched session."""
        session = _found(desk, desk.store.session(session_id), f"session {session_id}")
        bet = request.bet or (session.free_round_bet if request.free_round else 0)
        try:
            return await desk.launched.spin(session, bet, free_round=request.free_round, mode=request.mode)
        except NotPlayableError as error:
            code = status.HTTP_409_CONFLICT if session.closed_ms is not None else status.HTTP_422_UNPROCESSABLE_CONTENT
            raise HTTPException(code, str(error)) from error
        except BooksError as error:
            raise HTTPException(status.HTTP_503_SERVICE_UNAVAILABLE, str(error)) from error

    @router.post("/launch/{session_id}/balance")
    async def balance(session_id: SessionId) -> dict[str, Any]:
        """Asks the operator for the balance, and tells how the last rounds stand."""
        session = _found(desk, desk.store.session(session_id), f"session {session_id}")
        if session.closed_ms is not None:
            raise HTTPException(status.HTTP_409_CONFLICT, f"session {session_id} is closed; launch the game again")
        told = await desk.launched.ask(session)
        rounds = rounds_shown(desk.store.spins_of(session.session_id, ROUNDS_ON_PAGE))
        exchanges = [told.exchange] if told.exchange is not None else []
        return {
            "balance": told.balance,
            "free_rounds_left": told.free_rounds_left,
            "problem": told.problem,
            "rounds": rounds,
            "exchanges": exchanges,
        }

    @router.get("/history/{token}")
    async def history(token: Annotated[str, Path(max_length=64)]) -> dict[str, Any]:
        """The last spins of the session that a token of History.GetToken opens."""
        session = _found(desk, desk.store.session_of_token(token, desk.now_ms()), "session for this token (any more)")
        spins = desk.store.spins_of(session.session_id, SPINS_SHOWN)
        return {"session_id": session.session_id, "game_id": session.game_id, "spins": msgspec.to_builtins(spins)}


def add_pictures(router: APIRouter, desk: OperatorDesk) -> None:
    """Covers, scenes, symbols, scripts and styles; the same bytes at every call, so that browsers keep them."""

    @router.get("/covers/{game_id}.svg")
    async def cover_of(request: Request, game_id: GameId) -> Response:
        """The cover of a game, 300 by 400."""
        return _picture(desk, request, game_id, lambda: cover(game_id, desk.games[game_id].name))

    @router.get("/scenes/{game_id}.svg")
    async def scene_of(request: Request, game_id: GameId) -> Response:
        """What stands behind a game's reels."""
        return _picture(desk, request, game_id, lambda: scene(game_id))

    @router.get("/symbols/{game_id}/{name}.svg")
    async def symbol_of(request: Request, game_id: GameId, name: Annotated[str, Path(max_length=16)]) -> Response:
        """A symbol of a game's reels."""
        if name not in SYMBOLS:
            raise HTTPException(status.HTTP_404_NOT_FOUND, f"there is no symbol {name}; there are: {', '.join(SYMBOLS)}")
        return _picture(desk, request, game_id, lambda: symbol(game_id, name))

    @router.get("/assets/{name}")
    async def asset(request: Request, name: Annotated[str, Path(max_length=32)]) -> Response:
        """A script or style of the launch page."""
        if name not in _ASSETS:
            raise HTTPException(status.HTTP_404_NOT_FOUND, f"there is no file {name}")
        content, media_type = _ASSETS[name]
        return _kept(request, content, media_type, {"Cache-Control": "no-cache"})


def _picture(desk: OperatorDesk, request: Request, game_id: str, drawn: Callable[[], bytes]) -> Response:
    """A picture of a listed game; others have none, so that what is drawn and kept stays bounded."""
    if game_id not in desk.games:
        raise HTTPException(status.HTTP_404_NOT_FOUND, f"there is no game {game_id}; Game.List tells the games")
    return _kept(request, drawn(), SVG, _PICTURE_HEADERS)


def _kept(request: Request, content: bytes, media_type: str, headers: dict[str, str]) -> Response:
    """Bytes with their tag, or 304 where the browser has them."""
    tag = f'"{hashlib.sha256(content).hexdigest()[:20]}"'
    headers = headers | {"ETag": tag, "X-Content-Type-Options": "nosniff"}
    if tag in {part.strip().removeprefix("W/") for part in request.headers.get("if-none-match", "").split(",")}:
        return Response(status_code=status.HTTP_304_NOT_MODIFIED, headers=headers)
    return Response(content, headers=headers, media_type=media_type)


def _found(desk: OperatorDesk, session: Session | None, what: str) -> Session:
    if session is None or session.provider_account not in desk.operators:
        raise HTTPException(status.HTTP_404_NOT_FOUND, f"there is no {what}; Session.Create and Session.CreateDemo make sessions")
    return session
