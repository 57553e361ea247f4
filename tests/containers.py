"""PostgreSQL and Kafka in containers for a test run, set up like the local ones (`deploy.local`).

Every container carries the run's label. A watcher (this module as a program) removes them when the run's process is gone,
however it went; testcontainers' own watcher would be one more image to pull and wants Docker's socket inside a container.
"""

from __future__ import annotations

import base64
import gc
import os
import subprocess
import sys
import time
import uuid
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import docker
import docker.errors
import psycopg
from requests import RequestException
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer
from testcontainers.core.docker_client import DockerClient
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

from deploy.local.kafka import HEAP_OPTIONS, JVM_OPTIONS, SINGLE_NODE
from deploy.local.postgres import CONNECTIONS_MAX, INITDB_OPTIONS, SERVER_OPTIONS, SUPERUSER

CHECKOUT: Final = Path(__file__).parents[1]
POSTGRES_IMAGE, KAFKA_IMAGE = "postgres:18", "apache/kafka:4.1.1"
LABEL: Final = "stakewire.test-run"
POSTGRES_PORT, KAFKA_PORT = 5432, 9092
LOOK_TIMEOUT_S: Final = 10
START_TIMEOUT_S: Final = 120
POLL_S: Final = 0.1
QUIET_S: Final = 5.0
"""How long a dead run may still bring a container forth: Docker finishes a request whose caller has died."""
ADDRESS_FILE: Final = "/tmp/listeners"  # noqa: S108 - in the container.

testcontainers_config.ryuk_disabled = True

DOCKER_ERRORS: Final = (docker.errors.DockerException, RequestException, OSError)


class ContainersUnavailableError(Exception):
    """Docker does not answer, or an image is neither here nor to be had; the message says which."""


def docker_answers() -> tuple[str, list[str]]:
    """Return Docker's version and which of our images it would have to pull.

    Raises:
        ContainersUnavailableError: Docker does not answer.
    """
    with warnings.catch_warnings():
        # The library forgets a socket that could not be connected: it is to be found here, not in the middle of a test.
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            return _look()
        except DOCKER_ERRORS as error:
            why = _first_line(error)
        gc.collect()
    raise ContainersUnavailableError(f"Docker does not answer ({why})")


def _look() -> tuple[str, list[str]]:
    client = DockerClient(timeout=LOOK_TIMEOUT_S).client
    try:
        return str(client.version()["Version"]), [each for each in (POSTGRES_IMAGE, KAFKA_IMAGE) if not _has(client, each)]
    finally:
        client.close()


def pull(images: list[str]) -> None:
    """Fetch images that are not here.

    Raises:
        ContainersUnavailableError: one could not be fetched.
    """
    client = DockerClient().client
    try:
        for image in images:
            try:
                client.images.pull(image)
            except DOCKER_ERRORS as error:
                raise ContainersUnavailableError(f"the image {image} could not be pulled ({_first_line(error)})") from error
    finally:
        client.close()


def _has(client: Any, image: str) -> bool:
    try:
        client.images.get(image)
    except docker.errors.ImageNotFound:
        return False
    return True


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


class PostgresInContainer(DockerContainer):
    """PostgreSQL with the settings of the local one."""

    def __init__(self, run: str) -> None:
        """`run`: the value of the label. Nothing starts yet."""
        super().__init__(POSTGRES_IMAGE)
        self._password = uuid.uuid4().hex
        options = {**SERVER_OPTIONS, "max_connections": CONNECTIONS_MAX}
        self.with_exposed_ports(POSTGRES_PORT)
        self.with_envs(
            POSTGRES_USER=SUPERUSER,
            POSTGRES_PASSWORD=self._password,
            POSTGRES_DB=SUPERUSER,
            POSTGRES_INITDB_ARGS=" ".join(INITDB_OPTIONS),
        )
        self.with_command(["postgres", *(part for key, value in options.items() for part in ("-c", f"{key}={value}"))])
        self.with_kwargs(labels={LABEL: run}, shm_size="256m")

    @property
    def url(self) -> str:
        """The address of the superuser's database."""
        return f"postgresql://{SUPERUSER}:{self._password}@{_address(self, POSTGRES_PORT)}/{SUPERUSER}"

    def start(self) -> Self:
        """Start it and wait until it answers over TCP, which it does only after its set-up."""
        super().start()
        url, deadline = self.url, time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                with psycopg.connect(url, connect_timeout=LOOK_TIMEOUT_S) as connection:
                    connection.execute("SELECT 1")
            except psycopg.OperationalError as error:
                self.reload()
                if self.status not in {"created", "running"} or time.monotonic() > deadline:
                    logs = self.get_wrapped_container().logs(tail=20).decode(errors="replace")
                    raise RuntimeError(f"PostgreSQL's container is {self.status} and does not answer; it said:\n{logs}") from error
                time.sleep(POLL_S)
            else:
                return self


class KafkaInContainer(DockerContainer):
    """One combined node with the settings of the local one.

    It advertises the host's port, which is known only when the container runs: its command waits for a file that names it.
    """

    def __init__(self, run: str) -> None:
        """`run`: the value of the label. Nothing starts yet."""
        super().__init__(KAFKA_IMAGE)
        settings = {
            "process.roles": "broker,controller",
            "node.id": 1,
            "listeners": f"CLIENT://:{KAFKA_PORT},BROKER://:9093,CONTROLLER://:9094",
            "listener.security.protocol.map": "CLIENT:PLAINTEXT,BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "inter.broker.listener.name": "BROKER",
            "controller.listener.names": "CONTROLLER",
            "controller.quorum.voters": "1@localhost:9094",
            **SINGLE_NODE,
        }
        self.with_exposed_ports(KAFKA_PORT)
        self.with_envs(**{f"KAFKA_{key.replace('.', '_').upper()}": str(value) for key, value in settings.items()})
        self.with_envs(
            CLUSTER_ID=base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("="),
            KAFKA_HEAP_OPTS=" ".join(HEAP_OPTIONS),
            KAFKA_JVM_PERFORMANCE_OPTS=" ".join(JVM_OPTIONS),
        )
        wait = f"until [ -s {ADDRESS_FILE} ]; do sleep 0.05; done; . {ADDRESS_FILE}; exec /etc/kafka/docker/run"
        self.with_command(["sh", "-c", wait])
        self.with_kwargs(labels={LABEL: run})

    @property
    def bootstrap_servers(self) -> str:
        """The address that clients start from."""
        return _address(self, KAFKA_PORT)

    def start(self) -> Self:
        """Start it, tell it its address and wait until it serves."""
        super().start()
        listeners = f"CLIENT://{self.bootstrap_servers},BROKER://localhost:9093"
        self.copy_into_container(f"export KAFKA_ADVERTISED_LISTENERS={listeners}\n".encode(), ADDRESS_FILE)
        ready = LogMessageWaitStrategy("Kafka Server started").with_startup_timeout(START_TIMEOUT_S).with_poll_interval(POLL_S)
        ready.wait_until_ready(self)
        return self


def _address(container: DockerContainer, port: int) -> str:
    """Host and port as seen from here. By number: `localhost` would be tried as ::1 first."""
    host = container.get_container_host_ip()
    return f"{'127.0.0.1' if host == 'localhost' else host}:{container.get_exposed_port(port)}"


class ContainerServers:
    """A PostgreSQL and a Kafka in containers; removed with their data at the end."""

    def __init__(self, *, with_postgres: bool = True, with_kafka: bool = True) -> None:
        """Prepare; entering starts them."""
        self.run = uuid.uuid4().hex
        self.postgres = PostgresInContainer(self.run)
        self.kafka = KafkaInContainer(self.run)
        self._wanted: list[DockerContainer] = [
            each for each, wanted in ((self.postgres, with_postgres), (self.kafka, with_kafka)) if wanted
        ]

    def __enter__(self) -> Self:
        """Start the watcher, then the servers side by side."""
        self._watcher, self._pipe = _watch(self.run)
        try:
            with ThreadPoolExecutor() as pool:
                list(pool.map(lambda container: container.start(), self._wanted))
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Remove the containers; nothing in them is worth an orderly end."""
        for container in (self.postgres, self.kafka):
            container.stop()  # also closes its connections to Docker
        self._watcher.terminate()  # nothing is left to do for it
        self._watcher.wait(timeout=60)
        os.close(self._pipe)


def _watch(run: str) -> tuple[subprocess.Popen[bytes], int]:
    """Start the watcher over a run's containers; it waits on a pipe that only this process holds open."""
    reader, writer = os.pipe()
    argv = [sys.executable, "-m", "tests.containers", str(reader), run]
    try:
        watcher = subprocess.Popen(
            argv, cwd=CHECKOUT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True, pass_fds=[reader]
        )
    except BaseException:
        os.close(writer)
        raise
    finally:
        os.close(reader)
    return watcher, writer


def containers_of(run: str) -> list[Any]:
    """Return a run's containers that Docker knows, running or not."""
    client = DockerClient().client
    try:
        return list(client.containers.list(all=True, filters={"label": f"{LABEL}={run}"}, ignore_removed=True))
    finally:
        client.close()


def remove_all(run: str, *, now: Callable[[], float] = time.monotonic) -> None:
    """Remove a dead run's containers with their volumes, until none has appeared for `QUIET_S` seconds."""
    client = DockerClient().client
    quiet_until = now() + QUIET_S
    try:
        while now() < quiet_until:
            for container in client.containers.list(all=True, filters={"label": f"{LABEL}={run}"}, ignore_removed=True):
                try:
                    container.remove(force=True, v=True)
                except (docker.errors.NotFound, docker.errors.APIError):
                    continue  # somebody else removes it, or the next turn does
                quiet_until = now() + QUIET_S
            time.sleep(POLL_S)
    finally:
        client.close()


if __name__ == "__main__":
    while os.read(int(sys.argv[1]), 1):
        pass
    remove_all(sys.argv[2])
