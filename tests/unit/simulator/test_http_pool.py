"""The simulator's HTTP connections: kept alive, never shared by two exchanges, never trusted after a fault."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from services.simulator.errors import SimulatorError
from services.simulator.http_pool import HttpError, HttpPool

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Name: a\r\n\r\nok"


class Server:
    """A server that answers each request with the next of `answers`, in raw bytes."""

    def __init__(self, answers: list[bytes | None]) -> None:
        self.answers = answers
        self.requests: list[bytes] = []
        self.connections = 0

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                self.requests.append(head + await reader.readexactly(length))
                answer = self.answers.pop(0) if self.answers else OK
                if answer is None:
                    break
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.transport.abort()


@asynccontextmanager
async def pool_at(*answers: bytes | None, timeout_s: float = 5.0, connections: int = 8) -> AsyncIterator[tuple[HttpPool, Server]]:
    server = Server(list(answers))
    listening = await asyncio.start_server(server.handle, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    pool = HttpPool(f"http://127.0.0.1:{port}/callbacks/x", timeout_s=timeout_s, connections=connections)
    try:
        yield pool, server
    finally:
        pool.close()
        listening.close()
        await listening.wait_closed()


async def test_a_request_goes_out_whole_and_its_answer_comes_back() -> None:
    async with pool_at() as (pool, server):
        answer = await pool.post(b"A: b\r\n", b"body")

    assert (answer.status, answer.headers, answer.body) == (200, {"content-length": "2", "x-name": "a"}, b"ok")
    (request,) = server.requests
    assert request.startswith(b"POST /callbacks/x HTTP/1.1\r\nHost: 127.0.0.1:")
    assert request.endswith(b"\r\nA: b\r\nContent-Length: 4\r\n\r\nbody")


async def test_connections_are_kept_and_bounded() -> None:
    async with pool_at(connections=3) as (pool, server):
        for _ in range(5):
            await pool.post(b"", b"")
        assert server.connections == 1
        await asyncio.gather(*(pool.post(b"", b"") for _ in range(20)))

    assert server.connections == 3
    assert len(server.requests) == 25


async def test_a_chunked_answer_is_put_together() -> None:
    async with pool_at(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n1\r\n!\r\n0\r\n\r\n") as (pool, _):
        assert (await pool.post(b"", b"")).body == b"ok!"


async def test_an_announced_end_of_the_connection_is_kept_to() -> None:
    closing = OK.replace(b"X-Name: a", b"Connection: close")
    async with pool_at(closing, OK) as (pool, server):
        await pool.post(b"", b"")
        await pool.post(b"", b"")

    assert server.connections == 2


BROKEN: list[tuple[str, bytes | None, type[BaseException]]] = [
    ("closed without an answer", None, HttpError),
    ("no HTTP", b"hello\r\n\r\n", HttpError),
    ("too large", b"HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n" + b"x" * 70_000, HttpError),
    ("never complete", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok", TimeoutError),
]


@pytest.mark.parametrize(("answer", "error"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
async def test_a_broken_answer_ends_its_connection_and_the_next_exchange_is_fine(
    answer: bytes | None, error: type[BaseException]
) -> None:
    async with pool_at(answer, OK, timeout_s=0.3) as (pool, server):
        with pytest.raises(error):
            await pool.post(b"", b"")
        assert (await pool.post(b"", b"")).body == b"ok"

    assert server.connections == 2


async def test_a_late_answer_is_never_taken_for_the_next_one() -> None:
    async with pool_at(OK + OK.replace(b"ok", b"no"), OK) as (pool, server):
        assert (await pool.post(b"", b"")).body == b"ok"
        assert (await pool.post(b"", b"")).body == b"ok"

    assert server.connections == 2


async def test_nobody_listening_is_an_error_at_once() -> None:
    async with pool_at() as (pool, _):
        pass

    with pytest.raises(OSError, match=r"refused|failed"):
        await pool.post(b"", b"")


@pytest.mark.parametrize("url", ["ftp://x/", "127.0.0.1:80", "http://", "http://user:password@x/"])
def test_what_is_no_plain_address_is_refused(url: str) -> None:
    with pytest.raises(SimulatorError, match="address"):
        HttpPool(url, timeout_s=1.0)
