"""What stands before the console's pages: who has signed in, forms' tokens, security headers, the last word on failures.

Pure ASGI, inside the application and around its routes. What is not listed as open asks for a sign-in, so no page can
forget it; pages ask for roles by their dependencies. Below /v1/ keys decide, and nothing here does.
"""

from __future__ import annotations

import hmac
import secrets
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import structlog
from fastapi import Request, Response
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.backoffice.console import errors
from services.backoffice.console.settings import ROLES
from services.backoffice.console.who import FORM_TOKEN, SIGNED_IN, NotSignedIn, SignedIn
from shared.web.gate import GUARDED
from shared.web.problems import BODY_TOO_LARGE, MALFORMED_BODY, Problem

if TYPE_CHECKING:
    from services.backoffice.console.frame import Frame

log = structlog.get_logger(__name__)

OPEN: Final = ("/sign-in", "/docs", "/openapi.json")
OPEN_BELOW: Final = ("/oidc/", "/problems/")
PASSED_BELOW: Final = (GUARDED, "/static/", "/assets/", "/health/", "/metrics")
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
FORM_COOKIE: Final = "stakewire-form"
SESSION_COOKIE: Final = "stakewire-console"
CSRF_FIELD, CSRF_HEADER = "csrf", "x-csrf-token"
FORM_BYTES_MAX: Final = 1_048_576
FORM_FIELDS_MAX: Final = 300
CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "content-security-policy": CSP,
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "x-frame-options": "DENY",
}
HTTPS_ONLY: Final = "max-age=31536000"


def session_cookie(*, secure: bool) -> str:
    """The cookie's name: with https its prefix keeps other hosts and paths from setting it."""
    return f"__Host-{SESSION_COOKIE}" if secure else SESSION_COOKIE


class Guard:
    """The middleware."""

    def __init__(self, app: ASGIApp, frame: Frame) -> None:
        self._app = app
        self._frame = frame

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http" or scope["path"].startswith(PASSED_BELOW):
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        answer = _Answer(send, secure=self._frame.is_secure(request))
        try:
            receive = await self._admit(request, answer)
            await self._app(scope, receive, answer.send)
        except ClientDisconnect:
            log.info("who asked has gone before the answer", path=scope["path"][:200])
        except Exception as error:
            if answer.begun:
                raise
            told = errors.answer(self._frame, request, error)
            await told(scope, receive, answer.send)

    async def _admit(self, request: Request, answer: _Answer) -> Receive:
        who = await self._who(request, answer)
        request.scope[SIGNED_IN] = who
        if who is None:
            answer.form_token = self._form_token(request)
        if who is None and request.url.path not in OPEN and not request.url.path.startswith(OPEN_BELOW):
            raise NotSignedIn("nobody has signed in")
        if request.method in SAFE:
            return request.receive
        return await _checked(request, who.csrf if who else request.cookies.get(FORM_COOKIE, ""), self._frame.settings.url)

    async def _who(self, request: Request, answer: _Answer) -> SignedIn | None:
        token = request.cookies.get(session_cookie(secure=self._frame.is_secure(request)), "")
        found = await self._frame.sign_ins.find(token) if token else None
        found = await self._frame.recognised(request, found, answer.added)
        if found is None:
            return None
        if found.stale:
            await self._frame.sign_ins.seen(found)
        role = next(role for role in ROLES if role == found.role)
        return SignedIn(found.login, found.name, role, found.csrf, found.source, found.token_sha256)

    def _form_token(self, request: Request) -> str:
        """The token of forms before sign-in: in a cookie and in the form. What it returns is new and has to be set."""
        known = request.cookies.get(FORM_COOKIE, "")
        token = known if len(known) >= 32 and known.isascii() else secrets.token_urlsafe(32)  # noqa: PLR2004  # as made here
        request.scope[FORM_TOKEN] = token
        return "" if token == known else token


async def _checked(request: Request, expected: str, own_url: str) -> Receive:
    """Refuses a form that is not from a page of ours; the body, to be read again."""
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"} or not _from_here(request, own_url):
        raise HTTPException(403, "The form was sent by another site. Nothing was done.")
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > FORM_BYTES_MAX:
            raise Problem(BODY_TOO_LARGE, f"at most {FORM_BYTES_MAX} bytes are taken")
    told = request.headers.get(CSRF_HEADER, "") or await _token_in(request.scope, bytes(body))
    if not expected or not hmac.compare_digest(told.encode(), expected.encode()):
        raise HTTPException(403, "The form's token is missing or not yours any more. Nothing was done: open the page again.")
    return _again(bytes(body), request.receive)


def _from_here(request: Request, own_url: str) -> bool:
    origin = request.headers.get("origin")
    if origin is None:
        return True
    if origin == "null":  # what a browser says of a form on a page that sends no referrer, as ours
        return request.headers.get("sec-fetch-site") == "same-origin"
    own = {request.headers.get("host", "").lower()} | ({urlsplit(own_url).netloc.lower()} if own_url else set())
    return urlsplit(origin).netloc.lower() in own


async def _token_in(scope: Scope, body: bytes) -> str:
    try:
        form = await Request(scope, _again(body, _nothing)).form(max_files=1, max_fields=FORM_FIELDS_MAX)
    except HTTPException as error:
        raise Problem(MALFORMED_BODY, str(error.detail)) from error
    try:
        told = form.get(CSRF_FIELD, "")
        return told if isinstance(told, str) else ""
    finally:
        await form.close()


async def _nothing() -> Message:
    return {"type": "http.disconnect"}


def _again(body: bytes, receive: Receive) -> Receive:
    """Gives the body again, then whatever comes next."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def read() -> Message:
        return messages.pop() if messages else await receive()

    return read


class _Answer:
    """The way of an answer out: security headers, and cookies that the guard sets."""

    def __init__(self, send: Send, *, secure: bool) -> None:
        self._send = send
        self._secure = secure
        self.begun = False
        self.form_token = ""
        self.added = Response()
        """Cookies that go with whatever is answered."""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            headers = MutableHeaders(raw=list(message.get("headers", ())))
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            if self._secure:
                headers.setdefault("strict-transport-security", HTTPS_ONLY)
            if self.form_token:
                self.added.set_cookie(FORM_COOKIE, self.form_token, path="/", secure=self._secure, httponly=True, samesite="strict")
            for cookie in self.added.headers.getlist("set-cookie"):
                headers.append("set-cookie", cookie)
            message["headers"] = headers.raw
        await self._send(message)
