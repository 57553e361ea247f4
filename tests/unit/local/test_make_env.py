"""The command that makes the passwords of the stack in containers."""

import os
import re
import stat
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "deploy" / "docker" / "make-env.sh"
NAMES = {"POSTGRES_PASSWORD", "GRAFANA_PASSWORD"}


def make_env(file: Path, path: str = os.environ["PATH"]) -> str:
    done = subprocess.run(["/bin/sh", SCRIPT, file], env={"PATH": path}, capture_output=True, text=True, timeout=30, check=True)
    return done.stdout


def entries(file: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in file.read_text().splitlines() if line and not line.startswith("#"))


@pytest.fixture
def without_openssl(tmp_path: Path) -> str:
    """A path of programs on which there is no openssl."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("dirname", "chmod", "grep", "mv", "dd", "od", "tr"):
        found = next(Path(each) / name for each in os.environ["PATH"].split(os.pathsep) if (Path(each) / name).exists())
        (folder / name).symlink_to(found)
    return str(folder)


def test_passwords_are_random_and_for_their_owner_only(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    make_env(first)
    make_env(second)
    assert set(entries(first)) == NAMES
    assert all(re.fullmatch("[0-9a-f]{48}", value) for value in entries(first).values())
    assert not set(entries(first).values()) & set(entries(second).values())
    assert stat.S_IMODE(first.stat().st_mode) == 0o600


def test_dev_urandom_is_enough(tmp_path: Path, without_openssl: str) -> None:
    make_env(tmp_path / "env", without_openssl)
    values = entries(tmp_path / "env").values()
    assert all(re.fullmatch("[0-9a-f]{48}", value) for value in values)
    assert len(set(values)) == len(NAMES)


def test_what_is_there_stays_and_what_is_missing_or_empty_is_added(tmp_path: Path) -> None:
    file = tmp_path / "env"
    file.write_text("STAKEWIRE_SIMULATOR_PORT=9084\nPOSTGRES_PASSWORD=mine\nGRAFANA_PASSWORD=\n")
    file.chmod(0o644)
    make_env(file)
    made = entries(file)
    assert made["STAKEWIRE_SIMULATOR_PORT"] == "9084"
    assert made["POSTGRES_PASSWORD"] == "mine"
    assert re.fullmatch("[0-9a-f]{48}", made["GRAFANA_PASSWORD"])
    assert file.read_text().count("GRAFANA_PASSWORD=") == 1
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    before = file.read_text()
    assert "nothing changed" in make_env(file)
    assert file.read_text() == before
