"""Reports: GGR, NGR, RTP with its corridor, by two dimensions, with a chart by day, a file, and the rollbacks behind a line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response

from services.backoffice.api.history import Turns
from services.backoffice.api.reports import RollbacksAsk, one_by_one, read_cursor, write_cursor, zone_of
from services.backoffice.console.frame import Finance, Frame, Viewer
from services.backoffice.reports.ask import DAYS_MAX, DEFAULT_DAYS, IN_TIME, NONE_OF_IT, ReportAsk, from_form
from services.backoffice.reports.collections import Collections
from services.backoffice.reports.definition import ROUNDS_THAT_TELL, Totals
from services.backoffice.reports.store import Line, Report, Reports
from services.backoffice.reports.table import csv_of
from services.backoffice.spreadsheet import amount
from shared.contracts.accounts import Brand
from shared.web.problems import Problem

DIMENSIONS: Final = (
    ("day", "Day"), ("week", "Week"), ("month", "Month"), ("game", "Game"), ("section", "Section"), ("studio", "Studio"),
    ("tag", "Tag"), ("collection", "Collection"), ("provider_account", "Provider account"), ("country", "Country"),
    ("brand", "Brand"), ("player", "Player"), ("currency", "Currency alone"),
)  # fmt: skip
SHOWN_MAX: Final = 500
"""A page shows so many lines; the file has all."""

BAR: Final = 100
"""Width of a corridor's bar; it reaches from 0 to twice the theoretical RTP, or wider where the actual one is beyond."""


def routes(frame: Frame, reports: Reports, collections: Collections, brands: Mapping[str, Brand], turns: Turns) -> APIRouter:
    """The pages of reports. `brands` tell the zones of gaming days; `turns` limit how many files are sent at once."""
    router = APIRouter(include_in_schema=False)

    @router.get("/reports")
    async def page(request: Request, _: Viewer) -> Response:
        fields = dict(request.query_params)
        choices = await reports.choices(None)
        values: dict[str, Any] = {"fields": fields, "choices": choices, "dimensions": DIMENSIONS, "days_max": DAYS_MAX}
        values |= {"zone_told": zone_of(brands, None), "collections": collections.state(None)}
        try:
            ask = from_form(ReportAsk, fields)
            report = await reports.report(ask, None)
            days = report if report.dimensions == ("day",) else await reports.report(ask.plain(by="day"), None)
        except Problem as problem:
            if problem.kind.status != HTTPStatus.UNPROCESSABLE_ENTITY:
                raise
            values |= {"report": None, "refused": problem, "first": fields.get("first", ""), "last": fields.get("last", "")}
            return frame.page(request, "reports.html", title="Reports", status_code=problem.kind.status, **values)
        values |= _shown(report, days, fields)
        return frame.page(request, "reports.html", title="Reports", **values)

    @router.get("/reports.csv")
    async def file(request: Request, who: Finance) -> Response:
        report = await reports.report(from_form(ReportAsk, dict(request.query_params)), None)
        answer = turns.file(f"report-{report.first}-{report.last}.csv", one_by_one(csv_of(report)))
        await frame.note(request, who, "export_report", "reports", after=request.url.query[:500])
        return answer

    @router.get("/reports/rollbacks")
    async def rollbacks(request: Request, _: Viewer) -> Response:
        fields = dict(request.query_params)
        ask = from_form(RollbacksAsk, fields)
        found = await reports.undone(ask, None, read_cursor(ask.cursor), ask.limit)
        following = (
            f"/reports/rollbacks?{urlencode({**fields, 'cursor': write_cursor(found[-1])})}" if len(found) == ask.limit else ""
        )
        first, last = ask.days(datetime.now(UTC).date())
        back = urlencode({name: value for name, value in fields.items() if name not in {"cursor", "limit"}})
        values: dict[str, Any] = {"undone": found, "next_url": following, "first": first, "last": last, "back": f"/reports?{back}"}
        return frame.page(request, "rollbacks.html", title="Rollbacks", **values)

    return router


def _shown(report: Report, days: Report, fields: Mapping[str, str]) -> dict[str, Any]:
    told = {name: value for name, value in fields.items() if value}
    named = dict(DIMENSIONS)
    return {
        "report": report,
        "refused": None,
        "first": report.first.isoformat(),
        "last": report.last.isoformat(),
        "headings": [named[each] for each in report.dimensions],
        "lines": [_line(report, line) for line in report.lines[:SHOWN_MAX]],
        "shown_max": SHOWN_MAX,
        "totals": [_line(report, line, whole=True) for line in report.totals],
        "charts": _charts(days),
        "file": f"/reports.csv?{urlencode(told)}",
        "rounds_that_tell": ROUNDS_THAT_TELL,
        "usual_days": DEFAULT_DAYS,
    }


def _line(report: Report, line: Line, *, whole: bool = False) -> dict[str, Any]:
    """A line for the template: its numbers, its bar, and where it leads."""
    keys = () if whole else line.keys
    return {
        "keys": [_key(*each) for each in zip(() if whole else report.dimensions, keys, line.names, strict=False)],
        "currency": line.currency,
        "totals": line.totals,
        "bar": _bar(line.totals),
        "rollbacks": f"/reports/rollbacks?{urlencode(_narrowed(report, line, whole=whole))}" if line.totals.rolled_back else "",
    }


def _key(dimension: str, key: str, name: str) -> dict[str, str]:
    if not key:
        return {"text": "none", "url": "", "hint": f"without a {dimension.replace('_', ' ')}", "kind": "soft"}
    if dimension == "game" and key.endswith("/"):
        return {"text": "no game", "url": "", "hint": key[:-1], "kind": "soft"}
    urls = {"player": f"/players/{key}/history", "game": f"/games/{key}", "provider_account": f"/integrations/{key}"}
    return {
        "text": name,
        "url": urls.get(dimension, ""),
        "hint": key if key != name else "",
        "kind": "nowrap" if dimension in IN_TIME else "",
    }


def _narrowed(report: Report, line: Line, *, whole: bool) -> dict[str, str]:
    """The report's filters, narrowed to one line: what its rollbacks are found by."""
    told = report.ask.model_dump(exclude={"by", "across", "first", "last", "test"})
    asked = {name: str(value) for name, value in told.items() if value}
    asked |= {"first": report.first.isoformat(), "last": report.last.isoformat(), "currency": line.currency}
    if report.ask.test:
        asked["test"] = "true"
    for dimension, key in () if whole else zip(report.dimensions, line.keys, strict=True):
        if dimension == "game":
            asked["provider_account"], _, asked["game_id"] = key.partition("/")
        elif dimension in IN_TIME:
            first, last = _days_of(dimension, key)
            asked["first"] = max(report.first, date.fromisoformat(asked["first"]), first).isoformat()
            asked["last"] = min(report.last, date.fromisoformat(asked["last"]), last).isoformat()
        elif dimension != "brand":
            asked[dimension] = key or NONE_OF_IT
    return {name: value for name, value in asked.items() if value}


def _days_of(dimension: str, key: str) -> tuple[date, date]:
    """The days that a key of time stands for."""
    if dimension == "day":
        day = date.fromisoformat(key)
        return day, day
    if dimension == "week":
        monday = date.fromisocalendar(int(key[:4]), int(key[6:]), 1)
        return monday, monday + timedelta(days=6)
    first = date.fromisoformat(f"{key}-01")
    return first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def _bar(totals: Totals) -> dict[str, int] | None:
    """Where corridor and actual RTP lie on the bar; None where there is no corridor."""
    corridor, actual = totals.corridor, totals.rtp
    if corridor is None or actual is None:
        return None
    low, high = corridor
    widest = max(low + high, actual, high) * Decimal("1.05") or Decimal(1)
    place = {name: int(value / widest * BAR) for name, value in (("low", low), ("high", high), ("actual", actual))}
    return place | {"width": max(1, place["high"] - place["low"])}


def _charts(days: Report) -> list[dict[str, str]]:
    """For each currency the days of the range with stake and GGR, for the chart; days without play are 0."""
    count = (days.last - days.first).days + 1
    found: dict[str, dict[str, Totals]] = {}
    for line in days.lines:
        found.setdefault(line.currency, {})[line.keys[0]] = line.totals
    charts = []
    for currency, by_day in sorted(found.items()):
        dates = [days.first + timedelta(days=number) for number in range(count)]
        told = [by_day.get(each.isoformat()) for each in dates]
        points = {
            "days": [each.isoformat() for each in dates],
            "stake": [str(amount(each.stake, currency)) if each else "0" for each in told],
            "ggr": [str(amount(each.ggr, currency)) if each else "0" for each in told],
        }
        charts.append({"currency": currency, "points": json.dumps(points)})
    return charts
