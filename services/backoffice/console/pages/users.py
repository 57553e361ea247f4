"""The office's users, for admins: add, change a role, disable, reset a password. A new password is shown once, on this page alone."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Annotated

from fastapi import APIRouter, Form, Path, Request, Response

from services.backoffice.console.frame import Admin, Frame, SignedIn
from services.backoffice.office.errors import OfficeError
from services.backoffice.office.users import By

Text = Annotated[str, Form(max_length=200)]
LoginPath = Annotated[str, Path(max_length=64, pattern=r"^[a-z0-9][a-z0-9._@+-]*$")]


def routes(frame: Frame) -> APIRouter:
    """The routes of users."""
    router = APIRouter(include_in_schema=False)
    desk = _Desk(frame)
    _add_people(router, desk)
    _add_changes(router, desk)
    return router


class _Desk:
    """What the routes share."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self.users = frame.users

    async def shown(self, request: Request, fresh: tuple[str, str] | None = None) -> Response:
        return self.frame.page(request, "users.html", title="Users", users=await self.users.all(), fresh=fresh)

    def by(self, request: Request, who: SignedIn) -> By:
        return By(who.login, self.frame.address(request))

    async def attempt(
        self, request: Request, who: SignedIn, action: str, login: str, change: Awaitable[None], done: str
    ) -> Response:
        """A change and the way back; what is refused is noted too."""
        try:
            await change
        except OfficeError as error:
            return await self.refused(request, who, action, login, error)
        return self.frame.redirect(request, "/users", told=done)

    async def refused(self, request: Request, who: SignedIn, action: str, login: str, error: OfficeError) -> Response:
        await self.frame.note(request, who, action, f"user:{login[:64]}", after=str(error), outcome="refused")
        return self.frame.redirect(request, "/users", told=str(error), kind="bad")


def _add_people(router: APIRouter, desk: _Desk) -> None:
    @router.get("/users")
    async def page(request: Request, who: Admin) -> Response:
        """Everybody who may sign in, or might."""
        del who
        return await desk.shown(request)

    @router.post("/users")
    async def add(request: Request, who: Admin, login: Text = "", name: Text = "", role: Text = "") -> Response:
        """A new user, with a password that is shown now and never again."""
        try:
            password = await desk.users.add(login, name.strip(), role, desk.by(request, who))
        except OfficeError as error:
            return await desk.refused(request, who, "user.add", login, error)
        return await desk.shown(request, (login.strip().lower(), password))

    @router.post("/users/{login}/password")
    async def reset_password(request: Request, who: Admin, login: LoginPath) -> Response:
        """A new password, shown now and never again; he is signed out everywhere."""
        try:
            password = await desk.users.reset_password(login, desk.by(request, who))
        except OfficeError as error:
            return await desk.refused(request, who, "user.reset_password", login, error)
        return await desk.shown(request, (login, password))


def _add_changes(router: APIRouter, desk: _Desk) -> None:
    @router.post("/users/{login}/role")
    async def set_role(request: Request, who: Admin, login: LoginPath, role: Text = "") -> Response:
        """Another role; it holds from his next click."""
        change = desk.users.set_role(login, role, desk.by(request, who))
        return await desk.attempt(request, who, "user.role", login, change, f"{login} has the role {role} now.")

    @router.post("/users/{login}/disable")
    async def disable(request: Request, who: Admin, login: LoginPath) -> Response:
        """He is signed out everywhere and cannot sign in any more."""
        change = desk.users.set_disabled(login, desk.by(request, who), disabled=True)
        return await desk.attempt(request, who, "user.disable", login, change, f"{login} is disabled and signed out.")

    @router.post("/users/{login}/enable")
    async def enable(request: Request, who: Admin, login: LoginPath) -> Response:
        """He may sign in again."""
        change = desk.users.set_disabled(login, desk.by(request, who), disabled=False)
        return await desk.attempt(request, who, "user.enable", login, change, f"{login} may sign in again.")
