"""Brings the ledger's schema up to date. Blocking; for `stakewire migrate`, never at the wallet's start."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from shared.errors import StakewireError

_FOLDER = Path(__file__).parent / "migrations"


class MigrationError(StakewireError):
    """The schema could not be brought up to date."""


def upgrade(database_url: str) -> None:
    """Applies all missing migrations; safe to repeat and to run twice at once.

    `database_url` is postgresql://user:password@host:port/name of a role that owns the schema. MigrationError with
    the database's words where it fails; nothing of the failed run is kept.
    """
    url = make_url(database_url).set(drivername="postgresql+psycopg")
    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    config.set_main_option("sqlalchemy.url", url.render_as_string(hide_password=False).replace("%", "%%"))
    try:
        command.upgrade(config, "head")
    except SQLAlchemyError as error:
        raise MigrationError(f"the ledger's schema could not be brought up to date: {error}") from error
