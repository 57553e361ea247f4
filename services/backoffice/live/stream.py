"""The answer that never ends by itself: a viewer's events, until he goes, is signed out, or takes nothing any more."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from services.backoffice.live import frames
from services.backoffice.live.hub import Hub, Viewer

SEND_LIMIT_S: Final = 30.0
STREAM_LIMIT_S: Final = 3_600.0
"""After that the page connects again by itself: no connection is for ever."""

HEADERS: Final = {
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # a proxy that gathers what it passes on would hold the events back
}


class EventStream(Response):
    """Sends a viewer's frames. A browser's `Last-Event-ID` needs no answer: every stream begins with the whole board."""

    media_type = frames.CONTENT_TYPE

    def __init__(self, hub: Hub, viewer: Viewer) -> None:
        super().__init__(headers=HEADERS)
        self._hub = hub
        self._viewer = viewer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One stream."""
        del scope
        headers = [(name, value) for name, value in self.raw_headers if name != b"content-length"]
        gone = asyncio.create_task(_disconnected(receive), name="live-viewer")
        try:
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STREAM_LIMIT_S):
                    await self._send_frames(gone, send)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except OSError:
            pass  # the browser has gone while something was sent to it
        finally:
            gone.cancel()
            self._hub.leave(self._viewer)

    async def _send_frames(self, gone: asyncio.Task[None], send: Send) -> None:
        frame, last = frames.OPENING, False
        while not gone.done():
            async with asyncio.timeout(SEND_LIMIT_S):
                await send({"type": "http.response.body", "body": frame, "more_body": True})
            if last:
                return
            taking = asyncio.create_task(self._viewer.take())
            await asyncio.wait({taking, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not taking.done():
                taking.cancel()
                return
            frame, last = taking.result()


def turned_away(why: frames.Ended) -> Response:
    """A stream that ends at once: a browser does not tell its page what another status would say."""
    return Response(frames.over(why), headers=HEADERS, media_type=frames.CONTENT_TYPE)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
