"""The HTTP listener over real sockets: limits, order, keep-alive, drain. The handler echoes what it was given."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.gateway.callbacks.connection import CLOSE, HEAD_BYTES_MAX, PIPELINE_MAX, Request
from services.gateway.callbacks.listener import Listener, listen
from services.gateway.errors import ListenError
from shared.providers.dialect import Answer

LIMIT_S = 10.0


class Echo:
    """Answers with the request's body; can be told to wait, and remembers what it saw."""

    def __init__(self) -> None:
        self.seen: list[Request] = []
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.started = asyncio.Event()

    async def __call__(self, request: Request) -> Answer:
        self.seen.append(request)
        self.started.set()
        await self.go_on.wait()
        if request.target == b"/fault":
            raise RuntimeError("a fault")
        body = b"too large" if request.body is None else request.body
        headers = [(b"content-length", b"%d" % len(body)), (b"x-method", request.method)]
        if request.target == b"/close":
            headers.append(CLOSE)
        return Answer(413 if request.body is None else 200, headers, body)


class Server:
    """A running listener and the handler behind it."""

    def __init__(self, listener: Listener, handler: Echo, port: int) -> None:
        self.listener = listener
        self.handler = handler
        self.port = port
        self.clients: list[Client] = []

    async def connect(self) -> Client:
        client = Client(*await asyncio.open_connection("127.0.0.1", self.port))
        self.clients.append(client)
        return client


class Client:
    """A connection that speaks raw HTTP."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, *, bodyless: bool = False) -> tuple[int, dict[bytes, bytes], bytes]:
        async with asyncio.timeout(LIMIT_S):
            head = await self.reader.readuntil(b"\r\n\r\n")
            status, *lines = head[:-4].split(b"\r\n")
            headers = dict(line.split(b": ", 1) for line in lines)
            length = 0 if bodyless else int(headers.get(b"content-length", b"0"))
            return int(status.split()[1]), headers, await self.reader.readexactly(length)

    async def ended(self) -> bool:
        async with asyncio.timeout(LIMIT_S):
            try:
                return await self.reader.read(1) == b""
            except ConnectionResetError:
                return True

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()

    async def vanish(self) -> None:
        """As a client whose machine resets the connection."""
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await self.close()


@contextlib.asynccontextmanager
async def serving(**changed: Any) -> AsyncIterator[Server]:
    handler = Echo()
    limits: dict[str, Any] = {
        "connections_max": 100,
        "body_bytes_max": 65_536,
        "request_s_max": 10.0,
        "keep_alive_s": 75.0,
        "drain_finish_s": 5.0,
    }
    listener = Listener(handler, **(limits | changed))
    listening = listen("127.0.0.1", 0)
    await listener.start(listening)
    server = Server(listener, handler, listening.getsockname()[1])
    try:
        yield server
    finally:
        handler.go_on.set()
        await listener.stop()
        for client in server.clients:
            await client.close()


def post(body: bytes = b"hello", target: bytes = b"/x", *headers: bytes) -> bytes:
    extra = b"".join(header + b"\r\n" for header in headers)
    return b"POST %b HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n%b\r\n%b" % (target, len(body), extra, body)


async def until(condition: Any) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not condition():  # noqa: ASYNC110 - what is waited for knows no event
            await asyncio.sleep(0.01)


async def test_requests_of_one_connection_are_answered_in_turn() -> None:
    async with serving() as server:
        client = await server.connect()
        for number in range(5):
            await client.send(post(b"%d" % number))
            status, headers, body = await client.answer()
            assert (status, body, headers[b"x-method"]) == (200, b"%d" % number, b"POST")
            assert b"date" in headers
            assert b"server" not in headers
            assert b"connection" not in headers


async def test_request_is_seen_whole_with_lower_case_headers() -> None:
    async with serving() as server:
        client = await server.connect()
        await client.send(post(b"b", b"/a/b?c=d", b"X-NoNcE: 5", b"X-Twice: 1", b"X-Twice: 2"))
        await client.answer()
        (seen,) = server.handler.seen
        assert (seen.method, seen.target, seen.body, seen.peer) == (b"POST", b"/a/b?c=d", b"b", "127.0.0.1")
        assert (seen.headers[b"x-nonce"], seen.headers[b"x-twice"]) == (b"5", b"2")


async def test_bytes_may_arrive_one_by_one() -> None:
    async with serving() as server:
        client = await server.connect()
        for byte in post(b"slow"):
            await client.send(bytes([byte]))
        assert (await client.answer())[2] == b"slow"


async def test_chunked_body() -> None:
    async with serving() as server:
        client = await server.connect()
        await client.send(
            b"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX-Trailer: 1\r\n\r\n"
        )
        assert (await client.answer())[2] == b"abcde"
        assert b"x-trailer" not in server.handler.seen[0].headers


async def test_pipelined_requests_are_answered_in_order() -> None:
    async with serving() as server:
        server.handler.go_on.clear()
        client = await server.connect()
        await client.send(b"".join(post(b"%d" % number) for number in range(10)))
        await server.handler.started.wait()
        server.handler.go_on.set()
        assert [(await client.answer())[2] for _ in range(10)] == [b"%d" % number for number in range(10)]
        await client.send(post(b"after"))
        assert (await client.answer())[2] == b"after"


async def test_too_many_pipelined_requests_end_the_connection() -> None:
    async with serving() as server:
        server.handler.go_on.clear()
        client = await server.connect()
        await client.send(b"".join(post(b"x") for _ in range(PIPELINE_MAX + 50)))
        assert await client.ended()
        assert len(server.handler.seen) == 1


async def test_expect_100_continue() -> None:
    async with serving() as server:
        client = await server.connect()
        head, _, body = post(b"hello", b"/x", b"Expect: 100-continue").partition(b"\r\n\r\n")
        await client.send(head + b"\r\n\r\n")
        assert (await client.answer())[0] == 100
        await client.send(body)
        assert (await client.answer())[2] == b"hello"


async def test_body_at_the_limit_and_one_byte_over() -> None:
    async with serving(body_bytes_max=1_000) as server:
        client = await server.connect()
        await client.send(post(b"x" * 1_000))
        assert (await client.answer())[0] == 200
        await client.send(post(b"x" * 1_001))
        status, headers, body = await client.answer()
        assert (status, headers[b"connection"], body) == (413, b"close", b"too large")
        assert await client.ended()


async def test_body_that_is_declared_too_large_is_refused_before_it_is_sent() -> None:
    async with serving() as server:
        client = await server.connect()
        await client.send(b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 999999999999\r\nExpect: 100-continue\r\n\r\n")
        assert (await client.answer())[0] == 413
        assert await client.ended()


async def test_chunked_body_over_the_limit() -> None:
    async with serving(body_bytes_max=1_000) as server:
        client = await server.connect()
        await client.send(b"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            for _ in range(20):
                await client.send(b"64\r\n" + b"x" * 100 + b"\r\n")
        assert (await client.answer())[0] == 413
        assert server.handler.seen[0].body is None
        assert len(server.handler.seen) == 1


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"hello\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: t\r\nBad Header: 1\r\n\r\n",
        b"POST / HTTP/9.9\r\n\r\n",
    ],
)
async def test_what_is_not_http_ends_with_400(data: bytes) -> None:
    async with serving() as server:
        client = await server.connect()
        await client.send(data)
        status, headers, _ = await client.answer()
        assert (status, headers[b"connection"]) == (400, b"close")
        assert await client.ended()
        assert not server.handler.seen


@pytest.mark.parametrize(
    "data",
    [
        post(b"x", b"/x", b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABk"),
        b"GET / HTTP/1.1\r\nHost: t\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        b"CONNECT t:443 HTTP/1.1\r\nHost: t\r\n\r\n",
    ],
)
async def test_request_for_another_protocol_is_answered_in_this_one(data: bytes) -> None:
    async with serving() as server:
        client = await server.connect()
        await client.send(data)
        status, headers, _ = await client.answer()
        assert (status, headers[b"connection"]) == (200, b"close")
        assert await client.ended()


@pytest.mark.parametrize("size", [HEAD_BYTES_MAX + 1_000, 200_000])
async def test_head_that_is_too_large(size: int) -> None:
    async with serving() as server:
        client = await server.connect()
        with contextlib.suppress(ConnectionError):
            await client.send(b"POST / HTTP/1.1\r\nX-Long: " + b"a" * size)
        assert (await client.answer())[0] == 431
        assert not server.handler.seen


async def test_slow_request_gets_408() -> None:
    async with serving(request_s_max=0.1) as server:
        client = await server.connect()
        await client.send(b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nab")
        assert (await client.answer())[0] == 408
        assert await client.ended()
        assert not server.handler.seen


async def test_idle_connection_ends_after_the_keep_alive_time() -> None:
    async with serving(keep_alive_s=0.1) as server:
        client = await server.connect()
        await client.send(post())
        await client.answer()
        assert await client.ended()


async def test_request_under_way_is_not_idle() -> None:
    async with serving(keep_alive_s=0.1, request_s_max=0.1) as server:
        server.handler.go_on.clear()
        client = await server.connect()
        await client.send(post())
        await server.handler.started.wait()
        other = await server.connect()
        assert await other.ended()  # the sweep has been here
        server.handler.go_on.set()
        assert (await client.answer())[0] == 200


async def test_connections_over_the_limit_are_refused() -> None:
    async with serving(connections_max=2) as server:
        first, second = await server.connect(), await server.connect()
        for client in (first, second):
            await client.send(post())
            assert (await client.answer())[0] == 200
        third = await server.connect()
        assert (await third.answer())[0] == 503
        assert await third.ended()
        await first.close()
        await until(lambda: len(server.listener.connections) == 1)
        fourth = await server.connect()
        await fourth.send(post())
        assert (await fourth.answer())[0] == 200


@pytest.mark.parametrize("request_", [post(b"x", b"/x", b"Connection: close"), post(b"x").replace(b"HTTP/1.1", b"HTTP/1.0")])
async def test_connection_closes_when_the_client_wants_it(request_: bytes) -> None:
    async with serving() as server:
        client = await server.connect()
        await client.send(request_)
        _, headers, body = await client.answer()
        assert (headers[b"connection"], body) == (b"close", b"x")
        assert await client.ended()


async def test_handler_may_close_the_connection() -> None:
    async with serving() as server:
        client = await server.connect()
        await client.send(post(b"x", b"/close"))
        assert (await client.answer())[1][b"connection"] == b"close"
        assert await client.ended()


async def test_head_request_gets_no_body() -> None:
    async with serving() as server:
        client = await server.connect()
        await client.send(post(b"x").replace(b"POST", b"HEAD"))
        assert (await client.answer(bodyless=True))[1][b"content-length"] == b"1"
        await client.send(post(b"y"))
        assert (await client.answer())[2] == b"y"


async def test_client_that_goes_away_disturbs_nobody() -> None:
    async with serving() as server:
        server.handler.go_on.clear()
        client = await server.connect()
        await client.send(post())
        await server.handler.started.wait()
        await client.vanish()
        await until(lambda: not server.listener.connections)
        server.handler.go_on.set()
        other = await server.connect()
        await other.send(post(b"next"))
        assert (await other.answer())[2] == b"next"


async def test_half_closed_connection_still_gets_its_answer() -> None:
    async with serving() as server:
        server.handler.go_on.clear()
        client = await server.connect()
        await client.send(post(b"last"))
        client.writer.write_eof()
        await server.handler.started.wait()
        server.handler.go_on.set()
        assert (await client.answer())[2] == b"last"
        assert await client.ended()


async def test_fault_in_the_handler_is_a_500_and_ends_the_connection() -> None:
    async with serving() as server:
        client = await server.connect()
        await client.send(post(b"x", b"/fault"))
        status, headers, _ = await client.answer()
        assert (status, headers[b"connection"]) == (500, b"close")
        assert await client.ended()


async def test_while_draining_every_answer_closes_its_connection() -> None:
    async with serving() as server:
        client = await server.connect()
        server.listener.draining = True
        await client.send(post(b"x"))
        assert (await client.answer())[1][b"connection"] == b"close"
        assert await client.ended()
        other = await server.connect()
        await other.send(post(b"y"))
        assert (await other.answer())[2] == b"y"


async def test_stop_lets_pending_answers_finish_and_takes_nothing_new() -> None:
    async with serving() as server:
        server.handler.go_on.clear()
        client, idle = await server.connect(), await server.connect()
        await client.send(post(b"pending"))
        await server.handler.started.wait()
        stopping = asyncio.create_task(server.listener.stop())
        assert await idle.ended()
        with pytest.raises(ConnectionRefusedError):
            await server.connect()
        assert not stopping.done()
        server.handler.go_on.set()
        status, headers, body = await client.answer()
        assert (status, headers[b"connection"], body) == (200, b"close", b"pending")
        await stopping


async def test_stop_cuts_what_takes_too_long() -> None:
    async with serving(drain_finish_s=0.1) as server:
        server.handler.go_on.clear()
        client = await server.connect()
        await client.send(post())
        await server.handler.started.wait()
        await server.listener.stop()
        assert await client.ended()


def test_taken_port_is_named_with_the_setting() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ListenError, match=rf"127\.0\.0\.1:{port}.*STAKEWIRE_BASE_PORT"):
            listen("127.0.0.1", port)
