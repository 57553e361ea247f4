"""`stakewire verify`, `seal` and `archive` as commands: words, JSON, exit codes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest
from typer.testing import CliRunner, Result

from deploy.local.ports import free_ports
from services.cli.main import app
from tests.integration.wallet.history import History

Run = Callable[..., Result]


@pytest.fixture
def run(ledger_url: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("DATABASE_URL", ledger_url)

    def stakewire(*arguments: object) -> Result:
        return CliRunner().invoke(app, [str(each) for each in arguments])

    return stakewire


def execute(url: str, statement: str = "") -> None:
    """Runs a statement as the owner; without one, two players play in January 2026."""

    async def work() -> None:
        connection = await asyncpg.connect(url)
        for player in () if statement else ("a", "b"):
            await History(player, datetime(2026, 1, 5, tzinfo=UTC)).create().deposit().bet("x").save(connection)
        await connection.execute(statement or "SELECT 1")
        await connection.close()

    asyncio.run(work())


def test_verify_tells_what_it_read_and_fails_on_a_difference(run: Run, ledger_url: str) -> None:
    execute(ledger_url)
    told = run("verify", "--full")
    assert told.exit_code == 0, told.output
    assert "2 players, 6 operations, 4 movements read, from the first operation" in told.output
    assert "every invariant holds" in told.output
    assert run("seal").exit_code == 0
    report = json.loads(run("verify", "--json").stdout)
    facts = {name: report[name] for name in ("mode", "since_seal", "players", "operations", "jobs", "problems_found", "problems")}
    assert facts == {
        "mode": "incremental", "since_seal": 1, "players": 2, "operations": 0, "jobs": 1, "problems_found": 0, "problems": [],
    }  # fmt: skip
    assert report["accounts"]["player EUR"] == -report["accounts"]["cash EUR"] - report["accounts"]["provider:mascot-demo EUR"]
    assert report["seconds"] > 0
    execute(ledger_url, "UPDATE balances SET balance = balance + 1 WHERE player = 'b'")
    broken = run("verify")
    assert broken.exit_code == 1
    assert "I2  player b" in broken.output
    as_json = run("verify", "--json", "--full")
    assert (as_json.exit_code, json.loads(as_json.stdout)["problems"][0]["invariant"]) == (1, "I2")


def test_seal_hands_its_root_out_and_compares_it(run: Run, ledger_url: str, tmp_path: Path) -> None:
    execute(ledger_url)
    roots = tmp_path / "roots.jsonl"
    made = json.loads(run("seal", "--file", roots, "--json").stdout)
    assert json.loads(roots.read_text()) == made
    again = run("seal", "--last", "--file", roots)
    assert again.exit_code == 0
    assert made["root"] in again.output
    assert "already" in again.output
    assert json.loads(roots.read_text()) == made
    compared = run("seal", "--check", roots)
    assert (compared.exit_code, compared.output) == (0, "1 handed-out roots, 1 seals in the database: they agree\n")
    execute(ledger_url, "UPDATE seals SET root = sha256('x')")
    differs = run("seal", "--check", roots, "--json")
    assert (differs.exit_code, len(json.loads(differs.stdout)["differences"])) == (1, 1)


def test_a_root_that_is_not_taken_is_told_and_the_seal_stands(
    run: Run, ledger_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute(ledger_url)
    (port,) = free_ports(1)
    monkeypatch.setattr("services.wallet.audit.handing_out.ATTEMPTS", 1)
    failed = run("seal", "--file", tmp_path / "no" / "roots", "--webhook", f"http://127.0.0.1:{port}/secret")
    assert failed.exit_code == 2
    assert "was not written" in failed.stderr
    assert "did not take the root" in failed.stderr
    assert "stakewire seal --last" in failed.stderr
    assert "secret" not in failed.output
    assert json.loads(run("verify", "--json").stdout)["since_seal"] == 1
    assert run("seal", "--last", "--file", tmp_path / "roots").exit_code == 0


def test_seal_over_broken_books_is_one_message(run: Run, ledger_url: str) -> None:
    execute(ledger_url)
    assert run("seal", "--last").exit_code == 1
    execute(ledger_url, "UPDATE players SET seq = seq + 1 WHERE player = 'a'")
    refused = run("seal")
    assert refused.exit_code == 1
    assert "Nothing was sealed" in str(refused.exception)


def test_archive_writes_and_checks(run: Run, ledger_url: str, tmp_path: Path) -> None:
    execute(ledger_url)
    folder = tmp_path / "archive"
    written = run("archive", "--before", "2026-02", "--to", folder)
    assert written.exit_code == 0, written.output
    assert "written: 2026-01: 6 operations of 2 players" in written.output
    assert "nothing to do" in run("archive", "--before", "2026-02", "--to", folder).output
    checked = run("archive", "--check", folder)
    assert checked.exit_code == 0
    assert "1 months: files, chains and sums agree" in checked.output
    (folder / "operations-2026-01.jsonl.gz").write_bytes(b"")
    broken = run("archive", "--check", folder, "--json")
    assert broken.exit_code == 1
    assert len(json.loads(broken.stdout)["findings"]) == 1


def test_archive_without_what_it_needs_says_so(run: Run, tmp_path: Path) -> None:
    assert run("archive").exit_code == 1
    assert "--before YYYY-MM and --to DIR are both needed" in run("archive", "--to", tmp_path).stderr
    assert run("archive", "--check", tmp_path / "missing").exit_code == 1


@pytest.mark.parametrize("command", ["verify", "seal", "archive"])
def test_help_has_examples(command: str, run: Run) -> None:
    told = run(command, "--help")
    assert told.exit_code == 0
    assert "Examples" in told.output
    assert f"stakewire {command}" in told.output


def test_a_database_without_the_schema_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    (port,) = free_ports(1)
    monkeypatch.setenv("DATABASE_URL", f"postgresql://nobody@127.0.0.1:{port}/none")
    for command in (("verify",), ("seal",)):
        assert "stakewire migrate" in str(run(*command).exception)
