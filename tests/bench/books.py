"""After a run: does a ledger hold exactly what its callers were told? Reads with SQL of its own, as an auditor would."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg
from psycopg.rows import dict_row

_QUERY: Final = (Path(__file__).parent / "books.sql").read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Books:
    """Counts over a whole ledger. `operations` are the provider account's own; the others should be 0."""

    operations: int
    refusals: int
    broken_balances: int
    broken_sequences: int
    broken_chains: int

    def faults(self, answered: int, unknown: int) -> list[str]:
        """What does not agree with `answered` successes and `unknown` calls whose outcome nobody was told."""
        found = [
            f"{count} players with {what}"
            for count, what in (
                (self.broken_balances, "a balance that is not the sum of the movements"),
                (self.broken_sequences, "operations that are not numbered 1..n"),
                (self.broken_chains, "a chain whose head is not the last operation's hash"),
            )
            if count
        ]
        if not answered <= self.operations <= answered + unknown:
            found.append(f"{self.operations} operations stored, but {answered} successes told and {unknown} outcomes unknown")
        return found


def read_books(database_url: str, provider_account: str) -> Books:
    """Reads the books of one ledger."""
    with psycopg.connect(database_url, row_factory=dict_row) as connection:
        row = connection.execute(_QUERY, {"account": provider_account}).fetchone()
    if row is None:
        raise RuntimeError("the query of the books gave no row")
    return Books(**row)
