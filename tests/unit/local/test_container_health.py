"""The containers' health check, as the program that a container runs, against real listeners."""

import http.server
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.ports import free_ports

PROGRAM = Path(__file__).parents[3] / "deploy" / "docker" / "health.py"


def check(port: str) -> subprocess.CompletedProcess[str]:
    environment = {"STAKEWIRE_PORT": port} if port else {}
    return subprocess.run(
        [sys.executable, "-I", "-S", PROGRAM], env=environment, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def listener() -> Iterator[tuple[http.server.HTTPServer, list[int]]]:
    """A service whose readiness answers with the first of the statuses."""
    statuses = [200]

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(statuses[0] if self.path == "/health/ready" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server, statuses
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_service_that_is_ready_is_healthy(listener: tuple[http.server.HTTPServer, list[int]]) -> None:
    done = check(str(listener[0].server_port))
    assert (done.returncode, done.stderr) == (0, "")
    assert "200" in done.stdout


def test_a_service_that_is_not_ready_is_not(listener: tuple[http.server.HTTPServer, list[int]]) -> None:
    listener[1][0] = 503
    done = check(str(listener[0].server_port))
    assert done.returncode == 1
    assert "503" in done.stdout


@pytest.mark.parametrize("port", ["free", "", "none"])
def test_without_an_answer_or_a_port_it_is_not(port: str) -> None:
    done = check(str(free_ports(1)[0]) if port == "free" else port)
    assert (done.returncode, done.stderr) == (1, "")
    assert "no answer" in done.stdout
