"""What the bench runs on: ledgers, topics and wallets as processes of their own. All of it is stopped and deleted at the end."""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import psutil

from deploy.local import guard
from deploy.local.parts import CHECKOUT, is_ready
from deploy.local.ports import free_ports
from deploy.local.postgres import LocalPostgres
from deploy.local.processes import Command, Processes
from services.wallet.ledger.migrate import upgrade as upgrade_wallet
from shared.contracts import ActivateSession, CreatePlayer, Deposit, OpenSession
from shared.contracts import Command as WalletCommand
from shared.identity import new_keyed_id, partition_of, player_key
from shared.kafka.admin import apply_topics
from shared.kafka.topics import COMMANDS, REPLIES, TopicNames
from shared.money import parse_decimal
from tests.bench.players import ACCOUNT, BALANCE, BRAND, CURRENCY, GAME, OPERATOR, SESSION_S
from tests.bench.wallet.ledgers import forget_topic, make_pgledger
from tests.bench.wallet.line import Line, records_of
from tests.bench.wallet.options import Options
from tests.bench.wallet.stream import DEADLINE_MS
from tests.servers import Servers, database_name, temporary_folder

HOST: Final = "127.0.0.1"
READY_S: Final = 60.0
SET_UP, ECHO = "bench-set-up", "echo"
PEAK: Final = "VmHWM:"


@dataclass(slots=True)
class Ledger:
    """A wallet's database and the topics that feed it.

    `filled` operations look like the bench's own, and `unpublished` of all are on no topic of this ledger: a copy's.
    """

    database_url: str
    topic_prefix: str
    filled: int = 0
    unpublished: int = 0


@dataclass(slots=True)
class Stage:
    """What is there. `players` are (key, session), the same in all ledgers of one server."""

    servers: Servers
    options: Options
    folder: Path
    processes: Processes
    players: list[tuple[str, str]] = field(default_factory=list)
    main: Ledger = field(default_factory=lambda: Ledger("", ""))
    single_url: str = ""
    pgledger_url: str = ""
    funding: int = 0
    echo_prefix: str = ""

    def start(self, name: str, module: str, database_url: str, topic_prefix: str) -> None:
        """Starts a process and waits until it is ready."""
        port = free_ports(1)[0]
        env = {
            "STAKEWIRE_CONFIG_FILE": str(self.folder / "bench.toml"),
            "STAKEWIRE_HOST": HOST,
            "STAKEWIRE_PORT": str(port),
            "STAKEWIRE_TOPIC_PREFIX": topic_prefix,
            "DATABASE_URL": database_url,
            "KAFKA_BOOTSTRAP_SERVERS": self.servers.kafka_bootstrap_servers,
        }
        self.processes.start(Command(name=name, argv=[sys.executable, "-m", module], cwd=CHECKOUT, env=env))
        self.processes.wait_until(name, partial(is_ready, HOST, port), READY_S)

    def start_wallet(self, name: str, ledger: Ledger) -> None:
        """Starts a wallet as shipped."""
        self.start(name, "services.wallet", ledger.database_url, ledger.topic_prefix)

    def roots(self, names: list[str], postgres: LocalPostgres | None) -> dict[str, psutil.Process]:
        """The processes of these names, of a PostgreSQL and of Kafka. Servers of somebody else's are left out."""
        found = {name: self.processes.find(name) for name in names}
        for server in (postgres, self.servers.local_kafka):
            if server is not None:
                found[server.settings.name] = server._processes.find(server.settings.name)
        return {name: process for name, process in found.items() if process is not None}

    def peak_bytes(self, name: str) -> int:
        """The largest memory a process has had; where the system does not tell, what it has now."""
        process = self.processes.find(name)
        if process is None:
            return 0
        status = Path(f"/proc/{process.pid}/status")
        if not status.exists():
            return int(process.memory_info().rss)
        lines = status.read_text(encoding="utf-8").splitlines()
        return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(PEAK)), int(process.memory_info().rss))

    def new_topics(self) -> str:
        """Topics with a prefix of their own."""
        prefix = f"b{uuid.uuid4().hex[:8]}."
        apply_topics(self.servers.kafka_bootstrap_servers, TopicNames(prefix))
        return prefix

    def new_ledger(self, database_url: str) -> Ledger:
        """A ledger in an empty database, with this bench's players; no wallet runs on it."""
        upgrade_wallet(database_url)
        ledger = Ledger(database_url, self.new_topics())
        self.start_wallet(SET_UP, ledger)
        line = Line(self.servers.kafka_bootstrap_servers, ledger.topic_prefix, SET_UP, partition_of(SET_UP, REPLIES.partitions))
        try:
            tally = line.run(records_of(_set_up(self.players)), again=False, say=lambda _: None)
        finally:
            line.close()
        self.processes.stop(SET_UP)
        if tally.faults:
            raise RuntimeError(f"the set-up did not work: {'; '.join(tally.faults)}")
        return ledger


@contextmanager
def stage_of(servers: Servers, options: Options) -> Iterator[Stage]:
    """Gives ledgers and wallets, ready."""
    databases: list[str] = []
    with temporary_folder() as folder:
        processes = Processes(folder)
        watcher, pipe = guard.watch(folder, folder)
        try:
            (folder / "bench.toml").write_text(f'[brands.{BRAND}]\ncurrencies = ["{CURRENCY}"]\n', encoding="utf-8")
            keys = [player_key(BRAND, f"bench-{number}") for number in range(options.players)]
            stage = Stage(servers, options, folder, processes, [(key, new_keyed_id(key)) for key in keys])
            _fill(stage, databases)
            yield stage
        finally:
            for name in processes.names():
                processes.stop(name, timeout_s=0)
            os.close(pipe)
            watcher.wait(timeout=60)
            for url in databases:
                servers.drop_database(url)


def _fill(stage: Stage, databases: list[str]) -> None:
    """The ledgers. The first baseline's is a copy of Stakewire's, made before anything is played."""

    def new(template: str = "template1") -> str:
        databases.append(stage.servers.new_database(template))
        return databases[-1]

    stage.main = stage.new_ledger(new())
    stage.single_url = new(database_name(stage.main.database_url))
    forget_topic(stage.single_url)
    stage.pgledger_url = new()
    stage.funding = make_pgledger(stage.pgledger_url, [key for key, _ in stage.players], stage.options.houses)
    stage.start_wallet("wallet", stage.main)
    if stage.options.lone_calls:
        stage.echo_prefix = f"b{uuid.uuid4().hex[:8]}."
        apply_topics(stage.servers.kafka_bootstrap_servers, TopicNames(stage.echo_prefix), topics=(COMMANDS, REPLIES))
        stage.start(ECHO, "tests.bench.wallet.echo", new(), stage.echo_prefix)


def _set_up(players: list[tuple[str, str]]) -> Iterator[WalletCommand]:
    """Each player with money and an active session, made as an operator makes them, step by step."""
    count, partition = 0, partition_of(SET_UP, REPLIES.partitions)

    def header(number: int, step: str, account: str) -> dict[str, Any]:
        nonlocal count
        count += 1
        return {
            "command_id": f"set-up.{count - 1:x}",
            "caller": SET_UP,
            "reply_partition": partition,
            "player": players[number][0],
            "provider_account": account,
            "namespace": OPERATOR,
            "external_id": f"bench-{number}-{step}",
            "deadline_ms": DEADLINE_MS,
        }

    amount = parse_decimal(BALANCE, CURRENCY)
    for number in range(len(players)):
        name = f"bench-{number}"
        yield CreatePlayer(**header(number, "create", OPERATOR), brand=BRAND, operator_player_id=name, currencies=(CURRENCY,))
    for number in range(len(players)):
        yield Deposit(**header(number, "deposit", OPERATOR), currency=CURRENCY, amount=amount)
    for number, (_, session) in enumerate(players):
        yield OpenSession(
            **header(number, "open", ACCOUNT),
            session_id=session,
            currency=CURRENCY,
            game_id=GAME,
            game_state="live",
            idle_timeout_s=SESSION_S,
            absolute_timeout_s=SESSION_S,
        )
    for number, (_, session) in enumerate(players):
        yield ActivateSession(**header(number, "activate", ACCOUNT), session_id=session, provider_session_id=f"p-{number}")
