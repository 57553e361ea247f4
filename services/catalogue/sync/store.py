"""Syncs and the games they change, in PostgreSQL. The only user of sql/sync.sql. Errors of asyncpg pass as they are."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

import asyncpg
import msgspec

from services.catalogue.errors import SyncUnderWayError
from services.catalogue.sync.diff import Diff, Held, former_values
from services.catalogue.sync.told import Told, tell
from shared.access import Change, write_audit
from shared.database import load_queries
from shared.providers.facts import Listing, decode_facts

QUERIES: Final = load_queries(Path(__file__).parents[1] / "sql" / "sync.sql")
ROLE: Final = "stakewire_catalogue"
"""The database role that keeps the games, reads access keys and adds to the audit."""

CHUNK: Final = 1_000
"""Games stored by one statement."""

WRITE_TIMEOUT_S: Final = 30
CAUSE_CHARS_MAX: Final = 2_000
SYNCS_MAX: Final = 500

_kept_list: Final = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Sync:
    """One sync as it is noted. `result` is running, ok, failed, alarm or confirmed; `waiting` says that it can be confirmed."""

    id: int
    provider_account: str
    started_at: datetime
    finished_at: datetime | None
    result: str
    asked_by: str
    confirmed_by: str
    games: int
    added: int
    changed: int
    withdrawn: int
    returned: int
    unchanged: int
    skipped: int
    cause: str
    waiting: bool


class _KeptList(msgspec.Struct):
    """A list that waits for its confirmation, as it lies in `syncs.list`."""

    games: list[msgspec.Raw]
    unreadable: list[str] = []


class Last(NamedTuple):
    """The last sync of an account: how long ago it began, how it ended, how many have failed in a row."""

    age_s: float
    result: str
    failures: int


class SyncStore:
    """Over a pool whose connections act as `ROLE`."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def get(self, sync_id: int) -> Sync | None:
        """One sync."""
        row = await self._pool.fetchrow(QUERIES["sync"], sync_id)
        return None if row is None else Sync(**row)

    async def list(self, account: str = "", *, before_id: int = 0, limit: int = 50) -> list[Sync]:
        """Syncs, newest first, below `before_id` (0 = from the newest); at most 500."""
        rows = await self._pool.fetch(QUERIES["syncs"], account, before_id, min(limit, SYNCS_MAX))
        return [Sync(**row) for row in rows]

    async def last(self, account: str) -> Last | None:
        """The last sync of an account; None before the first."""
        row = await self._pool.fetchrow(QUERIES["last"], account)
        return None if row is None else Last(**row)

    async def counts(self, account: str) -> tuple[int, int]:
        """How many games of an account are live, and how many withdrawn."""
        row = await self._pool.fetchrow(QUERIES["account_games"], account)
        return row["live"], row["withdrawn"]

    async def purge(self, days: int) -> None:
        """Forgets syncs of more than `days` ago; the games' history stays."""
        await self._pool.execute(QUERIES["purge"], days)

    @asynccontextmanager
    async def locked(self, account: str) -> AsyncIterator[AccountSync]:
        """The only one among all processes who may sync an account. SyncUnderWayError where another one does.

        Everything is done on the connection that holds the lock: if it breaks, nothing can be written any more.
        """
        number = lock_number(account)
        async with self._pool.acquire() as connection:
            if not await connection.fetchval(QUERIES["try_lock"], number):
                raise SyncUnderWayError(f"the provider account {account} is being synced already; wait for the end of that sync")
            try:
                yield AccountSync(connection, account)
            finally:
                if not connection.is_closed():
                    await connection.execute(QUERIES["unlock"], number)


class AccountSync:
    """One sync of one account, on the connection that holds its lock."""

    def __init__(self, connection: asyncpg.Connection, account: str) -> None:
        self._connection = connection
        self.account = account

    async def begin(self, asked_by: str) -> int:
        """Notes the beginning; returns the sync's id."""
        sync_id: int = await self._connection.fetchval(QUERIES["begin"], self.account, asked_by)
        return sync_id

    async def fail(self, sync_id: int, cause: str) -> None:
        """Notes that nothing was changed, and why."""
        await self._connection.execute(QUERIES["fail"], sync_id, cause[:CAUSE_CHARS_MAX])

    async def held(self) -> dict[str, Held]:
        """The stored games by id."""
        rows = await self._connection.fetch(QUERIES["held"], self.account)
        return {row["game_id"]: Held(row["state"], row["source_hash"]) for row in rows}

    async def waiting(self) -> tuple[int, str]:
        """The sync that waits for a confirmation and its list's hash; 0 and "" where none does."""
        row = await self._connection.fetchrow(QUERIES["waiting"], self.account)
        return (0, "") if row is None else (row["id"], row["list_hash"])

    async def store(self, sync_id: int, told: Told, diff: Diff, progress: Callable[[int, int], None]) -> None:
        """Stores what a list changes, in one transaction, and notes that the sync went well."""
        async with self._writing():
            await self._apply(sync_id, told, diff, progress)
            await self._connection.execute(QUERIES["forget_waiting"], self.account)
            await self._finish(sync_id, "ok", told, diff, told.cause)

    async def keep_doubtful(self, sync_id: int, told: Told, diff: Diff, cause: str, *, waits_already: bool) -> None:
        """Stores nothing of a list, which waits for its confirmation instead of the one before."""
        async with self._writing():
            if not waits_already:
                await self._connection.execute(QUERIES["forget_waiting"], self.account)
                kept = _kept_list(
                    {"games": [msgspec.Raw(raw) for raw in told.records.values()], "unreadable": sorted(told.unreadable)}
                )
                await self._connection.execute(QUERIES["wait_for_confirmation"], sync_id, kept.decode(), told.hash)
            await self._finish(sync_id, "alarm", told, diff, cause)

    async def kept_list(self, sync_id: int) -> Told | None:
        """The list of a sync that waits; None where it does not."""
        raw = await self._connection.fetchval(QUERIES["waiting_list"], sync_id)
        if raw is None:
            return None
        kept = msgspec.json.decode(raw, type=_KeptList)
        games = tuple(decode_facts(bytes(each)) for each in kept.games)
        return tell(Listing(games=games, unreadable=frozenset(kept.unreadable)))

    async def store_confirmed(
        self, sync_id: int, told: Told, diff: Diff, change: Change, progress: Callable[[int, int], None]
    ) -> None:
        """Stores a list that a person has confirmed, and records who did."""
        async with self._writing():
            await self._apply(sync_id, told, diff, progress)
            counts = len(diff.added), len(diff.changed), len(diff.withdrawn), len(diff.returned), diff.unchanged + diff.kept
            await self._connection.execute(QUERIES["confirmed"], sync_id, change.actor, *counts)
            await write_audit(self._connection, change)

    async def _apply(self, sync_id: int, told: Told, diff: Diff, progress: Callable[[int, int], None]) -> None:
        total = len(diff.added) + len(diff.changed) + len(diff.returned) + len(diff.withdrawn)
        done = 0
        for ids in _chunks(diff.added):
            records, hashes = _columns(told, ids)
            await self._connection.execute(QUERIES["add"], self.account, ids, records, hashes, sync_id)
            progress(done := done + len(ids), total)
        for change, all_ids in (("changed", diff.changed), ("returned", diff.returned)):
            for ids in _chunks(all_ids):
                records, hashes = _columns(told, ids)
                before = await self._former(told, ids)
                await self._connection.execute(QUERIES["change"], self.account, ids, records, hashes, before, change, sync_id)
                progress(done := done + len(ids), total)
        for ids in _chunks(diff.withdrawn):
            await self._connection.execute(QUERIES["withdraw"], self.account, ids, sync_id)
            progress(done := done + len(ids), total)

    async def _former(self, told: Told, ids: Sequence[str]) -> list[str]:
        """For each game the values that its changed fields had, as JSON."""
        rows = await self._connection.fetch(QUERIES["records"], self.account, ids)
        stored = {row["game_id"]: decode_facts(row["record"]) for row in rows}
        former = [former_values(stored[game_id], decode_facts(told.records[game_id])) for game_id in ids]
        return [msgspec.json.encode(each).decode() for each in former]

    async def _finish(self, sync_id: int, result: str, told: Told, diff: Diff, cause: str) -> None:
        """Notes a result; what an alarm has not done is not counted as done."""
        done = result == "ok"
        await self._connection.execute(
            QUERIES["finish"],
            sync_id,
            result,
            told.size,
            len(diff.added) * done,
            len(diff.changed) * done,
            len(diff.withdrawn) * done,
            len(diff.returned) * done,
            diff.unchanged + diff.kept,
            told.skipped,
            cause[:CAUSE_CHARS_MAX],
        )

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[None]:
        async with self._connection.transaction():
            await self._connection.execute(f"SET LOCAL statement_timeout = '{WRITE_TIMEOUT_S}s'")
            yield


def lock_number(account: str) -> int:
    """The number of an account's advisory lock."""
    return int.from_bytes(hashlib.sha256(f"catalogue.sync:{account}".encode()).digest()[:8], "big", signed=True)


def _chunks(ids: Sequence[str]) -> Iterator[list[str]]:
    for start in range(0, len(ids), CHUNK):
        yield list(ids[start : start + CHUNK])


def _columns(told: Told, ids: Sequence[str]) -> tuple[list[str], list[str]]:
    return [told.records[game_id].decode() for game_id in ids], [told.hashes[game_id] for game_id in ids]
