"""Signing in with a login and a password, and signing out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from services.backoffice.console.frame import Frame, Viewer
from services.backoffice.console.who import SIGNED_IN, NotSignedIn, safe_next
from services.backoffice.office.errors import TooManyAttempts
from services.backoffice.office.passwords import CHARS_MAX
from services.backoffice.office.users import UserRefused, login_of

WRONG = "Login or password are not right."
Text = Annotated[str, Form(max_length=4_000)]


def routes(frame: Frame) -> APIRouter:
    """The routes of signing in and out."""
    router = APIRouter(include_in_schema=False)

    @router.get("/sign-in")
    async def sign_in_page(request: Request, to: Annotated[str, Query(alias="next", max_length=4_000)] = "/") -> Response:
        """The form; who has signed in already goes on."""
        if request.scope.get(SIGNED_IN):
            return RedirectResponse(safe_next(to), 303)
        return _form(frame, request, to)

    @router.post("/sign-in")
    async def sign_in(
        request: Request, login: Text = "", password: Text = "", to: Annotated[str, Form(alias="next", max_length=4_000)] = "/"
    ) -> Response:
        """Opens a sign-in under a new token."""
        if not frame.settings.passwords:
            raise NotSignedIn("nobody signs in with a password here")
        return await _sign_in(frame, request, login, password, to)

    @router.post("/sign-out")
    async def sign_out(request: Request, who: Viewer) -> Response:
        """Ends this sign-in."""
        await frame.sign_ins.close(who.token_sha256)
        return frame.signed_out(request, RedirectResponse("/sign-in", 303))

    return router


async def _sign_in(frame: Frame, request: Request, login: str, password: str, to: str) -> Response:
    address = frame.address(request)
    try:
        known = login_of(login)
    except UserRefused:
        known = ""
    try:
        await frame.sign_ins.attempt(known or "?", address)
        right = await frame.users.is_password_of(known, password if len(password) <= CHARS_MAX else "")
    except TooManyAttempts as error:
        return _form(frame, request, to, login=login[:64], told=str(error), status=429, wait_s=error.wait_s)
    if not right:
        await frame.noted_attempt(known or login[:64], address)
        return _form(frame, request, to, login=login[:64], told=WRONG, status=401)
    await frame.sign_ins.forgive(known, address)
    return await frame.sign_in(request, known, RedirectResponse(safe_next(to), 303))


def _form(
    frame: Frame, request: Request, to: str, *, login: str = "", told: str = "", status: int = 200, wait_s: int = 0
) -> Response:
    made = frame.page(
        request,
        "sign_in.html",
        title="Sign in",
        status_code=status,
        next=safe_next(to),
        login=login,
        told=told,
        passwords=frame.settings.passwords,
        oidc=frame.settings.oidc_name if frame.settings.oidc_issuer else "",
    )
    if wait_s:
        made.headers["retry-after"] = str(wait_s)
    return made
