"""The two commands on the whole stack: demo traffic, crashes of every part, an orderly end by Ctrl-C."""

import json
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.local.processes import Processes
from services.cli.simulator import Play, Simulator
from tests.servers import temporary_folder
from tests.stack_commands import StartCommand, finish, stack_commands
from tests.waiting import wait_until

PARTS = ["backoffice", "catalogue", "gateway", "kafka", "operator-api", "postgres", "simulator", "wallet"]


@pytest.fixture(scope="module")
def stack_run_dir() -> Iterator[Path]:
    with temporary_folder() as folder:
        yield folder / ".run"


@pytest.fixture(scope="module")
def start(stack_run_dir: Path) -> Iterator[StartCommand]:
    with stack_commands(stack_run_dir) as start_command:
        yield start_command


def stack_file(run_dir: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((run_dir / "stack.json").read_text())
    return content


def running(run_dir: Path) -> list[str]:
    processes = Processes(run_dir)
    return [name for name in processes.names() if processes.find(name)]


def test_demo_starts_the_stack_plays_and_finds_equal_books(start: StartCommand, stack_run_dir: Path) -> None:
    output = finish(start("demo", "--rounds", "150", "--seed", "1"))
    assert re.search(r"rounds +150 in ", output)
    assert re.search(r"books .* [1-9][0-9,]* operations: agree", output)
    assert "still up" in output
    assert running(stack_run_dir) == PARTS
    assert "gateway" in finish(start("status"))


@pytest.mark.parametrize("part", ["wallet", "gateway"])
def test_a_service_killed_while_bets_run_loses_nothing(part: str, start: StartCommand, stack_run_dir: Path) -> None:
    finish(start("up"))
    simulator = Simulator(stack_file(stack_run_dir)["simulator"])
    play_id = simulator.start(Play(rounds=200))
    wait_until(lambda: simulator.state(play_id).callbacks > 50, "bets run")
    assert Processes(stack_run_dir).kill(part)
    assert not simulator.state(play_id).is_over
    assert f"started: {part}\n" in finish(start("up"))
    wait_until(lambda: simulator.state(play_id).is_over, "all rounds are played", limit_s=180)
    assert simulator.state(play_id).state == "finished"
    comparison = simulator.compare()
    assert comparison.agree, comparison.differences


def test_every_part_killed_at_once_and_started_again_loses_nothing(start: StartCommand, stack_run_dir: Path) -> None:
    finish(start("demo", "--rounds", "50"))
    processes = Processes(stack_run_dir)
    for part in PARTS:
        assert processes.kill(part)
    assert "started: postgres, kafka, wallet, gateway, operator-api, simulator, catalogue, backoffice" in finish(start("up"))
    assert "operations: agree" in finish(start("demo", "--rounds", "50"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_run_plays_until_it_is_told_to_end_and_stops_what_it_started(
    number: signal.Signals, start: StartCommand, stack_run_dir: Path
) -> None:
    finish(start("down"))
    child = start("run")
    assert child.stdout is not None
    for line in child.stdout:
        if re.match(r"[0-9.]+ callbacks/s \| p50 ", line):
            break
    child.send_signal(number)
    assert "everything is stopped" in finish(child)
    assert running(stack_run_dir) == []


def test_a_second_signal_kills_and_leaves_no_orphan(start: StartCommand, stack_run_dir: Path) -> None:
    child = start("run", "--no-traffic")
    assert child.stdout is not None
    for line in child.stdout:
        if "everything is up" in line:
            break
    child.send_signal(signal.SIGINT)
    child.send_signal(signal.SIGTERM)
    finish(child)
    assert running(stack_run_dir) == []


def test_run_leaves_a_background_stack_running(start: StartCommand, stack_run_dir: Path) -> None:
    finish(start("up"))
    child = start("run", "--no-traffic")
    assert child.stdout is not None
    for line in child.stdout:
        if "the stack was up already" in line:
            break
    child.send_signal(signal.SIGINT)
    assert "keeps running" in finish(child)
    assert running(stack_run_dir) == PARTS
