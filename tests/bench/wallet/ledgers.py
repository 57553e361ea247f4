"""The ledgers of the bench as databases: made, copied, funded, filled, measured and audited. Their SQL is ledgers.sql."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg.rows import dict_row

from shared.database.queries import load_queries
from shared.money import parse_decimal
from tests.bench.players import ACCOUNT, BALANCE, CURRENCY, GAME
from tests.bench.wallet.stream import STAKE

_FOLDER: Final = Path(__file__).parent
QUERIES: Final = load_queries(_FOLDER / "ledgers.sql")
SCHEMA: Final = (_FOLDER / "pgledger.sql").read_text(encoding="utf-8")
FILL_PAIRS_FIRST: Final = 10
"""Pairs of a stake and a win for each player in the first round of filling, which tells how many more it takes."""


@dataclass(frozen=True, slots=True)
class TransferBooks:
    """Counts over the plain SQL ledger; what is broken should be 0. `funding` transfers were made before the run."""

    transfers: int
    imbalance: int
    broken_accounts: int
    broken_transfers: int
    funding: int

    def faults(self, answered: int) -> list[str]:
        """What does not agree with `answered` transfers told."""
        found = [
            f"{count} {what}"
            for count, what in (
                (self.imbalance, "units too much over all accounts"),
                (self.broken_accounts, "accounts whose balance is not the sum of their entries"),
                (self.broken_transfers, "transfers whose two entries are not opposite"),
            )
            if count
        ]
        if self.transfers - self.funding != answered:
            found.append(f"{self.transfers - self.funding} transfers stored, but {answered} told")
        return found


def one(url: str, name: str, **arguments: object) -> dict[str, Any]:
    """The first row of a query; empty for a statement that gives none."""
    with psycopg.connect(url, row_factory=dict_row) as connection:
        cursor = connection.execute(QUERIES[name], arguments or None)
        return cursor.fetchone() or {} if cursor.description else {}


def forget_topic(url: str) -> None:
    """Makes a copy of a ledger ready for a topic of its own."""
    one(url, "forget_positions")
    one(url, "forget_epoch")


def make_pgledger(url: str, players: list[str], houses: int) -> int:
    """Makes and funds the plain SQL ledger; returns the number of transfers that took."""
    with psycopg.connect(url) as connection:
        connection.execute(SCHEMA)
    one(url, "fund", currency=CURRENCY, houses=houses, players=players)
    amount = parse_decimal(BALANCE, CURRENCY)
    one(url, "deposit", houses=houses, players=players, amount=amount)
    return len(players)


def read_transfer_books(url: str, funding: int) -> TransferBooks:
    """Audits the plain SQL ledger."""
    return TransferBooks(**{name: int(value) for name, value in one(url, "pgledger_books").items()}, funding=funding)


def sizes(url: str) -> dict[str, int]:
    """Bytes of each table with its indexes."""
    with psycopg.connect(url) as connection:
        return dict(connection.execute(QUERIES["sizes"]).fetchall())


def largest_index(url: str) -> tuple[str, int]:
    """Name and bytes of the largest index."""
    row = one(url, "largest_index")
    return row["name"], row["size"]


def fill(url: str, index_bytes: int, players: int) -> int:
    """Writes history until the largest index has `index_bytes`; returns the number of operations."""
    stored, pairs = 0, FILL_PAIRS_FIRST
    while True:
        with psycopg.connect(url) as connection:
            connection.execute("SET synchronous_commit = off")
            arguments = {"pairs": pairs, "account": ACCOUNT, "game": GAME, "stake": STAKE}
            for step in ("fill_operations", "fill_movements", "fill_rounds", "fill_players"):
                connection.execute(QUERIES[step], arguments)
        stored += 2 * pairs * players
        _, size = largest_index(url)
        if size >= index_bytes:
            break
        # A little more than the first round promises, so that the second is the last.
        pairs = max(1, int(1.05 * (index_bytes - size) * stored / size / 2 / players) + 1)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")
    return stored
