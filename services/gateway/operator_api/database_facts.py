"""Samples what is worth knowing of the database, for Prometheus: size, connections, transactions, cache, log, standbys.

It lives here because the operator API has a pool beside the hot path and few replicas; each of them samples, so that a
query takes the maximum. Reads PostgreSQL's statistics only, never a row or the text of a query.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import asyncpg
import structlog
from prometheus_client import REGISTRY, Counter
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from typing_extensions import override

from shared.database import load_queries
from shared.database.away import DATABASE_AWAY

log = structlog.get_logger(__name__)

QUERIES: Final = load_queries(Path(__file__).parent / "sql" / "database_facts.sql")
EVERY_S: Final = 30.0
NAME_CHARS_MAX: Final = 64

_failures: Final = Counter("stakewire_database_sample_failures_total", "Looks at the database that it did not answer")

_GAUGES: Final = {
    "size_bytes": "Size of the database with all its indexes",
    "connections": "Connections in use on the whole server",
    "connections_max": "Connections the server takes, without those kept for superusers",
    "waiting_for_locks": "Sessions of this database that wait for a lock",
    "oldest_transaction_seconds": "Age of the oldest open transaction of this database",
    "standbys": "Standbys that are connected",
}
_COUNTERS: Final = {
    "commits": "Transactions committed",
    "rollbacks": "Transactions rolled back",
    "deadlocks": "Deadlocks that PostgreSQL broke",
    "blocks_hit": "Blocks found in PostgreSQL's cache",
    "blocks_read": "Blocks that were not in PostgreSQL's cache",
    "temporary_bytes": "Bytes written to temporary files",
    "wal_bytes": "Position of the write-ahead log",
}
_STATES: Final = ("active", "idle", "idle_in_transaction")
_TABLE: Final = {
    "live_rows": "Rows in use",
    "dead_rows": "Row versions that vacuum has still to remove",
    "bytes": "With all indexes",
}
_STANDBY: Final = {"behind_bytes": "Write-ahead log not replayed yet", "behind_seconds": "Time until replayed; 0 when idle"}


class DatabaseFacts(Collector):
    """The last sample, and the loop that takes it. Shows nothing before the first one."""

    def __init__(self, pool: asyncpg.Pool, every_s: float = EVERY_S) -> None:
        self._pool = pool
        self._every_s = every_s
        self._sampled_at_s = 0.0
        self._facts: Mapping[str, float] = {}
        self._standbys: Sequence[Mapping[str, Any]] = ()
        self._tables: Sequence[Mapping[str, Any]] = ()

    async def run(self) -> None:
        """Samples until it is cancelled. A failure is counted; the facts stay as they were, and so does their time."""
        REGISTRY.register(self)
        try:
            while True:
                try:
                    await self.sample()
                except DATABASE_AWAY as error:
                    _failures.inc()
                    log.warning("the database did not answer when it was looked at", cause=repr(error), again_in_s=self._every_s)
                await asyncio.sleep(self._every_s)
        finally:
            REGISTRY.unregister(self)

    async def sample(self) -> None:
        """One look. Raises asyncpg's errors, OSError and TimeoutError."""
        async with self._pool.acquire() as connection:
            facts = dict(await connection.fetchrow(QUERIES["facts"]))
            standbys = await connection.fetch(QUERIES["standbys"])
            tables = await connection.fetch(QUERIES["tables"])
        facts["oldest_transaction_seconds"] = facts.pop("oldest_transaction_s")
        self._facts = {name: float(value or 0) for name, value in facts.items()}
        self._standbys = [
            {"name": each["standby"][:NAME_CHARS_MAX], "behind_bytes": each["behind_bytes"], "behind_seconds": each["behind_s"]}
            for each in standbys
        ]
        self._tables = [dict(each) for each in tables]
        self._sampled_at_s = time.time()

    @override
    def collect(self) -> Iterable[Metric]:
        """All families, for the metrics page."""
        facts = self._facts
        if not facts:
            return
        yield GaugeMetricFamily(
            "stakewire_database_sampled_timestamp_seconds", "When the database was last looked at", value=self._sampled_at_s
        )
        for name, told in _GAUGES.items():
            yield GaugeMetricFamily(f"stakewire_database_{name}", told, value=facts[name])
        for name, told in _COUNTERS.items():
            yield CounterMetricFamily(f"stakewire_database_{name}", told, value=facts[name])
        sessions = GaugeMetricFamily("stakewire_database_sessions", "Sessions of this database by state", labels=["state"])
        for state in _STATES:
            sessions.add_metric([state], facts[state])
        yield sessions
        yield from _by_name("table", _TABLE, self._tables)
        yield from _by_name("standby", _STANDBY, self._standbys)

    def describe(self) -> Iterable[Metric]:
        """Nothing: the names are known from the code alone, and no other collector has them."""
        return ()


def _by_name(kind: str, families: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> Iterable[Metric]:
    for column, told in families.items():
        family = GaugeMetricFamily(f"stakewire_database_{kind}_{column}", told, labels=[kind])
        for row in rows:
            family.add_metric([row["name"]], float(row[column] or 0))
        yield family
