"""Every service is restarted in turn while bets, deposits and catalogue requests run: nothing is lost, nothing is wrong.

The longest stalls are printed (`-s`), not judged. `make faults` goes round several times.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from shared.kafka.topics import TopicNames
from tests.bench.stalls import Watch
from tests.faults.rolling import Balancer, Caller, RunningStack, balancer
from tests.faults.story import ROUNDS
from tests.integration.wallet.books import assert_books
from tests.integration.wallet.line import open_line
from tests.integration.wallet.stand import WalletStand
from tests.operator_api.api import Api
from tests.servers import temporary_folder
from tests.stack_commands import StartCommand, finish, stack_commands
from tests.waiting import wait_until

ORDER = ("wallet", "wallet-2", "gateway", "gateway-2", "operator-api", "catalogue")
WATCHED_S = float(os.environ.get("STAKEWIRE_ROLLING_SECONDS", "1"))
"""How long is watched after each restart."""
PLAY = {"players": 8, "rounds": None, "rate_per_s": 40, "rollback_share": 0.05, "retry_share": 0.1, "seed": 5}


@pytest.fixture
def run_dir() -> Iterator[Path]:
    with temporary_folder() as folder:
        yield folder / ".run"


@pytest.fixture
def start(run_dir: Path) -> Iterator[StartCommand]:
    with stack_commands(run_dir) as start_command:
        yield start_command


@asynccontextmanager
async def running_stack(start: StartCommand, run_dir: Path) -> AsyncIterator[tuple[RunningStack, Balancer]]:
    """The whole stack with two wallets, and two gateways behind a balancer, which the simulator plays at."""
    async with balancer() as before:
        url = f"http://127.0.0.1:{before.port}/callbacks"
        up = partial(start, "up", STAKEWIRE_WALLETS="2", STAKEWIRE_CALLBACK_URL=url)
        await asyncio.to_thread(lambda: finish(up()))
        stack = RunningStack.of(run_dir)
        try:
            await asyncio.to_thread(stack.start, "gateway-2")
            before.ports = [stack.services[name].port for name in ("gateway", "gateway-2")]
            yield stack, before
        finally:
            # What this process started it also collects; the rest is stopped with the stack.
            for name in stack.services:
                await asyncio.to_thread(stack.processes.stop, name)


@asynccontextmanager
async def calling(*callers: Caller) -> AsyncIterator[None]:
    """The callers go on during the block."""
    over = asyncio.Event()
    works = [asyncio.create_task(asyncio.to_thread(caller.call, over.is_set)) for caller in callers]
    try:
        yield
    finally:
        over.set()
        await asyncio.gather(*works)


def callers_of(stack: RunningStack) -> tuple[str, Caller, Caller]:
    """A depositor and his player, and somebody who reads the catalogue."""
    money, games = stack.api("operator-api"), stack.api("catalogue")
    player = money.player()
    body = {"amount": "1", "currency": "EUR"}
    deposits = Caller("deposit", lambda number: money.call("POST", f"/v1/players/{player}/deposits", body, key=f"rolling-{number}"))
    return player, deposits, Caller("games", lambda _: games.call("GET", "/v1/games"))


async def restart_each(stack: RunningStack, watch: Watch, tell: Callable[[str], None]) -> None:
    for name in ORDER:
        longest, median = await watch.during(partial(asyncio.to_thread, stack.restart, name), WATCHED_S)
        tell(f"{name:<13} bets at the wallets: longest {longest:,.0f} ms, median {median:,.1f} ms")


def play_to_its_end(stack: RunningStack, play_id: str) -> dict[str, object]:
    """The play stops and settles; its result."""
    stack.simulator("DELETE", f"/play/{play_id}")
    wait_until(lambda: stack.simulator("GET", f"/play/{play_id}")["state"] != "running", "the play has ended", 120)
    # What is still open is rolled back in the background.
    comparison = stack.simulator("POST", "/books/compare", {"timeout_s": 80})
    assert comparison["agree"], comparison["differences"]
    result: dict[str, object] = stack.simulator("GET", f"/play/{play_id}")
    return result


async def test_nothing_is_lost_and_nothing_is_wrong(start: StartCommand, run_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def tell(text: str) -> None:
        with capsys.disabled():
            print(f"\n  {text}", end="", flush=True)  # noqa: T201  # the stalls are told

    async with running_stack(start, run_dir) as (stack, before):
        content, names = stack.content, TopicNames()
        stand = WalletStand(content["database_url"], content["kafka_bootstrap_servers"], "", run_dir, stack.processes)
        player, deposits, games = await asyncio.to_thread(callers_of, stack)
        play_id = (await asyncio.to_thread(stack.simulator, "POST", "/play", PLAY))["play_id"]
        async with open_line(stand) as line:
            watch = Watch(line)
            await watch.begin()
            async with calling(deposits, games):
                for _ in range(ROUNDS):
                    await restart_each(stack, watch, tell)
            await watch.check()
        result = await asyncio.to_thread(play_to_its_end, stack, play_id)
        tell(f"simulator: {result['callbacks']} callbacks, p99 {result['p99_ms']} ms, {result['errors']} not answered in time")
        for caller in (deposits, games):
            tell(f"{caller.name}: {caller.done} done, longest {caller.longest_ms:,.0f} ms, answers {dict(caller.answers)}")
        assert (result["state"], result["problems"], before.refused) == ("stopped", [], 0)
        assert deposits.wrong + games.wrong == []
        assert min(deposits.done, games.done) > len(ORDER)
        assert await asyncio.to_thread(Api.balance, stack.api("operator-api"), player) == f"{deposits.done}.00"
        report = json.loads(await asyncio.to_thread(lambda: finish(start("verify", "--full", "--json"))))
        assert report["problems"] == []
        for name in ("wallet", "wallet-2"):
            assert stack.processes.stop(name)
        await assert_books(stand.database_url, stand.kafka_bootstrap_servers, names)
