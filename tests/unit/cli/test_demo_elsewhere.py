"""`stakewire demo --simulator`: a stack that is elsewhere is played on, and nothing is started or stopped here."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from deploy.local.ports import free_ports
from services.cli.demo import _is_as_it_should_be
from services.cli.main import app
from services.cli.simulator import Comparison, PlayState, SimulatorError
from shared.errors import SettingsError


@pytest.mark.parametrize("url", ["simulator:8084", "https://simulator", "http://", "http://simulator/path", "http://simulator?a=b"])
def test_what_is_no_address_of_a_simulator_is_refused(url: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["demo", "--simulator", url], env={"STAKEWIRE_RUN_DIR": str(tmp_path)})
    assert isinstance(result.exception, SettingsError)
    assert "expected http://host:port" in str(result.exception)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("by", ["option", "variable"])
def test_a_simulator_that_does_not_answer_fails_and_starts_no_stack_here(by: str, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_ports(1)[0]}"
    arguments = ["demo", "--simulator", url] if by == "option" else ["demo"]
    settings = {"STAKEWIRE_RUN_DIR": str(tmp_path)} | ({"STAKEWIRE_SIMULATOR_URL": url} if by == "variable" else {})
    result = CliRunner().invoke(app, arguments, env=settings)
    assert isinstance(result.exception, SimulatorError)
    assert url.removeprefix("http://") in str(result.exception)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("state", "agree", "expected"),
    [
        (PlayState("finished"), True, True),
        (PlayState("finished"), False, False),
        (PlayState("stopped"), True, False),
        (PlayState("failed"), True, False),
        (PlayState("finished", problems=["a wrong answer"]), True, False),
    ],
)
def test_any_difference_or_problem_fails_the_demo(state: PlayState, agree: bool, expected: bool) -> None:  # noqa: FBT001 - a table.
    assert _is_as_it_should_be(state, Comparison(agree), 1.0) is expected
