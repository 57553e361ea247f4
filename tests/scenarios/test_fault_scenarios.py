"""The scenarios about servers that stop, on servers and services of their own."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator

import pytest

from shared.scenarios import Catalogue, Scenario, Step, load_catalogue
from tests.scenarios.line import Line, open_line
from tests.scenarios.stack import PlayStack, play_stack
from tests.servers import LocalServers, Servers

MASCOT = [pytest.param(scenario, id=f"mascot-{scenario.id}") for scenario in load_catalogue().of_dialect("mascot", run="faults")]


@pytest.fixture(scope="module")
def local() -> Iterator[LocalServers]:
    """A PostgreSQL and a Kafka to be stopped at will."""
    with LocalServers() as servers:
        yield servers


@pytest.fixture(scope="module")
def stack(local: LocalServers, scenario_catalogue: Catalogue) -> Iterator[PlayStack]:
    """The services on these servers."""
    database_url = local.postgres.create_database("stakewire")
    servers = Servers(database_url, local.kafka.bootstrap_servers, local.postgres, local.kafka)
    with play_stack(servers, scenario_catalogue) as running:
        yield running


class Saboteur:
    """Does to servers and services what a step says, and waits until it is done."""

    def __init__(self, local: LocalServers, line: Line) -> None:
        self._local = local
        self._line = line

    async def act(self, step: Step) -> None:
        """A step that stops, kills or starts something."""
        await asyncio.to_thread(self._do, step.do)
        if step.do == "start_database":
            await self._line.pool.expire_connections()

    def _do(self, what: str) -> None:
        stack = self._line.stack
        match what:
            case "stop_database":
                self._local.postgres.kill()
            case "start_database":
                self._local.postgres.start()
            case "stop_broker":
                self._local.kafka.kill()
            case "start_broker":
                self._local.kafka.start()
                for name in ("wallet", "live"):
                    stack.wait_ready(name)
            case "kill_wallet_after_commit":
                stack.processes.stop("wallet")
                stack.start("wallet", STAKEWIRE_WALLET_FAILPOINT="committed")
                stack.wait_ready("wallet")
            case "start_wallet":
                assert stack.processes.find("wallet") is None, "the wallet was to die after its commit, and lives"
                stack.start("wallet")
                stack.wait_ready("wallet")
            case _:
                raise AssertionError(f"unknown act {what!r}")


@pytest.mark.parametrize("scenario", MASCOT)
async def test_fault_scenario(scenario: Scenario, local: LocalServers, stack: PlayStack, scenario_catalogue: Catalogue) -> None:
    async with open_line(stack) as line:
        await line.play(scenario, scenario_catalogue, Saboteur(local, line).act)


def test_the_services_survived_all_of_it(stack: PlayStack) -> None:
    assert all(stack.processes.signal(name, signal.SIGCONT) for name in ("wallet", "live", "off"))
    assert stack.trouble() == []
