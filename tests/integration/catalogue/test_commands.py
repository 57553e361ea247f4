"""`stakewire catalogue` and the process `python -m services.catalogue`: what they do, and what they tell."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import asyncpg
import pytest
from typer.testing import CliRunner
from typer.testing import Result as Outcome

from deploy.local.ports import free_ports
from services.cli.main import app
from shared.access import SCOPES, KeyStore
from shared.kafka.topics import TopicNames
from tests.integration.catalogue.stand import ACCOUNT, listed
from tests.integration.catalogue.test_publish import read
from tests.stack_commands import CHECKOUT
from tests.unit.providers.mascot.provider_side import ProviderSide, status

CONFIG = """
[brands.main]
[provider_accounts.mascot-demo]
dialect = "mascot"
[provider_accounts.mascot-demo.settings]
casino_id = 7
operator_api_url = "{url}"
cover_url = "https://images.example/{{game_id}}.svg"
[provider_accounts.mascot-demo.keys]
main = "file:key"
[provider_accounts.mascot-demo.currency_map.EUR]
currency = "EUR"
"""
TEN = [f"game{number}" for number in range(10)]


@pytest.fixture
def environment(
    catalogue_url: str,
    kafka_bootstrap_servers: str,
    names: TopicNames,
    provider: ProviderSide,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The environment of commands and processes: a database, a Kafka, a configuration with one account."""
    (tmp_path / "stakewire.toml").write_text(CONFIG.format(url=provider.url()), encoding="utf-8")
    (tmp_path / "key").write_text("demo-key-1", encoding="utf-8")
    for name, value in {
        "DATABASE_URL": catalogue_url,
        "KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap_servers,
        "STAKEWIRE_TOPIC_PREFIX": names.prefix,
        "STAKEWIRE_CONFIG_FILE": str(tmp_path / "stakewire.toml"),
        "STAKEWIRE_RUN_DIR": str(tmp_path / "run"),
        "LOGNAME": "anna",
        "COLUMNS": "200",
    }.items():
        monkeypatch.setenv(name, value)


async def run(*arguments: str) -> Outcome:
    return await asyncio.to_thread(lambda: CliRunner().invoke(app, ["catalogue", *arguments]))


def lists(provider: ProviderSide, *ids: str) -> None:
    provider.tell("Game.List", lambda call: call.result({"Games": [listed(each) for each in ids]}))


@pytest.mark.usefixtures("environment")
async def test_a_sync_by_hand_an_alarm_and_its_confirmation(
    provider: ProviderSide, kafka_bootstrap_servers: str, names: TopicNames
) -> None:
    lists(provider, *TEN)
    first = await run("sync", "--account", ACCOUNT)
    assert first.exit_code == 0, first.output
    assert "mascot-demo: 10 games; 10 added" in first.output
    assert len(await read(kafka_bootstrap_servers, names)) == 10

    lists(provider, *TEN[:4])
    doubtful = await run("sync")
    assert doubtful.exit_code == 1
    assert "lacks 6 of 10 live games" in doubtful.output
    [alarm, ok] = json.loads((await run("syncs", "--json")).stdout)
    assert (alarm["result"], alarm["waiting"], ok["result"], ok["asked_by"]) == ("alarm", True, "ok", "cli:anna")
    assert "alarm (waits)" in (await run("syncs", "--account", ACCOUNT)).output

    confirmed = await run("confirm", str(alarm["id"]), "--reason", "old games have ended")
    assert confirmed.exit_code == 0, confirmed.output
    assert "6 withdrawn" in confirmed.output
    newest = dict(await read(kafka_bootstrap_servers, names))
    assert {game.game_id for game in newest.values() if game.state == "live"} == set(TEN[:4])
    again = await run("confirm", str(alarm["id"]))
    assert again.exit_code == 1
    assert "waits for no confirmation" in str(again.exception)


@pytest.mark.usefixtures("environment")
async def test_republish_brings_every_game_again(provider: ProviderSide, kafka_bootstrap_servers: str, names: TopicNames) -> None:
    lists(provider, *TEN)
    await run("sync")
    outcome = await run("republish")
    assert outcome.exit_code == 0, outcome.output
    assert "10 games are published again" in outcome.output
    assert len(await read(kafka_bootstrap_servers, names)) == 20


@pytest.mark.usefixtures("environment")
async def test_what_went_wrong_is_told_with_advice(provider: ProviderSide) -> None:
    provider.tell("Game.List", status(503, "away"))
    outcome = await run("sync")
    assert outcome.exit_code == 1
    assert "answered HTTP 503" in outcome.output
    assert "Traceback" not in outcome.output
    unknown = await run("sync", "--account", "other")
    assert unknown.exit_code == 1
    assert "there are: mascot-demo" in str(unknown.exception)


@pytest.mark.usefixtures("environment")
async def test_the_process_keeps_the_games_current_and_ends_in_order(
    provider: ProviderSide, kafka_bootstrap_servers: str, names: TopicNames, catalogue_pool: asyncpg.Pool, catalogue_url: str
) -> None:
    lists(provider, *TEN)
    owner = await asyncpg.create_pool(catalogue_url, min_size=1, max_size=1)
    try:
        key = await KeyStore(owner).create("main", SCOPES, actor="test")
    finally:
        await owner.close()
    async with process(STAKEWIRE_CATALOGUE_SYNC_INTERVAL_S="1") as url:
        await _until_ready(url)
        async with asyncio.timeout(60):
            while len(await read(kafka_bootstrap_servers, names)) < 10:  # noqa: ASYNC110 - seen from outside
                await asyncio.sleep(0.1)
        code, metrics = await get(f"{url}/metrics")
        assert (code, 'stakewire_catalogue_games{provider_account="mascot-demo",state="live"} 10.0' in metrics) == (200, True)
        assert (await get(f"{url}/v1/games"))[0] == 401
        code, games = await get(f"{url}/v1/games", key.token)
        assert (code, "game7" in games) == (200, True)
        lists(provider, *TEN, "new")
        async with asyncio.timeout(60):
            while not await catalogue_pool.fetchval("SELECT count(*) FROM catalogue.games WHERE game_id = 'new'"):  # noqa: ASYNC110
                await asyncio.sleep(0.1)


@asynccontextmanager
async def process(**environment: str) -> AsyncIterator[str]:
    """A catalogue of its own process; gives its address, and ends it by SIGTERM, which must go well."""
    [port] = free_ports(1)
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.catalogue", cwd=CHECKOUT, env={**os.environ, "STAKEWIRE_PORT": str(port), **environment}
    )
    try:
        yield f"http://127.0.0.1:{port}"
        child.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(child.wait(), 60) == 0
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()


async def get(url: str, token: str = "") -> tuple[int, str]:
    """Status and body of a request; 0 where nobody listens."""

    def ask() -> tuple[int, str]:
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - our own address
                return answer.status, answer.read().decode()
        except HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            return 0, ""

    found: Any = await asyncio.to_thread(ask)
    return found[0], found[1]


async def _until_ready(url: str) -> None:
    async with asyncio.timeout(90):
        while (await get(f"{url}/health/ready"))[0] != 200:  # noqa: ASYNC110 - seen from outside
            await asyncio.sleep(0.1)
