"""PostgreSQL with TLS by the address alone: every kind of client of ours speaks it, and none goes on without it."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psycopg
import pytest

from deploy.local.parts import CHECKOUT
from services.cli.schema import migrate_all
from shared.access import ROLE
from shared.database import open_pool
from shared.database.migrate import MigrationError
from tests.integration.security.certificates import Authority
from tests.integration.security.postgres import TlsPostgres, programs, tls_postgres
from tests.integration.wallet.line import EUR, bet, open_line, win
from tests.integration.wallet.stand import wallet_stand

pytestmark = pytest.mark.skipif(programs() is None, reason="Debian's PostgreSQL is not installed (apt-get install postgresql)")

ENCRYPTED = "SELECT count(*) FILTER (WHERE s.ssl), count(*) FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid)"


@pytest.fixture(scope="module")
def postgres() -> Iterator[TlsPostgres]:
    binaries = programs()
    assert binaries is not None
    with tls_postgres(binaries) as made:
        yield made


@pytest.fixture(scope="module")
def ledger(postgres: TlsPostgres) -> str:
    """The name of a database with all schemas, made through TLS."""
    name = postgres.create_database()
    migrate_all(postgres.url(name))
    return name


def stakewire(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "services.cli", *arguments], cwd=CHECKOUT, env=os.environ | {"DATABASE_URL": url},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


async def test_a_bet_through_a_wallet_whose_database_wants_tls(
    postgres: TlsPostgres, ledger: str, kafka_bootstrap_servers: str
) -> None:
    with wallet_stand(postgres.url(ledger), kafka_bootstrap_servers) as stand:
        await asyncio.to_thread(stand.start)
        async with open_line(stand) as line:
            player = await line.new_player(10 * EUR)
            await line.done(bet(player, "b", 4 * EUR))
            await line.done(win(player, "w", EUR, round_id="b"))
            assert await line.balance(player) == 7 * EUR
            row = await line.pool.fetchrow(ENCRYPTED + " WHERE a.datname = $1", ledger)
            assert row[0] == row[1] >= 2, "the wallet's connections and ours"
        await asyncio.to_thread(stand.stop)
        assert stand.trouble() == []


async def test_pools_of_the_other_services(postgres: TlsPostgres, ledger: str) -> None:
    pool = await open_pool(postgres.url(ledger), role=ROLE, application_name="tests")
    try:
        pid = await pool.fetchval("SELECT pg_backend_pid()")
        with psycopg.connect(postgres.url(ledger)) as owner:
            assert owner.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = %s", (pid,)).fetchone() == (True,)
    finally:
        await pool.close()


@pytest.mark.parametrize("command", [("migrate",), ("verify", "--full", "--jobs", "2"), ("keys", "list")])
def test_commands(postgres: TlsPostgres, ledger: str, command: tuple[str, ...]) -> None:
    done = stakewire(postgres.url(ledger), *command)
    assert done.returncode == 0, done.stdout + done.stderr


async def test_a_connection_without_tls_is_refused(postgres: TlsPostgres, ledger: str) -> None:
    plain = postgres.url(ledger, sslmode="disable")
    with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError, match="no encryption"):
        await open_pool(plain, role=ROLE, application_name="tests")
    with pytest.raises(MigrationError, match="no encryption"):
        migrate_all(plain)


async def test_a_server_that_another_authority_has_signed_is_refused(postgres: TlsPostgres, ledger: str, tmp_path: Path) -> None:
    wrong = postgres.url(ledger, sslmode="verify-full", sslrootcert=str(Authority(tmp_path, "other").file))
    with pytest.raises(OSError, match="certificate verify failed"):
        await open_pool(wrong, role=ROLE, application_name="tests")
    with pytest.raises(MigrationError, match="certificate verify failed"):
        migrate_all(wrong)
    done = stakewire(wrong, "verify")
    assert done.returncode == 1
    assert "certificate verify failed" in done.stderr
    assert "Traceback" not in done.stderr


async def test_a_server_under_a_name_that_is_not_in_its_certificate_is_refused(postgres: TlsPostgres, ledger: str) -> None:
    elsewhere = postgres.url(ledger).replace("127.0.0.1", "localhost")
    with pytest.raises(MigrationError, match="does not match host name"):
        migrate_all(elsewhere)
    with pytest.raises(OSError, match="certificate is not valid for 'localhost'"):
        await open_pool(elsewhere, role=ROLE, application_name="tests")


async def test_an_authoritys_file_that_is_not_there_is_told(postgres: TlsPostgres, ledger: str) -> None:
    nowhere = postgres.url(ledger, sslmode="verify-full", sslrootcert="/nowhere/ca.pem")
    with pytest.raises(MigrationError, match=re.escape("/nowhere/ca.pem")):
        migrate_all(nowhere)
    done = stakewire(nowhere, "verify")
    assert done.returncode == 1
    assert "DATABASE_URL: sslrootcert=/nowhere/ca.pem cannot be read (No such file or directory)" in done.stderr
