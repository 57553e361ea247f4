"""A bare HTTP/1.1 client: sends header bytes as they are, which proper clients refuse to."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

LIMIT_S = 30.0


@dataclass(frozen=True)
class RawAnswer:
    """Status, headers by lower-case name, body."""

    status: int
    headers: dict[str, str]
    body: bytes


class RawClient:
    """One connection, opened again whenever the other side has closed it."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, target: bytes, headers: list[tuple[bytes, bytes]], body: bytes) -> RawAnswer:
        """Sends a request and reads its answer. Raises ConnectionError where there was none."""
        lines = [b"POST " + target + b" HTTP/1.1", b"Host: %s:%d" % (self._host.encode(), self._port)]
        lines += [name + b": " + value for name, value in headers]
        lines += [b"Content-Length: %d" % len(body), b"", b""]
        message = b"\r\n".join(lines) + body
        async with asyncio.timeout(LIMIT_S):
            for attempt in (1, 2):
                was_open = self._streams is not None
                try:
                    return await self._exchange(message)
                except (ConnectionError, asyncio.IncompleteReadError):
                    # A kept connection may have been closed meanwhile; a new one must answer.
                    await self.close()
                    if attempt == 2 or not was_open:
                        raise ConnectionError("the gateway closed the connection without an answer") from None
        raise AssertionError("unreachable")

    async def close(self) -> None:
        """Closes the connection."""
        if self._streams is not None:
            writer, self._streams = self._streams[1], None
            writer.close()
            try:
                await writer.wait_closed()
            except ConnectionError:
                return

    async def _exchange(self, message: bytes) -> RawAnswer:
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port)
        reader, writer = self._streams
        writer.write(message)
        await writer.drain()
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        status = int(head[0].split(" ")[1])
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers["content-length"])) if "content-length" in headers else await reader.read()
        if headers.get("connection", "").lower() == "close" or "content-length" not in headers:
            await self.close()
        return RawAnswer(status, headers, body)
