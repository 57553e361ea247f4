"""The API and the pages of history and reports, served in a thread of this process, over lives that were seeded.

| player        | brand  | what for                                                              |
|---------------|--------|-----------------------------------------------------------------------|
| alice         | main   | bets, wins, rollbacks, free rounds, prizes; strange names             |
| tester        | main   | a test player                                                         |
| dora          | main   | plays in dollars                                                      |
| alice         | second | the same id at another brand                                          |
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import asyncpg
import uvicorn
from fastapi import FastAPI

from deploy.local.ports import free_ports
from services.backoffice.api import PROBLEMS, history, make_routes
from services.backoffice.console.frame import Frame
from services.backoffice.console.pages import history as history_pages
from services.backoffice.console.pages import reports as report_pages
from services.backoffice.console.settings import ConsoleSettings
from services.backoffice.history.store import History
from services.backoffice.migrate import ROLE, upgrade
from services.backoffice.office.users import add_first
from services.backoffice.reports.collections import Collections
from services.backoffice.reports.store import Reports
from services.gateway.operator_api.migrate import upgrade as upgrade_operator
from services.wallet.ledger.migrate import upgrade as upgrade_wallet
from shared.access import ROLE as OPERATOR_ROLE
from shared.access import KeyRing, KeyStore
from shared.contracts.accounts import Brand
from shared.database import open_pool
from shared.settings import load_settings
from shared.web.documented import Problems, publish
from shared.web.gate import Gate, GateLimits
from tests.integration.backoffice.stand import EUR, Seed, Story, callback, finding, game
from tests.operator_api.api import Api
from tests.servers import Servers

HOST: Final = "127.0.0.1"
READY_S: Final = 60.0
BEGAN: Final = datetime.now(UTC).replace(hour=9, minute=0, second=0, microsecond=0) - timedelta(days=5)
"""When the lives begin: some days ago, so that they are in every default range."""

DAY: Final = BEGAN.date().isoformat()
NASTY: Final = "<script>alert('x')</script>\"'; DROP TABLE x; --"
BRANDS: Final = {
    "main": Brand(brand="main", time_zone="Europe/Malta", gaming_day_start="06:00"),
    "second": Brand(brand="second", time_zone="UTC"),
}


@dataclass
class Stand:
    """What runs, and where."""

    database_url: str
    port: int
    cookies: dict[str, str] = field(default_factory=dict)
    """The header by which a user of each role is signed in."""
    players: dict[str, Story] = field(default_factory=dict)

    def api(self, *scopes: str, brand: str = "main") -> Api:
        """A client with a new key; `read` where no scopes are named."""
        return Api(self.port, self.key(scopes or ("read",), brand=brand))

    def key(self, scopes: Collection[str], *, brand: str = "main") -> str:
        """The token of a new key."""

        async def create() -> str:
            pool = await open_pool(self.database_url, role=OPERATOR_ROLE, application_name="tests")
            try:
                return (await KeyStore(pool).create(brand, scopes, actor="tests")).token
            finally:
                await pool.close()

        return asyncio.run(create())


@contextmanager
def stand(servers: Servers) -> Iterator[Stand]:
    """Starts it and waits until it is ready; stops it at the end."""
    url = servers.new_database()
    upgrade_wallet(url)
    upgrade_operator(url)
    upgrade(url)
    running = Stand(url, free_ports(1)[0], players=lives())
    ready = threading.Event()
    server: list[uvicorn.Server] = []
    thread = threading.Thread(target=lambda: asyncio.run(_serve(running, server, ready)), name="backoffice")
    thread.start()
    try:
        assert ready.wait(READY_S)
        yield running
    finally:
        if server:
            server[0].should_exit = True
        thread.join(READY_S)
        assert not thread.is_alive()
    servers.drop_database(url)


def lives() -> dict[str, Story]:
    """What was played."""
    alice = Story("alice", at=BEGAN)
    alice.deposit(1_000 * EUR)
    bet = alice.bet("r1", 5 * EUR, jackpot_contribution=3)
    alice.win("r1", 12 * EUR, closes_round=True)
    alice.bet("r2", 3 * EUR, game_id="table")
    alice.at = BEGAN + timedelta(days=2)
    undo = alice.rollback(bet)
    alice.rollback(undo)
    alice.rollback(alice.bet("r3", 2 * EUR))
    alice.free_round("f1", 2 * EUR, 4 * EUR)
    alice.promo("p1", 6 * EUR)
    alice.promo("p2", 7 * EUR, "jackpot")
    alice.bet(NASTY, EUR, game_id="=nasty")
    alice.refused("r4", 9_000 * EUR)
    alice.bet("a/b c", EUR)
    for number in range(60):
        alice.bet_and_win(f"many-{number}", EUR, EUR * (number % 3))
    tester = Story("tester", at=BEGAN, test=True)
    tester.deposit()
    tester.bet("r1", 90 * EUR)
    dora = Story("dora", at=BEGAN, currency="USD")
    dora.deposit()
    dora.bet("r1", 11 * EUR)
    other = Story("alice", brand="second", at=BEGAN)
    other.deposit()
    other.rollback(other.bet("r1", 77 * EUR))
    return {"alice": alice, "tester": tester, "dora": dora, "other": other}


async def seed(pool: asyncpg.Pool, players: dict[str, Story]) -> None:
    """Writes the lives, some callbacks and games."""
    made = Seed(pool)
    await made.stories(*players.values())
    alice = players["alice"]
    at = BEGAN + timedelta(minutes=2)
    await made.callbacks(
        callback(at, request_id="q/1", player=alice.player, external_id="r1", body=f'{{"name":"{NASTY}"}}', answer=NASTY),
        callback(at, request_id="q2", body=NASTY, **finding("wrong_key", title=NASTY, advice=NASTY, evidence=[NASTY])),
    )
    await made.games(
        game(section="slots", studio=NASTY, tags=("hot", NASTY), rtp=("96.1",)),
        game("table", section="table", rtp=("98", "99")),
        game("=nasty", name=f"={NASTY}"),
    )
    await pool.execute("INSERT INTO projections.collections VALUES ('main', 'best', 'Best of all', $1, 'riot')", alice.account)


async def _serve(running: Stand, server: list[uvicorn.Server], ready: threading.Event) -> None:
    async with _application(running) as app:
        config = uvicorn.Config(app, host=HOST, port=running.port, lifespan="off", log_config=None, loop="none")
        server.append(uvicorn.Server(config))
        task = asyncio.create_task(server[0].serve())
        while not server[0].started:  # noqa: ASYNC110  # it tells nobody when it has
            await asyncio.sleep(0.01)
        ready.set()
        await task


@asynccontextmanager
async def _application(running: Stand) -> AsyncIterator[Any]:
    async with AsyncExitStack() as stack:
        pool = await open_pool(running.database_url, role=ROLE, application_name="backoffice-test", size_max=8)
        stack.push_async_callback(pool.close)
        await seed(pool, running.players)
        frame = Frame(pool, load_settings(ConsoleSettings))
        for role in ("viewer", "finance"):
            await add_first(pool, role, role.title(), role, "correct horse battery staple")
            running.cookies[role] = f"stakewire-console={(await frame.sign_ins.open(role, HOST)).token}"
        app = FastAPI(title="Stakewire back office", version="1", docs_url=None, redoc_url=None, strict_content_type=True)
        publish(app, Problems(PROBLEMS))
        parts = History(pool), Reports(pool)
        collections = Collections(pool, "", {})
        turns = history.Turns()
        app.include_router(make_routes(*parts, collections, BRANDS, history.Turns()))
        app.include_router(history_pages.routes(frame, *parts, turns))
        app.include_router(report_pages.routes(frame, parts[1], collections, BRANDS, turns))
        frame.install(app)
        limits = GateLimits(per_s=100_000, burst=100_000, failures_burst=100_000)
        yield Gate(app, KeyRing(KeyStore(pool).find_by_token_hash), "backoffice", limits)
