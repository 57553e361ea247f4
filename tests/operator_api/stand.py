"""Wallet, callbacks gateway, operator API, catalogue and simulator as processes, with two brands and several provider accounts.

| account        | brands        | what is special                                         |
|----------------|---------------|---------------------------------------------------------|
| mascot         | main, second  |                                                         |
| impatient      | main          | gives the provider two seconds                          |
| wrong-key      | main          | signs with a key that the provider does not know        |
| unconfigured   | main          | has no address to call                                  |
| elsewhere      | second        | not the first brand's                                   |
"""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
import uuid
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from deploy.local import guard
from deploy.local.files import tail
from deploy.local.parts import CHECKOUT, is_ready
from deploy.local.ports import free_ports
from deploy.local.processes import Command, Processes
from services.catalogue.migrate import upgrade as upgrade_catalogue
from services.gateway.operator_api.migrate import upgrade as upgrade_operator
from services.wallet.ledger.migrate import upgrade as upgrade_wallet
from shared.access import ROLE, KeyStore, NewKey
from shared.contracts.games import GameRecord
from shared.database import open_pool
from shared.kafka.admin import apply_topics
from shared.kafka.topics import TopicNames
from tests.catalogue_games import publish
from tests.operator_api.api import Api
from tests.servers import Servers, temporary_folder
from tests.waiting import wait_until

HOST = "127.0.0.1"
READY_S = 90.0
IMPATIENT_S = 2.0
PARTS = {
    "wallet": "services.wallet",
    "gateway": "services.gateway",
    "simulator": "services.simulator",
    "operator-api": "services.gateway.operator_api",
    "catalogue": "services.catalogue",
}
TROUBLE = ("Traceback", "Unhandled", "never awaited", "exception was never retrieved", "because of a fault of ours")
CASINOS = {"mascot": 11, "impatient": 12, "wrong-key": 13, "unconfigured": 14, "elsewhere": 15}
BRANDS = {"mascot": ("main", "second"), "elsewhere": ("second",)}
LISTED = ("mascot", "impatient", "elsewhere")
"""The accounts whose games can be known."""


@dataclass(frozen=True)
class Stand:
    """What runs, and where."""

    database_url: str
    kafka_bootstrap_servers: str
    topic_prefix: str
    ports: dict[str, int]
    folder: Path
    processes: Processes

    def key(
        self,
        scopes: Collection[str] = ("play", "money", "read", "admin"),
        *,
        brand: str = "main",
        expires_at: datetime | None = None,
    ) -> NewKey:
        """A new key."""

        async def create() -> NewKey:
            pool = await open_pool(self.database_url, role=ROLE, application_name="tests")
            try:
                return await KeyStore(pool).create(brand, scopes, actor="tests", expires_at=expires_at)
            finally:
                await pool.close()

        return asyncio.run(create())

    def api(self, *scopes: str, brand: str = "main") -> Api:
        """A client with a new key; all scopes where none are named."""
        return Api(self.ports["operator-api"], self.key(scopes or ("play", "money", "read", "admin"), brand=brand).token)

    @property
    def simulator(self) -> Api:
        """The simulator."""
        return Api(self.ports["simulator"])

    def start(self, name: str) -> None:
        """Starts a part."""
        simulator = f"http://{HOST}:{self.ports['simulator']}"
        settings = {
            "STAKEWIRE_CONFIG_FILE": str(self.folder / ("simulator.toml" if name == "simulator" else "accounts.toml")),
            "STAKEWIRE_HOST": HOST,
            "STAKEWIRE_PORT": str(self.ports[name]),
            "STAKEWIRE_RUN_DIR": str(self.folder),
            "STAKEWIRE_TOPIC_PREFIX": self.topic_prefix,
            "STAKEWIRE_GATEWAY_DRAIN_ANNOUNCE_S": "0",
            "STAKEWIRE_WALLET_GROUP": f"{self.topic_prefix}wallet",
            "STAKEWIRE_CALLBACK_URL": f"http://{HOST}:{self.ports['gateway']}/callbacks",
            "STAKEWIRE_SIMULATOR_URL": simulator,
            "STAKEWIRE_TEST_MASCOT_URL": f"{simulator}/mascot/v1/signed/",
            "STAKEWIRE_TEST_HISTORY_URL": f"{simulator}/mascot/history/{{token}}",
            "STAKEWIRE_OPERATOR_PROBE_EVERY_S": "20",
            "STAKEWIRE_OPERATOR_RATE_PER_S": "5000",
            "STAKEWIRE_OPERATOR_RATE_BURST": "10000",
            "STAKEWIRE_OPERATOR_FAILURES_BURST": "10000",
            "DATABASE_URL": self.database_url,
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka_bootstrap_servers,
            "PYTHONUNBUFFERED": "1",
        }
        self.processes.start(Command(name=name, argv=[sys.executable, "-m", PARTS[name]], cwd=CHECKOUT, env=settings))

    def wait_ready(self, name: str) -> None:
        """Waits until a part says that it is ready."""
        self.processes.wait_until(name, partial(is_ready, HOST, self.ports[name]), READY_S)

    def log(self, name: str) -> str:
        """The end of a part's log."""
        return tail(self.processes.log_file(name))

    def trouble(self) -> list[str]:
        """Lines of the logs that speak of defects."""
        return [
            f"{name}: {line}"
            for name in self.processes.names()
            for line in self.processes.log_file(name).read_text(encoding="utf-8", errors="replace").splitlines()
            if any(word in line for word in TROUBLE)
        ]

    def spin(self, launch_url: str, bet: int, **more: Any) -> Any:
        """One round in a launched session, played by the provider's side; `bet` in minor units."""
        path = launch_url.partition(f":{self.ports['simulator']}")[2]
        return self.simulator.post(f"{path}/spin", {"bet": bet} | more, status=200)

    def publish_games(self, *records: GameRecord) -> None:
        """Publishes games as the catalogue does, above whatever it has published of them."""
        asyncio.run(publish(self.kafka_bootstrap_servers, TopicNames(self.topic_prefix), *records))

    def wait_games(self) -> None:
        """Waits until the catalogue has read the provider's lists and the operator API knows them."""
        for account in LISTED:
            api, path = self.api("read", brand=BRANDS.get(account, ("main",))[0]), f"/v1/provider-accounts/{account}"
            wait_until(lambda: api.get(path)["health"]["games"] > 0, f"the games of {account} are known")  # noqa: B023  # called here

    def fault(self, method: str, fault: str, **more: Any) -> None:
        """Makes the provider misbehave."""
        answer = self.simulator.call("PUT", "/mascot/faults", {"method": method, "fault": fault} | more)
        assert answer.status == 200, answer

    def no_faults(self) -> None:
        """Makes the provider behave again."""
        assert self.simulator.call("DELETE", "/mascot/faults").status in (200, 204)


@contextmanager
def stand(servers: Servers) -> Iterator[Stand]:
    """Starts everything and waits until it is ready; stops it at the end and looks through the logs."""
    prefix = f"o{uuid.uuid4().hex[:8]}."
    database_url = servers.new_database()
    with temporary_folder() as folder:
        processes = Processes(folder)
        watcher, pipe = guard.watch(folder, folder)
        try:
            upgrade_wallet(database_url)
            upgrade_operator(database_url)
            upgrade_catalogue(database_url)
            apply_topics(servers.kafka_bootstrap_servers, TopicNames(prefix))
            _write_configs(folder)
            ports = dict(zip(PARTS, free_ports(len(PARTS)), strict=True))
            running = Stand(database_url, servers.kafka_bootstrap_servers, prefix, ports, folder, processes)
            for name in PARTS:
                running.start(name)
            for name in PARTS:
                running.wait_ready(name)
            running.wait_games()
            yield running
            with ThreadPoolExecutor() as pool:
                list(pool.map(processes.stop, processes.names()))
            assert not running.trouble()
        finally:
            for name in processes.names():
                processes.stop(name, timeout_s=0)
            os.close(pipe)
            watcher.wait(timeout=60)
    servers.drop_database(database_url)


def _write_configs(folder: Path) -> None:
    """Ours and the simulator's, which knows another key for the account `wrong-key`."""
    for name in CASINOS:
        (folder / f"key-{name}").write_text(secrets.token_urlsafe(24))
    (folder / "key-other").write_text(secrets.token_urlsafe(24))
    (folder / "accounts.toml").write_text(_config(wrong="key-other"))
    (folder / "simulator.toml").write_text(_config(wrong="key-wrong-key"))


def _config(wrong: str) -> str:
    lines = ['[brands.main]\ncurrencies = ["EUR", "USD", "BTC"]', '[brands.second]\ncurrencies = ["EUR"]']
    for name, casino in CASINOS.items():
        table = f"provider_accounts.{name}"
        brands = ", ".join(f'"{brand}"' for brand in BRANDS.get(name, ("main",)))
        lines += [f"[{table}]", 'dialect = "mascot"', f"brands = [{brands}]", f"[{table}.settings]", f"casino_id = {casino}"]
        if name != "unconfigured":
            lines += ['operator_api_url = "env:STAKEWIRE_TEST_MASCOT_URL"']
        if name == "mascot":
            lines += ['history_url = "env:STAKEWIRE_TEST_HISTORY_URL"']
        if name == "impatient":
            lines += [f"operator_api_timeout_s = {IMPATIENT_S}", f"operator_api_deadline_s = {2 * IMPATIENT_S}"]
        lines += [f"[{table}.keys]", f'main = "file:{wrong if name == "wrong-key" else f"key-{name}"}"']
        for currency, digits in (("EUR", 2), ("USD", 2), ("BTC", 8)):
            lines += [f"[{table}.currency_map.{currency}]", f'currency = "{currency}"', f"digits = {digits}"]
    return "\n".join(lines) + "\n"
