"""The wire to the operator: what goes over it, and that nothing is believed, repeated or sent elsewhere after a fault."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest

from services.simulator.errors import SimulatorError
from services.simulator.measure import Meter
from services.simulator.studios.mascot.answers import Outcome
from services.simulator.studios.mascot.wire import ANSWER_BYTES_MAX, MascotWire
from tests.unit.simulator.operator import CASINO_ID, KEY, sign
from tests.unit.simulator.waiting import until

PATH: Final = "/callbacks/x?a=1"
LINE_HEAD: Final = "HTTP/1.1 200 OK"


class Request:
    """One request as it came."""

    def __init__(self, head: bytes, body: bytes) -> None:
        self.line, *lines = head.decode().rstrip("\r\n").split("\r\n")
        self.headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        self.body = body

    def answer(self, changes: Mapping[str, str] | None = None, *, content: bytes | None = None, line: str = LINE_HEAD) -> bytes:
        """The right answer in raw bytes, or one with other headers (an empty one is left out) or content; its signature fits."""
        content = self.content() if content is None else content
        headers = {
            "Content-Type": "application/json",
            "Content-Length": str(len(content)),
            **{f"X-{name}": self.headers[f"x-{name.lower()}"] for name in ("Subject", "Nonce", "Timestamp")},
            "X-Signature": sign(int(self.headers["x-nonce"]), int(self.headers["x-timestamp"]), content),
            **(changes or {}),
        }
        lines = [line, *(f"{name}: {value}" for name, value in headers.items() if value)]
        return "\r\n".join([*lines, "", ""]).encode() + content

    def content(self, **more: Any) -> bytes:
        """The right content."""
        return json.dumps({"jsonrpc": "2.0", "id": json.loads(self.body)["id"], "result": {"balance": 5, **more}}).encode()


Answering = Callable[[Request], bytes | None]


def right(request: Request) -> bytes:
    return request.answer()


class Server:
    """Answers each request with the next of `answers`, in raw bytes; None closes the connection."""

    def __init__(self, answers: list[Answering]) -> None:
        self.answers = answers
        self.requests: list[Request] = []
        self.connections = 0
        self.open = 0

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                request = Request(head, await reader.readexactly(length))
                self.requests.append(request)
                raw = (self.answers.pop(0) if self.answers else right)(request)
                if raw is None:
                    break
                writer.write(raw)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.open -= 1
            writer.transport.abort()


class At:
    """A wire and the server at its other end."""

    def __init__(self, wire: MascotWire, server: Server) -> None:
        self.wire = wire
        self.server = server
        self.meter = Meter()

    async def ask(self) -> Outcome:
        return await self.wire.send(self.wire.prepare("getBalance", {"playerName": "p"}), self.meter)


@asynccontextmanager
async def wire_at(*answers: Answering, timeout_s: float = 10.0, connections: int = 8) -> AsyncIterator[At]:
    server = Server(list(answers))
    listening = await asyncio.start_server(server.handle, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}{PATH}"
    wire = MascotWire(url, casino_id=CASINO_ID, key_id="main", key=KEY, timeout_s=timeout_s, connections=connections)
    try:
        async with wire:
            yield At(wire, server)
        await until(lambda: server.open == 0, "the wire leaves no connection open")
    finally:
        listening.close()
        await listening.wait_closed()


async def test_a_call_goes_out_whole_and_with_nothing_that_the_protocol_does_not_know() -> None:
    async with wire_at() as at:
        outcome = await at.ask()

    (request,) = at.server.requests
    assert outcome == Outcome("success", result={"balance": 5})
    assert request.line == f"POST {PATH} HTTP/1.1"
    assert request.headers.keys() == {
        "host", "content-type", "content-length", "x-subject", "x-nonce", "x-timestamp", "x-signature",
    }  # fmt: skip
    assert request.headers["content-type"] == "application/json"
    assert request.headers["x-signature"] == sign(
        int(request.headers["x-nonce"]), int(request.headers["x-timestamp"]), request.body
    )


async def test_connections_are_kept_and_bounded() -> None:
    async with wire_at(connections=3) as at:
        for _ in range(5):
            await at.ask()
        assert at.server.connections == 1
        outcomes = await asyncio.gather(*(at.ask() for _ in range(20)))

    assert {outcome.kind for outcome in outcomes} == {"success"}
    assert at.server.connections == 3
    assert len(at.server.requests) == 25


async def test_an_announced_end_of_the_connection_is_kept_to() -> None:
    async with wire_at(lambda request: request.answer({"Connection": "close"})) as at:
        assert [(await at.ask()).kind, (await at.ask()).kind] == ["success", "success"]

    assert at.server.connections == 2


async def test_a_chunked_answer_is_put_together() -> None:
    def chunked(request: Request) -> bytes:
        head, _, content = request.answer({"Content-Length": "", "Transfer-Encoding": "chunked"}).partition(b"\r\n\r\n")
        parts = (content[:3], content[3:])
        return head + b"\r\n\r\n" + b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"

    async with wire_at(chunked) as at:
        assert (await at.ask()).kind == "success"


def endless(request: Request) -> bytes:
    head = request.answer({"Content-Length": "", "Transfer-Encoding": "chunked"}, content=b"")
    return head + b"8000\r\n" + b"x" * 0x8000 + b"\r\n" + b"8001\r\n" + b"x" * 0x8001 + b"\r\n"


def bad_chunk(request: Request) -> bytes:
    return request.answer({"Content-Length": "", "Transfer-Encoding": "chunked"}, content=b"") + b"2\r\nok\r\nzz\r\n"


BROKEN: list[tuple[str, Answering, str]] = [
    ("closed without an answer", lambda _: None, "the connection failed"),
    ("no HTTP", lambda _: b"hello\r\n\r\n", "the connection failed"),
    ("a bad chunk", bad_chunk, "the connection failed"),
    ("too large and without end", endless, "larger than 65536 bytes"),
    ("too large a header", lambda request: request.answer({"X-More": "x" * 20_000}), "the connection failed"),
    ("never complete", lambda request: request.answer()[:-1], "no answer within"),
    ("nothing at all", lambda _: b"", "no answer within"),
]


@pytest.mark.parametrize(("answer", "text"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
async def test_after_a_broken_answer_the_outcome_is_unknown_and_its_connection_is_not_used_again(
    answer: Answering, text: str
) -> None:
    async with wire_at(answer, timeout_s=1.0 if text.startswith("no answer") else 10.0) as at:
        outcome = await at.ask()
        assert (outcome.kind, outcome.problem) == ("unknown", "")
        assert text in outcome.text
        assert (await at.ask()).kind == "success"

    assert at.server.connections == 2


async def test_an_answer_that_is_too_large_leaves_the_outcome_unknown() -> None:
    async with wire_at(lambda request: request.answer(content=request.content(padding="x" * ANSWER_BYTES_MAX))) as at:
        outcome = await at.ask()
        assert (outcome.kind, outcome.problem) == ("unknown", "")
        assert "larger than 65536 bytes" in outcome.text
        assert (await at.ask()).kind == "success"


async def test_a_call_whose_kept_connection_is_lost_is_not_sent_a_second_time() -> None:
    async with wire_at(right, lambda _: None) as at:
        assert [(await at.ask()).kind, (await at.ask()).kind] == ["success", "unknown"]

    assert len(at.server.requests) == 2


async def test_a_second_answer_to_one_call_is_never_taken_for_the_next_ones() -> None:
    async with wire_at(lambda request: request.answer() * 2) as at:
        assert [(await at.ask()).kind, (await at.ask()).kind] == ["success", "success"]

    assert at.server.connections == 2


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(status: int) -> None:
    async with wire_at() as elsewhere:
        there = elsewhere.wire.url
        async with wire_at(lambda request: request.answer({"Location": there}, line=f"HTTP/1.1 {status} Go")) as at:
            outcome = await at.ask()

    assert outcome.kind == "unknown"
    assert str(status) in outcome.problem
    assert (len(at.server.requests), elsewhere.server.requests) == (1, [])


async def test_cookies_are_not_kept() -> None:
    async with wire_at(lambda request: request.answer({"Set-Cookie": "a=b; Path=/"})) as at:
        await at.ask()
        await at.ask()

    assert [request.headers.get("cookie") for request in at.server.requests] == [None, None]


async def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with wire_at() as proxy, wire_at() as at:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.wire.url)
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        assert (await at.ask()).kind == "success"

    assert proxy.server.requests == []


async def test_a_packed_answer_is_taken_as_it_came() -> None:
    def packed(request: Request) -> bytes:
        return request.answer({"Content-Encoding": "gzip"}, content=gzip.compress(request.content()))

    async with wire_at(packed) as at:
        outcome = await at.ask()

    assert "not JSON" in outcome.problem, "its signature fits the bytes as they came"


async def test_nobody_listening_is_an_unknown_outcome_at_once() -> None:
    async with wire_at() as at:
        url = at.wire.url

    async with MascotWire(url, casino_id=CASINO_ID, key_id="main", key=KEY) as wire:
        outcome = await At(wire, at.server).ask()

    assert outcome.kind == "unknown"
    assert "the connection failed" in outcome.text


async def test_closing_ends_the_call_that_is_on_its_way_and_lets_none_through_afterwards() -> None:
    async with wire_at(lambda _: b"") as at:
        asked = asyncio.ensure_future(at.ask())
        await until(lambda: at.server.requests, "the call is on its way")
        await at.wire.close()

        assert (await asked).kind == "unknown"
        assert "not open" in (await at.ask()).text

    assert len(at.server.requests) == 1


@pytest.mark.parametrize(
    "url", ["ftp://x/", "127.0.0.1:80", "http://", "http://user:password@x/", "http://x:99999/", "http://x/#y"]
)
def test_what_is_no_plain_address_is_refused(url: str) -> None:
    with pytest.raises(SimulatorError, match="address"):
        MascotWire(url, casino_id=CASINO_ID, key_id="main", key=KEY)
