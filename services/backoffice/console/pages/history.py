"""A player's history: his rounds and operations, opened down to movements and callbacks, and as files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from http import HTTPStatus
from typing import Annotated, Any, Final
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Path, Request, Response

from services.backoffice import problems as p
from services.backoffice.api.history import NAMED, AccountPath, RoundPath, SeqPath, Turns
from services.backoffice.api.values import facts
from services.backoffice.console.frame import ZONE, Finance, Frame, Viewer
from services.backoffice.console.render import zone_of
from services.backoffice.history.ask import DEFAULT_DAYS, RANGE_DAYS_MAX, HistoryAsk, OperationsAsk, RoundsAsk
from services.backoffice.history.export import lines
from services.backoffice.history.store import CALLBACKS_MAX, ROUND_OPERATIONS_MAX, History, Listed
from services.backoffice.history.values import Archived, Player
from services.backoffice.reports.ask import from_form
from services.backoffice.reports.store import Reports
from shared.web.problems import Problem

STATUSES: Final[Mapping[Listed, tuple[str, ...]]] = {
    "rounds": ("open", "closed", "voided", "settled"),
    "operations": ("applied", "refused", "void", "tombstone"),
}
_OWN: Final = frozenset({"show", "first", "last"})
"""Fields of the form that are not the list's."""

_OF_ROUNDS: Final = frozenset({"kind"})
"""Fields that the form always has and only the list of operations knows."""

KeyPath = Annotated[str, Path(pattern=r"^[a-z2-7]{16}$")]
RequestPath = Annotated[str, Path(pattern=NAMED)]


@dataclass(frozen=True, slots=True)
class _Form:
    """What was asked for: which list, days in the zone of who looks, and all fields as they were sent."""

    listed: Listed
    fields: dict[str, str]
    ask: HistoryAsk

    def url(self, path: str, **changes: str) -> str:
        """The same list with another cursor, or nothing but its filters."""
        told = {name: value for name, value in {**self.fields, **changes}.items() if value}
        return f"{path}?{urlencode(told)}"


def routes(frame: Frame, history: History, reports: Reports, turns: Turns) -> APIRouter:
    """The pages of histories. `turns` limit how many files are sent at once."""
    router = APIRouter(include_in_schema=False)
    _add_lists(router, frame, history, reports, turns)
    _add_opened(router, frame, history)
    return router


def _add_lists(router: APIRouter, frame: Frame, history: History, reports: Reports, turns: Turns) -> None:
    @router.get("/players/{key}/history")
    async def listed(request: Request, _: Viewer, key: KeyPath) -> Response:
        player = await history.player(key, None)
        choices = await reports.choices(player.brand)
        kinds, currencies = await history.kinds(key)
        values: dict[str, Any] = {"player": player, "choices": choices, "kinds": kinds, "currencies": currencies}
        values |= {"statuses": STATUSES, "range_days_max": RANGE_DAYS_MAX, "default_days": DEFAULT_DAYS}
        path = request.url.path
        try:
            form = _form(request)
            page = await _page(history, player, form)
        except Problem as problem:
            if problem.kind.status != HTTPStatus.UNPROCESSABLE_ENTITY:
                raise
            fields = _fields(request)
            shown = "operations" if fields.get("show") == "operations" else "rounds"
            values |= {"listed": shown, "fields": fields, "page": None, "refused": problem}
            return frame.page(request, "history.html", title="History", status_code=problem.kind.status, **values)
        values |= {
            "listed": form.listed,
            "fields": form.fields,
            "page": page,
            "refused": None,
            "older": form.url(path, cursor=page.older) if page.older else "",
            "newer": form.url(path, cursor=page.newer) if page.newer else "",
            "file": form.url(f"{path}.csv", cursor=""),
            "other": form.url(path, cursor="", kind="", status="", show="rounds" if form.listed == "operations" else "operations"),
        }
        return frame.page(request, "history.html", title="History", **values)

    @router.get("/players/{key}/history.csv")
    async def file(request: Request, who: Finance, key: KeyPath) -> Response:
        player = await history.player(key, None)
        form = _form(request)
        ask = form.ask.model_copy(update={"cursor": ""})
        portions = await history.export(form.listed, player.player, ask, datetime.now(UTC))
        answer = turns.file(f"{form.listed}-{player.player}.csv", lines(form.listed, portions))
        await frame.note(request, who, "export_history", f"player:{player.player}", after=request.url.query[:500])
        return answer


def _add_opened(router: APIRouter, frame: Frame, history: History) -> None:
    @router.get("/players/{key}/rounds/{account}/{round_id:path}")
    async def one_round(request: Request, _: Viewer, key: KeyPath, account: AccountPath, round_id: RoundPath) -> Response:
        player = await history.player(key, None)
        found, operations = await history.round(key, account, round_id)
        values: dict[str, Any] = {
            "player": player,
            "round": found,
            "operations": operations,
            "many": len(operations) >= ROUND_OPERATIONS_MAX,
        }
        return frame.page(request, "round.html", title=f"Round {round_id}", **values)

    @router.get("/operations/{key}/{seq}")
    async def one_operation(request: Request, _: Viewer, key: KeyPath, seq: SeqPath) -> Response:
        player = await history.player(key, None)
        found = await history.operation(key, seq)
        values: dict[str, Any] = {
            "player": player,
            "found": found,
            "operation": found.operation,
            "details": facts(found.details) or {},
            "callbacks": [_told(each) for each in found.callbacks],
            "many": len(found.callbacks) >= CALLBACKS_MAX,
        }
        return frame.page(request, "operation.html", title=f"Operation {seq}", **values)

    @router.get("/callbacks/{request_id:path}")
    async def one_callback(request: Request, _: Viewer, request_id: RequestPath) -> Response:
        found, named = await history.callback(request_id)
        return frame.page(request, "callback.html", title="Callback", callback=_told(found), operations=named)


async def _page(history: History, player: Player, form: _Form) -> Any:
    now = datetime.now(UTC)
    if isinstance(form.ask, RoundsAsk):
        return await history.rounds(player.player, form.ask, now)
    return await history.operations(player.player, form.ask, now)


def _fields(request: Request) -> dict[str, str]:
    """The fields as they were sent; a name that comes twice counts once."""
    return dict(request.query_params)


def _form(request: Request) -> _Form:
    """What a form asks for; problems where it makes no sense. Days are those of the zone that who looks has chosen."""
    fields = _fields(request)
    listed: Listed = "operations" if fields.get("show") == "operations" else "rounds"
    zone = zone_of(request.cookies.get(ZONE, "UTC"))
    asked = {name: value for name, value in fields.items() if name not in _OWN}
    if listed == "rounds":
        asked = {name: value for name, value in asked.items() if name not in _OF_ROUNDS}
    if asked.get("status") and asked["status"] not in STATUSES[listed]:
        del asked["status"]  # it was chosen for the other list
    first, last = _day(fields, "first"), _day(fields, "last")
    if first:
        asked["since"] = _begins(first, zone).isoformat()
    if last:
        asked["until"] = _begins(last + timedelta(days=1), zone).isoformat()
    ask = from_form(RoundsAsk if listed == "rounds" else OperationsAsk, asked)
    return _Form(listed, fields, ask)


def _day(fields: Mapping[str, str], name: str) -> date | None:
    text = fields.get(name, "")
    if not text:
        return None
    try:
        found = date.fromisoformat(text)
    except ValueError as error:
        raise Problem(p.RANGE_REFUSED, f"`{name}` is no day; expected one such as 2030-01-31") from error
    if not date(2000, 1, 1) <= found <= date(2199, 12, 30):
        raise Problem(p.RANGE_REFUSED, f"`{name}` is between 2000 and 2199")
    return found


def _begins(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)


def _told(found: Archived) -> dict[str, Any]:
    """A callback for a page: headers and diagnosis as values, bodies as text."""
    return {
        "callback": found,
        "url": f"/callbacks/{quote(found.request_id, safe='')}",
        "headers": facts(found.request_headers) or {},
        "diagnosis": facts(found.finding_facts),
    }
