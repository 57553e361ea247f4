"""Errors as people see them: a page that says what happened and what to do. Below /v1/ they stay problem documents."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from services.backoffice.console.who import NotSignedIn, RoleMissing, sign_in_url
from shared.database.away import DATABASE_AWAY
from shared.web.documented import invalid
from shared.web.gate import GUARDED, REQUEST_ID
from shared.web.problems import Problem

if TYPE_CHECKING:
    from services.backoffice.console.frame import Frame

log = structlog.get_logger(__name__)

Handler = Callable[[Request, Exception], Response | Awaitable[Response]]
OURS: Final = (Problem, RequestValidationError, HTTPException, NotSignedIn, RoleMissing, *DATABASE_AWAY)
_TITLES: Final = {
    400: "The request cannot be read",
    403: "You may not do this",
    404: "There is nothing here",
    405: "This cannot be done here",
    413: "That is too much",
    429: "Too many requests",
    503: "Not available right now",
}
_ADVICE: Final = {
    400: "Go back, and send the form again.",
    403: "Go back and reload the page. If you need this often, ask an administrator for the role.",
    404: "Check the address, or search for what you want.",
    405: "Go back, and use the page's own buttons.",
}


@dataclass(frozen=True, slots=True)
class Told:
    """What an error page says."""

    status: int
    title: str
    detail: str
    advice: str
    errors: list[dict[str, str]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)


def install(app: FastAPI, frame: Frame) -> None:
    """Puts pages in the place of documents for all that is not below /v1/."""
    for kind in OURS:
        app.add_exception_handler(kind, _handler(frame, app.exception_handlers.get(kind)))


def _handler(frame: Frame, of_api: Handler | None) -> Handler:
    async def handle(request: Request, error: Exception) -> Response:
        if not request.url.path.startswith(GUARDED):
            return answer(frame, request, error)
        if of_api is None:
            raise error
        made = of_api(request, error)
        return made if isinstance(made, Response) else await made

    return handle


def answer(frame: Frame, request: Request, error: Exception) -> Response:
    """The page for an error; for a piece of a page that htmx asked for, a short text with the same status."""
    by_htmx = request.headers.get("hx-request") == "true"
    if isinstance(error, NotSignedIn):
        return _to_sign_in(frame, request, by_htmx=by_htmx)
    told = explain(error, request.url.path)
    template = "error_part.html" if by_htmx else "error.html"
    values: dict[str, Any] = {"told": told, "request_id": request.scope.get(REQUEST_ID, "")}
    if by_htmx:
        made = frame.partial(request, template, status_code=told.status, **values)
    else:
        made = frame.page(request, template, title=told.title, status_code=told.status, **values)
    made.headers.update(told.headers)
    return made


def _to_sign_in(frame: Frame, request: Request, *, by_htmx: bool) -> Response:
    url = sign_in_url(request)
    if by_htmx or "text/event-stream" in request.headers.get("accept", ""):
        return Response("sign in", 401, headers={"HX-Redirect": "/sign-in"}, media_type="text/plain")
    made = frame.redirect(request, "/")
    made.headers["location"] = url
    return made


def explain(error: Exception, path: str) -> Told:
    """An error in words. What nobody foresaw is logged and told as a fault of ours."""
    if isinstance(error, RequestValidationError):
        return _not_acceptable(invalid(error))
    if isinstance(error, Problem):
        found = error.facts.get("errors", [])
        return Told(error.kind.status, error.kind.title, error.detail, error.advice, found, error.headers)
    if isinstance(error, RoleMissing):
        return Told(403, _TITLES[403], str(error), f"Ask an administrator for the role {error.needed!r}, or somebody who has it.")
    if isinstance(error, HTTPException):
        status = error.status_code
        title = _TITLES.get(status, HTTPStatus(status).phrase)
        standard = HTTPStatus(status).phrase
        detail = "" if error.detail == standard else str(error.detail)
        return Told(status, title, detail, _ADVICE.get(status, "Go back and try again."), [], dict(error.headers or {}))
    if isinstance(error, DATABASE_AWAY):
        log.error("the database did not answer a page", cause=repr(error), path=path[:200])
        return Told(
            503, _TITLES[503], "The office's records cannot be reached.", "Try again in a moment.", [], {"retry-after": "2"}
        )
    log.error("a page failed because of a fault of ours", path=path[:200], exc_info=error)
    advice = "Try again; if it stays, tell the operator of this system the request's id."
    return Told(500, "Something went wrong here", "The page was not finished because of a fault of ours.", advice)


def _not_acceptable(problem: Problem) -> Told:
    """Values that cannot be, without the words of an interface: where in a request they stood is nothing to people."""
    found = [each["field"].partition(".") for each in problem.facts["errors"]]
    errors = [
        {"field": name or place, "message": each["message"]}
        for (place, _, name), each in zip(found, problem.facts["errors"], strict=True)
    ]
    of_address = all(place == "path" for place, _, _ in found)
    advice = "Check the address, or search for what you want." if of_address else "Go back, and correct what is listed."
    title = "There is no such address" if of_address else problem.kind.title
    detail = "; ".join(f"{each['field']}: {each['message']}" for each in errors[:3])
    return Told(problem.kind.status, title, detail, advice, errors)
