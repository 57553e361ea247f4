"""The catalogue's application in a thread of this process, with two brands, and providers whose lists a test writes.

| account   | brands        | what for                                   |
|-----------|---------------|--------------------------------------------|
| mascot    | main, second  | games that stay as they are                |
| moving    | main          | tests that change lists                    |
| elsewhere | second        | not the first brand's                      |
| dollars   | main          | maps USD only                              |
"""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import msgspec
import psycopg
import uvicorn

from deploy.local.ports import free_ports
from services.catalogue.app import Parts, make_app
from services.catalogue.lobby import LobbySettings
from services.catalogue.migrate import upgrade as upgrade_catalogue
from services.catalogue.publish import Publisher
from services.catalogue.settings import CatalogueSettings
from services.catalogue.sync.store import ROLE, SyncStore
from services.catalogue.sync.syncer import Syncer
from services.gateway.operator_api.migrate import upgrade as upgrade_operator
from services.wallet.ledger.migrate import upgrade as upgrade_wallet
from shared.access import ROLE as OPERATOR_ROLE
from shared.access import KeyRing, KeyStore
from shared.database import open_pool
from shared.kafka.admin import apply_topics
from shared.kafka.topics import GAMES, TopicNames
from shared.providers.client import ProviderClient, ProviderUnreachable
from shared.providers.facts import GameFacts, Listing
from shared.settings import load_accounts_file, load_settings
from tests.operator_api.api import Api
from tests.servers import Servers

HOST = "127.0.0.1"
READY_S = 60.0
SYNC_S = 60.0
ACCOUNTS = {
    "mascot": (("main", "second"), ("EUR", "USD")),
    "moving": (("main",), ("EUR", "USD")),
    "elsewhere": (("second",), ("EUR",)),
    "dollars": (("main",), ("USD",)),
}


class Lister:
    """A provider, as far as the catalogue asks it: its list is what the test says. Down where it has none."""

    def __init__(self) -> None:
        self.games: list[GameFacts] | None = []
        self.gate = threading.Event()
        self.gate.set()

    async def listing(self) -> Listing:
        """The list; waits while the gate is closed."""
        while not self.gate.is_set():  # noqa: ASYNC110  # the gate is opened by another thread
            await asyncio.sleep(0.01)
        if self.games is None:
            raise ProviderUnreachable("the provider does not answer", advice="wait for it")
        return Listing(games=tuple(self.games))


def facts(game_id: str, **told: Any) -> GameFacts:
    """A game as a provider tells it."""
    given: dict[str, Any] = {"name": game_id.replace("-", " ").title(), "devices": ("desktop", "mobile"), "features": ("demo",)}
    return GameFacts(game_id=game_id, **given | told)


@dataclass
class Stand:
    """What runs, and where."""

    database_url: str
    kafka_bootstrap_servers: str
    names: TopicNames
    port: int
    providers: dict[str, Lister] = field(default_factory=dict)

    def api(self, *scopes: str, brand: str = "main") -> Api:
        """A client with a new key; `read` and `admin` where no scopes are named."""
        return Api(self.port, self.key(scopes or ("read", "admin"), brand=brand))

    def key(self, scopes: Collection[str], *, brand: str = "main") -> str:
        """The token of a new key."""

        async def create() -> str:
            pool = await open_pool(self.database_url, role=OPERATOR_ROLE, application_name="tests")
            try:
                return (await KeyStore(pool).create(brand, scopes, actor="tests")).token
            finally:
                await pool.close()

        return asyncio.run(create())

    def sync(self, account: str, *games: GameFacts) -> Any:
        """Makes the provider list these games, syncs over the API, waits for the end, and confirms where an alarm asks for it."""
        done = self.asked(account, *games)
        if done["result"] != "alarm":
            return done
        api = self.api(brand=ACCOUNTS[account][0][0])
        return api.post(f"/v1/syncs/{done['id']}/confirm", {"reason": "a test wants it"}, status=200)

    def asked(self, account: str, *games: GameFacts) -> Any:
        """Makes the provider list these games, syncs over the API and waits for the end."""
        self.providers[account].games = list(games)
        api = self.api(brand=ACCOUNTS[account][0][0])
        return self.finished(api, api.post("/v1/syncs", {"provider_account": account}, status=202)["id"])

    def finished(self, api: Api, sync_id: int) -> Any:
        """A sync, once it has ended."""
        return wait_for(lambda: api.get(f"/v1/syncs/{sync_id}"), lambda sync: sync["result"] != "running")

    def rows(self, query: str, *arguments: Any) -> list[Any]:
        """What the database says, asked as its owner."""
        with psycopg.connect(self.database_url) as connection:
            return connection.execute(query.encode(), arguments).fetchall()

    def audit(self, subject: str) -> list[Any]:
        """The lines of the audit about one thing, newest first: action, actor, brand, before, after, reason."""
        return self.rows(
            "SELECT action, actor, brand, before, after, reason FROM operator.audit WHERE subject = %s ORDER BY id DESC", subject
        )


def wait_for(ask: Callable[[], Any], good: Callable[[Any], bool], limit_s: float = SYNC_S) -> Any:
    """What `ask` gives, once it is good."""
    until = time.monotonic() + limit_s
    while not good(found := ask()):
        assert time.monotonic() < until, found
        time.sleep(0.02)
    return found


@contextmanager
def stand(servers: Servers, folder: Path) -> Iterator[Stand]:
    """Starts the application and waits until it is ready; stops it at the end."""
    url = servers.new_database()
    upgrade_wallet(url)
    upgrade_operator(url)
    upgrade_catalogue(url)
    names = TopicNames(f"c{uuid.uuid4().hex[:8]}.")
    apply_topics(servers.kafka_bootstrap_servers, names, topics=[GAMES])
    (folder / "accounts.toml").write_text(_config())
    (folder / "key").write_text("a" * 32)
    running = Stand(url, servers.kafka_bootstrap_servers, names, free_ports(1)[0], {name: Lister() for name in ACCOUNTS})
    ready = threading.Event()
    server: list[uvicorn.Server] = []
    thread = threading.Thread(target=lambda: asyncio.run(_serve(running, folder, server, ready)), name="catalogue")
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


async def _serve(running: Stand, folder: Path, server: list[uvicorn.Server], ready: threading.Event) -> None:
    async with _parts(running, folder) as (parts, keys):
        config = uvicorn.Config(
            make_app(parts, keys, parts.settings.gate), host=HOST, port=running.port, lifespan="off", log_config=None, loop="none"
        )
        server.append(uvicorn.Server(config))
        task = asyncio.create_task(server[0].serve())
        while not server[0].started:  # noqa: ASYNC110  # it tells nobody when it has
            await asyncio.sleep(0.01)
        ready.set()
        await task


@asynccontextmanager
async def _parts(running: Stand, folder: Path) -> AsyncIterator[tuple[Parts, KeyRing]]:
    settings = load_settings(CatalogueSettings, rate_per_s=100_000, rate_burst=100_000, failures_burst=100_000)
    async with AsyncExitStack() as stack:
        pool = await open_pool(running.database_url, role=ROLE, application_name="catalogue-test", size_max=8)
        stack.push_async_callback(pool.close)
        publisher = Publisher(pool, running.kafka_bootstrap_servers, running.names)
        await publisher.start()
        stack.push_async_callback(publisher.stop)
        clients = {name: cast("ProviderClient", lister) for name, lister in running.providers.items()}
        # Not started: it syncs when the API is told to.
        syncer = Syncer(SyncStore(pool), clients, settings, publisher.wake)
        stack.push_async_callback(syncer.stop)
        parts = Parts(
            file=load_accounts_file(folder / "accounts.toml"),
            settings=settings,
            pool=pool,
            syncer=syncer,
            publisher=publisher,
            clients=clients,
            not_ready_because=lambda: "",
            lobby=load_settings(LobbySettings),
            player=None,
        )
        yield parts, KeyRing(KeyStore(pool).find_by_token_hash)


def _config() -> str:
    lines = ['[brands.main]\ncurrencies = ["EUR", "USD"]', '[brands.second]\ncurrencies = ["EUR", "USD"]']
    for name, (brands, currencies) in ACCOUNTS.items():
        table = f"provider_accounts.{name}"
        lines += [f"[{table}]", 'dialect = "mascot"', f"brands = {msgspec.json.encode(brands).decode()}", f"[{table}.settings]"]
        lines += ["casino_id = 1", f"[{table}.keys]", 'main = "file:key"']
        for currency in currencies:
            lines += [f"[{table}.currency_map.{currency}]", f'currency = "{currency}"', "digits = 2"]
    return "\n".join(lines) + "\n"
