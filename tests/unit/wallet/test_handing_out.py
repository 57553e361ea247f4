"""Handing a root out: the file that only grows, and a webhook on a real HTTP server that is sometimes away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from aiohttp import web
from msgspec.structs import replace

from deploy.local.ports import free_ports
from services.wallet.audit.canonical import Seal
from services.wallet.audit.handing_out import ATTEMPTS, HandedOutFileError, HandingOutError, append_to_file, post, read_file
from tests.unit.wallet.test_seal_text import FIRST, SECOND

Answer = Callable[[int], int]


def test_each_seal_is_one_line_of_json(tmp_path: Path) -> None:
    path = tmp_path / "roots.jsonl"
    assert append_to_file(path, FIRST)
    assert append_to_file(path, SECOND)
    assert path.read_bytes() == msgspec.json.encode(FIRST) + b"\n" + msgspec.json.encode(SECOND) + b"\n"
    assert read_file(path) == [FIRST, SECOND]


def test_a_seal_is_not_written_twice(tmp_path: Path) -> None:
    path = tmp_path / "roots.jsonl"
    assert [append_to_file(path, FIRST), append_to_file(path, FIRST)] == [True, False]
    assert read_file(path) == [FIRST]


def test_another_root_for_the_same_number_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "roots.jsonl"
    append_to_file(path, FIRST)
    with pytest.raises(HandingOutError, match="another root for seal 1"):
        append_to_file(path, replace(FIRST, root="cc" * 32))
    assert read_file(path) == [FIRST]


def test_a_file_without_a_last_line_feed_keeps_its_last_line(tmp_path: Path) -> None:
    path = tmp_path / "roots.jsonl"
    path.write_bytes(msgspec.json.encode(FIRST))
    append_to_file(path, SECOND)
    assert read_file(path) == [FIRST, SECOND]


def test_a_line_that_is_no_seal_is_named(tmp_path: Path) -> None:
    path = tmp_path / "roots.jsonl"
    path.write_bytes(msgspec.json.encode(FIRST) + b"\n{\n")
    with pytest.raises(HandedOutFileError, match="line 2"):
        read_file(path)
    with pytest.raises(HandingOutError, match="line 2"):
        append_to_file(path, SECOND)


@pytest.mark.parametrize("path", ["missing/roots.jsonl", "."])
def test_a_place_where_nothing_can_be_written(path: str, tmp_path: Path) -> None:
    with pytest.raises(HandingOutError, match="was not written"):
        append_to_file(tmp_path / path, FIRST)


@asynccontextmanager
async def receiver(answer: Answer) -> AsyncIterator[tuple[str, list[tuple[str, bytes]]]]:
    """A server that answers call n with `answer(n)`; its address, and what it was sent."""
    calls: list[tuple[str, bytes]] = []

    async def take(request: web.Request) -> web.Response:
        calls.append((request.headers["Idempotency-Key"], await request.read()))
        status = answer(len(calls))
        return web.Response(status=status, headers={"Location": "/elsewhere"} if status // 100 == 3 else {})

    handler: Callable[[web.Request], Awaitable[web.StreamResponse]] = take
    app = web.Application()
    app.router.add_post("/{any:.*}", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    (port,) = free_ports(1)
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"http://127.0.0.1:{port}/roots?token=secret", calls
    finally:
        await runner.cleanup()


async def posted(url: str, seal: Seal = FIRST) -> int:
    return await post(url, seal, wait_first_s=0.001)


@pytest.mark.parametrize("status", [200, 202, 204])
async def test_a_webhook_takes_the_seal(status: int) -> None:
    async with receiver(lambda _: status) as (url, calls):
        assert await posted(url) == 1
    assert calls == [(FIRST.root, msgspec.json.encode(FIRST))]


@pytest.mark.parametrize("status", [500, 503, 429, 408])
async def test_a_webhook_that_is_away_gets_the_same_again(status: int) -> None:
    async with receiver(lambda call: status if call < 3 else 200) as (url, calls):
        assert await posted(url) == 3
    assert calls == [(FIRST.root, msgspec.json.encode(FIRST))] * 3


async def test_a_webhook_that_stays_away_is_told_without_its_secrets() -> None:
    async with receiver(lambda _: 503) as (url, calls):
        with pytest.raises(HandingOutError, match=f"seal 1 in {ATTEMPTS} attempts: answered 503") as told:
            await posted(url)
    assert len(calls) == ATTEMPTS
    assert "secret" not in str(told.value)
    with pytest.raises(HandingOutError, match=f"{ATTEMPTS} attempts"):  # nobody listens there any more
        await posted(url)


@pytest.mark.parametrize("status", [400, 401, 404, 301, 307])
async def test_a_webhook_that_refuses_is_not_asked_again(status: int) -> None:
    async with receiver(lambda _: status) as (url, calls):
        with pytest.raises(HandingOutError, match=f"answered {status}"):
            await posted(url)
    assert len(calls) == 1


@pytest.mark.parametrize("url", ["roots", "http://", "ftp://host/roots", ""])
async def test_what_is_no_address(url: str) -> None:
    with pytest.raises(HandingOutError):
        await asyncio.wait_for(posted(url), 30)
