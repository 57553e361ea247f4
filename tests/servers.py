"""Real servers for tests: a PostgreSQL and a Kafka of the local runtime, and what the tests know of those they run on.

`TEST_DATABASE_URL` and `TEST_KAFKA_BOOTSTRAP_SERVERS` name servers to test against (a role that may create databases);
`tests.server_choice` tells which are taken where they name none. The names differ from the product's own settings on
purpose: a shell that points at real money must not be tested on.
"""

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from deploy.local import guard
from deploy.local.kafka import KafkaSettings, LocalKafka
from deploy.local.ports import free_ports
from deploy.local.postgres import LocalPostgres, PostgresSettings
from deploy.local.processes import Processes

DATABASE_SETTING = "TEST_DATABASE_URL"
KAFKA_SETTING = "TEST_KAFKA_BOOTSTRAP_SERVERS"


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Give a folder that every account may enter; it is deleted afterwards.

    Not pytest's own: that one is private to this user, and PostgreSQL runs under another account when we are root.
    """
    folder = Path(tempfile.mkdtemp(prefix="stakewire-test-"))
    try:
        folder.chmod(0o755)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class LocalServers:
    """A PostgreSQL and a Kafka in a temporary folder, on ports of their own; stopped and deleted at the end."""

    def __init__(self, *, with_postgres: bool = True, with_kafka: bool = True) -> None:
        """Make the folder and the handles; `start` starts the servers."""
        self._cleanup = ExitStack()
        self.folder = self._cleanup.enter_context(temporary_folder())
        self.processes = Processes(self.folder)
        database_port, kafka_port, controller_port = free_ports(3)
        password = uuid.uuid4().hex
        self.postgres = LocalPostgres(PostgresSettings(self.folder / "postgres", database_port, password), self.processes)
        self.kafka = LocalKafka(KafkaSettings(self.folder / "kafka", kafka_port, controller_port), self.processes)
        self._wanted = [each for each, wanted in ((self.postgres, with_postgres), (self.kafka, with_kafka)) if wanted]

    def __enter__(self) -> Self:
        """Start the servers side by side."""
        self._watcher, self._pipe = guard.watch(self.folder, self.postgres.home, self.folder)
        try:
            with ThreadPoolExecutor() as pool:
                list(pool.map(lambda server: server.start(), self._wanted))
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop the servers and delete their data; nothing in it is worth an orderly end."""
        for server in self._wanted:
            self.processes.stop(server.settings.name, timeout_s=0)
        os.close(self._pipe)
        self._watcher.wait(timeout=60)
        shutil.rmtree(self.postgres.home, ignore_errors=True)
        self._cleanup.close()


@dataclass(frozen=True)
class Servers:
    """The servers of a test session.

    `local_postgres` and `local_kafka` stop, kill and start the servers; they are None for servers named by a setting and for
    those in containers.
    """

    database_url: str
    kafka_bootstrap_servers: str
    local_postgres: LocalPostgres | None
    local_kafka: LocalKafka | None

    def new_database(self, template: str = "template1") -> str:
        """Create a database with a name of its own and return its address.

        Args:
            template: name of a database to copy whole, nobody connected to it; for tests that need the migrated schema at once.
        """
        name = f"test_{uuid.uuid4().hex[:16]}"
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)))
        return with_database(self.database_url, name)

    def drop_database(self, url: str) -> None:
        """Drop a database that `new_database` made, even with sessions left in it."""
        name = database_name(url)
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def with_database(url: str, database: str) -> str:
    """Return the same server's address with another database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


def database_name(url: str) -> str:
    """Return the database that an address names."""
    return urlsplit(url).path.removeprefix("/")
