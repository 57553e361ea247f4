"""The switches in PostgreSQL, which is where they are true. The only user of sql/switches.sql.

A change and its line in the audit are one transaction. Errors of asyncpg pass as they are.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, get_args

import asyncpg

from services.gateway.switches.board import SwitchKey, key_of
from services.gateway.switches.errors import SwitchRefusedError
from shared.access import Change, write_audit
from shared.contracts import SwitchSet, SwitchState
from shared.database import load_queries
from shared.providers.dialect import MAX_ID_BYTES, text_fits
from shared.settings.accounts import NAME_PATTERN

QUERIES: Final = load_queries(Path(__file__).parent / "sql" / "switches.sql")
LOCK_TO_SET: Final = 7_210_512_101
LOCK_TO_PUBLISH: Final = 7_210_512_102
REASON_CHARS_MAX: Final = 500
SWITCHES_MAX: Final = 20_000
"""Every process keeps all of them in memory and reads them at its start."""

_NAME: Final = re.compile(NAME_PATTERN)


@dataclass(frozen=True, slots=True)
class StoredSwitch:
    """A switch as the database has it; `published` says whether the topic has this version."""

    switch: SwitchSet
    changed_by: str
    published: bool


class SwitchStore:
    """The switches, over a pool whose connections act as `shared.access.ROLE`."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def set(self, key: SwitchKey, state: SwitchState, *, reason: str, actor: str, request_id: str = "") -> StoredSwitch:
        """Sets a switch and records it. The same state for the same reason again changes nothing and is not recorded.

        SwitchRefusedError where key, state or reason cannot be.
        """
        _check(key, state, reason)
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(QUERIES["take_turn_to_set"], LOCK_TO_SET)
            row = await connection.fetchrow(QUERIES["one"], *key)
            before = None if row is None else _stored(row)
            if before is not None and (before.switch.state, before.switch.reason) == (state, reason):
                return before
            if before is None and await connection.fetchval(QUERIES["count"]) >= SWITCHES_MAX:
                raise SwitchRefusedError(f"there are {SWITCHES_MAX:,} switches already; use one that covers several games instead")
            after = _stored(await connection.fetchrow(QUERIES["set"], *key, state, reason, actor))
            change = Change(
                action="switch.set",
                subject=f"switch:{key}",
                actor=actor,
                brand=key.brand,
                before=None if before is None else _shown(before),
                after=_shown(after),
                reason=reason,
                request_id=request_id,
            )
            await write_audit(connection, change)
        return after

    async def all(self) -> list[StoredSwitch]:
        """All switches, by brand, provider account and game."""
        return [_stored(row) for row in await self._pool.fetch(QUERIES["all"])]

    async def unpublished(self) -> list[SwitchSet]:
        """What the topic does not have yet, oldest change first."""
        return [_stored(row).switch for row in await self._pool.fetch(QUERIES["unpublished"])]

    async def forget_published(self, keys: Iterable[SwitchKey]) -> None:
        """Marks switches that the topic has lost, to be published again."""
        brands, accounts, games = _columns(list(keys))
        await self._pool.execute(QUERIES["forget_published"], brands, accounts, games)

    @asynccontextmanager
    async def publishing(self) -> AsyncIterator[Publishing]:
        """One at a time in all processes, so that an older state never reaches the topic after a newer one."""
        async with self._pool.acquire() as connection:
            await connection.execute(QUERIES["take_turn_to_publish"], LOCK_TO_PUBLISH)
            try:
                yield Publishing(connection)
            finally:
                await connection.execute(QUERIES["give_turn_to_publish"], LOCK_TO_PUBLISH)


class Publishing:
    """The turn to publish: what is to be published, and the note that it was."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def unpublished(self) -> list[SwitchSet]:
        """What the topic does not have yet, as it is now, oldest change first."""
        return [_stored(row).switch for row in await self._connection.fetch(QUERIES["unpublished"])]

    async def done(self, switches: Sequence[SwitchSet]) -> None:
        """Kafka has taken these."""
        columns = _columns([key_of(switch) for switch in switches])
        await self._connection.execute(QUERIES["published"], *columns, [switch.version for switch in switches])


def _columns(keys: Sequence[SwitchKey]) -> tuple[list[str], list[str], list[str]]:
    return [key.brand for key in keys], [key.provider_account for key in keys], [key.game_id for key in keys]


def _check(key: SwitchKey, state: str, reason: str) -> None:
    for what, name in (("brand", key.brand), ("provider account", key.provider_account)):
        if name and not _NAME.fullmatch(name):
            raise SwitchRefusedError(
                f"the name of a {what} is made of a-z, 0-9 and '-', at most 63 characters; {name[:80]!r} is none"
            )
    if not text_fits(key.game_id):
        raise SwitchRefusedError(f"a game id has at most {MAX_ID_BYTES} bytes and no NUL")
    if state not in get_args(SwitchState):
        raise SwitchRefusedError(f"a switch stands on {', '.join(get_args(SwitchState))}; not on {state!r}")
    if not reason.strip() or len(reason) > REASON_CHARS_MAX or "\0" in reason or not _encodable(reason):
        raise SwitchRefusedError(f"say why in 1 to {REASON_CHARS_MAX} characters: the reason is kept with the change")


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(stored: StoredSwitch) -> dict[str, Any]:
    return {"state": stored.switch.state, "reason": stored.switch.reason, "version": stored.switch.version}


def _stored(row: asyncpg.Record) -> StoredSwitch:
    switch = SwitchSet(
        state=row["state"],
        version=row["version"],
        changed_at_ms=int(row["changed_at"].timestamp() * 1_000),
        brand=row["brand"],
        provider_account=row["provider_account"],
        game_id=row["game_id"],
        reason=row["reason"],
    )
    return StoredSwitch(switch, row["changed_by"], row["published_version"] >= row["version"])
