"""The API of histories: players' rounds and operations, opened down to callbacks and movements, and as files."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query
from fastapi.responses import StreamingResponse

from services.backoffice import problems as p
from services.backoffice.api.values import (
    OperationOpened,
    Operations,
    RoundDetail,
    Rounds,
    opened,
    operation_shown,
    operations_shown,
    round_shown,
    rounds_shown,
)
from services.backoffice.history.ask import SEQ_MAX, HistoryAsk, OperationsAsk, RoundsAsk
from services.backoffice.history.export import lines
from services.backoffice.history.store import History, Listed
from services.backoffice.spreadsheet import MEDIA_TYPE, download
from shared.web.callers import Caller, Reads
from shared.web.documented import Problems
from shared.web.problems import OVERLOADED, Problem

AT_ONCE_MAX: Final = 4
RETRY_AFTER: Final = {"Retry-After": "2"}
NAMED: Final = r"^[^\x00-\x1f\x7f]{1,128}$"
PlayerPath = Annotated[
    str,
    Path(pattern=NAMED, description="A player's key, or the id by which your platform knows him.", examples=["player-17"]),
]
AccountPath = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", examples=["mascot-demo"])]
RoundPath = Annotated[str, Path(pattern=NAMED, examples=["8391"])]
SeqPath = Annotated[int, Path(ge=1, lt=SEQ_MAX, description="The operation's number.")]
FILE: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "A heading, and one line for each.", "content": {"text/csv": {"schema": {"type": "string"}}}}
}
_ASKED: Final = (p.PLAYER_NOT_FOUND, p.RANGE_REFUSED, p.AMOUNT_REFUSED, p.TOO_SLOW)


class Turns:
    """So many files are sent at once, and no more: each holds a connection of the database now and then."""

    def __init__(self, at_once_max: int = AT_ONCE_MAX) -> None:
        self._turns = asyncio.Semaphore(at_once_max)
        self._at_once_max = at_once_max

    def file(self, name: str, parts: AsyncIterator[str]) -> StreamingResponse:
        """An answer that sends a file; problem `unavailable` where too many are under way."""
        if self._turns.locked():
            raise Problem(OVERLOADED, f"{self._at_once_max} files are being sent already", headers=RETRY_AFTER)
        return StreamingResponse(self._sent(parts), media_type=MEDIA_TYPE, headers=download(name))

    async def _sent(self, parts: AsyncIterator[str]) -> AsyncIterator[str]:
        async with self._turns:
            async for part in parts:
                yield part


def routes(history: History, turns: Turns) -> APIRouter:
    """The routes of histories. A key sees the players of its brand."""
    router = APIRouter(prefix="/v1/history/players/{player}", tags=["History"])
    _add_lists(router, history)
    _add_files(router, history, turns)
    _add_opened(router, history)
    return router


def _add_lists(router: APIRouter, history: History) -> None:
    @router.get("/rounds", summary="List a player's rounds", responses=Problems.documented(p.CURSOR_INVALID, *_ASKED))
    async def rounds(player: PlayerPath, caller: Reads, query: Annotated[RoundsAsk, Query()]) -> Rounds:
        """The newest first, in pages both ways; by the time at which they began, and what they are about."""
        key = (await history.player(player, caller.brand)).player
        return rounds_shown(key, await history.rounds(key, query, _now()))

    @router.get("/operations", summary="List a player's operations", responses=Problems.documented(p.CURSOR_INVALID, *_ASKED))
    async def operations(player: PlayerPath, caller: Reads, query: Annotated[OperationsAsk, Query()]) -> Operations:
        """All effects and final refusals, with the running balance, the newest first, in pages both ways."""
        key = (await history.player(player, caller.brand)).player
        return operations_shown(key, await history.operations(key, query, _now()))


def _add_files(router: APIRouter, history: History, turns: Turns) -> None:
    async def sent(listed: Listed, caller: Caller, player: str, query: HistoryAsk) -> StreamingResponse:
        key = (await history.player(player, caller.brand)).player
        return turns.file(f"{listed}-{key}.csv", lines(listed, await history.export(listed, key, query, _now())))

    @router.get(
        "/rounds.csv",
        summary="Export a player's rounds",
        response_class=StreamingResponse,
        responses={**FILE, **Problems.documented(p.CURSOR_INVALID, p.TOO_MUCH, *_ASKED)},
    )
    async def rounds_file(player: PlayerPath, caller: Reads, query: Annotated[RoundsAsk, Query()]) -> StreamingResponse:
        """All that pass the filters, as CSV; `limit` and `cursor` are not looked at."""
        return await sent("rounds", caller, player, query.model_copy(update={"cursor": ""}))

    @router.get(
        "/operations.csv",
        summary="Export a player's operations",
        response_class=StreamingResponse,
        responses={**FILE, **Problems.documented(p.CURSOR_INVALID, p.TOO_MUCH, *_ASKED)},
    )
    async def operations_file(player: PlayerPath, caller: Reads, query: Annotated[OperationsAsk, Query()]) -> StreamingResponse:
        """All that pass the filters, as CSV; `limit` and `cursor` are not looked at."""
        return await sent("operations", caller, player, query.model_copy(update={"cursor": ""}))


def _add_opened(router: APIRouter, history: History) -> None:
    @router.get(
        "/rounds/{provider_account}/{round_id:path}",
        summary="Show a round",
        responses=Problems.documented(p.PLAYER_NOT_FOUND, p.ROUND_NOT_FOUND, p.TOO_SLOW),
    )
    async def one_round(player: PlayerPath, provider_account: AccountPath, round_id: RoundPath, caller: Reads) -> RoundDetail:
        """A round with all operations that name it."""
        key = (await history.player(player, caller.brand)).player
        found, operations = await history.round(key, provider_account, round_id)
        return RoundDetail(player=key, round=round_shown(found), operations=[operation_shown(each) for each in operations])

    @router.get(
        "/operations/{operation}",
        summary="Show an operation",
        responses=Problems.documented(p.PLAYER_NOT_FOUND, p.OPERATION_NOT_FOUND, p.TOO_SLOW),
    )
    async def one_operation(player: PlayerPath, operation: SeqPath, caller: Reads) -> OperationOpened:
        """An operation with its movements, and the provider's callbacks that asked for it."""
        key = (await history.player(player, caller.brand)).player
        return opened(key, await history.operation(key, operation))


def _now() -> datetime:
    return datetime.now(UTC)
