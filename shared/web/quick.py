"""A short way for requests that are many and mostly right: answered past the framework's general machinery.

FastAPI takes a request apart piece by piece, which lasts longer than asking the wallet. A shortcut answers what is plainly
right and leaves everything else to the route of the same path, which describes it and says what is wrong with it. It
stands behind the gate: the caller's key is known.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from fastapi import Request, Response
from starlette.requests import ClientDisconnect
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.web.problems import MALFORMED_BODY, Problem

JSON: Final = "application/json"
Quick = Callable[[Request, bytes], Awaitable[Response] | None]
"""The answer to a request with this body; None for one that is not plainly right. May raise Problem."""


class Shortcut:
    """One short way: POST requests with plain JSON to `path`, whose parts in braces are the request's `path_params`."""

    def __init__(self, path: str, handler: Quick) -> None:
        self.path = path
        self.handler = handler
        self.fits = compile_path(path)[0].fullmatch


class Shortcuts:
    """The short ways, in front of the application."""

    def __init__(self, app: ASGIApp, ways: Iterable[Shortcut]) -> None:
        self._app = app
        self._ways = tuple(ways)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        way = self._way(scope) if scope["type"] == "http" and scope["method"] == "POST" else None
        if way is None:
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        if request.headers.get("content-type") != JSON:
            await self._app(scope, receive, send)
            return
        try:
            body = await request.body()
        except ClientDisconnect as error:
            raise Problem(MALFORMED_BODY, "the caller went before the body was whole") from error
        attempt = way.handler(request, body)
        if attempt is None:
            await self._app(scope, _once_more(body, receive), send)
            return
        scope["route"] = way  # as a route of the framework does, for the metrics
        response = await attempt
        await response(scope, receive, send)

    def _way(self, scope: Scope) -> Shortcut | None:
        for way in self._ways:
            match = way.fits(scope["path"])
            if match is not None:
                scope["path_params"] = match.groupdict()
                return way
        return None


def _once_more(body: bytes, receive: Receive) -> Receive:
    """Gives the body again, then whatever comes next."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def read() -> Message:
        return messages.pop() if messages else await receive()

    return read
