"""The command line: it teaches, fails with one clear message, and reads numbers right."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deploy.local.ports import free_ports
from services.cli.display import Moment
from services.cli.main import app
from services.cli.simulator import PlayState, Simulator, SimulatorError, wallet_lag

COMMANDS = [
    "run",
    "up",
    "down",
    "status",
    "demo",
    "reset",
    "migrate",
    "topics",
    "keys",
    "switch",
    "republish",
    "dead-letters",
    "wallet",
]


def stakewire(*arguments: str, run_dir: Path) -> subprocess.CompletedProcess[str]:
    unset = ("DATABASE_URL", "KAFKA_BOOTSTRAP_SERVERS", "STAKEWIRE_BASE_PORT")
    environment = {name: value for name, value in os.environ.items() if name not in unset}
    return subprocess.run(
        [sys.executable, "-m", "services.cli", *arguments],
        cwd=Path(__file__).parents[2],
        env={**environment, "STAKEWIRE_RUN_DIR": str(run_dir)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_help_names_every_command_and_the_first_steps() -> None:
    result = CliRunner().invoke(app, ["--help"])
    assert result.exit_code == 0
    for word in (*COMMANDS, "stakewire run", "STAKEWIRE_BASE_PORT", "DATABASE_URL"):
        assert word in result.output


@pytest.mark.parametrize("command", ["run", "up", "status", "demo", "migrate"])
def test_help_of_a_command_has_an_example(command: str) -> None:
    result = CliRunner().invoke(app, [command, "--help"])
    assert result.exit_code == 0
    assert "Example" in result.output
    assert f"stakewire {command}" in result.output


def test_a_command_without_a_stack_says_what_to_do_and_shows_no_traceback(tmp_path: Path) -> None:
    done = stakewire("topics", "check", run_dir=tmp_path)
    assert done.returncode == 1
    assert "KAFKA_BOOTSTRAP_SERVERS is not set and no stack runs" in done.stderr
    assert "stakewire up" in done.stderr
    assert "Traceback" not in done.stderr


def test_status_and_down_of_a_stack_that_never_ran(tmp_path: Path) -> None:
    status, down = stakewire("status", run_dir=tmp_path), stakewire("down", run_dir=tmp_path)
    assert (status.returncode, status.stdout.count("stopped")) == (1, 8)
    assert (down.returncode, down.stdout) == (0, "nothing was running\n")


def test_reset_asks_before_it_deletes(tmp_path: Path) -> None:
    done = stakewire("reset", run_dir=tmp_path)
    assert done.returncode == 1
    assert "Delete the ledger" in done.stdout


def test_a_simulator_that_is_not_there_is_named() -> None:
    port = free_ports(1)[0]
    with pytest.raises(SimulatorError, match=rf"http://127\.0\.0\.1:{port}/play/x got no answer.*stakewire status"):
        Simulator(f"http://127.0.0.1:{port}").state("x")
    assert wallet_lag([f"127.0.0.1:{port}"]) is None


def test_the_line_tells_speed_latency_lag_and_books() -> None:
    play = PlayState(state="running", rounds_done=1234, callbacks=2500, callbacks_per_s=103.6, p50_ms=6.04, p99_ms=21.0)
    line = Moment(play, 3, "books agree").line()
    assert line == "104 callbacks/s | p50 6.0 ms, p99 21.0 ms | 1,234 rounds | lag 3 | books agree"


def test_the_line_tells_what_is_missing() -> None:
    line = Moment(None, None, "books not compared yet", ended=("wallet",)).line()
    assert line.startswith("lag unknown | books not compared yet | NOT RUNNING: wallet")
    assert "stakewire up" in line
