"""The application of the back office: the console's pages, the routes below /v1, documentation, health, and the gate before them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import asyncpg
from fastapi import APIRouter, FastAPI
from starlette.types import ASGIApp

from services.backoffice.api import make_routes
from services.backoffice.api.history import Turns
from services.backoffice.console.frame import Frame
from services.backoffice.console.oidc import Oidc
from services.backoffice.console.pages import (
    accounts,
    audit,
    doctor,
    findings,
    games,
    health,
    history,
    home,
    live,
    oidc,
    players,
    preferences,
    reports,
    signin,
    users,
    watch,
)
from services.backoffice.findings.accounts import AccountBook
from services.backoffice.findings.health import HealthBook
from services.backoffice.findings.outbox import Outbox
from services.backoffice.findings.store import Findings
from services.backoffice.findings.watch import Watch
from services.backoffice.history.store import History
from services.backoffice.live.hub import Hub
from services.backoffice.office.directory import Directory
from services.backoffice.operator import OperatorApi
from services.backoffice.problems import ALL
from services.backoffice.reports.collections import Collections
from services.backoffice.reports.store import Reports
from shared.contracts.accounts import Brand
from shared.web.documented import Problems, publish
from shared.web.gate import Gate, GateLimits, Keys
from shared.web.health import add_health

INTERFACE: Final = "backoffice"
TITLE: Final = "Stakewire back office"
ABOUT: Final = """
Histories of players and reports, as the console shows them, for programs.

* Errors are RFC 9457 problem documents with a stable `type` and advice.
* `X-Request-Id` is echoed, or made where none is sent; it is in our logs.
* Keys are those of the operator API with the scope `read`; a key sees the players of its brand.
"""


@dataclass(frozen=True, slots=True)
class Parts:
    """What pages and routes work with. `not_ready_because` is empty where requests should come in."""

    pool: asyncpg.Pool
    brands: Mapping[str, Brand]
    frame: Frame
    oidc: Oidc | None
    operator: OperatorApi
    directory: Directory
    collections: Collections
    hub: Hub
    findings: Findings
    accounts: AccountBook
    health: HealthBook
    watch: Watch
    stuck_after_h: int
    outbox: Outbox
    not_ready_because: Callable[[], str]


def make_app(parts: Parts, keys: Keys, limits: GateLimits) -> ASGIApp:
    """The whole application, ready to be served."""
    return Gate(documented_app(parts), keys, INTERFACE, limits)


def documented_app(parts: Parts) -> FastAPI:
    """The application behind the gate."""
    app = FastAPI(title=TITLE, version="1", description=ABOUT, docs_url=None, redoc_url=None, lifespan=_nothing)
    publish(app, Problems(ALL))
    of_players, of_days = History(parts.pool), Reports(parts.pool, parts.brands)
    turns = Turns()
    app.include_router(make_routes(of_players, of_days, parts.collections, parts.brands, turns))
    for router in _pages(parts, of_players, of_days, turns):
        app.include_router(router)
    add_health(app, parts.not_ready_because)
    parts.frame.install(app)
    return app


def _pages(parts: Parts, of_players: History, of_days: Reports, turns: Turns) -> Iterator[APIRouter]:
    frame, directory = parts.frame, parts.directory
    yield signin.routes(frame)
    if parts.oidc is not None:
        yield oidc.routes(frame, parts.oidc)
    yield preferences.routes(frame)
    yield home.routes(frame, directory, of_days, parts.health, parts.watch)
    yield live.routes(frame, parts.hub)
    yield history.routes(frame, of_players, of_days, turns)
    yield players.routes(frame, directory, parts.operator)
    yield games.routes(frame, directory, of_days)
    yield reports.routes(frame, of_days, parts.collections, parts.brands, turns)
    yield watch.routes(frame, parts.watch, parts.accounts, parts.operator, stuck_after_h=parts.stuck_after_h)
    yield health.routes(frame, parts.health, parts.accounts)
    yield accounts.routes(frame, directory, parts.operator, parts.health)
    yield findings.routes(frame, parts.findings, parts.outbox)
    yield doctor.routes(frame, parts.operator, parts.accounts)
    yield users.routes(frame)
    yield audit.routes(frame)


@asynccontextmanager
async def _nothing(_: FastAPI) -> AsyncIterator[None]:
    """What the application needs is started and stopped around it."""
    yield
