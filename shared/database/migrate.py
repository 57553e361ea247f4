"""Brings a schema up to date: migrations are SQL files, Alembic keeps their order. Blocking; never at a service's start.

A folder of migrations holds `versions/<number>_<name>.py` with the revision's number and, beside it, the `.sql` file
that it runs by `run_sql_beside`.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Final

import psycopg
from alembic import command, op
from alembic.config import Config
from sqlalchemy import Connection, create_engine, pool, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from shared.errors import StakewireError

_ENVIRONMENT: Final = Path(__file__).parent / "environment"
_one_at_a_time: Final = threading.Lock()
"""Alembic keeps the migration under way in global variables."""


class MigrationError(StakewireError):
    """The schema could not be brought up to date."""


def upgrade(database_url: str, folder: Path, *, version_table: str, lock: int) -> None:
    """Applies all missing migrations of `folder`; safe to repeat and to run twice at once.

    Args:
        database_url: postgresql://user:password@host:port/name of a role that owns the schema.
        folder: of the migrations, with a folder `versions`.
        version_table: in the schema `public`, says how far this database is.
        lock: number of the advisory lock by which two that migrate at once take turns.

    Raises:
        MigrationError: with the database's words; nothing of the failed run is kept.
    """
    engine = create_engine(make_url(database_url).set(drivername="postgresql+psycopg"), poolclass=pool.NullPool)
    try:
        with _one_at_a_time, engine.connect() as connection:
            _under_lock(connection, folder, version_table, lock)
    except (SQLAlchemyError, psycopg.Error) as error:  # a script runs on the driver's own cursor
        raise MigrationError(f"the schema of {version_table!r} could not be brought up to date: {error}") from error
    finally:
        engine.dispose()


def run_sql_beside(migration: str) -> None:
    """Executes the .sql file of the same name as the migration module, as one script in the migration's transaction."""
    script = Path(migration).with_suffix(".sql").read_text(encoding="utf-8")
    connection = op.get_bind().connection.dbapi_connection
    if connection is None:
        raise RuntimeError("migrations run on a live connection only; there is no offline mode")
    # psycopg sends a script without parameters as it is: several statements, and % stays %.
    cursor = connection.cursor()
    try:
        cursor.execute(script)
    finally:
        cursor.close()


def _under_lock(connection: Connection, folder: Path, version_table: str, lock: int) -> None:
    config = Config()
    config.set_main_option("script_location", str(_ENVIRONMENT).replace("%", "%%"))
    config.set_main_option("version_locations", str(folder / "versions").replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    config.attributes.update(connection=connection, version_table=version_table)
    connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": lock})
    connection.commit()
    try:
        command.upgrade(config, "head")
        connection.commit()
    finally:
        connection.rollback()
        connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": lock})
        connection.commit()
