"""`stakewire account check`: each step printed, exit code 1 if one failed, JSON for programs."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from services.cli.main import app
from tests.unit.providers.mascot.provider_side import ProviderSide, status

FILE = """
[provider_accounts.mascot-eu]
dialect = "mascot"
[provider_accounts.mascot-eu.settings]
casino_id = 7
operator_api_url = "{url}"
operator_api_deadline_s = 5
[provider_accounts.mascot-eu.keys]
main = "env:MASCOT_EU_KEY"
[provider_accounts.mascot-eu.currency_map.EUR]
currency = "EUR"
"""


@pytest.fixture
def provider() -> Iterator[ProviderSide]:
    """The provider's side on an event loop of its own: the command has one, too."""
    loop, side = asyncio.new_event_loop(), ProviderSide()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(side.__aenter__(), loop).result(30)
    yield side
    asyncio.run_coroutine_threadsafe(side.__aexit__(), loop).result(30)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(30)
    loop.close()


@pytest.fixture
def config(provider: ProviderSide, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "stakewire.toml"
    path.write_text(FILE.format(url=provider.url()), encoding="utf-8")
    monkeypatch.setenv("STAKEWIRE_CONFIG_FILE", str(path))
    monkeypatch.setenv("STAKEWIRE_RUN_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("MASCOT_EU_KEY", "demo-key-1")
    monkeypatch.delenv("STAKEWIRE_DEMO_MASCOT_URL", raising=False)
    return path


def check(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["account", "check", *arguments])


@pytest.mark.usefixtures("config")
def test_a_good_account_is_told_step_by_step() -> None:
    result = check("mascot-eu")
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert [line.split()[0] for line in lines] == ["ok", "ok", "ok", "ok", "skipped", "ok", "ok", "ok", "ok", "skipped"]
    assert "game list: 1 games" in result.output
    assert "demo-key-1" not in result.output


@pytest.mark.usefixtures("config")
def test_a_failed_step_says_what_to_do_and_is_the_exit_code(provider: ProviderSide) -> None:
    provider.tell("Game.List", status(401))
    result = check("mascot-eu")
    assert result.exit_code == 1
    assert "failed  who we are: " in result.output
    assert "what to do: ask the provider whether its secret of key id 'main' is ours" in result.output


@pytest.mark.usefixtures("config")
def test_json_is_for_programs(provider: ProviderSide) -> None:
    provider.tell("Game.List", status(404))
    result = check("mascot-eu", "--json")
    steps = json.loads(result.output)
    assert result.exit_code == 1
    assert {"name": "settings", "state": "ok", "found": "casino id 7, keys main, callbacks by signature", "mend": ""} in steps
    assert [step["state"] for step in steps if step["name"] == "who we are"] == ["failed"]


def test_the_running_stack_is_found(config: Path, provider: ProviderSide, tmp_path: Path) -> None:
    """Nothing of ours listens at the stack's address here: what matters is that it is called, and the simulator known."""
    (tmp_path / "run").mkdir()
    stack = {"callbacks": "http://127.0.0.1:1", "simulator": f"http://127.0.0.1:{provider.port}"}
    (tmp_path / "run" / "stack.json").write_text(json.dumps(stack), encoding="utf-8")
    config.write_text(FILE.format(url="env:STAKEWIRE_DEMO_MASCOT_URL"), encoding="utf-8")
    result = check("mascot-eu")
    assert result.exit_code == 1
    assert "failed  our callbacks, key main: http://127.0.0.1:1/callbacks/mascot-eu cannot be called" in result.output
    assert {call.path for call in provider.calls} == {"/mascot/v1/signed/"}


@pytest.mark.usefixtures("config")
def test_an_unknown_name_lists_those_there_are() -> None:
    result = check("mascot-us")
    assert result.exit_code == 1
    assert "there is no provider account mascot-us" in result.output
    assert "there are: mascot-eu" in result.output


@pytest.mark.parametrize("command", ["add mascot", "list", "check"])
def test_help_has_an_example(command: str) -> None:
    result = CliRunner().invoke(app, ["account", *command.split(), "--help"])
    assert result.exit_code == 0
    assert "Example" in result.output
    assert f"stakewire account {command}" in result.output
