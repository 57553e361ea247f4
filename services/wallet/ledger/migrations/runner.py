"""Runs a migration's SQL file: migrations are written in SQL, Alembic keeps their order and the version table."""

from __future__ import annotations

from pathlib import Path

from alembic import op


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
