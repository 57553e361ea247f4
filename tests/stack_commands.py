"""The command `stakewire` on a stack of a test's own: real processes on free ports, stopped and deleted at the end."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local.ports import free_ports, is_port_open

CHECKOUT = Path(__file__).parents[1]
LIMIT_S = 180
PORTS_OF_A_STACK = 12
OWN_SETTINGS = ("DATABASE_URL", "KAFKA_BOOTSTRAP_SERVERS", "STAKEWIRE_CONFIG_FILE", "STAKEWIRE_TOPIC_PREFIX", "STAKEWIRE_WALLETS")

StartCommand = Callable[..., subprocess.Popen[str]]


@contextmanager
def stack_commands(run_dir: Path) -> Iterator[StartCommand]:
    """Give a function that starts `stakewire` with its arguments on the stack in `run_dir`.

    Keyword arguments change the command's environment. At the end the stack is stopped and its data deleted.
    """
    inherited = {name: value for name, value in os.environ.items() if name not in OWN_SETTINGS}
    environment = {**inherited, "STAKEWIRE_RUN_DIR": str(run_dir), "STAKEWIRE_BASE_PORT": str(_base_port())}

    def start(*arguments: str, **changes: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "services.cli", *arguments],
            cwd=CHECKOUT,
            env={**environment, **changes},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    try:
        yield start
    finally:
        finish(start("reset", "--yes"))


def finish(child: subprocess.Popen[str], expected_code: int = 0) -> str:
    """Wait for a command, check its exit code and return what it printed."""
    with child:
        output, _ = child.communicate(timeout=LIMIT_S)
    assert child.returncode == expected_code, output
    return output


def _base_port() -> int:
    """Return a base whose ports for servers and services are free now."""
    while True:
        base = free_ports(1)[0]
        if not any(is_port_open("127.0.0.1", base + offset) for offset in range(PORTS_OF_A_STACK)):
            return base
