"""The API of reports: the same numbers as on the pages, as JSON and as CSV."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import date
from typing import Annotated, Final

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from services.backoffice import problems as p
from services.backoffice.api.history import FILE, Turns
from services.backoffice.api.values import ReportShown, Rollbacks, report_shown, undone_shown
from services.backoffice.history.ask import SEQ_MAX
from services.backoffice.reports.ask import ReportAsk
from services.backoffice.reports.collections import Collections
from services.backoffice.reports.store import Reports, Undone
from services.backoffice.reports.table import csv_of
from shared.contracts.accounts import Brand
from shared.identity import is_player_key
from shared.web.callers import Reads
from shared.web.documented import Problems
from shared.web.problems import Problem

CURSOR_PATTERN: Final = r"^[A-Za-z0-9_-]{0,200}$"
_ASKED: Final = (p.RANGE_REFUSED, p.TOO_MUCH, p.TOO_SLOW)


def routes(reports: Reports, collections: Collections, brands: Mapping[str, Brand], turns: Turns) -> APIRouter:
    """The routes of reports. A key sees its brand."""
    router = APIRouter(prefix="/v1", tags=["Reports"])

    @router.get("/reports", summary="Make a report", responses=Problems.documented(*_ASKED))
    async def report(caller: Reads, query: Annotated[ReportAsk, Query()]) -> ReportShown:
        """GGR, NGR, RTP and more, by at most two dimensions and always by currency.

        Every operation counts on its own gaming day, a rollback on its own and not on its original's. Test players are left
        out unless they are asked for. At most 400 days and 10,000 lines.
        """
        found = await reports.report(query, caller.brand)
        return report_shown(found, zone_of(brands, caller.brand), collections.state(caller.brand))

    @router.get(
        "/reports.csv",
        summary="Export a report",
        response_class=StreamingResponse,
        responses={**FILE, **Problems.documented(*_ASKED)},
    )
    async def file(caller: Reads, query: Annotated[ReportAsk, Query()]) -> StreamingResponse:
        """The same report as CSV, with its totals at the end."""
        found = await reports.report(query, caller.brand)
        return turns.file(f"report-{found.first}-{found.last}.csv", one_by_one(csv_of(found)))

    @router.get(
        "/reports/rollbacks", summary="List the rollbacks of a report", responses=Problems.documented(p.CURSOR_INVALID, *_ASKED)
    )
    async def rollbacks(caller: Reads, query: Annotated[RollbacksAsk, Query()]) -> Rollbacks:
        """What was undone on the days of a report, each with its original, which may be of another day."""
        found = await reports.undone(query, caller.brand, read_cursor(query.cursor), query.limit)
        following = write_cursor(found[-1]) if len(found) == query.limit else None
        return Rollbacks(rollbacks=[undone_shown(each) for each in found], next=following)

    return router


class RollbacksAsk(ReportAsk):
    """The days and filters of a report; its dimensions are not looked at."""

    limit: Annotated[int, Query(ge=1, le=200, description="Entries of a page.")] = 50
    cursor: Annotated[str, Query(pattern=CURSOR_PATTERN, description="`next` of the page before; empty for the first.")] = ""


def zone_of(brands: Mapping[str, Brand], brand: str | None) -> str:
    """The zone of the gaming days of a brand; of all brands, where several are seen."""
    shown = [each for name, each in brands.items() if brand in (None, name)]
    told = [f"{each.time_zone}, from {each.gaming_day_start}" for each in shown]
    if len(set(told)) <= 1:
        return told[0] if told else "UTC"
    return "; ".join(f"{each.brand}: {zone}" for each, zone in zip(shown, told, strict=True))


async def one_by_one(parts: Iterable[str]) -> AsyncIterator[str]:
    """Parts of a file that are at hand."""
    for part in parts:
        yield part


def write_cursor(last: Undone) -> str:
    """Where a page of rollbacks has ended."""
    return base64.urlsafe_b64encode(json.dumps(last.key, separators=(",", ":")).encode()).decode().rstrip("=")


def read_cursor(cursor: str) -> tuple[date, str, int] | None:
    """Where the page before has ended; None for the first one. Problem `cursor-invalid`."""
    if not cursor:
        return None
    try:
        day, player, seq = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
        if type(seq) is int and 0 < seq < SEQ_MAX and is_player_key(player):
            return date.fromisoformat(day), player, seq
    except (binascii.Error, ValueError, TypeError, RecursionError) as error:
        raise Problem(p.CURSOR_INVALID, "the cursor cannot be read") from error
    raise Problem(p.CURSOR_INVALID, "the cursor cannot be read")
