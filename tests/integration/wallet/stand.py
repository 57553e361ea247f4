"""Wallet processes on a database and topics of a test's own: started, killed, frozen and stopped by pid."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from deploy.local import guard
from deploy.local.parts import CHECKOUT, is_ready
from deploy.local.ports import free_ports
from deploy.local.processes import Command, Processes
from services.wallet.ledger.migrate import upgrade
from shared.kafka.admin import apply_topics
from shared.kafka.topics import TopicNames
from tests.servers import Servers, temporary_folder
from tests.waiting import wait_until

HOST = "127.0.0.1"
READY_S = 60.0
CONFIG = """
[brands.main]
currencies = ["EUR", "USD"]
[provider_accounts.mascot-demo]
dialect = "mascot"
[provider_accounts.mascot-demo.currency_map.EUR]
currency = "EUR"
"""
TROUBLE = ("Traceback", "Unhandled", "never awaited", "exception was never retrieved")
"""Words in a wallet's log that mean an exception nobody handled."""


@dataclass
class WalletStand:
    """Where everything is, and the wallets that were started."""

    database_url: str
    kafka_bootstrap_servers: str
    prefix: str
    folder: Path
    processes: Processes
    ports: dict[str, int] = field(default_factory=dict)

    @property
    def names(self) -> TopicNames:
        """The topics' names."""
        return TopicNames(self.prefix)

    def start(self, name: str = "wallet", *, wait: bool = True, **settings: object) -> None:
        """Starts a wallet and waits until it owns partitions. `settings`: without prefix, as `wallet_lock_timeout_ms=100`."""
        port = self.ports.setdefault(name, free_ports(1)[0])
        env = {
            "STAKEWIRE_CONFIG_FILE": str(self.folder / "stakewire.toml"),
            "STAKEWIRE_HOST": HOST,
            "STAKEWIRE_PORT": str(port),
            "STAKEWIRE_TOPIC_PREFIX": self.prefix,
            "DATABASE_URL": self.database_url,
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka_bootstrap_servers,
            "PYTHONUNBUFFERED": "1",
            **{f"STAKEWIRE_{key.upper()}": str(value) for key, value in settings.items()},
        }
        argv = [sys.executable, "-m", "services.wallet"]
        self.processes.start(Command(name=name, argv=argv, cwd=CHECKOUT, env=env))
        if wait:
            self.wait_ready(name)

    def wait_ready(self, name: str = "wallet") -> None:
        """Waits until a wallet owns partitions and polls."""
        self.processes.wait_until(name, partial(is_ready, HOST, self.ports[name]), READY_S)

    async def wait_dead(self, name: str = "wallet") -> None:
        """Waits until a wallet has died, as one with a failpoint does."""
        await asyncio.to_thread(wait_until, lambda: self.processes.find(name) is None, f"{name} has died")

    def alive(self, name: str = "wallet") -> bool:
        """Whether a wallet runs."""
        return self.processes.find(name) is not None

    def kill(self, name: str = "wallet") -> None:
        """As by kill -9."""
        self.processes.kill(name)

    def stop(self, name: str = "wallet") -> None:
        """In an orderly way: the wallet hands over."""
        self.processes.stop(name, timeout_s=READY_S)

    def freeze(self, name: str) -> None:
        """SIGSTOP: a process that does nothing any more and does not know it."""
        self.processes.signal(name, signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        """SIGCONT."""
        self.processes.signal(name, signal.SIGCONT)

    def log(self, name: str = "wallet") -> list[dict[str, Any]]:
        """A wallet's log entries, those of all processes of that name."""
        text = self.processes.log_file(name).read_text(encoding="utf-8", errors="replace")
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]

    def said(self, words: str, name: str = "wallet") -> bool:
        """Whether words occur in a wallet's log."""
        return words in self.processes.log_file(name).read_text(encoding="utf-8", errors="replace")

    def trouble(self) -> list[str]:
        """Lines of the wallets' logs that speak of exceptions nobody handled."""
        return [
            f"{name}: {line}"
            for name in self.ports
            for line in self.processes.log_file(name).read_text(encoding="utf-8", errors="replace").splitlines()
            if any(word in line for word in TROUBLE)
        ]


@contextmanager
def new_ledger(servers: Servers) -> Iterator[str]:
    """A migrated, empty database; its address."""
    url = servers.new_database()
    upgrade(url)
    yield url
    servers.drop_database(url)


@contextmanager
def wallet_stand(database_url: str, kafka_bootstrap_servers: str) -> Iterator[WalletStand]:
    """Topics with a prefix of their own for wallets on this (migrated) database; kills what is left of them at the end."""
    prefix = f"w{uuid.uuid4().hex[:8]}."
    with temporary_folder() as folder:
        (folder / "stakewire.toml").write_text(CONFIG, encoding="utf-8")
        processes = Processes(folder)
        watcher, pipe = guard.watch(folder, folder)
        try:
            apply_topics(kafka_bootstrap_servers, TopicNames(prefix))
            yield WalletStand(database_url, kafka_bootstrap_servers, prefix, folder, processes)
        finally:
            with ThreadPoolExecutor() as pool:
                list(pool.map(lambda name: processes.stop(name, timeout_s=0), processes.names()))
            os.close(pipe)
            watcher.wait(timeout=60)
