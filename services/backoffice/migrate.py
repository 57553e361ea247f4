"""Brings the back office's schemas up to date. Blocking; for `stakewire migrate`, never at the service's start."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from shared.database import migrate

VERSION_TABLE: Final = "backoffice_version"
LOCK: Final = 7_210_512_004
ROLE: Final = "stakewire_backoffice"
_FOLDER: Final = Path(__file__).parent / "migrations"


def upgrade(database_url: str) -> None:
    """Applies all missing migrations; safe to repeat and to run twice at once. The operator API's come before.

    `database_url` is postgresql://user:password@host:port/name of a role that may create schemas and roles.
    MigrationError with the database's words where it fails; nothing of the failed run is kept.
    """
    migrate.upgrade(database_url, _FOLDER, version_table=VERSION_TABLE, lock=LOCK)
