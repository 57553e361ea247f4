"""Alembic's entry point for all folders of migrations."""
