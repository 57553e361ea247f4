"""A new gateway holds back while an older wallet runs, and only then. Wallets are their real health pages here."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry, Gauge, generate_latest

from services.gateway import wallets_first
from services.gateway.wallets_first import Watch, order

NOWHERE = "wallets.invalid"


@pytest.fixture
async def wallet() -> AsyncIterator[tuple[int, list[str]]]:
    """(port, versions): a page of metrics at 127.0.0.1 that tells the version in the list, or none."""
    versions: list[str] = []

    async def metrics(_: web.Request) -> web.Response:
        registry = CollectorRegistry()
        Gauge("process_start", "first of the page", registry=registry).set(1)
        if versions:
            build = Gauge("stakewire_build_info", "what runs", ["service", "version"], registry=registry)
            build.labels("wallet", versions[0]).set(1)
        return web.Response(body=generate_latest(registry))

    app = web.Application()
    app.add_routes([web.get("/metrics", metrics)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    listening = socket.create_server(("127.0.0.1", 0))
    await web.SockSite(runner, listening).start()
    yield listening.getsockname()[1], versions
    await runner.cleanup()


async def reason(port: int, ours: str, host: str = "127.0.0.1") -> str:
    return await asyncio.to_thread(Watch(host, port, ours).why_wait)


def test_versions_are_compared_as_numbers() -> None:
    assert order("0.9.0") < order("0.10.0") < order("1.0.0")
    assert order("0.10.0+build.7") == order("0.10.0")


async def test_an_older_wallet_is_waited_for(wallet: tuple[int, list[str]]) -> None:
    port, versions = wallet
    versions.append("0.9.0")
    assert await reason(port, "0.10.0") == "the wallet at 127.0.0.1 is 0.9.0"


@pytest.mark.parametrize("version", ["0.10.0", "0.11.0"])
async def test_a_wallet_of_this_release_or_a_later_one_is_not(wallet: tuple[int, list[str]], version: str) -> None:
    port, versions = wallet
    versions.append(version)
    assert await reason(port, "0.10.0") == ""


async def test_a_wallet_that_tells_no_version_is_older(wallet: tuple[int, list[str]]) -> None:
    port, _ = wallet
    assert "is 0" in await reason(port, "0.1.0")


async def test_where_no_wallet_runs_nothing_is_waited_for() -> None:
    assert await reason(8085, "0.1.0", NOWHERE) == ""


async def test_a_silent_wallet_is_waited_for_a_while_only(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    watch = Watch("127.0.0.1", port, "0.1.0")
    assert "has not answered yet" in await asyncio.to_thread(watch.why_wait)
    monkeypatch.setattr(wallets_first, "SILENT_S", 0.0)
    assert await asyncio.to_thread(watch.why_wait) == ""


async def test_the_command_goes_on_once_the_wallet_is_renewed(
    wallet: tuple[int, list[str]], capfd: pytest.CaptureFixture[str]
) -> None:
    port, versions = wallet
    versions.append("0.0.1")
    waiting = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.gateway.wallets_first", "127.0.0.1", str(port), "120", stdout=asyncio.subprocess.PIPE
    )
    assert waiting.stdout is not None
    first = await asyncio.wait_for(waiting.stdout.readline(), 60)
    assert b"the wallet at 127.0.0.1 is 0.0.1" in first
    versions[0] = "999.0.0"
    rest, _ = await asyncio.wait_for(waiting.communicate(), 60)
    assert waiting.returncode == 0, capfd.readouterr().err
    assert b"no wallet is older" in rest


async def test_the_command_gives_up_after_its_limit(wallet: tuple[int, list[str]]) -> None:
    port, versions = wallet
    versions.append("0.0.1")
    waiting = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.gateway.wallets_first", "127.0.0.1", str(port), "0", stdout=asyncio.subprocess.PIPE
    )
    told, _ = await asyncio.wait_for(waiting.communicate(), 60)
    assert waiting.returncode == 1
    assert b"look why they are not renewed" in told
