"""The ledger's migrations: SQL files, ordered by Alembic."""
