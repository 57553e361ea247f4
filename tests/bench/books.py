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
    """Counts over a whole ledger. `operations` and `refusals` are of the callbacks' provider account.

    `deposits` and `deposited` (units) are the bench's own, `sessions` those of the launches. What is broken should be 0.
    """

    operations: int
    refusals: int
    deposits: int
    deposited: int
    sessions: int
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
        return found + _count(self.operations, "operations", answered, unknown)

    def deposit_faults(self, answered: int, unknown: int, units: int) -> list[str]:
        """What does not agree with `answered` deposits that were told to have booked `units` together."""
        found = _count(self.deposits, "deposits", answered, unknown)
        if self.deposited < units or (not unknown and self.deposited != units):
            found.append(f"{self.deposited} units were deposited, but {units} told, with {unknown} outcomes unknown")
        return found

    def launch_faults(self, answered: int, unknown: int) -> list[str]:
        """What does not agree with `answered` launches."""
        return _count(self.sessions, "sessions", answered, unknown)


def _count(stored: int, what: str, answered: int, unknown: int) -> list[str]:
    if answered <= stored <= answered + unknown:
        return []
    return [f"{stored} {what} stored, but {answered} successes told and {unknown} outcomes unknown"]


def read_books(database_url: str, provider_account: str, studio: str) -> Books:
    """Reads the books of one ledger. `studio` is the provider account of the launches."""
    with psycopg.connect(database_url, row_factory=dict_row) as connection:
        row = connection.execute(_QUERY, {"account": provider_account, "studio": studio}).fetchone()
    if row is None:
        raise RuntimeError("the query of the books gave no row")
    return Books(**{name: int(value) for name, value in row.items()})
