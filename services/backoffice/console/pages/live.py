"""The live board: a page, and the stream of events that moves it."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from services.backoffice.console.frame import Frame, Viewer
from services.backoffice.live.hub import Hub, TooManyViewers
from services.backoffice.live.stream import EventStream, turned_away


def routes(frame: Frame, hub: Hub) -> APIRouter:
    """The routes of the live board."""
    router = APIRouter(include_in_schema=False)

    @router.get("/live")
    async def page(request: Request, who: Viewer) -> Response:
        """The board, empty until its stream has begun."""
        del who
        return frame.page(request, "live.html", title="Live")

    @router.get("/live/stream")
    async def stream(who: Viewer) -> Response:
        """Events for the page: the whole board first, then what is new each second. Ends with the sign-in."""
        try:
            viewer = hub.join(who.token_sha256)
        except TooManyViewers:
            return turned_away("full")
        return EventStream(hub, viewer)

    return router
