"""Access keys in PostgreSQL: create, list, revoke, replace, look up. The only user of sql/keys.sql.

Every change is recorded in the audit within its transaction. Errors of asyncpg pass as they are.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import asyncpg

from shared.access.audit import Change, write_audit
from shared.access.errors import KeyNotFoundError, KeyRefusedError
from shared.access.keys import SCOPES, TOKEN_CHARS_MAX, TOKEN_CHARS_MIN, ApiKey, hash_token, new_key_id, new_token
from shared.database import load_queries

QUERIES: Final = load_queries(Path(__file__).parent / "sql" / "keys.sql")
ROLE: Final = "stakewire_operator"
"""The database role that may read and write keys, switches and audit, and nothing of the ledger."""

LIST_MAX: Final = 1_000
LABEL_CHARS_MAX: Final = 200
OVERLAP_DEFAULT: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made, with the only copy of its token."""

    key: ApiKey
    token: str = field(repr=False)


class KeyStore:
    """The keys, over a pool whose connections act as `ROLE`."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def create(
        self, brand: str, scopes: Collection[str], *, actor: str, label: str = "", expires_at: datetime | None = None
    ) -> NewKey:
        """A new key for a brand. KeyRefusedError where brand, scopes, label or expiry cannot be."""
        _check(brand, scopes, label, expires_at)
        token = new_token()
        async with self._pool.acquire() as connection, connection.transaction():
            key = await self._insert(connection, token, brand, scopes, actor, label, expires_at)
        assert key is not None, "256 random bits came twice"
        return NewKey(key, token)

    async def register(self, token: str, brand: str, scopes: Collection[str], *, actor: str, label: str = "") -> ApiKey:
        """Makes a token from outside (at least 32 characters) a key; one that is registered stays as it is, revoked or not."""
        if not (TOKEN_CHARS_MIN <= len(token) <= TOKEN_CHARS_MAX and token.isascii() and token.isprintable() and " " not in token):
            raise KeyRefusedError(
                f"a token must have {TOKEN_CHARS_MIN} to {TOKEN_CHARS_MAX} visible ASCII characters; this one has {len(token)}. "
                "Make it at random: 43 URL-safe characters hold 256 bits."
            )
        _check(brand, scopes, label, None)
        async with self._pool.acquire() as connection, connection.transaction():
            key = await self._insert(connection, token, brand, scopes, actor, label, None)
        if key is None:
            key = await self.find_by_token_hash(hash_token(token))
        assert key is not None, "keys are never deleted"
        return key

    async def replace(
        self,
        key_id: str,
        *,
        actor: str,
        brand: str = "",
        scopes: Collection[str] = (),
        label: str = "",
        expires_at: datetime | None = None,
        overlap: timedelta = OVERLAP_DEFAULT,
    ) -> NewKey:
        """A new key for the same brand; the old one runs out after `overlap`. Scopes and label are the old one's unless given.

        KeyNotFoundError where there is no such key, KeyRefusedError where it has ended or is not of `brand` (if given).
        """
        if overlap < timedelta(0):
            raise KeyRefusedError("the overlap of two keys cannot be negative; 0 ends the old key at once")
        async with self._pool.acquire() as connection, connection.transaction():
            old = await self._held(connection, key_id)
            if brand and brand != old.brand:
                raise KeyRefusedError(f"key {key_id} belongs to the brand {old.brand!r}: a key of {brand!r} cannot replace it")
            state = old.state_at(datetime.now(UTC))
            if state != "active":
                raise KeyRefusedError(f"key {key_id} is {state} and cannot be replaced; create a new key instead")
            wanted = tuple(scopes) or tuple(old.scopes)
            _check(old.brand, wanted, label, expires_at)
            token = new_token()
            key = await self._insert(connection, token, old.brand, wanted, actor, label or old.label, expires_at)
            assert key is not None, "256 random bits came twice"
            ending = _key(await connection.fetchrow(QUERIES["expire"], key_id, overlap))
            await write_audit(connection, _change("key.replaced", ending, actor, before=old, reason=f"replaced by {key.key_id}"))
        return NewKey(key, token)

    async def revoke(self, key_id: str, *, actor: str, reason: str = "", request_id: str = "") -> ApiKey:
        """Ends a key; processes that know it forget it within a second. Again: nothing changes. KeyNotFoundError."""
        async with self._pool.acquire() as connection, connection.transaction():
            old = await self._held(connection, key_id)
            key = _key(await connection.fetchrow(QUERIES["revoke"], key_id))
            if old.revoked_at is None:
                change = _change("key.revoked", key, actor, before=old, reason=reason, request_id=request_id)
                await write_audit(connection, change)
        return key

    async def list(self, brand: str = "") -> list[ApiKey]:
        """The keys of a brand or of all, newest first; at most 1,000."""
        return [_key(row) for row in await self._pool.fetch(QUERIES["list"], brand, LIST_MAX)]

    async def find_by_token_hash(self, token_sha256: bytes) -> ApiKey | None:
        """The key of a token, whatever its state; None where there is none."""
        row = await self._pool.fetchrow(QUERIES["by_token"], token_sha256)
        return None if row is None else _key(row)

    async def _insert(
        self,
        connection: asyncpg.Connection,
        token: str,
        brand: str,
        scopes: Collection[str],
        actor: str,
        label: str,
        expires_at: datetime | None,
    ) -> ApiKey | None:
        """The new key, recorded; None where the token is registered already."""
        ordered = [scope for scope in SCOPES if scope in scopes]
        row = await connection.fetchrow(
            QUERIES["insert"], new_key_id(), hash_token(token), brand, ordered, label, actor, expires_at
        )
        if row is None:
            return None
        key = _key(row)
        await write_audit(connection, _change("key.created", key, actor))
        return key

    async def _held(self, connection: asyncpg.Connection, key_id: str) -> ApiKey:
        row = await connection.fetchrow(QUERIES["by_id"], key_id)
        if row is None:
            raise KeyNotFoundError(f"there is no key {key_id!r}; `stakewire keys list` shows all")
        return _key(row)


def _check(brand: str, scopes: Collection[str], label: str, expires_at: datetime | None) -> None:
    if not brand:
        raise KeyRefusedError("a key belongs to exactly one brand; name it")
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown or not scopes:
        raise KeyRefusedError(
            f"scopes are {', '.join(SCOPES)}, at least one of them; not known: {', '.join(unknown) or 'none given'}"
        )
    if len(label) > LABEL_CHARS_MAX or not label.isprintable():
        raise KeyRefusedError(f"a label is one line of at most {LABEL_CHARS_MAX} characters")
    if expires_at is not None and expires_at <= datetime.now(UTC):
        raise KeyRefusedError(f"the key would have expired at {expires_at.isoformat()} already; give a time to come")


def _change(
    action: str, key: ApiKey, actor: str, *, before: ApiKey | None = None, reason: str = "", request_id: str = ""
) -> Change:
    return Change(
        action=action,
        subject=key.key_id,
        actor=actor,
        brand=key.brand,
        before=None if before is None else _shown(before),
        after=_shown(key),
        reason=reason,
        request_id=request_id,
    )


def _shown(key: ApiKey) -> dict[str, Any]:
    return {
        "scopes": [scope for scope in SCOPES if scope in key.scopes],
        "label": key.label,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
    }


def _key(row: asyncpg.Record | None) -> ApiKey:
    assert row is not None, "a statement on a held row returned nothing"
    return ApiKey(
        key_id=row["key_id"],
        brand=row["brand"],
        scopes=frozenset(row["scopes"]),
        label=row["label"],
        created_at=row["created_at"],
        created_by=row["created_by"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
    )
