"""The console's frame without a browser: requests from any address, with the cookies and forms that a browser would send."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, Final

import asyncpg
import httpx
from fastapi import APIRouter, FastAPI, Form, Request, Response

from services.backoffice.console.frame import Admin, Finance, Frame, Support, Viewer
from services.backoffice.console.oidc import Oidc
from services.backoffice.console.pages import oidc, preferences, signin, users
from services.backoffice.console.settings import ConsoleSettings
from shared.settings import load_settings
from shared.web.documented import Problems, publish
from shared.web.gate import Gate
from shared.web.problems import OVERLOADED, Problem

BASE: Final = "http://office.test"
PASSWORD: Final = "correct horse battery staple"
HTML: Final = {"Accept": "text/html", "Origin": BASE, "Sec-Fetch-Site": "same-origin"}
_TOKEN: Final = re.compile(r'name="csrf" value="([^"]+)"')


class NoKeys:
    """No key is valid."""

    async def find(self, token: str) -> None:
        """None."""
        del token


class Visitor(httpx.AsyncClient):
    """Somebody with a browser's manners, at `address`."""

    async def token(self, path: str = "/sign-in") -> str:
        """The token of a page's forms."""
        found = _TOKEN.search((await self.get(path)).text)
        assert found is not None
        return found[1]

    async def send_form(self, path: str, *, page: str = "/preferences", **fields: str) -> httpx.Response:
        """A form of `page`, sent to `path`."""
        return await self.post(path, data={"csrf": await self.token(page), **fields})

    async def sign_in(self, login: str, password: str = PASSWORD, **fields: str) -> httpx.Response:
        """Signs in by the form."""
        return await self.send_form("/sign-in", page="/sign-in", login=login, password=password, **fields)


def trial_pages(frame: Frame) -> APIRouter:
    """A page for each role, and one for each way to fail."""
    router = APIRouter()

    @router.get("/for/viewer")
    async def viewer(request: Request, who: Viewer) -> Response:
        return frame.partial(request, "error_part.html", told={"title": who.login, "detail": frame.address(request)})

    @router.post("/for/support")
    async def support(who: Support, words: Annotated[str, Form()] = "") -> str:
        return f"{who.login}: {words}"

    @router.post("/for/finance")
    async def finance(who: Finance) -> str:
        return who.login

    @router.get("/for/admin")
    async def admin(who: Admin) -> str:
        return who.login

    @router.get("/fails/{way}")
    async def fails(way: str) -> str:
        raise {
            "fault": RuntimeError("a fault with <script>"),
            "database": asyncpg.ConnectionDoesNotExistError("gone"),
            "problem": Problem(OVERLOADED, "<b>busy</b>"),
        }[way]

    @router.get("/v1/fails")
    async def api_fails() -> str:
        raise Problem(OVERLOADED, "busy")

    @router.get("/numbered/{number}")
    async def numbered(who: Viewer, number: int) -> int:
        del who
        return number

    @router.get("/number")
    async def number(who: Viewer, of: int) -> int:
        del who
        return of

    return router


@asynccontextmanager
async def console(pool: asyncpg.Pool, **settings: Any) -> AsyncIterator[tuple[Frame, FastAPI]]:
    """The frame with its own pages and the trial's, and with OIDC where the settings say so."""
    known = load_settings(ConsoleSettings, **settings)
    frame = Frame(pool, known)
    app = FastAPI(docs_url=None, redoc_url=None)
    publish(app, Problems(()))
    for part in (signin, preferences, users):
        app.include_router(part.routes(frame))
    app.include_router(trial_pages(frame))
    provider = Oidc(known) if known.oidc_issuer else None
    if provider is not None:
        app.include_router(oidc.routes(frame, provider))
    frame.install(app)
    yield frame, app
    if provider is not None:
        await provider.close()


def visitor(app: FastAPI, address: str = "192.0.2.9", *, base: str = BASE, **headers: str) -> Visitor:
    """A browser without cookies, somewhere."""
    transport = httpx.ASGITransport(Gate(app, NoKeys(), "backoffice"), client=(address, 4711))
    return Visitor(transport=transport, base_url=base, headers={**HTML, "Origin": base, **headers})
