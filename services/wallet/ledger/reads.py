"""What the ledger holds of a player, for queries: the only user of the queries in sql/reads.sql.

Reads what is committed, takes no lock, changes nothing. Every read begins at the player's key, and is one statement but for
those that say otherwise; the errors that leave here are asyncpg's and CursorError.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from datetime import date
from typing import Any, Final, TypeVar

import asyncpg
import msgspec

from services.wallet.decisions.model import Limit, Session, Usage
from services.wallet.ledger.sql import load_queries
from services.wallet.working_set import BIGINT_MAX
from shared.contracts import (
    GrantPage,
    GrantView,
    ListGrants,
    ListOperations,
    ListSessions,
    OperationPage,
    OperationRecorded,
    PlayerView,
    RoundView,
    SessionPage,
    SessionView,
)
from shared.errors import StakewireError

T = TypeVar("T")

QUERIES: Final = load_queries("reads.sql")
ROWS_A_PAGE_MAX: Final = 100
PAGE_BYTES_MAX: Final = 300_000
"""A page of longer rows ends earlier. Quoted within a reply a text is at most twice as long, and a reply must fit a record."""
PLAYED_OPERATIONS_MAX: Final = 20_000
"""Operations since a session was opened that are looked through to tell what was played in it; of more it is not told."""
_PLACE: Final = re.compile(r"(-?[0-9]{1,19}):([^\x00]{1,512})", re.DOTALL)
_FIRST: Final = (BIGINT_MAX, "")


class Played(msgspec.Struct, frozen=True):
    """What was played in a session, in units, less what was rolled back."""

    bets: int
    staked: int
    won: int


class StoredLimits(msgspec.Struct, frozen=True):
    """A player's limits and exclusion as stored, and the usage of the gaming days that were asked for."""

    brand: str
    excluded_until_ms: int
    limits: tuple[Limit, ...]
    usage: tuple[Usage, ...]


_encode: Final = msgspec.json.Encoder().encode
_player: Final = msgspec.json.Decoder(PlayerView)
_session: Final = msgspec.json.Decoder(SessionView)
_sessions: Final = msgspec.json.Decoder(list[SessionView])
_stored_session: Final = msgspec.json.Decoder(Session)
_played: Final = msgspec.json.Decoder(Played)
_round: Final = msgspec.json.Decoder(RoundView)
_limits: Final = msgspec.json.Decoder(StoredLimits)
_grant: Final = msgspec.json.Decoder(GrantView)
_grants: Final = msgspec.json.Decoder(list[GrantView])
_operations: Final = msgspec.json.Decoder(list[OperationRecorded])


class CursorError(StakewireError):
    """A `before` that is no `next` of ours."""

    def __init__(self, before: str | int) -> None:
        super().__init__(f"before={str(before)[:80]!r} is no place in the list; expected the `next` of the page before, or nothing")
        self.before = before


class UnknownPlayerError(StakewireError):
    """There is no such player for this caller: unknown, or of a brand that he may not act for."""

    def __init__(self, player: str) -> None:
        super().__init__(f"no player {player} is known to this caller")
        self.player = player


class Reader:
    """Reads for one query: of one player, for a caller who may act for `brands` (empty means any)."""

    def __init__(self, connection: asyncpg.Connection, player: str, brands: Sequence[str]) -> None:
        self._connection = connection
        self._player = player
        self._brands = brands

    async def player(self) -> PlayerView:
        """The player himself. All of these raise UnknownPlayerError where there is none."""
        found = await self._read("player")
        if found is None:
            raise UnknownPlayerError(self._player)
        return _player.decode(found)

    async def session(self, session_id: str) -> SessionView | None:
        """One of his sessions, with what was played in it: read after it, so that nothing in it is missing."""
        found = await self._read("session", session_id)
        if not found:
            return None
        session = _session.decode(found)
        told = await self._read("played", session_id, session.opened_at_ms, PLAYED_OPERATIONS_MAX)
        if not told:
            return session
        played = _played.decode(told)
        return dataclasses.replace(session, bets=played.bets, staked=played.staked, won=played.won)

    async def session_of_token(self, token_sha256: str) -> tuple[Session, SessionView] | None:
        """The session that a launch token belongs to, by the token's SHA-256 in hex: as stored, and as it is told."""
        found = await self._read("authenticate", token_sha256)
        return (_stored_session.decode(found), _session.decode(found)) if found else None

    async def round(self, provider_account: str, round_id: str) -> RoundView | None:
        """One of his rounds."""
        found = await self._read("round", provider_account, round_id)
        return _round.decode(found) if found else None

    async def limits(self, since: date) -> StoredLimits:
        """His limits, and what counts towards them from gaming day `since` on."""
        found = await self._read("limits", since)
        if found is None:
            raise UnknownPlayerError(self._player)
        return _limits.decode(found)

    async def sessions(self, query: ListSessions) -> SessionPage:
        """A page of his sessions, newest first. CursorError for a place that is none."""
        limit = _clamped(query.limit)
        found = await self._read("sessions", *_place(query.before), limit + 1)
        rows, more = _cut(_sessions.decode(found) if found else [], limit)
        return SessionPage(sessions=rows, next=f"{rows[-1].opened_at_ms}:{rows[-1].session_id}" if more else "")

    async def grant(self, grant_id: str) -> GrantView | None:
        """One of his grants."""
        found = await self._read("grant", grant_id)
        return _grant.decode(found) if found else None

    async def grants(self, query: ListGrants) -> GrantPage:
        """A page of his grants, newest expiry first. CursorError for a place that is none."""
        limit = _clamped(query.limit)
        found = await self._read("grants", *_place(query.before), limit + 1)
        rows, more = _cut(_grants.decode(found) if found else [], limit)
        return GrantPage(grants=rows, next=f"{rows[-1].expires_at_ms}:{rows[-1].grant_id}" if more else "")

    async def operations(self, query: ListOperations) -> OperationPage:
        """A page of his operations, newest first. CursorError for a place that is none."""
        if query.before < 0:
            raise CursorError(query.before)
        limit = _clamped(query.limit)
        found = await self._read("operations", min(query.before or BIGINT_MAX, BIGINT_MAX), limit + 1)
        rows, more = _cut(_operations.decode(found) if found else [], limit)
        return OperationPage(operations=rows, next=rows[-1].seq if more else 0)

    async def _read(self, query: str, *arguments: Any) -> str | None:
        row = await self._connection.fetchrow(QUERIES[query], self._player, *arguments)
        if row is None or (self._brands and row["brand"] not in self._brands):
            raise UnknownPlayerError(self._player)
        found: str | None = row["found"]
        return found


def _clamped(limit: int) -> int:
    return max(1, min(limit, ROWS_A_PAGE_MAX))


def _place(before: str) -> tuple[int, str]:
    """(time, id) of the last row of the page before."""
    if not before:
        return _FIRST
    match = _PLACE.fullmatch(before)
    if match is None or abs(int(match[1])) > BIGINT_MAX:
        raise CursorError(before)
    return int(match[1]), match[2]


def _cut(rows: list[T], limit: int) -> tuple[tuple[T, ...], bool]:
    """The rows of one page, at least one if there is any, and whether there are more behind it."""
    size = 0
    for count, row in enumerate(rows):
        size += len(_encode(row)) + 1
        if count and (count == limit or size > PAGE_BYTES_MAX):
            return tuple(rows[:count]), True
    return tuple(rows), False
