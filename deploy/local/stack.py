"""The whole local stack: configuration, PostgreSQL and Kafka, topics and migrations, services; up, down, status.

Imports no service: what prepares the topics and the schema is passed in. `up` is idempotent: parts that run are left
alone, dead ones are started again.
"""

import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import psutil

from deploy.local import demo_config, parts
from deploy.local.errors import SettingError
from deploy.local.files import secret_file, write_private_json
from deploy.local.kafka import KafkaSettings, LocalKafka
from deploy.local.lock import stack_lock
from deploy.local.ports import BASE_PORT_SETTING, ensure_port_free, is_port_open
from deploy.local.postgres import LocalPostgres, PostgresSettings
from deploy.local.processes import Processes
from deploy.local.progress import Progress
from deploy.local.settings import StackSettings, running_base_port

DATABASE = "stakewire"
POSTGRES, KAFKA = "postgres", "kafka"
# The two servers are for this machine only, whatever address the services listen on.
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Preparation:
    """What makes fresh servers ready for the services; all may be repeated at any time.

    `database` and `kafka` take the server's address, `operator_key` the database's and the token to let in, `console_user`
    the database's, and the login and password of the demo's sign-in to the console.
    """

    database: Callable[[str], object]
    kafka: Callable[[str], object]
    operator_key: Callable[[str, str], object]
    console_user: Callable[[str, str, str], object]


@dataclass(frozen=True)
class Addresses:
    """Where the two servers are."""

    database_url: str
    kafka_bootstrap_servers: str


@dataclass(frozen=True)
class PartStatus:
    """One line of `status`: `state` is ready, not ready, stopped or elsewhere (a server named by a setting)."""

    name: str
    state: str
    address: str
    pid: int | None = None
    uptime_s: float | None = None
    memory_mib: float | None = None


class Stack:
    """The local stack of one run folder."""

    def __init__(self, settings: StackSettings, progress: Progress | None = None) -> None:
        """Make the handles of all parts; nothing is started yet."""
        self.settings = settings
        self.progress = progress or Progress()
        self.processes = Processes(settings.run_dir)

    def up(self, preparation: Preparation, *, servers_only: bool = False) -> list[str]:
        """Start what does not run and return the names of what was started.

        Args:
            preparation: brings schema and topics up to date, and lets the demo's key of the operator API in.
            servers_only: leave the services out, for those who run them from an editor.

        Raises:
            LocalRuntimeError: something did not start; what did start keeps running, and the next `up` goes on from there.
        """
        with stack_lock(self.settings.run_dir, self.progress):
            self._check_same_ports()
            demo_config.ensure_demo_config(self.settings)
            write_private_json(self.settings.state_file, {"base_port": self.settings.ports.base})
            with ThreadPoolExecutor(2) as pool:
                database = pool.submit(self._up_database, preparation)
                kafka = pool.submit(self._up_kafka, preparation)
                (database_url, started), (kafka_servers, kafka_started) = database.result(), kafka.result()
            addresses = Addresses(database_url, kafka_servers)
            self._write_stack_file(addresses)
            started += kafka_started
            return started if servers_only else started + self._up_services(addresses)

    def down(self) -> list[str]:
        """Stop every part that runs, those that feed others first; return their names. The data stays."""
        with stack_lock(self.settings.run_dir, self.progress):
            stopped = []
            for name in self._stop_order():
                self.progress.doing(f"{name}: stopping")
                if self.processes.stop(name):
                    stopped.append(name)
                    self.progress.done(f"{name}: stopped")
            self.settings.stack_file.unlink(missing_ok=True)
            self.settings.state_file.unlink(missing_ok=True)
            return stopped

    def reset(self) -> None:
        """Stop the stack and delete the data of the local servers and services. Configuration, secrets and logs stay."""
        self.down()
        with stack_lock(self.settings.run_dir, self.progress):
            self._postgres().remove()
            self._kafka().remove()
            for service in parts.services(self.settings):
                shutil.rmtree(self.settings.run_dir / service.name, ignore_errors=True)

    def running(self) -> list[str]:
        """Return the names of the parts that run."""
        return [name for name in self.processes.names() if self.processes.find(name) is not None]

    def status(self) -> list[PartStatus]:
        """Return the state of every part, asked one after the other."""
        settings, ports = self.settings, self.settings.ports
        lines = []
        for name, port, elsewhere in (
            (POSTGRES, ports.postgres, settings.database_url),
            (KAFKA, ports.kafka, settings.kafka_bootstrap_servers),
        ):
            if elsewhere:
                lines.append(PartStatus(name, "elsewhere", _without_password(elsewhere)))
            else:
                lines.append(self._status(name, f"{LOOPBACK}:{port}", partial(is_port_open, LOOPBACK, port)))
        for service in parts.services(settings):
            ready = partial(parts.is_ready, settings.reach_host, service.port)
            lines.append(self._status(service.name, f"http://{settings.reach_host}:{service.port}", ready))
        return lines

    def _up_database(self, preparation: Preparation) -> tuple[str, list[str]]:
        started = []
        url = self.settings.database_url
        if url is None:
            server = self._postgres()
            self.progress.doing(
                "postgres: starting" if (server.data / "PG_VERSION").exists() else "postgres: first start, making its data folder"
            )
            if server.start():
                started.append(POSTGRES)
            url = server.create_database(DATABASE)
            self.progress.done(f"postgres: ready on {LOOPBACK}:{self.settings.ports.postgres}")
        self.progress.doing("schema: migrating")
        preparation.database(url)
        preparation.operator_key(url, secret_file(self.settings.secrets / demo_config.OPERATOR_API_KEY))
        preparation.console_user(url, demo_config.CONSOLE_LOGIN, demo_config.console_password(self.settings.demo_config_file))
        self.progress.done("schema: up to date")
        return url, started

    def _up_kafka(self, preparation: Preparation) -> tuple[str, list[str]]:
        started = []
        servers = self.settings.kafka_bootstrap_servers
        if servers is None:
            server = self._kafka()
            self.progress.doing("kafka: starting")
            if server.start():
                started.append(KAFKA)
            servers = server.bootstrap_servers
            self.progress.done(f"kafka: ready on {servers}")
        self.progress.doing("topics: applying")
        preparation.kafka(servers)
        self.progress.done("topics: applied")
        return servers, started

    def _up_services(self, addresses: Addresses) -> list[str]:
        """Start the services side by side, then wait for each to be ready."""
        settings, wanted = self.settings, list(parts.services(self.settings))
        for name in set(self.processes.names()) - {service.name for service in wanted} - {POSTGRES, KAFKA}:
            self.processes.stop(name)  # A wallet too many, after the number of wallets was lowered.
        started = []
        for service in wanted:
            if self.processes.find(service.name) is None:
                ensure_port_free(settings.host, service.port, service.name, BASE_PORT_SETTING)
                self.processes.start(service.command(settings, addresses.database_url, addresses.kafka_bootstrap_servers))
                started.append(service.name)
        for service in wanted:
            self.progress.doing(f"{service.name}: starting")
            self.processes.wait_until(
                service.name, partial(parts.is_ready, settings.reach_host, service.port), parts.START_TIMEOUT_S
            )
            self.progress.done(f"{service.name}: ready on http://{settings.reach_host}:{service.port}")
        return started

    def _stop_order(self) -> list[str]:
        recorded = self.processes.names()
        services = [service.name for service in parts.services(self.settings)]
        last = [*services[::-1], KAFKA, POSTGRES]
        return [name for name in recorded if name not in last] + [name for name in last if name in recorded]

    def _postgres(self) -> LocalPostgres:
        settings = self.settings
        password = secret_file(settings.secrets / demo_config.DATABASE_PASSWORD)
        where = PostgresSettings(settings.run_dir / POSTGRES, settings.ports.postgres, password)
        return LocalPostgres(where, self.processes)

    def _kafka(self) -> LocalKafka:
        settings = self.settings
        where = KafkaSettings(settings.run_dir / KAFKA, settings.ports.kafka, settings.ports.kafka_controller)
        return LocalKafka(where, self.processes, self.progress.doing)

    def _check_same_ports(self) -> None:
        base, wanted = running_base_port(self.settings.run_dir), self.settings.ports.base
        if base not in (None, wanted) and (running := self.running()):
            raise SettingError(
                f"The stack in {self.settings.run_dir} already runs on base port {base} ({', '.join(running)}), and {BASE_PORT_SETTING} "
                f"asks for {wanted}. Stop it first (`stakewire down`), or leave the setting out, or use another folder for a second stack."
            )

    def _write_stack_file(self, addresses: Addresses) -> None:
        content = {
            **parts.urls(self.settings),
            "console_login": demo_config.CONSOLE_LOGIN,
            "console_password": demo_config.console_password(self.settings.demo_config_file),
            "operator_api_key": secret_file(self.settings.secrets / demo_config.OPERATOR_API_KEY),
            "database_url": addresses.database_url,
            "kafka_bootstrap_servers": addresses.kafka_bootstrap_servers,
            "provider_accounts": demo_config.provider_accounts(self.settings),
        }
        write_private_json(self.settings.stack_file, content)

    def _status(self, name: str, address: str, ready: Callable[[], bool]) -> PartStatus:
        process = self.processes.find(name)
        if process is None:
            return PartStatus(name, "stopped", address)
        try:
            with process.oneshot():
                uptime_s, memory = time.time() - process.create_time(), process.memory_info().rss
        except psutil.Error:
            return PartStatus(name, "stopped", address)
        state = "ready" if ready() else "not ready"
        return PartStatus(name, state, address, process.pid, uptime_s, memory / 2**20)


def _without_password(address: str) -> str:
    before, at, after = address.rpartition("@")
    return f"{before.split(':')[0]}://...@{after}" if at else address
