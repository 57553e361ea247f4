"""One HTTP/1.1 connection: bytes in, whole requests out, answers back in one write each.

httptools (llhttp) parses; this adds limits and order. A request reaches the handler only when it is whole, so a slow
or vanished client costs no task. It knows nothing of paths, providers or wallets.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

import httptools
import structlog
from typing_extensions import override

from shared.providers.dialect import Answer

if TYPE_CHECKING:
    from shared.providers.dialect import Headers

log = structlog.get_logger(__name__)

CLOSE: Final = (b"connection", b"close")
HEAD_BYTES_MAX: Final = 16_384
PIPELINE_MAX: Final = 32
"""Requests a client may send ahead of their answers; more end the connection."""

_STATUS_LINES: Final = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


@dataclass(slots=True)
class Request:
    """A whole request. Header names are lower case, the last of several wins; `body` is None where it was too large."""

    method: bytes
    target: bytes
    headers: dict[bytes, bytes]
    body: bytes | None
    peer: str
    keep_alive: bool


Handler = Callable[[Request], Awaitable[Answer]]


class Owner(Protocol):
    """What a connection needs of the listener it belongs to."""

    handler: Handler
    loop: asyncio.AbstractEventLoop
    connections: set[Connection]
    connections_max: int
    body_bytes_max: int
    draining: bool
    date: bytes


class Connection(asyncio.Protocol):
    """A connection from accept to close. One request is handled at a time, in the order of arrival."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._parser: Any = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._peer = ""
        self._waiting: deque[Request] = deque()
        self._task: asyncio.Task[None] | None = None
        self._closing = False
        self._paused = False
        self._head_bytes = 0
        self._in_head = True
        self._begin()
        self.since_s = owner.loop.time()
        """Since when it has been idle, or has been sending the present request (on the loop's clock)."""
        self.receiving = False

    def _begin(self) -> None:
        self._target = b""
        self._headers: dict[bytes, bytes] = {}
        self._chunks: list[bytes] = []
        self._size = 0

    @property
    def task(self) -> asyncio.Task[None] | None:
        """The task that handles a request; None while there is none."""
        return self._task

    @property
    def busy(self) -> bool:
        """Whether a request is being handled."""
        return self._task is not None

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Accepted; refused at once where there are too many."""
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        self._peer = peer[0] if isinstance(peer, tuple) else ""
        self._owner.connections.add(self)
        if len(self._owner.connections) > self._owner.connections_max:
            self.reject(HTTPStatus.SERVICE_UNAVAILABLE, "too many connections")

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        """Gone. What is being handled goes on: its command is on its way, and its answer finds nobody."""
        self._owner.connections.discard(self)
        self._closing = True
        self._transport = None
        self._waiting.clear()

    @override
    def eof_received(self) -> bool:
        """The client sends no more; it may still read the answer to its last request."""
        self._closing = True
        return self.busy

    @override
    def data_received(self, data: bytes) -> None:
        """Feeds the parser, which calls the `on_...` methods below."""
        if self._closing:
            return
        if not self.receiving:
            self.receiving = True
            self.since_s = self._owner.loop.time()
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # The request was answered as if it had not asked for another protocol; what follows may be anything.
            self._closing = True
        except httptools.HttpParserError:
            self.reject(HTTPStatus.BAD_REQUEST, "this is not HTTP/1.1")
        else:
            if self._in_head:
                self._head_bytes += len(data)
                if self._head_bytes > HEAD_BYTES_MAX:
                    self.reject(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "the request's head is too large")

    @override
    def pause_writing(self) -> None:
        """The client does not read its answers: take no more requests from it."""
        self._read_on(on=False)

    @override
    def resume_writing(self) -> None:
        """It reads again."""
        self._read_on(on=not self._waiting)

    def on_url(self, url: bytes) -> None:
        """A piece of the request's target."""
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header; those after a chunked body (trailers) are of no use to us."""
        if self._in_head:
            self._headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._in_head = False
        self._head_bytes = 0
        declared = self._headers.get(b"content-length", b"0")
        if int(declared) > self._owner.body_bytes_max:
            self._overflow()
        elif self._headers.get(b"expect", b"").lower() == b"100-continue" and self._transport is not None and not self.busy:
            self._transport.write(_CONTINUE)

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._size += len(body)
        if self._closing:
            return
        if self._size > self._owner.body_bytes_max:
            self._overflow()
        else:
            self._chunks.append(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        if not self._closing:
            chunks = self._chunks
            self._take(chunks[0] if len(chunks) == 1 else b"".join(chunks))
        self.receiving = False
        self._in_head = True
        self._begin()

    def _overflow(self) -> None:
        """The body is too large: the handler says so in its own words, and nothing more is read."""
        self._take(None)
        self._closing = True

    def _take(self, body: bytes | None) -> None:
        parser = self._parser
        keep_alive = (
            body is not None and parser.get_http_version() == "1.1" and parser.should_keep_alive() and not parser.should_upgrade()
        )
        request = Request(parser.get_method(), self._target, self._headers, body, self._peer, keep_alive)
        if self._task is None:
            self._task = self._owner.loop.create_task(self._serve(request))
        elif len(self._waiting) < PIPELINE_MAX:
            self._waiting.append(request)
            self._read_on(on=False)
        else:
            self.abort()

    async def _serve(self, request: Request) -> None:
        """Handles a request, and then those that came meanwhile."""
        while True:
            try:
                answer = await self._owner.handler(request)
            except Exception:
                log.exception("a request was not handled because of a fault of ours")
                answer = plain_answer(HTTPStatus.INTERNAL_SERVER_ERROR, "internal error", CLOSE)
            keep_alive = request.keep_alive and not self._owner.draining and CLOSE not in answer.headers
            self._write(answer, with_body=request.method != b"HEAD", keep_alive=keep_alive)
            if not keep_alive or not self._waiting:
                break
            request = self._waiting.popleft()
        self._task = None
        self.since_s = self._owner.loop.time()
        if self._transport is not None:
            if not keep_alive or (self._closing and not self._waiting):
                self._closing = True
                self._transport.close()
            elif self._paused:
                self._read_on(on=True)

    def _write(self, answer: Answer, *, with_body: bool, keep_alive: bool) -> None:
        if self._transport is None:
            return
        parts = [_STATUS_LINES[answer.status], self._owner.date]
        for name, value in answer.headers:
            parts += (name, b": ", value, b"\r\n")
        if not keep_alive and CLOSE not in answer.headers:
            parts.append(b"connection: close\r\n")
        parts.append(b"\r\n")
        if with_body:
            parts.append(answer.body)
        self._transport.write(b"".join(parts))

    def _read_on(self, *, on: bool) -> None:
        """Goes on reading from the client, or stops for a while."""
        if self._transport is not None and not self._transport.is_closing() and self._paused is on:
            self._paused = not on
            (self._transport.resume_reading if on else self._transport.pause_reading)()

    def reject(self, status: HTTPStatus, message: str) -> None:
        """Ends a connection that cannot go on, with a word why; what is being handled is still answered."""
        self._closing = True
        if self._transport is not None and not self.busy:
            self._write(plain_answer(status, message, CLOSE), with_body=True, keep_alive=False)
            self._transport.close()

    def close_when_idle(self) -> None:
        """Ends the connection now, or after the answer that is being made."""
        if self._transport is not None and not self.busy:
            self._closing = True
            self._transport.close()

    def abort(self) -> None:
        """Ends the connection at once."""
        self._closing = True
        if self._transport is not None:
            self._transport.abort()


def plain_answer(status: int, message: str, *headers: tuple[bytes, bytes]) -> Answer:
    """A short answer of our own, as JSON."""
    body = b'{"error": "%b"}' % message.encode()
    own: Headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), *headers]
    return Answer(int(status), own, body)
