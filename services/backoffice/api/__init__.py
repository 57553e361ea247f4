"""The API of the back office: history and reports. Documented like the other services'; a key sees its brand."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import APIRouter

from services.backoffice.api import history, reports
from services.backoffice.history.store import History
from services.backoffice.problems import ALL as PROBLEMS
from services.backoffice.reports.collections import Collections
from services.backoffice.reports.store import Reports
from shared.contracts.accounts import Brand

__all__ = ["PROBLEMS", "make_routes"]


def make_routes(
    of_players: History, of_days: Reports, collections: Collections, brands: Mapping[str, Brand], turns: history.Turns
) -> APIRouter:
    """All routes below /v1. They stand behind the gate, which finds the key; `brands` tell the zones of gaming days.

    `turns` are shared with the pages: so many files are sent at once.
    """
    router = APIRouter()
    router.include_router(history.routes(of_players, turns))
    router.include_router(reports.routes(of_days, collections, brands, turns))
    return router
