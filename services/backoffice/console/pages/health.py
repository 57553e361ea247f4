"""Integration health: every provider account, green, amber or red, and why."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from services.backoffice.console.frame import Frame, Viewer
from services.backoffice.findings.accounts import AccountBook
from services.backoffice.findings.health import ORDER, HealthBook


def routes(frame: Frame, health: HealthBook, accounts: AccountBook) -> APIRouter:
    """The routes of integration health."""
    router = APIRouter(include_in_schema=False)

    @router.get("/integrations")
    async def page(request: Request, who: Viewer) -> Response:
        """All accounts, those in trouble first."""
        del who
        known = await accounts.all()
        found = await health.all([each.name for each in known], await accounts.outbound())
        return frame.page(
            request,
            "integrations.html",
            title="Integrations",
            healths=sorted(found, key=lambda each: (ORDER.index(each.level), each.account)),
            dialects={each.name: each.dialect for each in known},
            away=accounts.away,
        )

    return router
