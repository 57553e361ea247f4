"""A wallet and two gateways as processes of their own, with a provider account for each one of the catalogue.

The second gateway has the game `riot` switched off: what a gateway is after such a switch.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from deploy.local import guard
from deploy.local.files import tail
from deploy.local.parts import CHECKOUT, is_ready
from deploy.local.ports import free_ports
from deploy.local.processes import Command, Processes
from services.wallet.ledger.migrate import upgrade
from shared.kafka.admin import apply_topics
from shared.kafka.topics import TopicNames
from shared.scenarios import Catalogue
from tests.scenarios.mascot_driver import MascotSide
from tests.servers import Servers, temporary_folder

HOST = "127.0.0.1"
CASINO_ID = 7
READY_S = 60.0
TROUBLE = ("Traceback", "Unhandled", '"level": "critical"', "never awaited", "exception was never retrieved")
"""Words in a service's log that mean an exception nobody handled."""


PARTS = {"wallet": ("services.wallet", "live"), "live": ("services.gateway", "live"), "off": ("services.gateway", "off")}
"""By name: the module, and which configuration it reads."""


@dataclass(frozen=True)
class PlayStack:
    """What is running, and where. `ports` are those of the parts, by name."""

    database_url: str
    kafka_bootstrap_servers: str
    topic_prefix: str
    ports: dict[str, int]
    side: MascotSide
    processes: Processes
    folder: Path

    @property
    def urls(self) -> dict[str, str]:
        """The gateways by state of the game `riot`."""
        return {state: f"http://{HOST}:{self.ports[state]}" for state in ("live", "off")}

    def start(self, name: str, **env: str) -> None:
        """Starts a part, with more settings in its environment."""
        module, state = PARTS[name]
        settings = {
            "STAKEWIRE_CONFIG_FILE": str(self.folder / f"{state}.toml"),
            "STAKEWIRE_HOST": HOST,
            "STAKEWIRE_PORT": str(self.ports[name]),
            "STAKEWIRE_TOPIC_PREFIX": self.topic_prefix,
            "STAKEWIRE_GATEWAY_DRAIN_ANNOUNCE_S": "0",
            "STAKEWIRE_WALLET_GROUP": f"{self.topic_prefix}wallet",
            "DATABASE_URL": self.database_url,
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka_bootstrap_servers,
            "PYTHONUNBUFFERED": "1",
        }
        command = Command(name=name, argv=[sys.executable, "-m", module], cwd=CHECKOUT, env=settings | env)
        self.processes.start(command)

    def wait_ready(self, name: str) -> None:
        """Waits until a part says that it is ready."""
        self.processes.wait_until(name, partial(is_ready, HOST, self.ports[name]), READY_S)

    def state(self) -> str:
        """Which parts run and are ready, and the end of their logs: for the message when they no longer answer."""
        lines = []
        for name in PARTS:
            running = self.processes.find(name) is not None
            ready = running and is_ready(HOST, self.ports[name])
            lines += [f"{name}: {'ready' if ready else 'running, not ready' if running else 'not running'}"]
            lines += [tail(self.processes.log_file(name))]
        return "\n".join(lines)

    def trouble(self) -> list[str]:
        """Lines of the services' logs that speak of exceptions nobody handled."""
        return [
            f"{name}: {line}"
            for name in self.processes.names()
            for line in self.processes.log_file(name).read_text(encoding="utf-8", errors="replace").splitlines()
            if any(word in line for word in TROUBLE)
        ]


@contextmanager
def play_stack(servers: Servers, catalogue: Catalogue) -> Iterator[PlayStack]:
    """Starts the services and waits until they are ready; stops them at the end."""
    prefix = f"s{uuid.uuid4().hex[:8]}."
    database_url = servers.new_database()
    with temporary_folder() as folder:
        processes = Processes(folder)
        watcher, pipe = guard.watch(folder, folder)
        try:
            with ThreadPoolExecutor() as pool:
                list(pool.map(lambda prepare: prepare(), (
                    lambda: upgrade(database_url),
                    lambda: apply_topics(servers.kafka_bootstrap_servers, TopicNames(prefix)),
                )))  # fmt: skip
            stack = PlayStack(
                database_url=database_url,
                kafka_bootstrap_servers=servers.kafka_bootstrap_servers,
                topic_prefix=prefix,
                ports=dict(zip(PARTS, free_ports(len(PARTS)), strict=True)),
                side=mascot_side(catalogue),
                processes=processes,
                folder=folder,
            )
            _start(stack, folder, catalogue)
            yield stack
            with ThreadPoolExecutor() as pool:
                list(pool.map(processes.stop, processes.names()))
        finally:
            for name in processes.names():
                processes.stop(name, timeout_s=0)
            os.close(pipe)
            watcher.wait(timeout=60)
    servers.drop_database(database_url)


def _start(stack: PlayStack, folder: Path, catalogue: Catalogue) -> None:
    for state in ("live", "off"):
        write_config(folder, stack.side, catalogue, state)
    for name in PARTS:
        stack.start(name)
    for name in PARTS:
        stack.wait_ready(name)


def mascot_side(catalogue: Catalogue) -> MascotSide:
    """A Mascot with new keys that knows the catalogue's accounts."""
    accounts = catalogue.dialects["mascot"].accounts
    certificates = frozenset(name for name, each in accounts.items() if each.settings.get("auth") == "mtls")
    keys = {"main": secrets.token_urlsafe(24).encode(), "next": secrets.token_urlsafe(24).encode()}
    return MascotSide(CASINO_ID, keys, "main", "next", certificates)


def write_config(folder: Path, side: MascotSide, catalogue: Catalogue, state: str) -> Path:
    """The accounts file of a gateway and its keys; JSON's strings, numbers and lists are TOML too."""
    for key_id, key in side.keys.items():
        (folder / f"key-{key_id}").write_bytes(key)
    lines = ["[brands.main]", 'currencies = ["EUR", "USD"]']
    for name, account in catalogue.dialects["mascot"].accounts.items():
        table = f"provider_accounts.{name}"
        settings = {"casino_id": side.casino_id, **account.settings}
        lines += [f"[{table}]", 'dialect = "mascot"', 'brands = ["main"]', f"[{table}.settings]"]
        lines += [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
        lines += [f"[{table}.keys]", *(f'{key_id} = "file:key-{key_id}"' for key_id in side.keys)]
        for currency in ("EUR", "USD", "SEK"):
            lines += [f"[{table}.currency_map.{currency}]", f'currency = "{currency}"']
        lines += [f"[{table}.games]", f'riot = "{state}"', 'venga = "live"']
    path = folder / f"{state}.toml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
