"""A player's operations as events, oldest first: for who follows `wallet.events` and lacks some. Nothing is changed here."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query
from pydantic import Field

from services.gateway.operator_api import problems as p
from services.gateway.operator_api.desk import Desk
from services.gateway.operator_api.routes.player_keys import PlayerKeyPath
from services.gateway.operator_api.values import Output, PageSize
from shared.contracts import ListOperations, OperationPage, OperationRecorded
from shared.web.callers import Reads
from shared.web.documented import Problems

SEQ_MAX: Final = 10**18
After = Annotated[int, Query(ge=0, le=SEQ_MAX, description="The number of the last event that is known; 0 for none.")]


class LedgerEvents(Output):
    """Events of a player without a gap, oldest first."""

    events: list[OperationRecorded] = Field(
        description="As on `wallet.events`, every field given: amounts are integers in units of the currency's scale, `hash` and "
        "`previous_hash` chain them. Fewer than `limit` may mean a page that is full before, none that there are no more."
    )


def routes(desk: Desk) -> APIRouter:
    """The routes of the ledger."""
    router = APIRouter(prefix="/v1/ledger", tags=["Ledger"])

    @router.get(
        "/{player_key}/events",
        summary="List a player's events after one that is known",
        responses=Problems.documented(p.PLAYER_NOT_FOUND),
    )
    async def events(player_key: PlayerKeyPath, caller: Reads, after: After = 0, limit: PageSize = 100) -> LedgerEvents:
        """The stored operations from number `after` + 1 on, as their events were published."""
        return LedgerEvents(events=await _after(desk, caller.brand, player_key, after, limit))

    return router


async def _after(desk: Desk, brand: str, player: str, after: int, limit: int) -> list[OperationRecorded]:
    """The wallet lists backwards, and ends a page of long operations early: asked on until the first one is there."""
    found: list[OperationRecorded] = []
    before = after + limit + 1
    while before > after + 1:
        query = ListOperations(**desk.query(brand, player), before=before, limit=before - after - 1)
        page = await desk.see(OperationPage, query)
        found += [each for each in page.operations if each.seq > after]
        if not page.operations or not page.next:
            break
        before = page.operations[-1].seq
    return found[::-1]
