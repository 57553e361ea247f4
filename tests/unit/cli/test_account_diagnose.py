"""`stakewire account diagnose`: a request in a file, told why it would be refused; exit code 1 if it would."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli.main import app
from services.simulator.faults import as_http
from services.simulator.studios.mascot.faults import FAULTS
from tests.doctor.cases import Estate

URL = "http://127.0.0.1:1/callbacks/mascot-plain"


@pytest.fixture
def estate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Estate:
    estate = Estate.new()
    toml, files = estate.toml()
    for name, content in {**files, "stakewire.toml": toml.encode()}.items():
        (tmp_path / name).write_bytes(content)
    monkeypatch.setenv("STAKEWIRE_CONFIG_FILE", str(tmp_path / "stakewire.toml"))
    monkeypatch.setenv("STAKEWIRE_RUN_DIR", str(tmp_path / "run"))
    return estate


def written(estate: Estate, tmp_path: Path, fault: str) -> str:
    sent = FAULTS[fault].make(estate.bench("mascot-plain", int(time.time())))[-1]
    (tmp_path / "request.http").write_bytes(as_http(sent, URL))
    return str(tmp_path / "request.http")


def test_a_broken_request_is_explained_and_ends_with_1(estate: Estate, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["account", "diagnose", "mascot-plain", written(estate, tmp_path, "little_endian")])
    assert result.exit_code == 1, result.output
    for words in ("byte_order", "big-endian", "what to do:", "the rule:"):
        assert words in result.output
    for secret in estate.secrets():
        assert secret not in result.output


def test_a_good_request_ends_with_0_and_says_what_was_left_out(estate: Estate, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["account", "diagnose", "mascot-plain", written(estate, tmp_path, "good_but_late"), "--json"])
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["findings"] == []
    assert {"money", "nonce", "clock", "sender"} == {each["name"] for each in told["checks"] if each["state"] == "skipped"}


def test_the_clock_is_compared_where_the_time_is_told(estate: Estate, tmp_path: Path) -> None:
    command = [
        "account",
        "diagnose",
        "mascot-plain",
        written(estate, tmp_path, "good_but_late"),
        "--received-at",
        "2020-01-01T00:00:00",
    ]
    result = CliRunner().invoke(app, command)
    assert (result.exit_code, "clock_skew" in result.output) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nobody", "request.http"], "there is no provider account nobody"),
        (["mascot-plain", "nowhere.http"], "cannot be read"),
        (["mascot-plain", "request.http", "--received-at", "yesterday"], "is no time"),
    ],
)
def test_mistakes_are_told(
    estate: Estate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: str
) -> None:
    written(estate, tmp_path, "good_but_late")
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["account", "diagnose", *arguments])
    assert result.exit_code != 0
    assert words in " ".join((result.output + str(result.exception)).split())


@pytest.mark.usefixtures("estate")
def test_what_is_no_request_is_told(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("it does not work")
    result = CliRunner().invoke(app, ["account", "diagnose", "mascot-plain", str(tmp_path / "notes.txt")])
    assert result.exit_code == 1
    assert "no request line" in result.output


@pytest.mark.usefixtures("estate")
def test_without_a_stack_there_is_no_simulator_to_ask() -> None:
    for command in (["account", "faults"], ["account", "fault", "xml"]):
        result = CliRunner().invoke(app, command)
        assert result.exit_code == 1
        assert "stakewire up" in result.output
