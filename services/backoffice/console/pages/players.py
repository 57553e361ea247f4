"""Players: search, one player's page, notes on him, and what people do to him (`services.backoffice.console.acting`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final
from urllib.parse import quote

import structlog
from fastapi import APIRouter, Form, Path, Query, Request, Response
from fastapi.responses import RedirectResponse

from services.backoffice.console.acting import Acting, order_or_new
from services.backoffice.console.frame import Frame, Support, Viewer
from services.backoffice.console.pages import player_actions
from services.backoffice.office.audit import AuditFilter
from services.backoffice.office.directory import WORDS_CHARS_MAX, Directory, PlayerRow
from services.backoffice.operator import OperatorApi, OperatorError
from shared.web.problems import NOT_FOUND, Problem

log = structlog.get_logger(__name__)
KEY_PATTERN: Final = r"^[a-z2-7]{16}$"
KeyPath = Annotated[str, Path(pattern=KEY_PATTERN)]
SESSIONS_SHOWN: Final = 10
NOT_ASKED: Final = "No operator API is set up: shown is what the events told."


class PlayersDesk:
    """What the pages of players work with."""

    def __init__(self, frame: Frame, directory: Directory, operator: OperatorApi) -> None:
        self.frame = frame
        self.directory = directory
        self.operator = operator
        self.acting = Acting(frame, operator)

    async def known(self, key: str) -> PlayerRow:
        """The player; a page that says so where there is none."""
        found = await self.directory.player(key)
        if found is None:
            raise Problem(NOT_FOUND, f"no event has told of a player {key}", advice="Search; a new player is here within seconds.")
        return found

    async def live(self, player: PlayerRow) -> dict[str, Any]:
        """What the operator API tells of a player now; without it `away` says why, and the page shows what events told."""
        told: dict[str, Any] = {"profile": None, "limits": [], "sessions": [], "away": ""}
        if player.brand not in self.operator.brands:
            return told | {"away": NOT_ASKED}
        try:
            profile = await self.operator.get(player.brand, f"/v1/player-keys/{player.player}")
            told["profile"] = profile
            if not profile["player_id"]:
                return told
            path = f"/v1/players/{quote(profile['player_id'], safe='')}"
            told["limits"] = (await self.operator.get(player.brand, f"{path}/limits"))["limits"]
            told["sessions"] = (await self.operator.get(player.brand, f"{path}/sessions?limit={SESSIONS_SHOWN}"))["sessions"]
        except OperatorError as error:
            told["away"] = f"{error} {error.advice}".strip()
        except (KeyError, TypeError) as error:
            log.warning("the operator API told of a player in another way than expected", cause=repr(error))
            told["away"] = "The operator API answered in a way that is not understood here."
        return told


def routes(frame: Frame, directory: Directory, operator: OperatorApi) -> APIRouter:
    """The routes of players."""
    router = APIRouter(include_in_schema=False)
    desk = PlayersDesk(frame, directory, operator)
    _add_search(router, desk)
    _add_page(router, desk)
    player_actions.add(router, desk)
    return router


def _add_search(router: APIRouter, desk: PlayersDesk) -> None:
    @router.get("/players")
    async def search(request: Request, who: Viewer, q: Annotated[str, Query(max_length=WORDS_CHARS_MAX)] = "") -> Response:
        """Finds players by any id; one who is found for sure is shown at once."""
        del who
        words = q.replace("\0", "").strip()
        found, hits = [], []
        if words:
            found = await desk.directory.players(words)
            if len(found) == 1:
                return RedirectResponse(f"/players/{found[0].player}", 303)
            hits = await desk.directory.hits(words)
        latest = [] if words else await desk.directory.latest()
        values: Mapping[str, Any] = {"q": words, "found": found, "hits": hits, "latest": latest}
        return desk.frame.page(request, "players.html", title="Players", **values)


def _add_page(router: APIRouter, desk: PlayersDesk) -> None:
    @router.get("/players/{key}")
    async def page(request: Request, who: Viewer, key: KeyPath, order: Annotated[str, Query(max_length=100)] = "") -> Response:
        """One player."""
        player = await desk.known(key)
        told = await desk.live(player)
        subject = f"player:{key}"
        return desk.frame.page(
            request,
            "player.html",
            title=(told["profile"] or {}).get("player_id") or key,
            player=player,
            balances=await desk.directory.balances(key),
            rounds=await desk.directory.rounds_of_player(key),
            notes=await desk.frame.audit_log.notes(subject),
            deeds=await desk.frame.audit_log.read(AuditFilter(object=subject), limit=10) if who.may("support") else [],
            order=order_or_new(order),
            excluded=player_actions.is_excluded(player),
            periods=list(player_actions.PERIODS.items()),
            **told,
        )

    @router.post("/players/{key}/notes")
    async def add_note(
        request: Request, who: Support, key: KeyPath, words: Annotated[str, Form(max_length=4_000)] = ""
    ) -> Response:
        """Keeps a note on a player."""
        await desk.known(key)
        return await desk.frame.keep_note(request, who, f"player:{key}", words, f"/players/{key}#notes")
