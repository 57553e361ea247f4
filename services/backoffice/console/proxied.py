"""Sign-in by a trusted proxy: it names in a header who has signed in there. From anybody else the header is not looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi import Request, Response
from starlette.exceptions import HTTPException

from services.backoffice.console.addresses import is_trusted, peer
from services.backoffice.office.users import By, UserRefused, login_of

if TYPE_CHECKING:
    from services.backoffice.console.frame import Frame
    from services.backoffice.console.settings import Role
    from services.backoffice.office.sign_ins import Found

SOURCE = "proxy"


@dataclass(frozen=True, slots=True)
class _Told:
    """Whom the proxy names, and the role that his groups give."""

    login: str
    role: Role


async def recognised(frame: Frame, request: Request, found: Found | None, answer: Response) -> Found | None:
    """Who has signed in: whom a trusted proxy names, else who is behind the cookie.

    A new person gets a sign-in of ours, whose cookie goes into `answer`: forms have their tokens from it.
    """
    told = _told(frame, request)
    if told is None:
        return found
    if found is not None and (found.login, found.role, found.source) == (told.login, told.role, SOURCE):
        return found
    address = frame.address(request)
    try:
        await frame.users.come_from(SOURCE, told.login, told.login, told.role, By(told.login, address))
    except UserRefused as error:
        raise HTTPException(403, str(error)) from error
    token = await frame.open(request, told.login, answer)
    return await frame.sign_ins.find(token)


def _told(frame: Frame, request: Request) -> _Told | None:
    settings = frame.settings
    if not settings.proxy_user_header or not is_trusted(peer(request.scope), settings.networks):
        return None
    names = request.headers.getlist(settings.proxy_user_header)
    if not names or not names[0].strip():
        return None
    if len(names) > 1:
        raise HTTPException(
            403, f"The header {settings.proxy_user_header} came more than once: the proxy has to replace what a browser sends."
        )
    try:
        login = login_of(names[0])
    except UserRefused as error:
        raise HTTPException(403, str(error)) from error
    headers = request.headers.getlist(settings.proxy_role_header) if settings.proxy_role_header else []
    role = settings.role_for([group.strip() for header in headers for group in header.split(",")])
    if role is None:
        raise HTTPException(
            403, f"{login!r} has none of the groups that may use this console. An administrator can give one of them."
        )
    return _Told(login, role)
