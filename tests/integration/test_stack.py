"""`stakewire up` and `down` on the two servers: started once, repaired after kill -9, one at a time, beside another stack."""

import hashlib
import json
import os
import signal
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from deploy.local.processes import Processes
from tests.servers import temporary_folder
from tests.stack_commands import StartCommand, finish, stack_commands
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def stack_run_dir() -> Iterator[Path]:
    with temporary_folder() as folder:
        yield folder / ".run"


@pytest.fixture(scope="module")
def start(stack_run_dir: Path) -> Iterator[StartCommand]:
    with stack_commands(stack_run_dir) as start_command:
        yield start_command


def up(start: StartCommand) -> str:
    return finish(start("up", "--servers-only"))


def stack_file(run_dir: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((run_dir / "stack.json").read_text())
    return content


def test_two_ups_at_once_start_each_server_once(start: StartCommand, stack_run_dir: Path) -> None:
    both = [start("up", "--servers-only"), start("up", "--servers-only")]
    outputs = sorted(finish(child) for child in both)
    assert sum("started: postgres, kafka" in output for output in outputs) == 1
    assert sum("everything was running already" in output for output in outputs) == 1
    assert Processes(stack_run_dir).names() == ["kafka", "postgres"]


def test_stack_file_tells_where_everything_is_to_the_owner_only(start: StartCommand, stack_run_dir: Path) -> None:
    up(start)
    path = stack_run_dir / "stack.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    content = stack_file(stack_run_dir)
    account = content["provider_accounts"]["mascot-demo"]
    assert account["callback_url"] == f"{content['callbacks']}/callbacks/mascot-demo"
    assert account["settings"] == {
        "casino_id": 1,
        "operator_api_url": "env:STAKEWIRE_DEMO_MASCOT_URL",
        "cover_url": "env:STAKEWIRE_DEMO_COVER_URL",
        "history_url": "env:STAKEWIRE_DEMO_HISTORY_URL",
    }
    assert len(account["keys"]["main"]) >= 43
    with psycopg.connect(content["database_url"]) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_the_key_in_the_stack_file_opens_the_operator_api(start: StartCommand, stack_run_dir: Path) -> None:
    up(start)
    up(start)
    content = stack_file(stack_run_dir)
    token_sha256 = hashlib.sha256(content["operator_api_key"].encode()).digest()
    with psycopg.connect(content["database_url"]) as connection:
        rows = connection.execute("SELECT token_sha256, brand, cardinality(scopes), label FROM operator.api_keys").fetchall()
    assert rows == [(token_sha256, "main", 4, "demo")]


@pytest.mark.parametrize("name", ["postgres", "kafka"])
def test_up_repairs_a_killed_server_and_leaves_the_other_alone(name: str, start: StartCommand, stack_run_dir: Path) -> None:
    up(start)
    processes = Processes(stack_run_dir)
    other = {"postgres": "kafka", "kafka": "postgres"}[name]
    before = processes.find(other)
    assert processes.kill(name)
    assert f"started: {name}\n" in up(start)
    assert processes.find(other) == before


def test_secrets_and_ledger_survive_down_and_up(start: StartCommand, stack_run_dir: Path) -> None:
    up(start)
    before = stack_file(stack_run_dir)
    with psycopg.connect(before["database_url"], autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS value")
    assert "stopped: kafka, postgres" in finish(start("down"))
    assert not (stack_run_dir / "stack.json").exists()
    up(start)
    assert stack_file(stack_run_dir) == before
    with psycopg.connect(before["database_url"]) as connection:
        assert connection.execute("SELECT value FROM kept").fetchone() == (7,)


def test_a_running_stack_does_not_silently_move_to_other_ports(start: StartCommand) -> None:
    up(start)
    output = finish(start("up", "--servers-only", STAKEWIRE_BASE_PORT="20080"), expected_code=1)
    assert "already runs on base port" in output
    assert "stakewire down" in output


def test_down_never_signals_a_stranger(start: StartCommand, stack_run_dir: Path) -> None:
    finish(start("down"))
    record = stack_run_dir / "processes" / "postgres.json"
    record.write_text(
        json.dumps({"pid": os.getpid(), "create_time": 1.0, "stop_signal": int(signal.SIGKILL), "stop_timeout_s": 5.0})
    )
    assert "nothing was running" in finish(start("down"))
    assert not record.exists()


def test_status_says_what_runs_and_tells_programs_too(start: StartCommand) -> None:
    up(start)
    lines = {line["name"]: line for line in json.loads(finish(start("status", "--json"), expected_code=1))}
    assert (lines["postgres"]["state"], lines["kafka"]["state"], lines["gateway"]["state"]) == ("ready", "ready", "stopped")
    assert psutil.pid_exists(lines["kafka"]["pid"])
    assert "all topics are as they should be" in finish(start("topics", "check"))


def test_an_interrupted_up_can_be_repeated(start: StartCommand, stack_run_dir: Path) -> None:
    finish(start("down"))
    child = start("up", "--servers-only")
    wait_until(lambda: Processes(stack_run_dir).find("kafka"), "Kafka is being started")
    child.send_signal(signal.SIGINT)
    assert "interrupted" in finish(child, expected_code=130)
    up(start)
