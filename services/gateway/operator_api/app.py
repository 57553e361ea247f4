"""The application of the operator's API: routes, documentation, health, and the gate in front of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import asyncpg
import structlog
from fastapi import FastAPI, Request, Response
from starlette.types import ASGIApp

from services.gateway.operator_api import problems as p
from services.gateway.operator_api.desk import RETRY_AFTER, Desk
from services.gateway.operator_api.estate import Estate
from services.gateway.operator_api.games import GameOffer
from services.gateway.operator_api.launches import Launcher
from services.gateway.operator_api.once import Once
from services.gateway.operator_api.routes import (
    corrections,
    diagnosis,
    free_rounds,
    ledger,
    money,
    player_keys,
    players,
    protection,
    sessions,
    switchboard,
)
from services.gateway.operator_api.store import LaunchStore
from services.gateway.switches import SwitchControl
from shared.web.documented import Problems, publish
from shared.web.gate import Gate, GateLimits, Keys
from shared.web.health import add_health
from shared.web.problems import OVERLOADED, Problem
from shared.web.quick import Shortcuts

if TYPE_CHECKING:  # importing it is what a process without traces is spared
    from shared.tracing.tracer import Tracer

log = structlog.get_logger(__name__)

INTERFACE: Final = "operator"
TITLE: Final = "Stakewire operator API"
ABOUT: Final = """
Players and their protection, money and its corrections, sessions, rounds, free rounds and switches for an operator's platform.

* Amounts are decimal strings in major units (`"12.34"`), never numbers.
* A request that moves money, or changes for good what a player may do, carries an `Idempotency-Key`. The same key with the same body gets the same answer and moves
  nothing more; with another body it is refused with 409.
* Errors are RFC 9457 problem documents with a stable `type` and advice.
* `X-Request-Id` is echoed, or made where none is sent; it is in our logs.
* Each key is bound to a brand and has scopes: `play`, `money`, `read`, `admin`.
* A system with the scope `admin` may name the person in front of it in `X-Acting-User` (1 to 64 printable ASCII characters): ledger and audit log then tell
  the key and the person.
"""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the routes work with. `not_ready_because` is empty where requests should come in."""

    desk: Desk
    estate: Estate
    games: GameOffer
    launcher: Launcher
    launches: LaunchStore
    switches: SwitchControl
    pool: asyncpg.Pool
    not_ready_because: Callable[[], str]


def make_app(parts: Parts, keys: Keys, limits: GateLimits, tracer: Tracer | None = None) -> ASGIApp:
    """The whole application, ready to be served."""
    return Gate(Shortcuts(documented_app(parts), money.shortcuts(parts.desk)), keys, INTERFACE, limits, tracer)


def documented_app(parts: Parts) -> FastAPI:
    """The application behind the gate."""
    app = FastAPI(
        title=TITLE,
        version="1",
        description=ABOUT,
        docs_url=None,
        redoc_url=None,
        lifespan=_nothing,
        strict_content_type=True,
    )
    app.add_exception_handler(asyncpg.PostgresError, _database_away)
    app.add_exception_handler(asyncpg.InterfaceError, _database_away)
    app.add_exception_handler(asyncpg.InternalClientError, _database_away)
    app.add_exception_handler(OSError, _database_away)
    publish(app, Problems(p.ALL))
    app.include_router(players.routes(parts.desk, parts.estate))
    app.include_router(player_keys.routes(parts.desk))
    app.include_router(ledger.routes(parts.desk))
    once = Once(parts.desk, parts.estate, parts.launches)
    app.include_router(protection.routes(parts.desk, once))
    app.include_router(money.routes(parts.desk))
    app.include_router(corrections.routes(parts.desk, once))
    app.include_router(sessions.routes(parts.desk, parts.estate, parts.games, parts.launcher))
    app.include_router(free_rounds.routes(parts.desk, parts.estate, parts.games, parts.launches))
    app.include_router(switchboard.routes(parts.desk, parts.estate, parts.games, parts.switches, parts.pool))
    app.include_router(diagnosis.routes(parts.estate, parts.games))
    add_health(app, parts.not_ready_because)
    return app


@asynccontextmanager
async def _nothing(_: FastAPI) -> AsyncIterator[None]:
    """What the application needs is started and stopped around it."""
    yield


async def _database_away(request: Request, error: Exception) -> Response:
    """The operator API's own records cannot be reached: what a request has done by then is found out by repeating it."""
    log.error("the database did not answer", cause=repr(error), path=request.url.path)
    kind = OVERLOADED if request.method in {"GET", "HEAD"} else p.OUTCOME_UNKNOWN
    raise Problem(kind, "the records of the operator API cannot be reached now", headers=RETRY_AFTER)
