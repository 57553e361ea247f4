"""The application of the catalogue: routes, lobby, documentation, health, and the gate in front of them.

What is below `/v1/` needs a key; `routes` and `lobby` add their own in `documented_app`, and nowhere else.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import asyncpg
import structlog
from fastapi import FastAPI, Request, Response
from starlette.types import ASGIApp

from services.catalogue.lobby import PROBLEMS as LOBBY_PROBLEMS
from services.catalogue.lobby import DemoPlayer, LobbySettings, add_lobby
from services.catalogue.problems import OUTCOME_UNKNOWN
from services.catalogue.publish import Publisher
from services.catalogue.routes import PROBLEMS, make_api
from services.catalogue.settings import CatalogueSettings
from services.catalogue.sync.syncer import Syncer
from shared.providers.client import ProviderClient
from shared.settings import AccountsFile
from shared.web.documented import Problems, publish
from shared.web.gate import Gate, GateLimits, Keys
from shared.web.health import add_health
from shared.web.problems import OVERLOADED, Problem

log = structlog.get_logger(__name__)

INTERFACE: Final = "catalogue"
TITLE: Final = "Stakewire catalogue"
RETRY_AFTER: Final = {"Retry-After": "1"}
ABOUT: Final = """
The games of all providers, with what the operator lays over them: names, images, tags, order, collections, on and off.

* Errors are RFC 9457 problem documents with a stable `type` and advice.
* `X-Request-Id` is echoed, or made where none is sent; it is in our logs.
* Keys and scopes are those of the operator API: `read` for whatever only shows, `admin` for changes.
"""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the routes work with. `not_ready_because` is empty where requests should come in."""

    file: AccountsFile
    settings: CatalogueSettings
    pool: asyncpg.Pool
    syncer: Syncer
    publisher: Publisher
    clients: Mapping[str, ProviderClient]
    not_ready_because: Callable[[], str]
    lobby: LobbySettings
    player: DemoPlayer | None


def make_app(parts: Parts, keys: Keys, limits: GateLimits) -> ASGIApp:
    """The whole application, ready to be served."""
    return Gate(documented_app(parts), keys, INTERFACE, limits)


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
    api = make_api(parts.pool, parts.file, parts.syncer, parts.publisher.wake)
    publish(app, Problems((*PROBLEMS, *LOBBY_PROBLEMS)))
    app.include_router(api.router)
    add_lobby(app, api.views, parts.player, parts.lobby)
    add_health(app, parts.not_ready_because)
    return app


@asynccontextmanager
async def _nothing(_: FastAPI) -> AsyncIterator[None]:
    """What the application needs is started and stopped around it."""
    yield


async def _database_away(request: Request, error: Exception) -> Response:
    """The catalogue's tables cannot be reached: whether a change was made by then is found out by repeating it."""
    log.error("the database did not answer", cause=repr(error), path=request.url.path)
    kind = OVERLOADED if request.method in {"GET", "HEAD"} else OUTCOME_UNKNOWN
    raise Problem(kind, "the catalogue's records cannot be reached now", headers=RETRY_AFTER)
