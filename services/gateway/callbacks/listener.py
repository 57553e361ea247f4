"""The listening socket and its connections: accept, sweep, drain.

A server of our own on httptools, because the general one takes three times as long for a request as everything we do
to it: docs/decisions has the measurement. TLS ends at the reverse proxy in front.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from email.utils import formatdate
from http import HTTPStatus
from typing import Final

import structlog

from services.gateway.callbacks.connection import Connection, Handler
from services.gateway.errors import ListenError

log = structlog.get_logger(__name__)

BACKLOG: Final = 2_048
SWEEP_S: Final = 0.5


class Listener:
    """Serves `handler` on one address. Times in seconds, sizes in bytes."""

    def __init__(
        self,
        handler: Handler,
        *,
        connections_max: int,
        body_bytes_max: int,
        request_s_max: float,
        keep_alive_s: float,
        drain_finish_s: float,
    ) -> None:
        self.handler = handler
        self.connections: set[Connection] = set()
        self.connections_max = connections_max
        self.body_bytes_max = body_bytes_max
        self.draining = False
        self.date = _date()
        self._request_s_max = request_s_max
        self._keep_alive_s = keep_alive_s
        self._drain_finish_s = drain_finish_s
        self._server: asyncio.Server | None = None
        self._sweeper: asyncio.Task[None] | None = None

    async def start(self, listening: socket.socket) -> None:
        """Begins to accept."""
        self.loop = asyncio.get_running_loop()
        self._server = await self.loop.create_server(lambda: Connection(self), sock=listening, backlog=BACKLOG)
        self._sweeper = asyncio.create_task(self._sweep(), name="sweeper")

    async def stop(self) -> None:
        """Accepts no more, lets what is being handled finish within the limit, then closes everything."""
        self.draining = True
        if self._server is not None:
            self._server.close()
        for connection in list(self.connections):
            connection.close_when_idle()
        pending = [each.task for each in self.connections if each.task is not None]
        if pending:
            _, left = await asyncio.wait(pending, timeout=self._drain_finish_s)
            if left:
                log.warning("the time to finish is over; connections are cut with answers pending", connections=len(left))
        for connection in list(self.connections):
            connection.abort()
        if self._sweeper is not None:
            self._sweeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeper
        if self._server is not None:
            await self._server.wait_closed()

    async def _sweep(self) -> None:
        """One task looks after all time limits: a timer a request would cost more than reading the request."""
        while True:
            await asyncio.sleep(SWEEP_S)
            self.date = _date()
            now_s = self.loop.time()
            for connection in list(self.connections):
                age_s = now_s - connection.since_s
                if connection.busy:
                    continue
                if connection.receiving and age_s > self._request_s_max:
                    connection.reject(HTTPStatus.REQUEST_TIMEOUT, "the request did not arrive in time")
                elif not connection.receiving and age_s > self._keep_alive_s:
                    connection.close_when_idle()


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; ListenError says what to do where there is none to be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise ListenError(
            f"the gateway cannot listen on {host}:{port} ({error.strerror}); free the port, or set STAKEWIRE_PORT or STAKEWIRE_BASE_PORT"
        ) from error


def _date() -> bytes:
    return f"date: {formatdate(time.time(), usegmt=True)}\r\n".encode()
