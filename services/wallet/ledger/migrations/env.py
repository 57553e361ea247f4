"""Alembic's entry point: one connection, one transaction, one migration at a time across all who try."""

from alembic import context
from sqlalchemy import create_engine, pool, text

LOCK = 7_210_512_001
"""Advisory lock: two services or jobs that migrate at once take turns."""

engine = create_engine(context.config.get_main_option("sqlalchemy.url") or "", poolclass=pool.NullPool)
with engine.connect() as connection:
    connection.execute(text(f"SELECT pg_advisory_lock({LOCK})"))
    connection.commit()
    try:
        context.configure(connection=connection, transactional_ddl=True, version_table="ledger_version")
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()
    finally:
        connection.execute(text(f"SELECT pg_advisory_unlock({LOCK})"))
        connection.commit()
engine.dispose()
