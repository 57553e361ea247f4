"""Scenarios that only check how an answer of the wallet is worded: no service, the dialect's own road from bytes to bytes."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from shared.contracts import Reply
from shared.providers.dialect import Callback, Refusal, Stamp
from shared.providers.registry import open_dialect
from shared.scenarios import Catalogue, Scenario, load_catalogue
from shared.settings import load_accounts_file
from tests.scenarios.mascot_driver import MascotDriver
from tests.scenarios.stack import mascot_side, write_config
from tests.scenarios.world import World

MASCOT = [pytest.param(scenario, id=f"mascot-{scenario.id}") for scenario in load_catalogue().of_dialect("mascot", run="render")]


@pytest.mark.parametrize("scenario", MASCOT)
def test_wording(scenario: Scenario, scenario_catalogue: Catalogue, tmp_path: Path) -> None:
    side = mascot_side(scenario_catalogue)
    accounts = load_accounts_file(write_config(tmp_path, side, scenario_catalogue, "live"))
    dialect = open_dialect(accounts.provider_accounts[scenario.setup.account])
    driver = MascotDriver(None, {}, side)
    world = World(scenario, scenario.setup.account)
    for label in world.labels():
        world.new_player(label)
        world.new_session("current", label)
    for step in scenario.steps:
        assert step.step is not None
        assert step.wallet is not None
        request = driver.make(step, world, scenario.dialect["mascot"].send.get(step.step, {}))
        headers = {name.lower().encode(): value.encode() for name, value in request.headers.items()}
        callback = Callback(headers=headers, body=request.body, peer="127.0.0.1")
        verified = dialect.verify(callback, time.time())
        assert not isinstance(verified, Refusal), verified
        call = dialect.parse(callback, Stamp("c-1", "test", 0))
        assert not isinstance(call, Refusal), call
        answer = dialect.render(
            call, Reply(command_id="c-1", caller="test", result=step.wallet.result, limit=step.wallet.limit), verified
        )
        told = {name.decode(): value.decode() for name, value in answer.headers}
        seen = driver.read(answer.status, told, answer.body, request)
        (expected,) = scenario.dialect["mascot"].alternatives(step.step)
        assert (seen.http, seen.answer) == (expected.http, expected.answer), step.step
