"""The contestants as processes of their own: Stakewire, the baseline and a bare server, on one PostgreSQL and one Kafka.

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
from services.wallet.ledger.migrate import upgrade
from shared.kafka.admin import apply_topics
from shared.kafka.topics import TopicNames
from tests.bench.options import Options
from tests.bench.players import ACCOUNT, CURRENCY, GAME, BenchPlayer, make_players
from tests.servers import Servers, database_name, temporary_folder

HOST: Final = "127.0.0.1"
CASINO_ID: Final = 1
KEY_ID: Final = "main"
READY_S: Final = 60.0
PATH: Final = f"/callbacks/{ACCOUNT}"

STAKEWIRE, BASELINE, BARE = "stakewire", "baseline", "bare"
GATEWAY, WALLET = "gateway", "wallet"
CONFIG: Final = f"""
[brands.main]
currencies = ["{CURRENCY}"]
[provider_accounts.{ACCOUNT}]
dialect = "mascot"
[provider_accounts.{ACCOUNT}.settings]
casino_id = {CASINO_ID}
[provider_accounts.{ACCOUNT}.keys]
{KEY_ID} = "file:key"
[provider_accounts.{ACCOUNT}.currency_map.{CURRENCY}]
currency = "{CURRENCY}"
[provider_accounts.{ACCOUNT}.games]
{GAME} = "live"
"""


@dataclass(frozen=True, slots=True)
class Contestant:
    """Whom to call, and where its ledger is (empty for one without). `parts` are its processes and servers."""

    name: str
    port: int
    database_url: str
    parts: tuple[str, ...]


@dataclass(slots=True)
class Field:
    """What is running."""

    servers: Servers
    folder: Path
    processes: Processes
    topic_prefix: str
    key: bytes
    players: list[BenchPlayer]
    contestants: dict[str, Contestant]

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
        self.start(GATEWAY, gateway, entry.port, entry.database_url, STAKEWIRE_GATEWAY_DRAIN_ANNOUNCE_S="0")

    def stop_stakewire(self) -> None:
        """Stops gateway and wallet in an orderly way."""
        self.processes.stop(GATEWAY)
        self.processes.stop(WALLET)


@contextmanager
def field_of(servers: Servers, options: Options) -> Iterator[Field]:
    """Gives the contestants, ready; everything is stopped and deleted at the end."""
    databases = [servers.new_database()]
    prefix = f"b{uuid.uuid4().hex[:8]}."
    upgrade(databases[0])
    apply_topics(servers.kafka_bootstrap_servers, TopicNames(prefix))
    with temporary_folder() as folder:
        processes = Processes(folder)
        watcher, pipe = guard.watch(folder, folder)
        try:
            field = Field(servers, folder, processes, prefix, secrets.token_bytes(32).hex().encode(), [], {})
            (folder / "key").write_bytes(field.key)
            (folder / "bench.toml").write_text(CONFIG, encoding="utf-8")
            _fill(field, databases, options)
            yield field
        finally:
            for name in processes.names():
                processes.stop(name, timeout_s=0)
            os.close(pipe)
            watcher.wait(timeout=60)
            for url in databases:
                servers.drop_database(url)


def _fill(field: Field, databases: list[str], options: Options) -> None:
    """Players first, then a copy of their database for the baseline, then everybody's processes."""
    wallet_port, gateway_port, baseline_port, bare_port = free_ports(4)
    field.start(WALLET, ["services.wallet"], wallet_port, databases[0])
    field.players = asyncio.run(make_players(field.servers.kafka_bootstrap_servers, field.topic_prefix, options.players))
    field.processes.stop(WALLET)
    databases.append(field.servers.new_database(template=database_name(databases[0])))
    field.contestants = {
        STAKEWIRE: Contestant(STAKEWIRE, gateway_port, databases[0], (GATEWAY, WALLET, "postgres", "kafka")),
        BASELINE: Contestant(BASELINE, baseline_port, databases[1], (BASELINE, "postgres")),
        BARE: Contestant(BARE, bare_port, "", (BARE,)),
    }
    field.start_stakewire(["services.wallet"], ["services.gateway"])
    workers = str(options.baseline_workers)
    field.start(BASELINE, ["tests.bench.baseline"], baseline_port, databases[1], STAKEWIRE_BASELINE_WORKERS=workers)
    field.start(BARE, ["tests.bench.bare", HOST, str(bare_port)], bare_port, "")
