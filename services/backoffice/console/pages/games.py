"""Games: a list with filters, and a game's page with its figures and last rounds. What is changed of a game, the catalogue changes."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Any, Final, Protocol
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Path, Query, Request, Response

from services.backoffice.console.frame import Frame, Support, Viewer
from services.backoffice.office.directory import Directory, GameFilter, GameRow
from services.backoffice.reports.ask import ReportAsk
from services.backoffice.reports.store import Choices, Report
from shared.web.problems import NOT_FOUND, Problem
from shared.web.values import ACCOUNT_PATTERN

STATES: Final = ("live", "off", "withdrawn")
FIGURES_DAYS: Final = 30
Words = Annotated[str, Query(max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")]
AccountPath = Annotated[str, Path(pattern=ACCOUNT_PATTERN)]
GamePath = Annotated[str, Path(max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$")]
SHOWN: Final = (
    ("type", "Type"),
    ("volatility", "Volatility"),
    ("lines", "Lines"),
    ("release_date", "Released"),
    ("devices", "Devices"),
    ("features", "Features"),
    ("languages", "Languages"),
    ("currencies", "Currencies"),
    ("forbidden_countries", "Not in"),
)


class Figures(Protocol):
    """Where figures and the filters' choices come from."""

    def today(self, brand: str | None = None) -> date:
        """The gaming day that it is."""
        ...

    async def report(self, ask: ReportAsk, brand: str | None, today: date | None = None) -> Report:
        """A report."""
        ...

    async def choices(self, brand: str | None) -> Choices:
        """What filters can offer."""
        ...


def routes(frame: Frame, directory: Directory, figures: Figures) -> APIRouter:
    """The routes of games."""
    router = APIRouter(include_in_schema=False)
    _add_list(router, frame, directory, figures)
    _add_page(router, frame, directory, figures)
    return router


def _add_list(router: APIRouter, frame: Frame, directory: Directory, figures: Figures) -> None:
    @router.get("/games")
    async def games(
        request: Request,
        who: Viewer,
        q: Words = "",
        account: Words = "",
        section: Words = "",
        studio: Words = "",
        tag: Words = "",
        state: Words = "",
        after: Annotated[list[str] | None, Query(max_length=3)] = None,
    ) -> Response:
        """A page of games by name."""
        del who
        wanted = GameFilter(words=q.strip(), provider_account=account, section=section, studio=studio, tag=tag, state=state)
        name, behind, game_id = [*(each.replace("\0", "") for each in after or ()), "", "", ""][:3]
        found, more = await directory.games(wanted, (name, behind, game_id))
        filters: dict[str, Any] = {"q": q, "account": account, "section": section, "studio": studio, "tag": tag, "state": state}
        kept = [(key, value) for key, value in filters.items() if value]
        return frame.page(
            request,
            "games.html",
            title="Games",
            found=found,
            choices=await figures.choices(None),
            states=STATES,
            filtered=bool(kept),
            first_url=f"/games?{urlencode(kept)}" if after else "",
            next_url=_next_url(kept, found[-1]) if more else "",
            **filters,
        )


def _next_url(kept: list[tuple[str, str]], last: GameRow) -> str:
    return "/games?" + urlencode([*kept, ("after", last.name), ("after", last.provider_account), ("after", last.game_id)])


def _add_page(router: APIRouter, frame: Frame, directory: Directory, figures: Figures) -> None:
    async def known(account: str, game_id: str) -> GameRow:
        found = await directory.game(account, game_id)
        if found is None:
            raise Problem(
                NOT_FOUND, f"the catalogue has told of no game {game_id!r} of {account}", advice="Search for it by its name."
            )
        return found

    @router.get("/games/{account}/{game_id}")
    async def game(request: Request, who: Viewer, account: AccountPath, game_id: GamePath) -> Response:
        """One game: what the catalogue tells of it, what it has earned, what was played last."""
        del who
        found = await known(account, game_id)
        today = figures.today()
        first = today - timedelta(days=FIGURES_DAYS - 1)
        report = await figures.report(ReportAsk(first=first, last=today, by="", provider_account=account, game_id=game_id), None)
        facts = [(name, _text(found.record.get(key))) for key, name in SHOWN]
        return frame.page(
            request,
            "game.html",
            title=found.name,
            game=found,
            facts=[(name, text) for name, text in facts if text],
            totals=report.totals,
            days=FIGURES_DAYS,
            first=first,
            rounds=await directory.rounds_of_game(account, game_id),
            notes=await frame.audit_log.notes(_subject(found)),
        )

    @router.post("/games/{account}/{game_id}/notes")
    async def add_note(
        request: Request,
        who: Support,
        account: AccountPath,
        game_id: GamePath,
        words: Annotated[str, Form(max_length=4_000)] = "",
    ) -> Response:
        """Keeps a note on a game."""
        found = await known(account, game_id)
        return await frame.keep_note(request, who, _subject(found), words, f"{request.url.path.removesuffix('/notes')}#notes")


def _subject(game: GameRow) -> str:
    return f"game:{game.provider_account}/{game.game_id}"


def _text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(str(each) for each in value)
    return "" if value is None else str(value)
