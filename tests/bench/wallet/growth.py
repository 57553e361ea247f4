"""Growth: a PostgreSQL of its own whose buffers hold a quarter of the largest index, with one empty ledger and one grown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import psycopg

from deploy.local.postgres import LocalPostgres
from tests.bench.wallet.ledgers import fill, forget_topic, largest_index, one
from tests.bench.wallet.stage import Ledger, Stage
from tests.servers import LocalServers

INDEX_OVER_BUFFERS: Final = 4
BUFFERS_STEP: Final = 131_072
"""The server rounds up to this."""

EMPTY, GROWN = "wallet-empty", "wallet-grown"


@dataclass(frozen=True, slots=True)
class Growth:
    """The two ledgers on their server, a wallet running on each. `index` is the largest one of the grown ledger."""

    postgres: LocalPostgres
    ledgers: dict[str, Ledger]
    index: str
    index_bytes: int
    buffers_bytes: int


@contextmanager
def growth_of(stage: Stage, say: Callable[[str], None]) -> Iterator[Growth | None]:
    """Gives the ledgers, or None where growth is left out."""
    target = stage.options.growth_index_mib * 1_048_576
    if not target:
        yield None
        return
    say("growing a ledger on a PostgreSQL of its own")
    with LocalServers(with_kafka=False) as servers:
        postgres = servers.postgres
        empty = stage.new_ledger(postgres.create_database("empty"))
        grown = Ledger(postgres.create_database("grown", template="empty"), stage.new_topics())
        forget_topic(grown.database_url)
        # Filled before the buffers are cut: history is not what is measured.
        grown.filled = fill(grown.database_url, target, len(stage.players))
        grown.unpublished = one(grown.database_url, "operations")["stored"]
        index, index_bytes = largest_index(grown.database_url)
        buffers_bytes = _cut_buffers(postgres, index_bytes // INDEX_OVER_BUFFERS)
        try:
            stage.start_wallet(EMPTY, empty)
            stage.start_wallet(GROWN, grown)
            yield Growth(postgres, {EMPTY: empty, GROWN: grown}, index, index_bytes, buffers_bytes)
        finally:
            for name in (EMPTY, GROWN):
                stage.processes.stop(name)


def _cut_buffers(postgres: LocalPostgres, most: int) -> int:
    """Starts the server again with buffers of at most `most` bytes; returns what it has then."""
    size = max(most // BUFFERS_STEP, 1) * BUFFERS_STEP
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute(f"ALTER SYSTEM SET shared_buffers = '{size // 1024}kB'")
    postgres.stop()
    postgres.start()
    with psycopg.connect(postgres.url()) as connection:
        row = connection.execute("SELECT pg_size_bytes(current_setting('shared_buffers'))").fetchone()
    if row is None:
        raise RuntimeError("the server did not tell its shared_buffers")
    return int(row[0])
