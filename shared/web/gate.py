"""What stands before the routes of an interface: request ids, keys, rates, sizes, metrics, and the last word on failures.

Pure ASGI. Everything below `/v1/` needs a key; the routes themselves ask for scopes (`shared.web.callers`).
"""

from __future__ import annotations

import re
import secrets
import time
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Protocol

import structlog
from prometheus_client import Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.access import AccessUnavailableError, ApiKey
from shared.web import problems
from shared.web.problems import Problem
from shared.web.rates import RateLimit

if TYPE_CHECKING:  # importing it is what a process without traces is spared
    from shared.tracing.tracer import Tracer

log = structlog.get_logger(__name__)

GUARDED: Final = "/v1/"
CALLER: Final = "stakewire.caller"
REQUEST_ID: Final = "stakewire.request_id"
TOKEN_CHARS_MAX: Final = 512
RETRY_AFTER_S: Final = 2
METERS_MAX: Final = 2_048
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_SECURITY: Final = ((b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer"))

_requests = Counter("stakewire_http_requests_total", "Requests by route and status", ["interface", "method", "route", "status"])
_seconds = Histogram(
    "stakewire_http_request_seconds",
    "Time from a request's head to the end of its answer",
    ["interface", "method", "route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)


class Keys(Protocol):
    """Where keys are looked up."""

    async def find(self, token: str) -> ApiKey | None:
        """The valid key of a token, or None. AccessUnavailableError where that cannot be known now."""
        ...


@dataclass(frozen=True, slots=True)
class GateLimits:
    """`per_s` and `burst` hold for each key, `failures_per_s` and `failures_burst` for each address without a valid one."""

    body_bytes: int = 65_536
    per_s: float = 500.0
    burst: int = 1_000
    failures_per_s: float = 0.5
    failures_burst: int = 30


class Gate:
    """The middleware; `interface` names the service in its metrics. `tracer` is None where no traces are made."""

    def __init__(
        self, app: ASGIApp, keys: Keys, interface: str, limits: GateLimits | None = None, tracer: Tracer | None = None
    ) -> None:
        self._tracer = tracer
        self._app = app
        self._keys = keys
        self._interface = interface
        self._limits = limits or GateLimits()
        self._rates = RateLimit(self._limits.per_s, self._limits.burst)
        self._failures = RateLimit(self._limits.failures_per_s, self._limits.failures_burst)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request (or the lifespan, which passes)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        span = None
        if self._tracer is not None and scope["path"].startswith(GUARDED):
            span = self._tracer.request("request", headers.get(b"traceparent"))
        if span is None:
            await self._handle(scope, headers, receive, send)
            return
        with span:
            method, route, status = await self._handle(scope, headers, receive, send)
            span.rename(f"{method} {route}")
            span.set(
                {
                    "http.request.method": method,
                    "http.route": route,
                    "http.response.status_code": status,
                    "stakewire.interface": self._interface,
                    "stakewire.correlation_id": scope[REQUEST_ID],
                }
            )
            if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                span.fail(str(status))

    async def _handle(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive, send: Send) -> tuple[str, str, int]:
        """Answers one request and counts it: its method, its route and the answer's status."""
        started = time.perf_counter()
        request_id = _request_id(headers.get(b"x-request-id", b""))
        scope[REQUEST_ID] = request_id
        answer = _Answer(send, request_id)
        with structlog.contextvars.bound_contextvars(correlation_id=request_id):
            try:
                await self._admit(scope, headers)
                await self._app(scope, receive, answer.send)
            except Problem as problem:
                await answer.problem(problem)
            except Exception as error:
                log.exception("a request failed because of a fault of ours", path=scope["path"][:200])
                await answer.problem(Problem(problems.INTERNAL, "the request was not finished because of a fault of ours"))
                if answer.broken:
                    raise RuntimeError("the answer had begun already") from error
        method = scope["method"] if scope["method"] in _METHODS else "other"
        route = _route(scope)
        count, seconds = _meters(self._interface, method, route, answer.status)
        count.inc()
        seconds.observe(time.perf_counter() - started)
        return method, route, answer.status

    async def _admit(self, scope: Scope, headers: dict[bytes, bytes]) -> None:
        if b"transfer-encoding" in headers:
            raise Problem(problems.LENGTH_REQUIRED, "the body is sent in chunks, without its length")
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or len(length) > len(str(self._limits.body_bytes)) or int(length) > self._limits.body_bytes:
            raise Problem(
                problems.BODY_TOO_LARGE, f"the body has {length[:20].decode('latin-1')} bytes, {self._limits.body_bytes} are taken"
            )
        if scope["path"].startswith(GUARDED):
            scope[CALLER] = await self._caller(scope, headers)

    async def _caller(self, scope: Scope, headers: dict[bytes, bytes]) -> ApiKey:
        address = scope["client"][0] if scope.get("client") else ""
        scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
        key = None
        if scheme.lower() == b"bearer" and 0 < len(token) <= TOKEN_CHARS_MAX and token.isascii():
            try:
                key = await self._keys.find(token.strip().decode())
            except AccessUnavailableError as error:
                raise Problem(
                    problems.OVERLOADED, "keys cannot be checked now", headers={"Retry-After": str(RETRY_AFTER_S)}
                ) from error
        if key is None:
            # Only those without a valid key are slowed down: others may come from the same address.
            wait_s = self._failures.take(address)
            if wait_s:
                raise _too_many("too many requests without a valid key came from your address", wait_s)
            what = "the key is not known, expired or revoked" if token else "the header Authorization with a bearer key is missing"
            raise Problem(problems.UNAUTHENTICATED, what, headers={"WWW-Authenticate": "Bearer"})
        wait_s = self._rates.take(key.key_id)
        if wait_s:
            raise _too_many(f"key {key.key_id} may send {self._limits.per_s:g} requests a second", wait_s)
        return key


class _Answer:
    """The way of an answer out: adds the request id, notes the status."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._request_id = request_id
        self.status = 0
        self.broken = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message.get("headers", ()), (b"x-request-id", self._request_id.encode()), *_SECURITY]
        await self._send(message)

    async def problem(self, problem: Problem) -> None:
        """Answers with a problem document, unless another answer has begun."""
        if self.status:
            self.broken = True
            return
        body = problem.document(self._request_id)
        headers = [(b"content-type", problems.MEDIA_TYPE.encode()), (b"content-length", b"%d" % len(body))]
        headers += [(name.lower().encode(), value.encode()) for name, value in problem.headers.items()]
        await self.send({"type": "http.response.start", "status": problem.kind.status, "headers": headers})
        await self.send({"type": "http.response.body", "body": body})


_METHODS: Final = frozenset({"GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"})


@lru_cache(maxsize=METERS_MAX)
def _meters(interface: str, method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    """The metrics of one kind of requests; looking labels up each time costs more than counting."""
    return _requests.labels(interface, method, route, str(status)), _seconds.labels(interface, method, route)


def _request_id(sent: bytes) -> str:
    text = sent.decode("latin-1")
    return text if _REQUEST_ID.fullmatch(text) else secrets.token_hex(8)


def _route(scope: Scope) -> str:
    route = scope.get("route")
    return str(getattr(route, "path", "none"))


def _too_many(detail: str, wait_s: int) -> Problem:
    return Problem(problems.RATE_LIMITED, detail, headers={"Retry-After": str(wait_s)})
