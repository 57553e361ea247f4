"""The first page: today's figures, how the integrations fare, what waits for somebody to look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final, Protocol

from fastapi import APIRouter, Request, Response

from services.backoffice.console.frame import Frame, Viewer
from services.backoffice.console.pages.accounts import LEVELS
from services.backoffice.findings.health import Health
from services.backoffice.findings.watch import WatchFilter, WatchPage
from services.backoffice.office.directory import Directory
from services.backoffice.reports.ask import ReportAsk
from services.backoffice.reports.store import Report
from shared.web.problems import Problem

CURRENCIES_SHOWN: Final = 4
COUNTED_MAX: Final = 99


class Figures(Protocol):
    """Where figures come from."""

    def today(self, brand: str | None = None) -> date:
        """The gaming day that it is."""
        ...

    async def report(self, ask: ReportAsk, brand: str | None, today: date | None = None) -> Report:
        """A report."""
        ...


class HealthSource(Protocol):
    """Who knows how the accounts fare."""

    async def all(self, accounts: Sequence[str], outbound: Mapping[str, tuple[str, str]] | None = None) -> list[Health]:
        """The health of accounts, in their order."""
        ...


class WatchSource(Protocol):
    """Who knows what waits."""

    async def stuck(self) -> dict[str, int]:
        """Stuck rounds by provider account."""
        ...

    async def page(self, name: str, wanted: WatchFilter, *, cursor: str = "", limit: int = 50) -> WatchPage:
        """A page of a list."""
        ...


def routes(frame: Frame, directory: Directory, figures: Figures, health: HealthSource, watch: WatchSource) -> APIRouter:
    """The route of the first page."""
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def home(request: Request, who: Viewer) -> Response:
        """Tiles that lead on."""
        del who
        today = figures.today()
        told, refused = None, ""
        try:
            told = await figures.report(ReportAsk(first=today, last=today, by=""), None)
        except Problem as problem:  # the figures are too slow today; the rest of the page is none the worse
            refused = f"{problem.kind.title}. {problem.advice}"
        stuck, healths = await watch.stuck(), await health.all(await directory.accounts())
        return frame.page(
            request,
            "home.html",
            title="Overview",
            today=today,
            totals=told.totals[:CURRENCIES_SHOWN] if told else (),
            refused=refused,
            healths=healths,
            levels=LEVELS,
            stuck_total=sum(stuck.values()),
            overdrafts=await _count(watch, "overdrafts"),
            unknown_rollbacks=await _count(watch, "unknown-rollbacks"),
            findings=sum(bool(reason.finding) for each in healths for reason in each.reasons),
        )

    return router


async def _count(watch: WatchSource, name: str) -> str:
    """How many lines a list has, as far as a tile tells."""
    page = await watch.page(name, WatchFilter(), limit=COUNTED_MAX)
    return f"{len(page.lines)}+" if page.next else str(len(page.lines))
