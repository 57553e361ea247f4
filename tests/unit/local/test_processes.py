"""Children of the local stack, with real processes: found again, stopped in time, and never mistaken for a stranger's."""

import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from deploy.local.errors import Interrupted, StartFailed
from deploy.local.processes import Command, Processes
from tests.waiting import wait_until

SLEEPER = "import time; print('ready', flush=True); time.sleep(600)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(600)"
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SLEEPER!r}])"


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    several = Processes(tmp_path)
    yield several
    for name in several.names():
        several.stop(name, timeout_s=0)


def start(processes: Processes, tmp_path: Path, script: str = SLEEPER, name: str = "child") -> psutil.Process:
    process = processes.start(Command(name, [sys.executable, "-c", script], tmp_path, stop_timeout_s=0.5))
    if "ready" in script:
        wait_until(lambda: "ready" in processes.log_file(name).read_text(), "the child runs")
    return process


def test_a_child_is_found_by_a_later_command(processes: Processes, tmp_path: Path) -> None:
    process = start(processes, tmp_path)
    assert Processes(tmp_path).find("child") == process
    assert Processes(tmp_path).names() == ["child"]


def test_a_child_outlives_ctrl_c_at_the_terminal(processes: Processes, tmp_path: Path) -> None:
    start(processes, tmp_path, "import os; print('ready', os.getsid(0) == os.getpid(), flush=True); import time; time.sleep(600)")
    assert processes.log_file("child").read_text() == "ready True\n"


def test_stopping_is_orderly_and_forgets_the_child(processes: Processes, tmp_path: Path) -> None:
    start(processes, tmp_path)
    assert processes.stop("child") is True
    assert processes.names() == []
    assert processes.stop("child") is False


def test_a_child_that_ignores_the_signal_is_killed_after_its_limit(processes: Processes, tmp_path: Path) -> None:
    process = start(processes, tmp_path, STUBBORN)
    assert processes.stop("child") is True
    assert not psutil.pid_exists(process.pid)


def test_whoever_is_in_a_hurry_does_not_wait_for_the_limit(processes: Processes, tmp_path: Path) -> None:
    process = start(processes, tmp_path, STUBBORN)
    processes.hurried.set()
    assert processes.stop("child", timeout_s=3600) is True
    assert not psutil.pid_exists(process.pid)


def test_children_of_a_killed_child_are_killed_too(processes: Processes, tmp_path: Path) -> None:
    process = start(processes, tmp_path, PARENT)
    wait_until(process.children, "the child has a child")
    grandchild = process.children()[0]
    assert processes.stop("child", timeout_s=0) is True
    wait_until(lambda: not grandchild.is_running() or grandchild.status() == psutil.STATUS_ZOMBIE, "it has ended too")


def test_a_dead_child_is_not_found_and_can_be_started_again(processes: Processes, tmp_path: Path) -> None:
    first = start(processes, tmp_path)
    processes.kill("child")
    assert processes.find("child") is None
    assert start(processes, tmp_path) != first


def test_a_pid_that_belongs_to_somebody_else_now_is_left_alone(processes: Processes, tmp_path: Path) -> None:
    stranger = start(processes, tmp_path, name="stranger")
    record = tmp_path / "processes" / "child.json"
    record.write_text(
        json.dumps({"pid": stranger.pid, "create_time": stranger.create_time() - 60, "stop_signal": 9, "stop_timeout_s": 1.0})
    )
    assert processes.find("child") is None
    assert processes.signal("child", signal.SIGKILL) is False
    assert processes.stop("child") is False
    assert stranger.is_running()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": 1}', '{"pid": 1, "unknown": 2}'])
def test_a_broken_record_counts_as_no_child(processes: Processes, tmp_path: Path, content: str) -> None:
    (tmp_path / "processes").mkdir()
    (tmp_path / "processes" / "child.json").write_text(content)
    assert processes.find("child") is None
    assert processes.stop("child") is False


def test_a_child_is_not_started_twice(processes: Processes, tmp_path: Path) -> None:
    start(processes, tmp_path)
    with pytest.raises(StartFailed, match="child is already running"):
        start(processes, tmp_path)


def test_a_program_that_is_not_there_is_named(processes: Processes, tmp_path: Path) -> None:
    with pytest.raises(StartFailed, match=r"child could not be executed .*no-such-program"):
        processes.start(Command("child", [str(tmp_path / "no-such-program")], tmp_path))


def test_a_child_that_ends_while_starting_shows_the_end_of_its_log(processes: Processes, tmp_path: Path) -> None:
    start(processes, tmp_path, "raise SystemExit('the disk is full')")
    with pytest.raises(StartFailed, match=r"child ended while it was being started(.|\n)*the disk is full"):
        processes.wait_until("child", lambda: False, timeout_s=30)


def test_a_child_that_never_gets_ready_is_told_after_the_limit(processes: Processes, tmp_path: Path) -> None:
    start(processes, tmp_path)
    with pytest.raises(StartFailed, match=r"child was not ready within 0\.2 s"):
        processes.wait_until("child", lambda: False, timeout_s=0.2)


def test_an_interrupted_start_is_given_up(processes: Processes, tmp_path: Path) -> None:
    start(processes, tmp_path)
    processes.interrupted.set()
    with pytest.raises(Interrupted):
        processes.wait_until("child", lambda: False, timeout_s=3600)
