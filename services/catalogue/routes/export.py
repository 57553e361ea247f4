"""The list of games as CSV, for spreadsheets: sent as it is read, and without anything that a spreadsheet would take for a formula."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from services.catalogue import problems as p
from services.catalogue.browse import Browser, Filters, FoundGame, Overlay
from services.catalogue.routes.games import Shelf
from services.catalogue.routes.values import Filter
from shared.web.callers import Reads
from shared.web.documented import Problems
from shared.web.problems import OVERLOADED, Problem

ROWS_MAX: Final = 100_000
AT_ONCE_MAX: Final = 4
CELL_CHARS_MAX: Final = 4_000
RETRY_AFTER: Final = {"Retry-After": "2"}
COLUMNS: Final = (
    "provider_account", "game_id", "name", "provider_name", "state", "studio", "section", "type", "tags", "devices", "languages",
    "currencies", "features", "rtp", "volatility", "lines", "release_date", "position", "off", "forbidden_countries", "image",
    "first_seen_at", "changed_at", "version",
)  # fmt: skip

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a cell that some spreadsheet would calculate begins with (the last four are full-width)."""

_ANSWER: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "One line for each game, with a heading. Several values in a cell are separated by `|`.",
        "content": {
            "text/csv": {"schema": {"type": "string"}, "example": "provider_account,game_id,name\r\nmascot-demo,riot,Riot\r\n"}
        },
    }
}


def routes(shelf: Shelf) -> APIRouter:
    """The route of the export."""
    router = APIRouter(prefix="/v1", tags=["Games"])
    turns = asyncio.Semaphore(AT_ONCE_MAX)

    @router.get(
        "/games.csv",
        summary="Export games",
        response_class=StreamingResponse,
        responses={
            **_ANSWER,
            **Problems.documented(p.PROVIDER_ACCOUNT_NOT_FOUND, p.COLLECTION_NOT_FOUND, p.EXPORT_TOO_LARGE, p.BRAND_FORBIDDEN),
        },
    )
    async def export(caller: Reads, query: Annotated[Filter, Query()]) -> StreamingResponse:
        """All games that pass the filters, by name: at most 100,000, else nothing. A cell that begins like a formula gets a `'`."""
        filters = await shelf.filters(caller, query)
        number = await shelf.browser.count(filters, ROWS_MAX + 1)
        if number > ROWS_MAX:
            raise Problem(p.EXPORT_TOO_LARGE, f"more than {ROWS_MAX:,} games pass the filters")
        if turns.locked():
            raise Problem(OVERLOADED, f"{AT_ONCE_MAX} exports are being sent already", headers=RETRY_AFTER)
        headers = {"Content-Disposition": 'attachment; filename="games.csv"', "Cache-Control": "private, no-store"}
        lines = _lines(shelf.browser, filters, caller.brand, turns)
        return StreamingResponse(lines, media_type="text/csv; charset=utf-8", headers=headers)

    return router


def cell(value: object) -> str:
    """A value as a cell: one that a spreadsheet would take for a formula gets an apostrophe, which makes it a text."""
    text = "" if value is None else str(value)[:CELL_CHARS_MAX]
    return "'" + text if text.startswith(_FORMULA) else text


def csv_lines(rows: Iterable[Sequence[object]]) -> str:
    """Rows as RFC 4180 lines."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows([cell(value) for value in row] for row in rows)
    return out.getvalue()


async def _lines(browser: Browser, filters: Filters, brand: str, turns: asyncio.Semaphore) -> AsyncIterator[str]:
    async with turns:
        yield csv_lines([COLUMNS])
        async for games in browser.all(filters):
            if games:
                yield csv_lines(_row(game, brand) for game in games)


def _row(game: FoundGame, brand: str) -> tuple[object, ...]:
    facts, overlay = game.facts, game.overlay or Overlay()
    off = (rule for rule in overlay.off if rule.brand in ("", brand))
    return (
        game.provider_account,
        facts.game_id,
        overlay.name or facts.name,
        facts.name,
        game.state,
        facts.studio,
        facts.section,
        facts.type,
        "|".join(dict.fromkeys((*facts.tags, *overlay.tags))),
        "|".join(facts.devices),
        "|".join(facts.languages),
        "|".join(facts.currencies),
        "|".join(facts.features),
        "|".join(overlay.rtp or facts.rtp),
        facts.volatility,
        facts.lines,
        facts.release_date,
        overlay.position,
        "|".join(f"{rule.country or 'all'}/{rule.currency or 'all'}" for rule in off),
        "|".join(facts.forbidden_countries),
        overlay.image or facts.images.get("cover", ""),
        None if game.first_seen_at is None else game.first_seen_at.isoformat(),
        game.changed_at.isoformat(),
        game.version,
    )
