"""Every scenario of the catalogue, on running services, real PostgreSQL and real Kafka."""

from __future__ import annotations

import pytest

from shared.scenarios import Catalogue, Scenario, load_catalogue
from tests.scenarios.line import Line
from tests.scenarios.stack import PlayStack

pytestmark = pytest.mark.asyncio(loop_scope="module")

MASCOT = [pytest.param(scenario, id=f"mascot-{scenario.id}") for scenario in load_catalogue().of_dialect("mascot", run="stack")]


@pytest.mark.parametrize("scenario", MASCOT)
async def test_scenario(scenario: Scenario, line: Line, scenario_catalogue: Catalogue) -> None:
    await line.play(scenario, scenario_catalogue)


async def test_no_scenario_left_an_unhandled_exception_in_the_logs(line: Line, scenario_stack: PlayStack) -> None:
    async with line.http.get(f"{scenario_stack.urls['live']}/health/live") as response:
        assert response.status == 200
    assert scenario_stack.trouble() == []
