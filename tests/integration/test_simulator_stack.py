"""The provider against the real gateway, wallet, Kafka and PostgreSQL: books agree after plain play, crashes and a killed provider."""

import asyncio
import http.client
import json
import os
import secrets
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deploy.local import guard
from deploy.local.parts import CHECKOUT, is_ready
from deploy.local.ports import free_ports
from deploy.local.processes import Command, Processes
from services.simulator.books import Books
from services.simulator.ledger_events import EventReader
from services.simulator.plan import Plan
from services.simulator.play import Play
from services.simulator.stocktake import Comparison, compare_books
from services.simulator.studios.mascot.studio import MascotStudio
from services.simulator.target import target_of
from services.wallet.ledger.migrate import upgrade
from shared.kafka.admin import apply_topics
from shared.kafka.topics import TopicNames
from shared.requester import Requester
from shared.settings import load_accounts_file
from tests.servers import Servers, temporary_folder
from tests.unit.simulator.waiting import until
from tests.waiting import wait_until

ACCOUNT = "mascot-demo"
HOST = "127.0.0.1"
READY_S = 60.0
MODULES = {"wallet": "services.wallet", "gateway": "services.gateway", "simulator": "services.simulator"}
CONFIG = f"""
[brands.main]
currencies = ["EUR"]
[provider_accounts.{ACCOUNT}]
dialect = "mascot"
[provider_accounts.{ACCOUNT}.settings]
casino_id = 7
[provider_accounts.{ACCOUNT}.keys]
main = "file:key"
[provider_accounts.{ACCOUNT}.currency_map.EUR]
currency = "EUR"
"""


@dataclass
class Stack:
    """A gateway and a wallet as processes of their own; the simulator too, where a test starts it."""

    folder: Path
    processes: Processes
    ports: dict[str, int]
    kafka: str
    database_url: str
    prefix: str

    def start(self, name: str) -> None:
        env = {
            "STAKEWIRE_CONFIG_FILE": str(self.folder / "stakewire.toml"),
            "STAKEWIRE_RUN_DIR": str(self.folder / "run"),
            "STAKEWIRE_HOST": HOST,
            "STAKEWIRE_PORT": str(self.ports[name]),
            "STAKEWIRE_CALLBACK_URL": self.callback_url,
            "STAKEWIRE_TOPIC_PREFIX": self.prefix,
            "STAKEWIRE_WALLET_GROUP": f"{self.prefix}wallet",
            # A killed wallet that is started again takes its partitions back at once.
            "STAKEWIRE_WALLET_INSTANCE_ID": "only",
            "DATABASE_URL": self.database_url,
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka,
            "PYTHONUNBUFFERED": "1",
        }
        self.processes.start(Command(name=name, argv=[sys.executable, "-m", MODULES[name]], cwd=CHECKOUT, env=env))

    def wait_ready(self, name: str) -> None:
        self.processes.wait_until(name, lambda: is_ready(HOST, self.ports[name]), READY_S)

    @property
    def callback_url(self) -> str:
        return f"http://{HOST}:{self.ports['gateway']}/callbacks"

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """One call of the simulator's HTTP interface."""
        connection = http.client.HTTPConnection(HOST, self.ports["simulator"], timeout=90)
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            content = json.loads(answer.read())
            assert answer.status < 300, content
            return content
        finally:
            connection.close()


@pytest.fixture(scope="module")
def stack(servers: Servers) -> Iterator[Stack]:
    prefix = f"s{uuid.uuid4().hex[:8]}."
    database_url = servers.new_database()
    upgrade(database_url)
    apply_topics(servers.kafka_bootstrap_servers, TopicNames(prefix))
    with temporary_folder() as folder:
        (folder / "stakewire.toml").write_text(CONFIG)
        (folder / "key").write_text(secrets.token_urlsafe(24))
        processes = Processes(folder)
        watcher, pipe = guard.watch(folder, folder)
        running = Stack(
            folder, processes, dict(zip(MODULES, free_ports(3), strict=True)), servers.kafka_bootstrap_servers, database_url, prefix
        )
        try:
            for name in ("wallet", "gateway"):
                running.start(name)
            for name in ("wallet", "gateway"):
                running.wait_ready(name)
            yield running
        finally:
            for name in processes.names():
                processes.stop(name)
            os.close(pipe)
            watcher.wait(timeout=60)
    servers.drop_database(database_url)


@dataclass
class Provider:
    """The simulator as a library."""

    stack: Stack
    books: Books
    studio: MascotStudio

    async def compare(self, timeout_s: float = 60.0) -> Comparison:
        reader = EventReader(self.stack.kafka, TopicNames(self.stack.prefix), self.books)
        return await compare_books(self.books, {ACCOUNT: self.studio}, reader, timeout_s=timeout_s)


@asynccontextmanager
async def provider(stack: Stack, folder: Path) -> AsyncIterator[Provider]:
    account = load_accounts_file(stack.folder / "stakewire.toml").provider_accounts[ACCOUNT]
    requester = Requester(stack.kafka, TopicNames(stack.prefix))
    books = Books(folder / "books.sqlite3")
    await requester.start()
    try:
        await until(lambda: requester.ready, "the requester is ready")
        async with MascotStudio(target_of(account, f"{stack.callback_url}/{ACCOUNT}", books, requester)) as studio:
            yield Provider(stack, books, studio)
    finally:
        await requester.stop()
        books.close()


async def test_a_play_in_all_its_ways_has_no_problems_and_the_books_agree(stack: Stack, tmp_path: Path) -> None:
    async with provider(stack, tmp_path) as at:
        result = await Play(at.studio, Plan(players=8, rounds=600, rollback_share=0.1, retry_share=0.2, seed=1)).run()
        comparison = await at.compare()

    assert (result.state, result.failure) == ("finished", "")
    assert (result.rounds_done, result.errors, result.unresolved) == (600, 0, 0)
    assert result.problems == []
    assert comparison.agree, comparison.differences
    assert comparison.players == 8
    assert comparison.operations > 600


@pytest.mark.parametrize("part", ["wallet", "gateway"])
async def test_a_part_killed_while_bets_run_is_healed_by_the_rollback_cycle(stack: Stack, tmp_path: Path, part: str) -> None:
    async with provider(stack, tmp_path) as at:
        running = Play(at.studio, Plan(players=8, rounds=400, rollback_share=0.05, retry_share=0.1, seed=2, settle_s=60))
        task = asyncio.ensure_future(running.run())
        await until(lambda: running.meter.callbacks > 100, "bets run")
        stack.processes.kill(part)
        stack.start(part)
        await asyncio.to_thread(stack.wait_ready, part)
        result = await asyncio.wait_for(task, 120)
        comparison = await at.compare()

    assert (result.state, result.failure) == ("finished", "")
    assert (result.rounds_done, result.unresolved) == (400, 0)
    assert result.problems == []
    assert comparison.agree, comparison.differences


def test_a_provider_killed_in_the_middle_rolls_back_what_was_in_flight_and_still_covers_it(stack: Stack) -> None:
    stack.start("simulator")
    stack.wait_ready("simulator")
    play_id = stack.ask("POST", "/play", {"players": 4, "rounds": None, "seed": 3})["play_id"]
    wait_until(lambda: stack.ask("GET", f"/play/{play_id}")["rounds_done"] > 50, "bets run")
    stack.processes.kill("simulator")

    stack.start("simulator")
    stack.wait_ready("simulator")
    comparison = stack.ask("POST", "/books/compare", {"timeout_s": 60})

    assert comparison["agree"], comparison["differences"]
    assert comparison["operations"] > 50
    assert stack.ask("GET", f"/play/{play_id}")["state"] == "failed"
    assert stack.processes.stop("simulator")
