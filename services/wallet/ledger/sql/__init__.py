"""The ledger's queries, in the .sql files of this folder."""

from __future__ import annotations

from pathlib import Path

from shared import database


def load_queries(file: str) -> dict[str, str]:
    """The queries of one file of this folder, by name."""
    return database.load_queries(Path(__file__).parent / file)
