"""A casino whose database can be backed up, lost and restored: own servers, a wallet, a gateway, and the backup scripts."""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from deploy.local import guard
from deploy.local.parts import CHECKOUT
from deploy.local.ports import free_ports
from deploy.local.processes import Command, Processes
from services.wallet.ledger.migrate import upgrade
from shared.kafka.admin import apply_topics
from shared.kafka.topics import TopicNames
from tests.integration.test_simulator_stack import CONFIG, MODULES, Stack
from tests.integration.wallet.stand import WalletStand
from tests.integration.wallet.technician import Technician
from tests.servers import LocalServers
from tests.waiting import wait_until

SCRIPTS = CHECKOUT / "deploy" / "backup"
SLOT = "stakewire_wal"
LIMIT_S = 120.0


@dataclass
class Casino:
    """The stand of a restore test."""

    servers: LocalServers
    stack: Stack

    @property
    def backups(self) -> Path:
        """Where backups and WAL are kept."""
        return self.stack.folder / "backups"

    @property
    def technician(self) -> Technician:
        """Somebody with a terminal."""
        stack = self.stack
        return Technician(WalletStand(stack.database_url, stack.kafka, stack.prefix, stack.folder, stack.processes))

    def base_backup(self) -> Path:
        """The script, on the live server; the backup's folder."""
        done = self._script("base-backup.sh", str(self.backups / "base"), DATABASE_URL=self.servers.postgres.url())
        assert done.returncode == 0, done.stderr
        return Path(done.stdout.strip())

    def receive_wal(self, folder: str) -> None:
        """Starts the receiver of WAL; returns when commits wait for it."""
        environment = self._environment(DATABASE_URL=self.servers.postgres.url())
        argv = ["sh", str(SCRIPTS / "receive-wal.sh"), str(self.backups / folder)]
        self.stack.processes.start(Command(name=folder, argv=argv, cwd=CHECKOUT, env=environment))
        with psycopg.connect(self.servers.postgres.url(), autocommit=True) as connection:
            connection.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{SLOT}'")
            connection.execute("SELECT pg_reload_conf()")
            query = "SELECT 1 FROM pg_stat_replication WHERE application_name = %s AND sync_state = 'sync'"
            wait_until(lambda: connection.execute(query, (SLOT,)).fetchone(), "commits wait for the receiver of WAL")

    def lose_the_database(self) -> None:
        """PostgreSQL dies as by kill -9, and its data is gone."""
        postgres = self.servers.postgres
        postgres.kill()
        postgres.data.rename(postgres.home / f"lost-{secrets.token_hex(4)}")

    def restore(self, backup: Path, wal: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        """The script, into the place of the lost data."""
        postgres = self.servers.postgres
        if postgres.owner is not None:
            environment["PG_OWNER"] = f"{postgres.owner.uid}:{postgres.owner.gid}"
            # The server's account copies the WAL by itself.
            for each in (self.backups, *([self.backups / wal, *(self.backups / wal).iterdir()] if wal else [])):
                os.chown(each, postgres.owner.uid, postgres.owner.gid)
        more = [str(self.backups / wal)] if wal else []
        return self._script("restore.sh", str(backup), str(postgres.data), *more, **environment)

    def start_restored(self) -> None:
        """Starts PostgreSQL and returns when it takes writes."""
        self.servers.postgres.start()
        with psycopg.connect(self.servers.postgres.url(), autocommit=True) as connection:

            def open_for_writes() -> bool:
                return connection.execute("SELECT NOT pg_is_in_recovery()").fetchone() == (True,)

            wait_until(open_for_writes, "the recovery is over")

    def _script(self, name: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["/bin/sh", str(SCRIPTS / name), *arguments],
            env=self._environment(**environment),
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )

    def _environment(self, **more: str) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "PG_BIN": str(self.servers.postgres.programs), **more}


@contextmanager
def open_casino(servers: LocalServers, folder: Path) -> Iterator[Casino]:
    """A wallet and a gateway on these servers; everything is stopped at the end."""
    prefix = f"r{secrets.token_hex(4)}."
    database_url = servers.postgres.create_database("stakewire")
    upgrade(database_url)
    apply_topics(servers.kafka.bootstrap_servers, TopicNames(prefix))
    (folder / "stakewire.toml").write_text(CONFIG)
    (folder / "key").write_text(secrets.token_urlsafe(24))
    (folder / "backups").mkdir()
    processes = Processes(folder)
    watcher, pipe = guard.watch(folder, folder)
    ports = dict(zip(MODULES, free_ports(3), strict=True))
    casino = Casino(servers, Stack(folder, processes, ports, servers.kafka.bootstrap_servers, database_url, prefix))
    try:
        for name in ("wallet", "gateway"):
            casino.stack.start(name)
        for name in ("wallet", "gateway"):
            casino.stack.wait_ready(name)
        yield casino
    finally:
        with contextlib.suppress(psycopg.Error), psycopg.connect(servers.postgres.url(), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM RESET synchronous_standby_names")
            connection.execute("SELECT pg_reload_conf()")
        for name in processes.names():
            processes.stop(name)
        os.close(pipe)
        watcher.wait(timeout=60)
