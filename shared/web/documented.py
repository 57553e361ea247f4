"""A FastAPI application as we publish it: problem documents, OpenAPI 3.1, documentation pages without foreign assets."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from shared.web import problems
from shared.web.gate import GUARDED, REQUEST_ID
from shared.web.problems import MEDIA_TYPE, Problem, ProblemType

ASSETS: Final = Path(__file__).parent / "assets"
ERRORS_MAX: Final = 20
MESSAGE_CHARS_MAX: Final = 300
REQUIRED_MARK: Final = "x-required"
"""In the schema of a parameter that is optional to the framework: it is documented as required, and its lack has a problem of its own."""

_CSP: Final = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'"
_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="/assets/swagger-ui/favicon-32x32.png">
<link rel="stylesheet" href="/assets/swagger-ui/swagger-ui.css"></head>
<body><div id="swagger-ui"></div>
<script src="/assets/swagger-ui/swagger-ui-bundle.js"></script>
<script src="/assets/docs.js"></script></body></html>
"""
_TYPE_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{name}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="/assets/problem.css"></head>
<body><main><p class="status">{status}</p><h1>{title}</h1><p><code>{uri}</code></p><p>{advice}</p>
<p><a href="/docs">Documentation</a></p></main></body></html>
"""


class Problems:
    """The documented answers of routes, from the problem types they can end with."""

    def __init__(self, types: Iterable[ProblemType]) -> None:
        self._types = {kind.name: kind for kind in (*problems.COMMON, *types)}

    def get(self, name: str) -> ProblemType | None:
        """A type by its name."""
        return self._types.get(name)

    @staticmethod
    def documented(*kinds: ProblemType) -> dict[int | str, dict[str, Any]]:
        """The `responses` of a route: what every guarded route can answer, and `kinds`."""
        by_status: dict[int | str, dict[str, Any]] = {}
        common = [kind for kind in problems.COMMON if kind not in (problems.NOT_FOUND, problems.METHOD_NOT_ALLOWED)]
        for kind in (*common, *kinds):
            answer = by_status.setdefault(
                kind.status,
                {"description": "", "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": {}}}},
            )
            answer["description"] = "; ".join(filter(None, (answer["description"], f"`{kind.name}`: {kind.title}")))
            answer["content"][MEDIA_TYPE]["examples"][kind.name] = {"value": _example(kind)}
        return by_status


def publish(app: FastAPI, types: Problems) -> None:
    """Adds the handlers of errors, `/docs`, `/problems/{name}` and the assets to an application."""

    async def on_problem(request: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        return _answer(request, error)

    async def on_invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return _answer(request, invalid(error))

    async def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return _answer(request, _of_status(error))

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(HTTPException, on_http)
    app.mount("/assets", StaticFiles(directory=ASSETS), name="assets")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(_PAGE.format(title=escape(app.title)), headers={"Content-Security-Policy": _CSP})

    @app.get("/problems/{name}", include_in_schema=False)
    async def problem_type(name: str) -> HTMLResponse:
        kind = types.get(name)
        if kind is None:
            raise Problem(problems.NOT_FOUND, f"there is no problem type {name[:64]!r}")
        page = _TYPE_PAGE.format(
            name=escape(kind.name), status=kind.status, title=escape(kind.title), uri=escape(kind.uri), advice=escape(kind.advice)
        )
        return HTMLResponse(page, headers={"Content-Security-Policy": _CSP})

    _add_problem_schema(app)


def invalid(error: RequestValidationError) -> Problem:
    """The problem of a request whose values are not acceptable; tells where and why, never the value itself."""
    found = [
        {"field": ".".join(str(part) for part in item["loc"]), "message": str(item["msg"])[:MESSAGE_CHARS_MAX]}
        for item in error.errors()[:ERRORS_MAX]
    ]
    if any(item["type"] == "json_invalid" for item in error.errors()):
        return Problem(problems.MALFORMED_BODY, "the body is not JSON", errors=found)
    what = "; ".join(f"{item['field']}: {item['message']}" for item in found[:3])
    return Problem(problems.INVALID_REQUEST, what, errors=found)


def _of_status(error: HTTPException) -> Problem:
    kinds = {400: problems.MALFORMED_BODY, 404: problems.NOT_FOUND, 405: problems.METHOD_NOT_ALLOWED}
    return Problem(kinds.get(error.status_code, problems.INTERNAL), str(error.detail), headers=error.headers)


def _answer(request: Request, problem: Problem) -> Response:
    body = problem.document(request.scope.get(REQUEST_ID, ""))
    return Response(body, problem.kind.status, headers=problem.headers, media_type=MEDIA_TYPE)


def _example(kind: ProblemType) -> dict[str, Any]:
    return {
        "type": kind.uri,
        "title": kind.title,
        "status": kind.status,
        "detail": "what happened in this case",
        "advice": kind.advice,
        "request_id": "5f0c1c8e9a2b4d17",
    }


def _add_problem_schema(app: FastAPI) -> None:
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = plain()
            schemas = schema.setdefault("components", {}).setdefault("schemas", {})
            schemas["Problem"] = _PROBLEM_SCHEMA
            schemas.pop("HTTPValidationError", None)
            schemas.pop("ValidationError", None)
            _tidy_parameters(schema)
            _tell_of_keys(schema)
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way of extending the document


def _tidy_parameters(document: dict[str, Any]) -> None:
    """A header or query parameter is left out, never null; and those that are marked are required."""
    for methods in document["paths"].values():
        for operation in methods.values():
            for parameter in operation.get("parameters", ()):
                schema = parameter["schema"]
                for member in schema.pop("anyOf", ()):
                    schema.update(member if member != {"type": "null"} else {})
                if schema.pop(REQUIRED_MARK, False):
                    parameter["required"] = True


def _tell_of_keys(document: dict[str, Any]) -> None:
    """What the gate guards asks for a key."""
    document["components"].setdefault("securitySchemes", {})[_KEYS] = _KEYS_SCHEME
    for path, methods in document["paths"].items():
        if path.startswith(GUARDED):
            for operation in methods.values():
                operation["security"] = [{_KEYS: []}]


_KEYS: Final = "HTTPBearer"
_KEYS_SCHEME: Final = {"type": "http", "scheme": "bearer", "description": "A key made by `stakewire keys create`."}
_PROBLEM_SCHEMA: Final[dict[str, Any]] = {
    "title": "Problem",
    "description": "RFC 9457. `type` is stable and made to be compared; `advice` says what to do.",
    "type": "object",
    "required": ["type", "title", "status", "detail", "advice", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "advice": {"type": "string"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}
