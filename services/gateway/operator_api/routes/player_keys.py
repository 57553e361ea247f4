"""Players by our own key, for who reads our topics: they know players by nothing else. Nothing is changed here."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from services.gateway.operator_api import problems as p
from services.gateway.operator_api.desk import Desk
from services.gateway.operator_api.routes.players import Player, shown_player
from shared.contracts import GetPlayer, PlayerView
from shared.web.callers import Reads
from shared.web.documented import Problems

PlayerKeyPath = Annotated[
    str, Path(pattern=r"^[a-z2-7]{16}$", examples=["k5x2mdp7q3ra4zte"], description="Our own id of the player, as topics tell it.")
]


def routes(desk: Desk) -> APIRouter:
    """The routes of player keys."""
    router = APIRouter(prefix="/v1/player-keys", tags=["Players"])

    @router.get("/{player_key}", summary="Show the player behind a key", responses=Problems.documented(p.PLAYER_NOT_FOUND))
    async def show(player_key: PlayerKeyPath, caller: Reads) -> Player:
        """As by your own id, which is empty once the player was erased."""
        view = await desk.see(PlayerView, GetPlayer(**desk.query(caller.brand, player_key)))
        return shown_player(view, view.operator_player_id)

    return router
