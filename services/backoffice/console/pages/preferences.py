"""One's own settings: time zone, light or dark, password, sign-ins."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from services.backoffice.console.frame import THEME, THEMES, YEAR_S, ZONE, Frame, Viewer
from services.backoffice.console.render import zones
from services.backoffice.office.errors import OfficeError
from services.backoffice.office.users import By

Text = Annotated[str, Form(max_length=400)]


def routes(frame: Frame) -> APIRouter:
    """The routes of one's own settings."""
    router, users = APIRouter(include_in_schema=False), frame.users

    @router.get("/preferences")
    async def page(request: Request, who: Viewer) -> Response:
        """What one may choose for oneself."""
        return frame.page(
            request, "preferences.html", title="Settings", open_count=await frame.sign_ins.count(who.login), zones=zones()
        )

    @router.post("/preferences")
    async def choose(request: Request, who: Viewer, zone: Text = "UTC", theme: Text = "auto") -> Response:
        """Keeps zone and colours in cookies: of this browser, not of the person."""
        del who
        answer = frame.redirect(request, "/preferences", told="Kept for this browser.")
        frame.set_cookie(request, answer, ZONE, zone if zone in zones() else "UTC", YEAR_S)
        frame.set_cookie(request, answer, THEME, theme if theme in THEMES else "auto", YEAR_S)
        return answer

    @router.post("/preferences/password")
    async def change_password(request: Request, who: Viewer, old: Text = "", new: Text = "", again: Text = "") -> Response:
        """Another password; every other sign-in ends, this one goes on under a new token."""
        if new != again:
            return frame.redirect(request, "/preferences", told="The new password was not typed the same twice.", kind="bad")
        try:
            await frame.sign_ins.attempt(who.login, frame.address(request))
            await users.change_password(who.login, old, new, By(who.login, frame.address(request)))
        except OfficeError as error:
            return frame.redirect(request, "/preferences", told=str(error), kind="bad")
        await frame.sign_ins.forgive(who.login, frame.address(request))
        return await frame.sign_in(request, who.login, frame.redirect(request, "/preferences", told="The password is changed."))

    @router.post("/preferences/sign-out-everywhere")
    async def sign_out_everywhere(request: Request, who: Viewer) -> Response:
        """Ends all sign-ins of this person."""
        await frame.sign_ins.close_all(who.login)
        await frame.note(request, who, "sign_out_everywhere", f"user:{who.login}")
        return frame.signed_out(request, frame.redirect(request, "/sign-in"))

    return router
