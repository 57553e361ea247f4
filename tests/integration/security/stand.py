"""All services as processes, each with its own user at a Kafka that allows nothing without a rule; and the command line."""

import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from deploy.local import demo_config, guard
from deploy.local.parts import CHECKOUT, is_ready
from deploy.local.ports import free_ports
from deploy.local.processes import Command, Processes
from tests.integration.security.broker import SecureKafka
from tests.servers import temporary_folder

HOST = "127.0.0.1"
READY_S = 90.0
COMMAND_LIMIT_S = 120
ACCESS = CHECKOUT / "deploy" / "kafka" / "access.toml"
ACCESS_DEMO = CHECKOUT / "deploy" / "kafka" / "access-demo.toml"
PARTS = {
    "wallet": "services.wallet",
    "gateway": "services.gateway",
    "operator-api": "services.gateway.operator_api",
    "simulator": "services.simulator",
    "catalogue": "services.catalogue",
}
"""By the name of their user at Kafka: the modules."""

TROUBLE = ("Traceback", "Unhandled", "never awaited", "exception was never retrieved", "AuthorizationFailed", "not authorized")
"""Words that no log may hold where every service has the rights it needs."""


@dataclass(frozen=True)
class SecureStand:
    """Where everything is."""

    kafka: SecureKafka
    database_url: str
    folder: Path
    ports: dict[str, int]
    processes: Processes

    def start(self, name: str, module: str, *, user: str = "", **changes: str) -> None:
        """Starts a part by its module, by default as the user of its own name; `changes` are of its environment."""
        simulator = f"http://{HOST}:{self.ports['simulator']}"
        settings = {
            "STAKEWIRE_CONFIG_FILE": str(self.folder / "stakewire.toml"),
            "STAKEWIRE_HOST": HOST,
            "STAKEWIRE_PORT": str(self.ports[name]),
            "STAKEWIRE_RUN_DIR": str(self.folder / "run"),
            "STAKEWIRE_GATEWAY_DRAIN_ANNOUNCE_S": "0",
            "STAKEWIRE_CALLBACK_URL": f"http://{HOST}:{self.ports['gateway']}/callbacks",
            "STAKEWIRE_SIMULATOR_URL": simulator,
            **demo_config.addresses(simulator),
            "DATABASE_URL": self.database_url,
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka.bootstrap_servers,
            "PYTHONUNBUFFERED": "1",
            **self.kafka.environment(user or name),
        }
        self.processes.start(Command(name=name, argv=[sys.executable, "-m", module], cwd=CHECKOUT, env=settings | changes))

    def wait_ready(self, name: str) -> None:
        """Waits until a part says that it is ready."""
        self.processes.wait_until(name, partial(is_ready, HOST, self.ports[name]), READY_S)

    def health(self, name: str, path: str) -> tuple[int, str]:
        """What a part says of itself; 0 where it does not listen yet."""
        connection = http.client.HTTPConnection(HOST, self.ports[name], timeout=30)
        try:
            connection.request("GET", f"/health/{path}")
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except OSError:
            return 0, ""
        finally:
            connection.close()

    def lines(self, name: str) -> list[str]:
        """A part's log."""
        return self.processes.log_file(name).read_text(encoding="utf-8", errors="replace").splitlines()

    def trouble(self) -> list[str]:
        """Lines of the logs that speak of defects or of missing rights."""
        return [f"{name}: {line}" for name in PARTS for line in self.lines(name) if any(word in line for word in TROUBLE)]


def stakewire(kafka: SecureKafka, user: str, *arguments: object, **changes: str) -> subprocess.CompletedProcess[str]:
    """Runs the command `stakewire` as a user of Kafka."""
    environment = os.environ | kafka.environment(user) | {"KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers} | changes
    return subprocess.run(
        [sys.executable, "-m", "services.cli", *map(str, arguments)],
        cwd=CHECKOUT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=COMMAND_LIMIT_S,
        check=False,
    )


def shown(line: str) -> dict[str, object]:
    """A line of a log as what it tells; empty where it is not one of ours."""
    try:
        told = json.loads(line)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


@contextmanager
def secure_stand(kafka: SecureKafka, database_url: str) -> Iterator[SecureStand]:
    """A stand on a migrated database and topics that are there; nothing of it runs yet. Ends what was started."""
    with temporary_folder() as folder:
        demo_config.write_demo_config(folder / "stakewire.toml")
        processes = Processes(folder)
        watcher, pipe = guard.watch(folder, folder)
        names = (*PARTS, "locked-out")
        try:
            yield SecureStand(kafka, database_url, folder, dict(zip(names, free_ports(len(names)), strict=True)), processes)
        finally:
            for name in processes.names():
                processes.stop(name, timeout_s=0)
            os.close(pipe)
            watcher.wait(timeout=60)
