"""Findings: what fails again and again, why, and what was decided about it; and the alerts that were sent."""

from __future__ import annotations

from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Form, HTTPException, Query, Request, Response

from services.backoffice.console.frame import Admin, Frame, Support, Viewer
from services.backoffice.findings.outbox import PAGE, Outbox
from services.backoffice.findings.store import BACK_DAYS, STATES, Finding, Findings

CODE_CHARS_MAX: Final = 200
STATE_NAMES: Final = {"open": "Open", "known": "Known", "resolved": "Resolved"}
LEVELS: Final = {"error": "bad", "warning": "warn", "info": "note"}
BAR_WIDTH, BAR_HEIGHT = 10, 30
Text = Annotated[str, Form(max_length=4_000)]
Bars = list[tuple[int, int, int]]


def routes(frame: Frame, findings: Findings, outbox: Outbox) -> APIRouter:
    """The routes of findings and alerts."""
    router = APIRouter(include_in_schema=False)
    _add_reading(router, frame, findings)
    _add_deciding(router, frame, findings)
    _add_alerts(router, frame, outbox)
    return router


def _add_reading(router: APIRouter, frame: Frame, findings: Findings) -> None:
    @router.get("/findings")
    async def listed(
        request: Request,
        who: Viewer,
        account: Annotated[str, Query(max_length=100)] = "",
        state: Annotated[str, Query(max_length=20)] = "",
    ) -> Response:
        """All findings of the last days."""
        del who
        accounts = await findings.accounts()
        if account and account not in accounts:
            raise HTTPException(404, "there is no such provider account")
        if state and state not in STATES:
            raise HTTPException(404, "there is no such state of a finding")
        groups = [each for each in await findings.groups(account=account) if not state or each.state == state]
        return frame.page(
            request,
            "findings.html",
            title="Findings",
            findings=groups,
            accounts=accounts,
            account=account,
            state=state,
            days=BACK_DAYS,
            **_shown(),
        )

    @router.get("/findings/{account}/{code:path}")
    async def one(request: Request, who: Viewer, account: str, code: str) -> Response:
        """One finding with evidence, advice and examples."""
        del who
        found = await _found(findings, account, code)
        return frame.page(
            request,
            "finding.html",
            title=found.facts.title or found.code,
            finding=found,
            examples=await findings.examples(account, code),
            enriched=await findings.enriched(account, code),
            notes=await frame.audit_log.notes(_subject(account, code)),
            here_url=_url(account, code),
            days=BACK_DAYS,
            **_shown(),
        )


def _add_deciding(router: APIRouter, frame: Frame, findings: Findings) -> None:
    @router.post("/findings/{account}/{code:path}/state")
    async def decide(request: Request, who: Support, account: str, code: str, state: Text = "", words: Text = "") -> Response:
        """Open, known or resolved; a few words about it become a note."""
        found = await _found(findings, account, code)
        chosen = next((each for each in STATES if each == state), None)
        if chosen is None:
            return frame.redirect(request, _url(account, code), told="Choose one of open, known and resolved.", kind="bad")
        await findings.decide(account, code, chosen, who.login)
        note = words.strip()
        if note:
            await frame.audit_log.add_note(who.login, _subject(account, code), note)
        await frame.note(
            request, who, "finding.state", _subject(account, code), before=found.state, after=chosen, reason=note[:200]
        )
        return frame.redirect(request, _url(account, code), told=f"The finding is marked as {chosen}.")

    @router.post("/findings/{account}/{code:path}/notes")
    async def add_note(request: Request, who: Support, account: str, code: str, words: Text = "") -> Response:
        """Keeps a note."""
        await _found(findings, account, code)
        if not words.strip():
            return frame.redirect(request, _url(account, code), told="The note is empty.", kind="bad")
        await frame.audit_log.add_note(who.login, _subject(account, code), words.strip())
        return frame.redirect(request, f"{_url(account, code)}#notes", told="The note is kept.")


def _add_alerts(router: APIRouter, frame: Frame, outbox: Outbox) -> None:
    @router.get("/alerts")
    async def alerts(request: Request, who: Viewer, before: Annotated[int, Query(ge=0, le=2**63 - 1)] = 0) -> Response:
        """Alerts, newest first."""
        del who
        waiting, given_up = await outbox.waiting()
        page = await outbox.page(before)
        return frame.page(
            request,
            "alerts.html",
            title="Alerts",
            alerts=page,
            waiting=waiting,
            given_up=given_up,
            next_url=f"/alerts?before={page[-1].id}" if len(page) == PAGE else "",
            first_url="/alerts" if before else "",
        )

    @router.post("/alerts/{alert_id}/again")
    async def again(request: Request, who: Admin, alert_id: int) -> Response:
        """Sends an alert after all that was given up."""
        subject = await outbox.try_again(alert_id) if 0 < alert_id < 2**63 else ""
        if not subject:
            return frame.redirect(request, "/alerts", told="This alert was not given up, or is not there any more.", kind="bad")
        await frame.note(request, who, "alert.again", f"alert:{alert_id}", after=subject)
        return frame.redirect(request, "/alerts", told="It is sent again.")


def bars(counts: list[int]) -> Bars:
    """Bars for a chart: place, height, count. The highest fills the chart; what is not zero can be seen."""
    most = max(counts, default=0)
    return [(n * BAR_WIDTH, -(-count * BAR_HEIGHT // most) if most else 0, count) for n, count in enumerate(counts)]


async def _found(findings: Findings, account: str, code: str) -> Finding:
    found = (
        await findings.find(account, code) if len(account) + len(code) <= CODE_CHARS_MAX and "\0" not in account + code else None
    )
    if found is None:
        raise HTTPException(404, f"there is no such finding in the last {BACK_DAYS} days")
    return found


def _shown() -> dict[str, Any]:
    return {"bars": bars, "levels": LEVELS, "state_names": STATE_NAMES, "bar_width": BAR_WIDTH, "bar_height": BAR_HEIGHT}


def _subject(account: str, code: str) -> str:
    return f"finding:{account}/{code}"


def _url(account: str, code: str) -> str:
    return f"/findings/{quote(account, safe='')}/{quote(code, safe='')}"
