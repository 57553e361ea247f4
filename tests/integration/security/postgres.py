"""Debian's PostgreSQL, which speaks TLS where the wheel's does not: no connection without it, certificates by an authority of ours."""

import contextlib
import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import psycopg

from deploy.local import accounts, guard
from deploy.local.ports import free_ports
from deploy.local.processes import Account, Command, Processes
from tests.integration.security.certificates import Authority
from tests.servers import temporary_folder

HOST = "127.0.0.1"
USER = "stakewire"
READY_S = 60.0
HBA = """\
hostssl all all 127.0.0.1/32 scram-sha-256
"""


@dataclass(frozen=True)
class TlsPostgres:
    """Where it answers, and who has signed its certificate."""

    port: int
    password: str
    authority: Authority

    def url(self, database: str = "postgres", **query: str) -> str:
        """The address of a database; without `query`, as it should be: the certificate is checked, and the name in it."""
        chosen = query or {"sslmode": "verify-full", "sslrootcert": str(self.authority.file)}
        return f"postgresql://{USER}:{self.password}@{HOST}:{self.port}/{database}?{urlencode(chosen)}"

    def create_database(self) -> str:
        """A new, empty database; its name."""
        name = f"test_{uuid.uuid4().hex[:16]}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")  # a name we have just made
        return name


def programs() -> Path | None:
    """Where Debian keeps the newest PostgreSQL's programs, None where it is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


@contextlib.contextmanager
def tls_postgres(binaries: Path) -> Iterator[TlsPostgres]:
    """Makes a server and removes it at the end."""
    with temporary_folder() as folder:
        home = folder / "postgres"
        home.mkdir()
        account = accounts.server_account(home / "data")
        processes = Processes(folder)
        watcher, pipe = guard.watch(folder, folder)
        try:
            made = _initialise(binaries, home, folder, account)
            processes.start(_command(binaries, home, made, account))
            processes.wait_until("postgres", lambda: _answers(made), READY_S)
            yield made
        finally:
            processes.stop("postgres", timeout_s=0)
            os.close(pipe)
            watcher.wait(timeout=60)
            shutil.rmtree(home, ignore_errors=True)


def _initialise(binaries: Path, home: Path, folder: Path, account: Account | None) -> TlsPostgres:
    made = TlsPostgres(free_ports(1)[0], uuid.uuid4().hex, Authority(folder))
    pair = made.authority.issue("postgres", HOST)
    shutil.copy(pair.certificate, home / "server.crt")
    shutil.copy(pair.key, home / "server.key")
    (home / "password").write_text(made.password, encoding="utf-8")
    for path in (home / "server.key", home / "password"):
        path.chmod(0o600)
    if account is not None:
        for path in (home, *home.iterdir()):
            os.chown(path, account.uid, account.gid)
    subprocess.run(
        [binaries / "initdb", "-D", home / "data", "-U", USER, f"--pwfile={home / 'password'}", "--auth=scram-sha-256",
         "--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions"],
        cwd=home, check=True, capture_output=True, timeout=120, env={"PATH": os.environ["PATH"]},
        user=account.uid if account else None, group=account.gid if account else None, extra_groups=[] if account else None,
    )  # fmt: skip
    (home / "data" / "pg_hba.conf").write_text(HBA, encoding="utf-8")
    return made


def _command(binaries: Path, home: Path, made: TlsPostgres, account: Account | None) -> Command:
    options = {
        "listen_addresses": HOST,
        "port": made.port,
        "unix_socket_directories": "",
        "ssl": "on",
        "ssl_cert_file": home / "server.crt",
        "ssl_key_file": home / "server.key",
    }
    arguments = [part for key, value in options.items() for part in ("-c", f"{key}={value}")]
    argv = [str(binaries / "postgres"), "-D", str(home / "data"), *arguments]
    return Command(name="postgres", argv=argv, cwd=home, account=account, env={"LC_ALL": "C.UTF-8"})


def _answers(made: TlsPostgres) -> bool:
    try:
        with psycopg.connect(made.url(), connect_timeout=5):
            return True
    except psycopg.OperationalError:
        return False
