"""What makes launches safe to repeat, in PostgreSQL (schema `operator`): launches, leases, Idempotency-Keys.

The only user of sql/launches.sql. It never touches the wallet's tables.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import asyncpg
from msgspec import Struct

from shared.database import load_queries

QUERIES: Final = load_queries(Path(__file__).parent / "sql" / "launches.sql")


class Launch(Struct, frozen=True):
    """How far a launch has come: opening -> created (at the provider) -> active (in the wallet) -> answered, or failed."""

    session_id: str
    step: str
    provider_session_id: str
    launch_url: str
    opened_at_ms: int
    body_sha256: bytes


class Binding(Struct, frozen=True):
    """What an Idempotency-Key is bound to: whether it is just this request, and since when (Unix milliseconds)."""

    fits: bool
    used_at_ms: int


class LaunchStore:
    """Launches by (brand, key): the key is the caller's Idempotency-Key, or one of ours where he sent none."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def take_lease(self, player: str, account: str, holder: str, lease_s: float) -> bool:
        """Whether this launch may go on; a lease ends by itself after `lease_s`."""
        return await self._pool.fetchval(QUERIES["take_lease"], player, account, holder, lease_s) is not None

    async def give_back_lease(self, player: str, account: str, holder: str) -> None:
        """Lets the next launch in."""
        await self._pool.execute(QUERIES["give_back_lease"], player, account, holder)

    async def find(self, brand: str, key: str) -> Launch | None:
        """The launch of a key."""
        row = await self._pool.fetchrow(QUERIES["find_launch"], brand, key)
        return Launch(*row) if row else None

    async def begin(
        self, brand: str, key: str, body_sha256: bytes, player: str, account: str, session_id: str, opened_at_ms: int
    ) -> bool:
        """A new attempt; False where another request has taken the key since it was looked for."""
        begun = await self._pool.fetchval(
            QUERIES["begin_launch"], brand, key, body_sha256, player, account, session_id, opened_at_ms
        )
        return begun is not None

    async def created(self, brand: str, key: str, session_id: str, provider_session_id: str, launch_url: str) -> None:
        """The provider has opened its side."""
        await self._pool.execute(QUERIES["note_created"], brand, key, session_id, provider_session_id, launch_url)

    async def step(self, brand: str, key: str, session_id: str, step: str) -> None:
        """Notes how far an attempt has come."""
        await self._pool.execute(QUERIES["note_step"], brand, key, session_id, step)

    async def claim_key(self, brand: str, key: str, route: str, body_sha256: bytes) -> None:
        """Binds an Idempotency-Key to a request; nothing where it is bound already (`key_fits` tells to which)."""
        await self._pool.execute(QUERIES["claim_key"], brand, key, route, body_sha256)

    async def key_fits(self, brand: str, key: str, route: str, body_sha256: bytes) -> bool | None:
        """Whether an Idempotency-Key is bound to just this request; None where it was not used yet."""
        row = await self._pool.fetchrow(QUERIES["find_key"], brand, key)
        return None if row is None else (row["route"], row["body_sha256"]) == (route, body_sha256)

    async def bind_key(self, brand: str, key: str, route: str, body_sha256: bytes) -> Binding:
        """Binds an Idempotency-Key to a request, unless it is bound already; tells to what, and since when."""
        row = await self._pool.fetchrow(QUERIES["find_key"], brand, key)
        while row is None:
            # Of copies at once one binds it; a purge between the two statements lets it be bound anew.
            await self._pool.execute(QUERIES["claim_key"], brand, key, route, body_sha256)
            row = await self._pool.fetchrow(QUERIES["find_key"], brand, key)
        return Binding((row["route"], row["body_sha256"]) == (route, body_sha256), row["used_at_ms"])

    async def purge(self, days: int) -> None:
        """Forgets what is older than `days`, in steps that lock little."""
        for query in ("purge_launches", "purge_keys"):
            while not (await self._pool.execute(QUERIES[query], days)).endswith(" 0"):
                pass
        await self._pool.execute(QUERIES["purge_leases"])
