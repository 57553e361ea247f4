"""Sign-ins: who is behind a token, for how long, and how often one may guess. Of tokens only the SHA-256 is kept.

Attempts are counted before they are looked at, so that many at once are no way around the delay.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import asyncpg

from services.backoffice.office.errors import TooManyAttempts
from shared.database import load_queries

_SQL: Final = load_queries(Path(__file__).parent / "sql" / "sign_ins.sql")
TOKEN_BYTES: Final = 32
TOKEN_CHARS_MAX: Final = 128
SIGN_INS_OF_USER_MAX: Final = 20
COUNTED_S: Final = 3_600.0
"""How long a failed attempt counts."""

FAILURES_KEPT_MAX: Final = 20_000
FREE_OF_LOGIN, FREE_OF_ADDRESS = 5, 20
WAIT_OF_LOGIN_S_MAX: Final = 60.0
"""Small: who knows a login must not be able to lock its owner out."""

WAIT_OF_ADDRESS_S_MAX: Final = 600.0


@dataclass(frozen=True, slots=True)
class Opened:
    """A new sign-in: the only moment at which its token is known."""

    token: str
    csrf: str


@dataclass(frozen=True, slots=True)
class Found:
    """Who is behind a token. `stale`: he was not noted as seen for a while."""

    login: str
    name: str
    role: str
    source: str
    csrf: str
    opened_at: datetime
    expires_at: datetime
    token_sha256: bytes
    stale: bool


class SignIns:
    """One for the process. `idle_s` and `absolute_s` end a sign-in."""

    def __init__(self, pool: asyncpg.Pool, idle_s: int, absolute_s: int) -> None:
        self._pool = pool
        self.idle_s = float(idle_s)
        self.absolute_s = float(absolute_s)

    async def open(self, login: str, address: str, *, instead_of: str = "") -> Opened:
        """Opens a sign-in with a new token, in place of the one with the token `instead_of`; prunes what has ended."""
        opened = Opened(secrets.token_urlsafe(TOKEN_BYTES), secrets.token_urlsafe(TOKEN_BYTES))
        async with self._pool.acquire() as connection, connection.transaction():
            if instead_of:
                await connection.execute(_SQL["close"], _hash(instead_of))
            await connection.execute(_SQL["open"], _hash(opened.token), login, opened.csrf, self.absolute_s, address)
            await connection.execute(_SQL["prune"], self.idle_s, login, SIGN_INS_OF_USER_MAX)
        return opened

    async def find(self, token: str) -> Found | None:
        """Who is behind a token; None where nobody is, or not any more."""
        if not token or len(token) > TOKEN_CHARS_MAX:
            return None
        digest = _hash(token)
        row = await self._pool.fetchrow(_SQL["find"], digest, self.idle_s)
        return Found(token_sha256=digest, **dict(row)) if row else None

    async def seen(self, found: Found) -> None:
        """Notes that somebody is still there."""
        await self._pool.execute(_SQL["seen"], found.token_sha256, found.login)

    async def close(self, token_sha256: bytes) -> None:
        """Signs out."""
        await self._pool.execute(_SQL["close"], token_sha256)

    async def close_all(self, login: str, connection: asyncpg.Connection | None = None) -> None:
        """Signs out everywhere."""
        await (connection or self._pool).execute(_SQL["close_all"], login)

    async def count(self, login: str) -> int:
        """How many sign-ins a user has open."""
        return int(await self._pool.fetchval(_SQL["count_open"], login, self.idle_s))

    async def attempt(self, login: str, address: str) -> None:
        """Counts an attempt as failed; TooManyAttempts, uncounted, where login or address have to wait.

        After a success `forgive` takes the count back.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_SQL["take_turns"], [f"login {login}", f"address {address}"])
            row = await connection.fetchrow(_SQL["failures"], login, address, COUNTED_S)
            waits = (
                _wait_s(row["of_login"] - FREE_OF_LOGIN, WAIT_OF_LOGIN_S_MAX) - row["login_ago_s"],
                _wait_s(row["of_address"] - FREE_OF_ADDRESS, WAIT_OF_ADDRESS_S_MAX) - row["address_ago_s"],
            )
            if max(waits) > 0:
                raise TooManyAttempts(int(max(waits)) + 1)
            await connection.execute(_SQL["note_attempt"], login, address)

    async def forgive(self, login: str, address: str) -> None:
        """After a success: forgets what failed with this login from this address, and what is too old or too much."""
        await self._pool.execute(_SQL["forgive"], login, address)
        await self.prune_failures()

    async def prune_failures(self) -> None:
        """Keeps the table of failures small."""
        await self._pool.execute(_SQL["prune_failures"], COUNTED_S, FAILURES_KEPT_MAX)


def _wait_s(beyond: int, most_s: float) -> float:
    """1 s after the first failure beyond the free ones, then twice as long each time."""
    return 0.0 if beyond < 0 else float(min(most_s, 2 ** min(beyond, 16)))


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
