"""A keep-alive pool of HTTP/1.1 connections to one address: POST a body, get status, headers and body.

Written for the simulator alone, because a general client costs three times the processor time of everything else here
and a load test must not measure its own provider. No redirects, no cookies, no compression, no proxies: what a
provider's callback client does not need. Any other address than the configured one cannot even be expressed.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from typing import Any, Final
from urllib.parse import urlsplit

import httptools

from services.simulator.errors import SimulatorError

KEEP_ALIVE_S: Final = 60.0
"""Idle connections older than this are not used again: the operator may be closing them just now."""
ANSWER_BYTES_MAX: Final = 65_536
CONTINUE_MAX: Final = 200


class HttpError(SimulatorError):
    """No usable answer: the connection failed, was closed, or what came is no HTTP or too large."""


class Answer:
    """One answer. Header names are in lower case; of a repeated header the last counts."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body


class HttpPool:
    """Connections to the address of one URL. `connections` is their limit, `timeout_s` that of one exchange."""

    def __init__(self, url: str, *, timeout_s: float, connections: int = 512) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.fragment:
            raise SimulatorError(f"the callback address {url!r} is no plain http or https address")
        self._host = parts.hostname
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._head = f"POST {path} HTTP/1.1\r\nHost: {parts.netloc}\r\n".encode("ascii")
        self._timeout_s = timeout_s
        self._limit = asyncio.Semaphore(connections)
        self._idle: deque[_Connection] = deque()
        self._all: set[_Connection] = set()

    async def post(self, headers: bytes, body: bytes) -> Answer:
        """One exchange. `headers` are complete lines. Raises HttpError, TimeoutError or OSError: the outcome is unknown."""
        async with self._limit, asyncio.timeout(self._timeout_s):
            connection = self._take() or await self._connect()
            try:
                answer = await connection.exchange(b"%b%bContent-Length: %d\r\n\r\n%b" % (self._head, headers, len(body), body))
            except BaseException:
                # Whatever comes over this connection later belongs to nobody any more.
                connection.abort()
                raise
        if connection.reusable:
            self._idle.append(connection)
        else:
            connection.abort()
        return answer

    def close(self) -> None:
        """Closes all connections."""
        for connection in list(self._all):
            connection.abort()
        self._idle.clear()

    def _take(self) -> _Connection | None:
        now = asyncio.get_running_loop().time()
        while self._idle:
            connection = self._idle.pop()
            if connection.open and now - connection.used_at < KEEP_ALIVE_S:
                return connection
            connection.abort()
        return None

    async def _connect(self) -> _Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(lambda: _Connection(self._all), self._host, self._port, ssl=self._tls)
        return connection


class _Connection(asyncio.Protocol):
    """One connection; one exchange at a time."""

    def __init__(self, register: set[_Connection]) -> None:
        self._register = register
        self._loop = asyncio.get_running_loop()
        self._transport: Any = None
        self._waiter: asyncio.Future[Answer] | None = None
        self._parser: Any = None
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._size = 0
        self.open = False
        self.reusable = False
        self.used_at = 0.0

    async def exchange(self, request: bytes) -> Answer:
        """Sends a request and waits for its answer."""
        if not self.open:
            raise HttpError("the connection was closed before the request was sent")
        self._parser = httptools.HttpResponseParser(self)
        self._headers, self._body, self._size = {}, [], 0
        self._waiter = self._loop.create_future()
        self._transport.write(request)
        return await self._waiter

    def abort(self) -> None:
        """Drops the connection at once."""
        if self._transport is not None and self.open:
            self._transport.abort()
        self.open = False

    # --- asyncio's side ----------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self.open = True
        self._register.add(self)

    def data_received(self, data: bytes) -> None:
        if self._waiter is None or self._waiter.done():
            self.abort()  # nobody asked for anything
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(f"the answer is no HTTP: {error}")

    def connection_lost(self, exc: Exception | None) -> None:
        self.open = False
        self._register.discard(self)
        self._fail(f"the connection was closed before the answer was complete ({exc})" if exc else "the connection was closed")

    # --- the parser's side -------------------------------------------------------------------------------------------

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._size > ANSWER_BYTES_MAX:
            self._fail(f"the answer is larger than {ANSWER_BYTES_MAX} bytes")
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < CONTINUE_MAX:
            return
        self.used_at = self._loop.time()
        self.reusable = self._parser.should_keep_alive()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(Answer(status, self._headers, b"".join(self._body)))
        else:
            self.reusable = False  # a second answer to one request

    def _fail(self, text: str) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(HttpError(text))
