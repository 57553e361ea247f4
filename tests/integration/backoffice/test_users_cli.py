"""`stakewire backoffice users`: the first administrator, and the way back in."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli.main import app

RUNNER = CliRunner()


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    file = tmp_path / "password"
    file.write_text("correct horse battery staple\n")
    return file


def _users(*arguments: str) -> tuple[int, str]:
    done = RUNNER.invoke(app, ["backoffice", "users", *arguments])
    return done.exit_code, done.output


def test_the_first_administrator_is_made_and_listed(
    backoffice_url: str, password_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", backoffice_url)
    told = ("--role", "admin", "--password-file", str(password_file))
    assert _users("add", "Ada", *told) == (0, "Ada may sign in as admin\n")
    code, said = _users("list")
    assert code == 0
    assert "ada" in said
    assert "correct horse" not in said
    assert _users("add", "ada", *told)[0] == 1
    assert _users("add", "bob", "--role", "root", "--password-file", str(password_file))[0] == 1
    assert _users("password", "ada", "--password-file", str(password_file))[0] == 0
    assert _users("password", "nobody", "--password-file", str(password_file))[0] == 1


def test_without_a_password_nobody_is_made(backoffice_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", backoffice_url)
    (tmp_path / "two-lines").write_text("one\ntwo")
    for arguments in ((), ("--password-file", str(tmp_path / "none")), ("--password-file", str(tmp_path / "two-lines"))):
        assert _users("add", "ada", *arguments)[0] == 1
    assert "ada" not in _users("list")[1]
