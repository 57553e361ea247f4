"""The migrations of the schema `operator`: SQL files, ordered by Alembic."""
