"""The test run's containers: set up like the local servers, and gone with a run that was killed. Skipped without Docker."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from deploy.local.kafka import SINGLE_NODE
from deploy.local.postgres import CONNECTIONS_MAX, SUPERUSER
from tests.containers import ContainerServers, ContainersUnavailableError, containers_of, docker_answers
from tests.waiting import wait_until

LIMIT_S = 180


@pytest.fixture(scope="module")
def docker() -> None:
    """Docker, with the images here."""
    try:
        _, missing = docker_answers()
    except ContainersUnavailableError as error:
        pytest.skip(str(error))
    if missing:
        pytest.skip(f"images are not here: {', '.join(missing)}")


@pytest.fixture(scope="module")
def boxes(docker: None) -> Iterator[ContainerServers]:
    del docker
    with ContainerServers() as started:
        yield started
    assert containers_of(started.run) == []


def test_postgres_is_set_up_like_the_local_one(boxes: ContainerServers) -> None:
    with psycopg.connect(boxes.postgres.url) as connection:
        names = ("max_connections", "server_encoding", "TimeZone", "fsync", "synchronous_commit", "password_encryption")
        found = [connection.execute("SELECT current_setting(%s)", (name,)).fetchone() for name in names]
        locale = connection.execute("SELECT datlocprovider, datlocale FROM pg_database WHERE datname = 'template1'").fetchone()
    assert found == [(each,) for each in (str(CONNECTIONS_MAX), "UTF8", "UTC", "on", "on", "scram-sha-256")]
    assert locale == ("b", "C.UTF-8")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(boxes.postgres.url.replace(f"{SUPERUSER}:", f"{SUPERUSER}:wrong"))


def test_kafka_is_set_up_like_the_local_one(boxes: ContainerServers) -> None:
    admin = AdminClient({"bootstrap.servers": boxes.kafka.bootstrap_servers})
    (answer,) = admin.describe_configs([ConfigResource(ResourceType.BROKER, "1")]).values()
    found = answer.result(timeout=30)
    assert {name: found[name].value for name in SINGLE_NODE} == {name: str(value) for name, value in SINGLE_NODE.items()}


@pytest.mark.usefixtures("docker")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_containers_end_with_a_test_run_that_was_killed(number: signal.Signals) -> None:
    script = (
        "import signal\n"
        "from tests.containers import ContainerServers\n"
        "with ContainerServers(with_kafka=False) as boxes:\n"
        "    print(boxes.run, flush=True)\n"
        "    signal.pause()\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with child:
        assert child.stdout is not None
        run = child.stdout.readline().strip()
        assert len(containers_of(run)) == 1, run
        child.send_signal(number)
    wait_until(lambda: containers_of(run) == [], "the containers of the killed test run are removed", LIMIT_S)
