"""The console around its pages: who looks, navigation, forms, messages, error pages. It knows no page's content.

`install` puts it into the application: everything but the API, its documentation, health and the sign-in itself then asks
for a sign-in, every POST for its form's token, and errors are pages for people and problem documents below /v1.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import asyncpg
from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles

from services.backoffice.console import errors, guard, proxied
from services.backoffice.console.addresses import client_address
from services.backoffice.console.render import make_environment, render, zone_of, zones
from services.backoffice.console.settings import ROLES, ConsoleSettings, Role
from services.backoffice.console.who import FORM_TOKEN, SIGNED_IN, Admin, Finance, SignedIn, Support, Viewer, safe_next
from services.backoffice.office.audit import AuditLog, Deed
from services.backoffice.office.passwords import Passwords
from services.backoffice.office.sign_ins import Found, SignIns
from services.backoffice.office.users import Users

__all__ = ["Admin", "Finance", "Frame", "SignedIn", "Support", "Viewer"]

ASSETS: Final = Path(__file__).parent / "assets"
FLASH, ZONE, THEME = "stakewire-flash", "stakewire-zone", "stakewire-theme"
FLASH_CHARS_MAX: Final = 600
YEAR_S: Final = 31_536_000
THEMES: Final = ("auto", "light", "dark")


@dataclass(frozen=True, slots=True)
class Link:
    """An entry of the navigation; shown to who has the role."""

    url: str
    name: str
    role: Role = "viewer"


LINKS: Final[Sequence[Link]] = (
    Link("/", "Overview"),
    Link("/live", "Live"),
    Link("/players", "Players"),
    Link("/games", "Games"),
    Link("/reports", "Reports"),
    Link("/watch", "Watch lists"),
    Link("/integrations", "Integrations"),
    Link("/findings", "Findings"),
    Link("/doctor", "Doctor"),
    Link("/users", "Users", "admin"),
    Link("/audit", "Audit log", "admin"),
)


class Frame:
    """One for the process."""

    def __init__(self, pool: asyncpg.Pool, settings: ConsoleSettings) -> None:
        self.settings = settings
        self.sign_ins = SignIns(pool, settings.idle_s, settings.absolute_s)
        self.audit_log = AuditLog(pool)
        self.users = Users(pool, self.sign_ins, self.audit_log, Passwords())
        self._environment = make_environment()

    def install(self, app: FastAPI) -> None:
        """Adds assets, error pages and the guard. After `shared.web.documented.publish`, before the application serves."""
        app.mount("/static", StaticFiles(directory=ASSETS), name="static")
        errors.install(app, self)
        app.add_middleware(guard.Guard, frame=self)

    async def recognised(self, request: Request, found: Found | None, answer: Response) -> Found | None:
        """Who has signed in, by his cookie or by what a trusted proxy says; cookies for it go into `answer`."""
        return await proxied.recognised(self, request, found, answer)

    # --- pages ----------------------------------------------------------------------------------------------------------

    def page(self, request: Request, template: str, *, title: str, status_code: int = 200, **values: Any) -> HTMLResponse:
        """A whole page. Templates extend `base.html` and see `user`, `csrf_token`, `zone` and what `values` has."""
        flash = _flash(request)
        content = render(self._environment, template, self._values(request) | {"title": title, "flash": flash} | values)
        answer = HTMLResponse(content, status_code)
        if flash is not None:
            answer.delete_cookie(FLASH, path="/")
        return answer

    def partial(self, request: Request, template: str, *, status_code: int = 200, **values: Any) -> HTMLResponse:
        """A piece of a page, for htmx."""
        return HTMLResponse(render(self._environment, template, self._values(request) | values), status_code)

    def redirect(self, request: Request, to: str, *, told: str = "", kind: str = "good") -> RedirectResponse:
        """On to another page of ours after a POST; it shows `told` once. `kind`: good, bad, note."""
        answer = RedirectResponse(safe_next(to), 303)
        if told:
            self.set_cookie(request, answer, FLASH, _packed(kind, told), 60)
        return answer

    def set_cookie(self, request: Request, answer: Response, name: str, value: str, max_age_s: int | None) -> None:
        """A cookie that no script and no other site sees."""
        answer.set_cookie(name, value, max_age=max_age_s, path="/", secure=self.is_secure(request), httponly=True, samesite="lax")

    # --- sign-in --------------------------------------------------------------------------------------------------------

    async def sign_in(self, request: Request, login: str, answer: Response) -> Response:
        """Opens a sign-in under a new token, in place of the one that the request has."""
        await self.open(request, login, answer)
        return answer

    async def open(self, request: Request, login: str, answer: Response) -> str:
        """As `sign_in`; the new token, whose cookie goes into `answer`."""
        name = guard.session_cookie(secure=self.is_secure(request))
        address = self.address(request)
        opened = await self.sign_ins.open(login, address, instead_of=request.cookies.get(name, ""))
        self.set_cookie(request, answer, name, opened.token, None)
        await self.audit_log.note(Deed(login=login, action="sign_in", object=f"user:{login}", address=address))
        return opened.token

    def signed_out(self, request: Request, answer: Response) -> Response:
        """Takes the cookie away; the sign-in itself is closed already."""
        name = guard.session_cookie(secure=self.is_secure(request))
        answer.delete_cookie(name, path="/", secure=self.is_secure(request), httponly=True, samesite="lax")
        return answer

    async def noted_attempt(self, login: str, address: str) -> None:
        """A sign-in that failed. The login is what somebody typed."""
        await self.audit_log.note(Deed(login=login, action="sign_in", object=f"user:{login}", outcome="refused", address=address))

    # --- what a request tells -------------------------------------------------------------------------------------------

    def is_secure(self, request: Request) -> bool:
        """Whether people reach the console by https."""
        return request.url.scheme == "https" or self.settings.url.startswith("https://")

    def address(self, request: Request) -> str:
        """Where a request comes from: a trusted proxy is believed."""
        return client_address(request.scope, self.settings.networks)

    async def note(self, request: Request, who: SignedIn, action: str, subject: str, **more: str) -> None:
        """A line of the audit log. `more`: before, after, reason, outcome (done, refused, failed, unknown)."""
        await self.audit_log.note(Deed(login=who.login, action=action, object=subject, address=self.address(request), **more))

    async def keep_note(self, request: Request, who: SignedIn, subject: str, words: str, back: str) -> Response:
        """Keeps a note on `subject` and leads back; an empty one is refused."""
        if not words.strip():
            return self.redirect(request, back, told="Write something first.", kind="bad")
        await self.audit_log.add_note(who.login, subject, words.strip())
        await self.note(request, who, "note.add", subject, after=words.strip())
        return self.redirect(request, back, told="The note is kept.")

    def _values(self, request: Request) -> dict[str, Any]:
        user = request.scope.get(SIGNED_IN)
        theme = request.cookies.get(THEME, "auto")
        path = request.url.path
        return {
            "request_path": path,
            "here": path + (f"?{request.url.query}" if request.url.query else ""),
            "user": user,
            "csrf_token": user.csrf if user else request.scope.get(FORM_TOKEN, ""),
            "zone": zone_of(request.cookies.get(ZONE, "UTC")).key,
            "zones": zones,
            "theme": theme if theme in THEMES else "auto",
            "links": [link for link in LINKS if user and user.may(link.role)],
            "roles": ROLES,
            "is_here": lambda url: path == url or (url != "/" and path.startswith(f"{url}/")),
        }


def _packed(kind: str, text: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([kind, text[:FLASH_CHARS_MAX]]).encode()).decode()


def _flash(request: Request) -> tuple[str, str] | None:
    """What the page before wanted to be told. Nobody else can set it; where somebody could, it is text and no more."""
    packed = request.cookies.get(FLASH, "")
    if not packed:
        return None
    try:
        kind, text = json.loads(base64.urlsafe_b64decode(packed.encode()))
    except (ValueError, TypeError, binascii.Error):
        return None
    return (kind if kind in {"good", "bad", "note"} else "note", str(text)[:FLASH_CHARS_MAX])
