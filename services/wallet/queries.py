"""Answers the queries of a batch beside the next batches: a back office that reads much never delays a bet.

Reads after the batch's commit, on a connection of its own, without locks; what cannot be read is answered UNKNOWN and
blocks nothing. A query that gets lost here, as by a crash, is asked again by its caller.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import asyncpg
import structlog
from prometheus_client import Counter, Histogram

from services.wallet.batch import Published
from services.wallet.decisions.authentication import authentication_refusal
from services.wallet.decisions.model import Player
from services.wallet.intake import QUERIES, Taken, is_expired, now_ms
from services.wallet.ledger.reads import CursorError, Reader, UnknownPlayerError
from services.wallet.limits_view import counted_since, limits_view
from services.wallet.traces import Traces
from shared.contracts import (
    Authenticate,
    Authenticated,
    Command,
    GetGrant,
    GetLimits,
    GetPlayer,
    GetRound,
    GetSession,
    ListGrants,
    ListOperations,
    ListSessions,
    Reply,
    Result,
)
from shared.contracts.codec import encode
from shared.errors import StakewireError
from shared.gaming_day import GamingDays

log = structlog.get_logger(__name__)

WAITING_MAX: Final = 1_000
"""Of more the oldest are dropped: their callers have waited longest, and are told UNKNOWN by their own deadline."""
GROUP_MAX: Final = 8
"""Answers that are sent together: each may be half a record long."""
READ_LIMIT_S: Final = 5.0

_answered = Counter("stakewire_wallet_queries_total", "Queries answered", ["kind", "result"])
for _kind in QUERIES:
    _answered.labels(_kind, Result.OK)
_dropped = Counter("stakewire_wallet_queries_dropped_total", "Queries dropped because too many waited")
_seconds = Histogram("stakewire_wallet_query_seconds", "One query from its turn to its answer")

_NOTHING: Final = {"get_session": Result.TOKEN_UNKNOWN}
"""The result where there is no such thing, if not ORIGINAL_NOT_FOUND."""

Say = Callable[[Published], Awaitable[None]]


class RefusedError(StakewireError):
    """A query whose answer is a refusal of its own."""

    def __init__(self, result: str) -> None:
        super().__init__(f"the query is answered {result}")
        self.result = result


class QueryDesk:
    """Takes queries and answers them in turn, one at a time. `say` sends replies; `margin_ms` is added to deadlines.

    `days` tell which gaming day it is, for what counts towards limits.
    """

    def __init__(self, pool: asyncpg.Pool, margin_ms: int, say: Say, days: GamingDays, traces: Traces | None = None) -> None:
        self._pool = pool
        self._traces = traces or Traces(None)
        self._days = days
        self._margin_ms = margin_ms
        self._say = say
        self._waiting: deque[tuple[Taken, bool]] = deque()
        self._arrived = asyncio.Event()

    def take(self, queries: Sequence[Taken], *, expire: bool) -> None:
        """Queries of a committed batch; `expire`: whether their times can be trusted. Never waits."""
        for item in queries:
            if len(self._waiting) >= WAITING_MAX:
                self._waiting.popleft()
                _dropped.inc()
            self._waiting.append((item, expire))
        if queries:
            self._arrived.set()

    async def run(self) -> None:
        """Answers for ever; to be cancelled."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                try:
                    await self._turn()
                except Exception:
                    log.exception("answers to queries were not sent; their callers ask again")

    async def _turn(self) -> None:
        published, read = Published(), []
        for _ in range(min(GROUP_MAX, len(self._waiting))):
            item, expire = self._waiting.popleft()
            if item.command is not None:
                began = time.perf_counter()
                published.reply(item.command, await self.answer(item, item.command, expire=expire))
                read.append((item, began, time.perf_counter()))
        began = time.perf_counter()
        await self._say(published)
        self._traces.read(read, began)

    async def answer(self, item: Taken, query: Command, *, expire: bool = True) -> Reply:
        """The answer to one query; UNKNOWN where it could not be read, NOT_DONE where nobody waits for it any more."""
        with _seconds.time():
            if expire and is_expired(item, now_ms(), self._margin_ms):
                result, detail, view = Result.NOT_DONE, "it arrived after its caller had given up", None
            else:
                result, detail, view = await self._look(query)
        _answered.labels(query.kind, result).inc()
        data = "" if view is None else encode(view).decode()
        return Reply(command_id=query.command_id, caller=query.caller, result=result, detail=detail, data=data)

    async def _look(self, query: Command) -> tuple[str, str, Any]:
        """(result, detail, what was found)."""
        try:
            async with asyncio.timeout(READ_LIMIT_S), self._pool.acquire() as connection:
                view = await _view(Reader(connection, query.player, query.brands), query, self._days)
        except UnknownPlayerError:
            return Result.PLAYER_NOT_FOUND, "", None
        except RefusedError as error:
            return error.result, "", None
        except CursorError as error:
            return Result.BAD_REQUEST, str(error), None
        except asyncpg.DataError:
            return Result.BAD_REQUEST, "an id that no ledger can hold", None
        except Exception as error:
            log.exception("a query could not be answered", kind=query.kind, cause=repr(error))
            return Result.UNKNOWN, "the ledger could not be read", None
        if view is None:
            return _NOTHING.get(query.kind, Result.ORIGINAL_NOT_FOUND), "", None
        return Result.OK, "", view


async def _view(reader: Reader, query: Command, days: GamingDays) -> Any:
    """What a query asks for, None where there is no such thing."""
    match query:
        case GetPlayer():
            return await reader.player()
        case GetSession():
            return await reader.session(query.session_id)
        case ListSessions():
            return await reader.sessions(query)
        case GetGrant():
            return await reader.grant(query.grant_id)
        case ListGrants():
            return await reader.grants(query)
        case ListOperations():
            return await reader.operations(query)
        case GetLimits():
            at_ms = now_ms()
            today = days.at(at_ms)
            return limits_view(await reader.limits(counted_since(today[""])), today, at_ms)
        case GetRound():
            return await reader.round(query.provider_account, query.round_id)
        case Authenticate():
            return await _authenticated(reader, query)
        case _:
            raise TypeError(f"{query.kind} is no query of a player")


async def _authenticated(reader: Reader, query: Authenticate) -> Authenticated:
    """Whose token it is. RefusedError where he may not play with it."""
    found, view = await reader.session_of_token(query.token_sha256), await reader.player()
    session, shown = found or (None, None)
    player = Player(player=view.player, brand=view.brand, status=view.status, excluded_until_ms=view.excluded_until_ms)
    refusal = authentication_refusal(player, session, query.provider_account, now_ms())
    if refusal or shown is None:
        raise RefusedError(refusal)
    balance = next((account.balance for account in view.accounts if account.currency == shown.currency), 0)
    return Authenticated(player=view, session=shown, balance=balance)
