"""The contestants as processes of their own: Stakewire, the baseline and a bare server, on one PostgreSQL and one Kafka.

Deposits and launches go to the operator API, which stands beside the gateway on the same wallet; the simulator is the
provider of the launches.

Both ledgers begin as the same copy of one database, so that neither has an advantage. Everything is stopped by pid at
the end, also when this process dies.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import psutil

from deploy.local import guard
from deploy.local.parts import CHECKOUT, is_ready
from deploy.local.ports import free_ports
from deploy.local.processes import Command, Processes
from services.gateway.operator_api.migrate import upgrade as upgrade_operator
from services.wallet.ledger.migrate import upgrade as upgrade_wallet
from shared.access import ROLE, SCOPES, KeyStore
from shared.database import open_pool
from shared.kafka.admin import apply_topics
from shared.kafka.topics import TopicNames
from tests.bench.options import Options
from tests.bench.players import ACCOUNT, BRAND, CURRENCY, GAME, BenchPlayer, make_players
from tests.catalogue_games import game, publish
from tests.servers import Servers, database_name, temporary_folder

HOST: Final = "127.0.0.1"
CASINO_ID: Final = 1
KEY_ID: Final = "main"
READY_S: Final = 60.0
PATH: Final = f"/callbacks/{ACCOUNT}"

STUDIO: Final = "studio"
"""The provider account of the launches: one of its own, for a launch ends the player's older session at the same account."""

STAKEWIRE, BASELINE, BARE, DEPOSITS, LAUNCHES = "stakewire", "baseline", "bare", "deposits", "launches"
GATEWAY, WALLET, OPERATOR_API, SIMULATOR = "gateway", "wallet", "operator-api", "simulator"
NO_LIMIT: Final = "1000000"

# Other reply partitions, as two processes of a stack mostly have: neither reads what the other was answered.
GATEWAY_ID, OPERATOR_API_ID = "bench-gateway", "bench-operator-api"


@dataclass(frozen=True, slots=True)
class Contestant:
    """Whom to call, and where its ledger is (empty for one without one of its own: deposits and launches are Stakewire's)."""

    name: str
    port: int
    database_url: str


@dataclass(slots=True)
class Field:
    """What is running. `key` signs callbacks, `token` is a key of the operator API."""

    servers: Servers
    folder: Path
    processes: Processes
    topic_prefix: str
    key: bytes
    token: str
    players: list[BenchPlayer]
    contestants: dict[str, Contestant]
    simulator_port: int

    def roots(self) -> dict[str, psutil.Process]:
        """The process of each part by its name; its children count with it. Servers of somebody else's are left out."""
        found = {name: self.processes.find(name) for name in self.processes.names()}
        for server in (self.servers.local_postgres, self.servers.local_kafka):
            if server is not None:
                found[server.settings.name] = server._processes.find(server.settings.name)
        return {name: process for name, process in found.items() if process is not None}

    def start(self, name: str, argv: list[str], port: int, database_url: str, **settings: str) -> None:
        """Starts a service and waits until it is ready."""
        env = {
            "STAKEWIRE_CONFIG_FILE": str(self.folder / "bench.toml"),
            "STAKEWIRE_HOST": HOST,
            "STAKEWIRE_PORT": str(port),
            "STAKEWIRE_TOPIC_PREFIX": self.topic_prefix,
            "DATABASE_URL": database_url,
            "KAFKA_BOOTSTRAP_SERVERS": self.servers.kafka_bootstrap_servers,
            **settings,
        }
        self.processes.start(Command(name=name, argv=[sys.executable, "-m", *argv], cwd=CHECKOUT, env=env))
        self.processes.wait_until(name, partial(is_ready, HOST, port), READY_S)

    def start_stakewire(self, wallet: list[str], gateway: list[str]) -> None:
        """Starts wallet and gateway, each with the module and arguments given."""
        entry = self.contestants[STAKEWIRE]
        self.start(WALLET, wallet, free_ports(1)[0], entry.database_url)
        more = {"STAKEWIRE_GATEWAY_DRAIN_ANNOUNCE_S": "0", "STAKEWIRE_GATEWAY_INSTANCE_ID": GATEWAY_ID}
        self.start(GATEWAY, gateway, entry.port, entry.database_url, **more)

    def stop_stakewire(self) -> None:
        """Stops gateway and wallet in an orderly way."""
        self.processes.stop(GATEWAY)
        self.processes.stop(WALLET)


@contextmanager
def field_of(servers: Servers, options: Options) -> Iterator[Field]:
    """Gives the contestants, ready; everything is stopped and deleted at the end."""
    databases = [servers.new_database()]
    prefix = f"b{uuid.uuid4().hex[:8]}."
    upgrade_wallet(databases[0])
    upgrade_operator(databases[0])
    apply_topics(servers.kafka_bootstrap_servers, TopicNames(prefix))
    with temporary_folder() as folder:
        processes = Processes(folder)
        watcher, pipe = guard.watch(folder, folder)
        try:
            key = secrets.token_bytes(32).hex().encode()
            token = asyncio.run(_operators_key(databases[0]))
            field = Field(servers, folder, processes, prefix, key, token, [], {}, free_ports(1)[0])
            _fill(field, databases, options)
            yield field
        finally:
            for name in processes.names():
                processes.stop(name, timeout_s=0)
            os.close(pipe)
            watcher.wait(timeout=60)
            for url in databases:
                servers.drop_database(url)


async def _operators_key(database_url: str) -> str:
    """A key of the operator API that may do everything."""
    pool = await open_pool(database_url, role=ROLE, application_name="bench")
    try:
        return (await KeyStore(pool).create(BRAND, SCOPES, actor="bench")).token
    finally:
        await pool.close()


def _write_config(field: Field) -> None:
    lines = ["[brands.main]", f'currencies = ["{CURRENCY}"]']
    settings = {
        ACCOUNT: [f"casino_id = {CASINO_ID}"],
        STUDIO: [f"casino_id = {CASINO_ID + 1}", f'operator_api_url = "http://{HOST}:{field.simulator_port}/mascot/v1/signed/"'],
    }
    for name, entries in settings.items():
        table = f"provider_accounts.{name}"
        lines += [f"[{table}]", 'dialect = "mascot"', f"[{table}.settings]", *entries, f"[{table}.keys]", f'{KEY_ID} = "file:key"']
        lines += [f"[{table}.currency_map.{CURRENCY}]", f'currency = "{CURRENCY}"', f"[{table}.games]", f'{GAME} = "live"']
    (field.folder / "key").write_bytes(field.key)
    (field.folder / "bench.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _fill(field: Field, databases: list[str], options: Options) -> None:
    """Players first, then a copy of their database for the baseline, then everybody's processes."""
    wallet_port, gateway_port, operator_port, baseline_port, bare_port = free_ports(5)
    _write_config(field)
    field.start(WALLET, ["services.wallet"], wallet_port, databases[0])
    field.players = asyncio.run(make_players(field.servers.kafka_bootstrap_servers, field.topic_prefix, options.players))
    field.processes.stop(WALLET)
    databases.append(field.servers.new_database(template=database_name(databases[0])))
    field.contestants = {
        STAKEWIRE: Contestant(STAKEWIRE, gateway_port, databases[0]),
        BASELINE: Contestant(BASELINE, baseline_port, databases[1]),
        BARE: Contestant(BARE, bare_port, ""),
        DEPOSITS: Contestant(DEPOSITS, operator_port, ""),
        LAUNCHES: Contestant(LAUNCHES, operator_port, ""),
    }
    field.start_stakewire(["services.wallet"], ["services.gateway"])
    _start_operator_api(field, operator_port, databases[0])
    workers = str(options.baseline_workers)
    field.start(BASELINE, ["tests.bench.baseline"], baseline_port, databases[1], STAKEWIRE_BASELINE_WORKERS=workers)
    field.start(BARE, ["tests.bench.bare", HOST, str(bare_port)], bare_port, "")


def _start_operator_api(field: Field, port: int, database_url: str) -> None:
    """The simulator and the operator API, whose limits of rates are lifted: one key sends everything here.

    Of the catalogue only the game that is launched is there: its service has no part in a launch.
    """
    names = TopicNames(field.topic_prefix)
    asyncio.run(publish(field.servers.kafka_bootstrap_servers, names, game(STUDIO, GAME)))
    callbacks = f"http://{HOST}:{field.contestants[STAKEWIRE].port}/callbacks"
    address = f"http://{HOST}:{field.simulator_port}"
    field.start(
        SIMULATOR,
        ["services.simulator"],
        field.simulator_port,
        database_url,
        STAKEWIRE_RUN_DIR=str(field.folder),
        STAKEWIRE_CALLBACK_URL=callbacks,
        STAKEWIRE_SIMULATOR_URL=address,
    )
    field.start(
        OPERATOR_API,
        ["services.gateway.operator_api"],
        port,
        database_url,
        STAKEWIRE_OPERATOR_INSTANCE_ID=OPERATOR_API_ID,
        STAKEWIRE_OPERATOR_RATE_PER_S=NO_LIMIT,
        STAKEWIRE_OPERATOR_RATE_BURST=NO_LIMIT,
    )
