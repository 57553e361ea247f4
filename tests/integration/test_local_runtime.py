"""The local PostgreSQL and Kafka: they start once, survive kill -9, share a machine, and never touch a stranger's process."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psutil
import psycopg
import pytest
from confluent_kafka import Consumer, Producer

from deploy.local import accounts
from deploy.local.errors import PortTaken
from deploy.local.kafka import KafkaSettings, LocalKafka
from deploy.local.ports import free_ports
from deploy.local.postgres import LocalPostgres, PostgresSettings
from deploy.local.processes import Processes
from shared.kafka.admin import apply_topics
from shared.kafka.topics import COMMANDS, TopicNames
from tests.servers import LocalServers, Servers, temporary_folder
from tests.waiting import wait_until

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root's PostgreSQL runs under another account")


def test_the_session_has_a_database_of_its_own_and_a_kafka(database_url: str, servers: Servers, topic_prefix: str) -> None:
    with psycopg.connect(database_url) as connection:
        tables = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
    assert tables == (0,)
    names = TopicNames(topic_prefix)
    assert names.of(COMMANDS) in apply_topics(servers.kafka_bootstrap_servers, names)
    assert apply_topics(servers.kafka_bootstrap_servers, names) == []


def test_a_new_database_can_be_a_copy_of_another(servers: Servers, database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE marker AS SELECT 7 AS value")
    copy = servers.new_database(template=database_url.rpartition("/")[2])
    with psycopg.connect(copy) as connection:
        assert connection.execute("SELECT value FROM marker").fetchone() == (7,)
    servers.drop_database(copy)


def test_postgres_is_durable_and_asks_for_a_password(own_servers: LocalServers) -> None:
    with psycopg.connect(own_servers.postgres.url()) as connection:
        settings: dict[str, str] = dict(connection.execute("SELECT name, setting FROM pg_settings").fetchall())
    assert (settings["fsync"], settings["synchronous_commit"], settings["full_page_writes"]) == ("on", "on", "on")
    assert settings["listen_addresses"] == "127.0.0.1"
    assert settings["server_version"].startswith("18.")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(own_servers.postgres.url().replace(own_servers.postgres.settings.password, "wrong"))


def test_starting_a_running_server_changes_nothing(own_servers: LocalServers) -> None:
    before = [own_servers.processes.find(name) for name in ("postgres", "kafka")]
    assert own_servers.postgres.start() is False
    assert own_servers.kafka.start() is False
    assert [own_servers.processes.find(name) for name in ("postgres", "kafka")] == before


def test_postgres_keeps_what_was_committed_when_it_is_killed(own_servers: LocalServers) -> None:
    postgres = own_servers.postgres
    connection = psycopg.connect(postgres.url(), autocommit=True)  # Open while its server is killed.
    connection.execute("CREATE TABLE kept AS SELECT 42 AS value")
    postgres.kill()
    assert postgres.start() is True
    with psycopg.connect(postgres.url()) as again:
        assert again.execute("SELECT value FROM kept").fetchone() == (42,)
    connection.close()


def test_postgres_starts_again_while_a_session_of_the_killed_one_is_still_busy(own_servers: LocalServers) -> None:
    postgres = own_servers.postgres
    with closing(psycopg.connect(postgres.url(), autocommit=True)) as busy:
        pid = busy.info.backend_pid
        # A session deep in a computation looks for its dead server only when the statement ends.
        busy.pgconn.send_query(b"SELECT sum(i) FROM generate_series(1, 10000000000) AS i")
        postgres.kill()
        assert psutil.pid_exists(pid)
        assert postgres.start() is True
        wait_until(lambda: not psutil.pid_exists(pid), "the old session has ended")


def test_postgres_starts_over_a_pid_file_that_names_a_stranger(own_servers: LocalServers) -> None:
    postgres = own_servers.postgres
    postgres.kill()
    pid_file = postgres.data / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    assert postgres.start() is True


def test_kafka_keeps_what_was_acknowledged_when_it_is_killed(own_servers: LocalServers) -> None:
    kafka, names = own_servers.kafka, TopicNames("killed.")
    apply_topics(kafka.bootstrap_servers, names)
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers, "acks": "all"})
    producer.produce(names.of(COMMANDS), b"kept", partition=3)
    assert producer.flush(30) == 0
    kafka.kill()
    assert kafka.start() is True
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap_servers, "group.id": "killed", "auto.offset.reset": "earliest"})
    consumer.subscribe([names.of(COMMANDS)])
    record = consumer.poll(30)
    consumer.close()
    assert record is not None
    assert record.value() == b"kept"


def test_kafka_moves_to_other_ports_with_its_data(own_servers: LocalServers) -> None:
    kafka, names = own_servers.kafka, TopicNames("moved.")
    apply_topics(kafka.bootstrap_servers, names)
    kafka.stop()
    port, controller_port = free_ports(2)
    moved = LocalKafka(KafkaSettings(kafka.settings.folder, port, controller_port), own_servers.processes)
    assert moved.start() is True
    assert apply_topics(moved.bootstrap_servers, names) == []
    moved.stop()
    kafka.start()


@pytest.mark.parametrize("server", ["postgres", "kafka", "controller"])
def test_a_taken_port_is_named_with_the_setting_that_moves_it(server: str, run_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port, (free, other) = taken.getsockname()[1], free_ports(2)
        processes = Processes(run_dir)
        parts: dict[str, Callable[[], LocalPostgres | LocalKafka]] = {
            "postgres": lambda: LocalPostgres(PostgresSettings(run_dir / "postgres", port, "secret"), processes),
            "kafka": lambda: LocalKafka(KafkaSettings(run_dir / "kafka", port, free), processes),
            "controller": lambda: LocalKafka(KafkaSettings(run_dir / "kafka", other, port), processes),
        }
        with pytest.raises(PortTaken, match=rf"Port {port} .*\(pid {os.getpid()}\).*STAKEWIRE_BASE_PORT"):
            parts[server]().start()
    assert processes.names() == []


@ROOT_ONLY
def test_as_root_a_private_folder_sends_the_data_elsewhere() -> None:
    with temporary_folder() as folder:
        private = folder / "private"
        private.mkdir(mode=0o700)
        processes = Processes(private / ".run")
        postgres = LocalPostgres(PostgresSettings(private / ".run" / "postgres", free_ports(1)[0], "secret"), processes)
        try:
            assert not postgres.home.is_relative_to(folder)
            postgres.start()
            with psycopg.connect(postgres.url()) as connection:
                assert connection.execute("SELECT 1").fetchone() == (1,)
            process = processes.find("postgres")
            assert process is not None
            assert process.username() in accounts.CANDIDATES
        finally:
            postgres.remove()
        assert not postgres.home.exists()


@ROOT_ONLY
def test_as_root_programs_in_a_private_folder_are_copied(tmp_path: Path) -> None:
    account = accounts.server_account(tmp_path)
    assert account is not None
    with temporary_folder() as folder:
        programs = folder / "private" / "package" / "pginstall" / "bin"
        programs.mkdir(parents=True)
        (programs / "postgres").write_text("#!/bin/sh\nexit 7\n")
        (programs / "postgres").chmod(0o700)
        (folder / "private").chmod(0o700)
        reachable = accounts.reachable_programs(programs, "18.0", folder / "copies", account)
        done = subprocess.run([reachable / "postgres"], cwd="/", user=account.uid, group=account.gid, extra_groups=[], check=False)
    assert done.returncode == 7


def test_servers_end_with_a_test_run_that_was_killed() -> None:
    script = (
        "import sys, time\n"
        "from tests.servers import LocalServers\n"
        "with LocalServers(with_kafka=False) as local:\n"
        "    print(local.processes.find('postgres').pid, local.folder, flush=True)\n"
        "    time.sleep(600)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", script], cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True)
    with child:
        assert child.stdout is not None
        told = re.fullmatch(r"(\d+) (.+)\n", child.stdout.readline())
        assert told is not None
        server = psutil.Process(int(told[1]))
        child.send_signal(signal.SIGKILL)
    wait_until(lambda: not server.is_running(), "the server of the killed test run has ended")
    wait_until(lambda: not Path(told[2]).exists(), "its folder is deleted")
