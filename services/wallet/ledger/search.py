"""Looking things up in the ledger for technicians: the only user of the queries in sql/search.sql.

Reads what is committed, in short statements, takes no lock, changes nothing. Errors of the database leave as asyncpg's.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final

import asyncpg
import msgspec

from services.wallet.decisions.model import Operation
from services.wallet.ledger.sql import load_queries
from services.wallet.working_set import BIGINT_MAX, Key

QUERIES: Final = load_queries("search.sql")
PLAYERS_A_PAGE: Final = 500
OPERATIONS_A_PAGE: Final = 500
FOUND_MAX: Final = 50
PAGES_AT_ONCE: Final = 4_096
"""32 MiB: a fraction of a second from the disk."""
KEYS_AT_ONCE: Final = 500
STATEMENT_LIMIT_MS: Final = 30_000

_operation: Final = msgspec.json.Decoder(Operation).decode


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """A player's row: the number of his last operation, his status, and the hash at the end of his chain."""

    seq: int
    status: str
    brand: str
    chain_head: str


class Swept(msgspec.Struct, kw_only=True):
    """What a search without the player has read: the newest `pages` of `of_pages`, back to about `back_to_ms`."""

    pages: int = 0
    of_pages: int = 0
    back_to_ms: int = 0
    found: list[tuple[str, int]] = msgspec.field(default_factory=list)
    """(player, seq)."""


class Ledger:
    """Look-ups on one connection. Made by `open_ledger`."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def players(self, after: str, since_ms: int = 0) -> tuple[str, list[tuple[str, int]]]:
        """(the page's last player, those of the page with operations since then as (player, last seq)); ("", []) at the end."""
        rows = await self._connection.fetch(QUERIES["players_after"], after, PLAYERS_A_PAGE)
        since = _time(since_ms) if since_ms else None
        found = [
            (row["player"], row["seq"]) for row in rows if row["newest"] is not None and (since is None or row["newest"] >= since)
        ]
        return (rows[-1]["player"] if rows else ""), found

    async def head(self, player: str) -> Head | None:
        """The player's row; None where there is no such player."""
        row = await self._connection.fetchrow(QUERIES["head"], player)
        return Head(**dict(row)) if row else None

    async def span(
        self, player: str, first: int, last: int, since_ms: int = 0, until_ms: int = 0
    ) -> AsyncIterator[list[Operation]]:
        """The operations first < seq <= last in [since, until) (Unix milliseconds, 0: no bound), page by page in order."""
        since, until = _time(since_ms) if since_ms else None, _time(until_ms) if until_ms else None
        for start in range(first, last, OPERATIONS_A_PAGE):
            end = min(last, start + OPERATIONS_A_PAGE)
            rows = await self._connection.fetch(QUERIES["span"], player, start, end, since, until)
            if rows:
                yield [_operation(row["operation"]) for row in rows]

    async def by_external_id(self, player: str, external_id: str, account: str = "") -> list[Operation]:
        """The player's operations under an external id, oldest first, at most FOUND_MAX."""
        rows = await self._connection.fetch(QUERIES["by_external_id"], player, external_id, account, FOUND_MAX)
        return [_operation(row["operation"]) for row in rows]

    async def by_seq(self, player: str, seq: int) -> Operation | None:
        """One operation."""
        row = await self._connection.fetchrow(QUERIES["by_seq"], player, min(seq, BIGINT_MAX))
        found = _operation(row["operation"]) if row else None
        return found if found is not None and found.seq == seq else None

    async def undone_by(self, player: str, seq: int) -> Operation | None:
        """The operation that takes operation `seq` back, if there is one."""
        row = await self._connection.fetchrow(QUERIES["undone_by"], player, seq)
        return _operation(row["operation"]) if row else None

    async def around(self, operation: Operation) -> dict[str, dict[str, Any]]:
        """Round, session and grant that an operation names, as they are now."""
        wanted: dict[str, tuple[str, ...]] = {
            "round": (operation.player, operation.provider_account, operation.round_id) if operation.round_id else (),
            "session": (operation.player, operation.session_id) if operation.session_id else (),
            "grant": (operation.player, operation.grant_id) if operation.grant_id else (),
        }
        found: dict[str, dict[str, Any]] = {}
        for name, arguments in wanted.items():
            text = await self._connection.fetchval(QUERIES[name], *arguments) if arguments else None
            if text:
                found[name] = msgspec.json.decode(text)
        return found

    async def sweep(self, external_id: str, account: str, limit_s: float) -> Swept:
        """Operations under an external id of whichever player: newest pages first, for at most `limit_s` seconds.

        Stops at the first range of pages that holds one. The order of pages is that of time, except where deleted rows
        left room (archived months); what was not reached is told by `pages` of `of_pages`.
        """
        until_s = time.monotonic() + limit_s
        of_pages = await self._connection.fetchval(QUERIES["pages"])
        swept, low = Swept(of_pages=of_pages), of_pages + 1
        while low > 0 and not swept.found and (time.monotonic() < until_s or low > of_pages):
            high, low = low, max(0, low - PAGES_AT_ONCE)
            rows = await self._connection.fetch(QUERIES["in_pages"], low, high, external_id, account, FOUND_MAX)
            swept.found = [(row["player"], row["seq"]) for row in rows]
            swept.pages = of_pages - low
            oldest = await self._connection.fetchval(QUERIES["oldest_in_pages"], low, high)
            swept.back_to_ms = int(oldest.timestamp() * 1_000) if oldest else swept.back_to_ms
        return swept

    async def by_keys(self, keys: Sequence[Key]) -> dict[Key, tuple[Operation, int]]:
        """What is stored under keys, each with the number of the operation that took it back (0: none)."""
        found: dict[Key, tuple[Operation, int]] = {}
        for start in range(0, len(keys), KEYS_AT_ONCE):
            wanted = [
                {"n": n, "player": key[0], "account": key[1], "namespace": key[2], "external_id": key[3]}
                for n, key in enumerate(keys[start : start + KEYS_AT_ONCE], start)
            ]
            for row in await self._connection.fetch(QUERIES["by_keys"], msgspec.json.encode(wanted).decode()):
                found[keys[row["n"]]] = (_operation(row["operation"]), row["undone_by"])
        return found

    async def hashes(self, places: Sequence[tuple[str, int]]) -> dict[tuple[str, int], str]:
        """The hashes of operations by (player, seq); those that are not stored are left out."""
        found: dict[tuple[str, int], str] = {}
        for start in range(0, len(places), KEYS_AT_ONCE):
            wanted = [
                {"n": n, "player": player, "seq": seq}
                for n, (player, seq) in enumerate(places[start : start + KEYS_AT_ONCE], start)
            ]
            for row in await self._connection.fetch(QUERIES["hashes"], msgspec.json.encode(wanted).decode()):
                found[places[row["n"]]] = row["hash"]
        return found


@asynccontextmanager
async def open_ledger(database_url: str) -> AsyncIterator[Ledger]:
    """A connection that can only read. OSError, TimeoutError or asyncpg's errors where the database is away."""
    connection = await asyncpg.connect(
        database_url,
        timeout=30,
        command_timeout=STATEMENT_LIMIT_MS / 1_000 + 5,
        server_settings={
            "application_name": "stakewire-tools",
            "default_transaction_read_only": "on",
            "statement_timeout": str(STATEMENT_LIMIT_MS),
            "jit": "off",
            # As the wallet: on tables that were never analysed the planner might read them whole.
            "enable_seqscan": "off",
        },
    )
    try:
        yield Ledger(connection)
    finally:
        await connection.close(timeout=5)


def _time(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1_000, UTC)
