"""The two ends of a sign-in by OpenID Connect: off to the provider, and back."""

from __future__ import annotations

import base64
from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from services.backoffice.console.frame import Frame
from services.backoffice.console.oidc import CALLBACK, Flow, Oidc, OidcAway, OidcRefused
from services.backoffice.console.settings import Role
from services.backoffice.console.who import safe_next
from services.backoffice.office.errors import OfficeError
from services.backoffice.office.users import By, UserRefused, login_of

COOKIE: Final = "stakewire-oidc"
SECONDS: Final = 600
SOURCE: Final = "oidc"


def routes(frame: Frame, oidc: Oidc) -> APIRouter:
    """The routes of OpenID Connect."""
    router = APIRouter(include_in_schema=False)

    def refused(request: Request, error: OfficeError) -> Response:
        status = 502 if isinstance(error, OidcAway) else 403
        made = frame.page(
            request, "sign_in.html", title="Sign in", status_code=status, next="/", login="", told=str(error),
            passwords=frame.settings.passwords, oidc=frame.settings.oidc_name,
        )  # fmt: skip
        made.delete_cookie(COOKIE, path="/oidc/")
        return made

    @router.get("/oidc/start")
    async def start(request: Request, to: Annotated[str, Query(alias="next", max_length=4_000)] = "/") -> Response:
        """Off to the provider; the browser keeps what it has to bring back."""
        try:
            url, flow = await oidc.begin(safe_next(to))
        except OidcAway as error:
            return refused(request, error)
        answer = RedirectResponse(url, 303)
        answer.set_cookie(
            COOKIE, _packed(flow), max_age=SECONDS, path="/oidc/", secure=frame.is_secure(request), httponly=True, samesite="lax"
        )
        return answer

    @router.get(CALLBACK)
    async def callback(request: Request) -> Response:
        """Back from the provider: signs in whom it names, with the role that his groups give."""
        address, login = frame.address(request), "?"
        try:
            flow = _unpacked(request.cookies.get(COOKIE, ""))
            person = await oidc.finish(flow, dict(request.query_params))
            login = login_of(person.login)
            role = _role(frame, login, person.groups)
            await frame.users.come_from(SOURCE, login, person.name, role, By(login, address))
        except (OidcRefused, OidcAway, UserRefused) as error:
            await frame.noted_attempt(login, address)
            return refused(request, error)
        answer = RedirectResponse(safe_next(flow.next), 303)
        answer.delete_cookie(COOKIE, path="/oidc/")
        return await frame.sign_in(request, login, answer)

    return router


def _role(frame: Frame, login: str, groups: list[str]) -> Role:
    role = frame.settings.role_for(groups)
    if role is None:
        raise OidcRefused(f"{login!r} has none of the groups that may use this console. An administrator can give one of them.")
    return role


def _packed(flow: Flow) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(flow)).decode()


def _unpacked(text: str) -> Flow:
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(text.encode()), type=Flow)
    except (ValueError, msgspec.MsgspecError) as error:
        raise OidcRefused("This sign-in was not begun in this browser, or too long ago. Begin again.") from error
