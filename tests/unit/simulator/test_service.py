"""The simulator as a service: its HTTP contract, its limits, and what is left after a restart."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import uvicorn

from services.simulator import service as module
from services.simulator.api import make_app
from services.simulator.service import Simulator
from services.simulator.settings import SimulatorSettings
from shared.contracts import CurrencyMapping
from shared.errors import SettingsError
from shared.money import MinorUnits
from shared.requester import RequesterError
from shared.settings import ProviderAccount, load_settings
from tests.unit.simulator.operator import ACCOUNT, CASINO_ID, KEY, Operator, serving
from tests.unit.simulator.waiting import until

LIMIT_S = 30.0


class Line(Operator):
    """The operator with a line to him that can be down."""

    def __init__(self) -> None:
        super().__init__()
        self.ready = True

    async def start(self) -> None:
        if not self.ready:
            raise RequesterError("Kafka cannot be used")

    async def stop(self) -> None:
        return


def account(name: str = ACCOUNT, dialect: str = "mascot") -> ProviderAccount:
    conversion = MinorUnits.of(CurrencyMapping(wire="EUR", currency="EUR"))
    return ProviderAccount(name, dialect, ("main",), {"casino_id": CASINO_ID}, {"EUR": conversion}, {}, {"main": KEY})


@asynccontextmanager
async def simulator_at(folder: Path, line: Line, callback_url: str) -> AsyncIterator[tuple[Simulator, aiohttp.ClientSession]]:
    base = callback_url.rsplit("/", 1)[0]
    settings = SimulatorSettings(run_dir=folder, callback_url=base, kafka_bootstrap_servers="127.0.0.1:1")
    simulator = Simulator(settings, {ACCOUNT: account(), "other": account("other", "hub88")}, line)
    server = uvicorn.Server(uvicorn.Config(make_app(simulator), host="127.0.0.1", port=0, log_config=None))
    serving_task = asyncio.ensure_future(server.serve())
    await until(lambda: server.started or serving_task.done(), "the server listens")
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client:
            yield simulator, client
    finally:
        server.should_exit = True
        await asyncio.wait_for(serving_task, LIMIT_S)


async def post(client: aiohttp.ClientSession, path: str, body: Any) -> tuple[int, Any]:
    async with client.post(path, json=body) as answer:
        return answer.status, await answer.json()


async def get(client: aiohttp.ClientSession, path: str) -> tuple[int, Any]:
    async with client.get(path) as answer:
        return answer.status, await answer.json()


async def ready(client: aiohttp.ClientSession) -> None:
    async def is_ready() -> bool:
        return bool((await get(client, "/health/ready"))[0] == 200)

    await until(is_ready, "the simulator is ready")


async def over(client: aiohttp.ClientSession, play_id: str) -> Any:
    async def is_over() -> bool:
        return bool((await get(client, f"/play/{play_id}"))[1]["state"] != "running")

    await until(is_over, "the play is over")
    return (await get(client, f"/play/{play_id}"))[1]


async def test_a_play_is_started_watched_and_finished(tmp_path: Path) -> None:
    line = Line()
    async with serving(line) as url, simulator_at(tmp_path, line, url) as (_, client):
        await ready(client)

        status, answer = await post(client, "/play", {"players": 2, "rounds": 60, "seed": 4, "provider_account": ACCOUNT})
        shown = await over(client, answer["play_id"])

        assert status == 202
        assert (shown["state"], shown["rounds_done"], shown["errors"], shown["problems"]) == ("finished", 60, 0, [])
        assert shown["callbacks"] >= 60
        assert shown["callbacks_per_s"] > 0
        assert 0 < shown["p50_ms"] <= shown["p99_ms"]


async def test_an_endless_play_is_stopped(tmp_path: Path) -> None:
    line = Line()
    async with serving(line) as url, simulator_at(tmp_path, line, url) as (_, client):
        await ready(client)
        _, answer = await post(client, "/play", {"players": 2, "rounds": None, "rate_per_s": 200, "provider_account": ACCOUNT})
        play_id = answer["play_id"]

        async def plays() -> bool:
            return bool((await get(client, f"/play/{play_id}"))[1]["rounds_done"] >= 5)

        await until(plays, "five rounds are played")

        async with client.delete(f"/play/{play_id}") as deleted:
            assert deleted.status == 200

        assert (await over(client, play_id))["state"] == "stopped"


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"players": 0}, "players"),
        ({"players": 1_001}, "players"),
        ({"players": "8"}, "players"),
        ({"rounds": 0}, "rounds"),
        ({"rounds": 10_000_001}, "rounds"),
        ({"rate_per_s": 0}, "rate_per_s"),
        ({"rollback_share": 0.51}, "rollback_share"),
        ({"retry_share": -0.1}, "retry_share"),
        ({"seed": 2**64}, "seed"),
        ({"callback_url": "http://elsewhere.example"}, "callback_url"),
        ({"provider_account": "NO"}, "provider_account"),
        ({"provider_account": "unheard-of"}, "unheard-of"),
        ({"provider_account": "other"}, "other"),
    ],
)
async def test_what_cannot_be_played_is_refused_and_named(tmp_path: Path, body: dict[str, Any], named: str) -> None:
    line = Line()
    async with serving(line) as url, simulator_at(tmp_path, line, url) as (_, client):
        await ready(client)

        status, answer = await post(client, "/play", {"provider_account": ACCOUNT} | body)

        assert status == 422
        assert named in json.dumps(answer)


async def test_only_so_many_plays_run_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PLAYS_AT_ONCE", 1)
    line = Line()
    endless = {"players": 1, "rounds": None, "rate_per_s": 10, "provider_account": ACCOUNT}
    async with serving(line) as url, simulator_at(tmp_path, line, url) as (_, client):
        await ready(client)
        await post(client, "/play", endless)

        status, answer = await post(client, "/play", endless)

        assert status == 429
        assert "DELETE" in answer["detail"]


async def test_without_a_line_to_the_operator_it_is_alive_but_not_ready(tmp_path: Path) -> None:
    line = Line()
    line.ready = False
    async with serving(line) as url, simulator_at(tmp_path, line, url) as (_, client):
        assert (await get(client, "/health/live"))[0] == 200
        assert (await get(client, "/health/ready"))[0] == 503
        assert (await post(client, "/play", {"provider_account": ACCOUNT}))[0] == 503


async def _in_parts() -> AsyncIterator[bytes]:
    yield b"{}"


@pytest.mark.parametrize("make_body", [lambda: b"x" * 20_000, _in_parts], ids=["too large", "of unknown length"])
async def test_a_body_beyond_the_limit_is_refused(tmp_path: Path, make_body: Callable[[], bytes | AsyncIterator[bytes]]) -> None:
    line = Line()
    async with (
        serving(line) as url,
        simulator_at(tmp_path, line, url) as (_, client),
        client.post("/play", data=make_body()) as answer,
    ):
        assert answer.status == 413
        assert "16384" in (await answer.json())["detail"]


async def test_an_unknown_play_is_not_found(tmp_path: Path) -> None:
    line = Line()
    async with serving(line) as url, simulator_at(tmp_path, line, url) as (_, client):
        status, answer = await get(client, "/play/abc123")

        assert status == 404
        assert "POST /play" in answer["detail"]


async def test_a_comparison_without_kafka_says_so(tmp_path: Path) -> None:
    line = Line()
    async with serving(line) as url, simulator_at(tmp_path, line, url) as (_, client):
        status, answer = await post(client, "/books/compare", {"timeout_s": 1})

        assert status == 200
        assert answer["agree"] is False
        assert answer["differences"][0]["kind"] == "events"
        assert (await post(client, "/books/compare", {"timeout_s": 0}))[0] == 422


async def test_metrics_tell_callbacks_latency_and_problems(tmp_path: Path) -> None:
    line = Line()
    async with serving(line) as url, simulator_at(tmp_path, line, url) as (_, client), client.get("/metrics") as answer:
        page = await answer.text()

    for name in ("callbacks_total", "callback_seconds_bucket", "problems_total"):
        assert f"stakewire_simulator_{name}" in page


async def test_results_outlive_a_restart_and_a_play_that_was_cut_off_is_failed(tmp_path: Path) -> None:
    line = Line()
    async with serving(line) as url:
        async with simulator_at(tmp_path, line, url) as (first, client):
            await ready(client)
            _, answer = await post(client, "/play", {"players": 1, "rounds": 5, "provider_account": ACCOUNT})
            done = await over(client, answer["play_id"])
            first.books.put_play("feed", 0, "running", json.dumps({"play_id": "feed", "state": "running", "rounds_done": 3}))

        async with simulator_at(tmp_path, line, url) as (_, client):
            assert (await get(client, f"/play/{answer['play_id']}"))[1] == done
            _, cut_off = await get(client, "/play/feed")

    assert (cut_off["state"], cut_off["rounds_done"]) == ("failed", 3)
    assert "stopped while" in cut_off["failure"]


def test_callbacks_go_to_the_stacks_own_gateway_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAKEWIRE_BASE_PORT", "9100")

    settings = load_settings(SimulatorSettings)

    assert settings.callbacks_of("mascot-demo") == "http://127.0.0.1:9100/callbacks/mascot-demo"
    assert settings.listen_port(4) == 9104


def test_links_begin_with_the_setting_or_the_own_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAKEWIRE_BASE_PORT", "9100")
    monkeypatch.setenv("STAKEWIRE_HOST", "0.0.0.0")  # noqa: S104  # compared, not bound

    assert load_settings(SimulatorSettings).public_url == "http://127.0.0.1:9104"
    monkeypatch.setenv("STAKEWIRE_SIMULATOR_URL", "https://games.example/")
    assert load_settings(SimulatorSettings).public_url == "https://games.example"


@pytest.mark.parametrize("url", ["ftp://x/", "127.0.0.1:8080", "http://x/?a=1"])
def test_a_callback_address_that_is_none_stops_the_start(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAKEWIRE_CALLBACK_URL", url)

    with pytest.raises(SettingsError, match="STAKEWIRE_CALLBACK_URL"):
        load_settings(SimulatorSettings)
