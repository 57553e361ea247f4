"""The office's audit log, for admins: who did what, to what, why, and what came of it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response

from services.backoffice.console.frame import ZONE, Admin, Frame
from services.backoffice.console.render import zone_of
from services.backoffice.office.audit import AuditFilter
from shared.web.problems import INVALID_REQUEST, Problem

PAGE: Final = 50
FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2999, 12, 31)
Words = Annotated[str, Query(max_length=300, pattern=r"^[^\x00-\x1f\x7f]*$")]


def routes(frame: Frame) -> APIRouter:
    """The routes of the audit log."""
    router = APIRouter(include_in_schema=False)

    @router.get("/audit")
    async def page(
        request: Request,
        who: Admin,
        login: Words = "",
        subject: Annotated[Words, Query(alias="object")] = "",
        action: Words = "",
        first: Words = "",
        last: Words = "",
        before: Annotated[int, Query(ge=0, le=2**62)] = 0,
    ) -> Response:
        """A page of the log, newest first. Days are those of the zone that the person has chosen."""
        del who
        zone = zone_of(request.cookies.get(ZONE, "UTC"))
        since, until = _day("first", first), _day("last", last)
        if since and until and until < since:
            raise Problem(INVALID_REQUEST, f"the first day, {since}, is after the last one, {until}", advice="Turn them round.")
        wanted = AuditFilter(
            login=login.strip().lower(),
            object=subject.strip(),
            action=action.strip(),
            since=datetime(since.year, since.month, since.day, tzinfo=zone).astimezone(UTC) if since else None,
            until=_end(until, zone) if until else None,
        )
        entries = await frame.audit_log.read(wanted, before_id=before, limit=PAGE + 1)
        filters = {"login": login, "object": subject, "action": action, "first": first, "last": last}
        kept = {name: value for name, value in filters.items() if value}
        return frame.page(
            request,
            "audit.html",
            title="Audit log",
            entries=entries[:PAGE],
            filters=filters,
            filtered=bool(kept),
            first_url=f"/audit?{urlencode(kept)}" if before else "",
            next_url="/audit?" + urlencode({**kept, "before": entries[PAGE - 1].id}) if len(entries) > PAGE else "",
        )

    return router


def _day(name: str, text: str) -> date | None:
    if not text.strip():
        return None
    try:
        day = date.fromisoformat(text.strip())
    except ValueError:
        day = None
    if day is None or not FIRST_DAY <= day <= LAST_DAY:
        errors = [{"field": name, "message": "a day such as 2030-01-31 is expected"}]
        raise Problem(INVALID_REQUEST, f"{name}: {text[:40]!r} is no day such as 2030-01-31", errors=errors)
    return day


def _end(day: date, zone: Any) -> datetime:
    following = day + timedelta(days=1)
    return datetime(following.year, following.month, following.day, tzinfo=zone).astimezone(UTC)
