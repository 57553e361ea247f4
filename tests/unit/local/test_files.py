"""Files of a local stack: private, whole, secrets made once; the lock and the foreground mark."""

import stat
from pathlib import Path

import pytest

from deploy.local.errors import StackBusy
from deploy.local.files import secret_file, tail, write_private
from deploy.local.lock import Foreground, stack_lock
from deploy.local.progress import Progress


def test_private_files_are_for_their_owner_only_and_replace_old_ones(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "secret"
    write_private(path, "old")
    write_private(path, "new")
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [each.name for each in path.parent.iterdir()] == ["secret"]


def test_a_secret_is_made_once_and_hard_to_guess(tmp_path: Path) -> None:
    first = secret_file(tmp_path / "one")
    assert secret_file(tmp_path / "one") == first
    assert secret_file(tmp_path / "two") != first
    assert len(first) >= 43


def test_the_tail_of_a_log_is_its_last_lines(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert tail(log) == ""
    log.write_text("".join(f"line {number}\n" for number in range(10_000)))
    assert tail(log, lines=2) == "line 9998\nline 9999"


def test_a_held_lock_is_waited_for_and_names_its_holder(tmp_path: Path) -> None:
    with (
        stack_lock(tmp_path, Progress()),
        pytest.raises(StackBusy, match=rf"pid \d+.*{tmp_path}"),
        stack_lock(tmp_path, Progress(), timeout_s=0.3),
    ):
        pass
    with stack_lock(tmp_path, Progress(), timeout_s=0):
        pass


def test_a_stopped_stack_belongs_to_the_foreground_command_that_starts_it(tmp_path: Path) -> None:
    first, second = Foreground(tmp_path), Foreground(tmp_path)
    assert first.claim(stack_is_running=False)
    assert not second.claim(stack_is_running=True)
    first.release()
    assert not second.claim(stack_is_running=True), "without a mark, what runs is a background stack"


def test_a_stack_left_by_a_killed_foreground_command_is_taken_over(tmp_path: Path) -> None:
    (tmp_path / "foreground").touch()
    assert Foreground(tmp_path).claim(stack_is_running=True)


def test_a_background_up_takes_the_mark_of_a_killed_command_but_not_of_a_living_one(tmp_path: Path) -> None:
    living = Foreground(tmp_path)
    assert living.claim(stack_is_running=False)
    Foreground(tmp_path).give_to_background()
    assert (tmp_path / "foreground").exists()
    living.release()
    (tmp_path / "foreground").touch()
    Foreground(tmp_path).give_to_background()
    assert not (tmp_path / "foreground").exists()
