"""A wallet and a gateway as processes, the accounts of the cases, and the simulator's faults before them."""

from __future__ import annotations

import os
import sys
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from aiokafka import AIOKafkaConsumer, TopicPartition

from deploy.local import guard
from deploy.local.parts import CHECKOUT, is_ready
from deploy.local.ports import free_ports
from deploy.local.processes import Command, Processes
from services.simulator.books import Books
from services.simulator.faults import FaultStand
from services.simulator.studios.mascot.studio import MascotStudio
from services.simulator.target import target_of
from services.wallet.ledger.migrate import upgrade
from shared.contracts import codec
from shared.contracts.archive import CallbackRecord
from shared.kafka.admin import apply_topics
from shared.kafka.topics import CALLBACKS, TopicNames
from shared.requester import Requester
from tests.doctor.cases import Estate
from tests.servers import Servers, temporary_folder

HOST = "127.0.0.1"
READY_S = 90.0
ARCHIVED_S = 60.0
PARTS = {"wallet": "services.wallet", "gateway": "services.gateway"}


@dataclass(frozen=True)
class Clinic:
    """What runs, and where."""

    estate: Estate
    kafka: str
    names: TopicNames
    gateway_port: int
    processes: Processes
    folder: Path

    def kill_the_wallet(self) -> None:
        """From now on no command is answered."""
        self.processes.stop("wallet", timeout_s=0)

    @asynccontextmanager
    async def faults(self) -> AsyncIterator[FaultStand]:
        """The simulator's broken requests, at all accounts."""
        requester = Requester(self.kafka, self.names, instance_id="faults")
        books = Books(self.folder / "books.sqlite3")
        studios = {
            name: MascotStudio(target_of(account, f"http://{HOST}:{self.gateway_port}/callbacks/{name}", books, requester))
            for name, account in self.estate.accounts.items()
        }
        stand = FaultStand(self.estate.accounts, studios)
        await requester.start()
        stand.start()
        try:
            yield stand
        finally:
            await stand.close()
            await requester.stop()
            books.close()

    async def records(self, wanted: set[str]) -> dict[str, CallbackRecord]:
        """What the archive has of these requests, once it has them all."""
        found: dict[str, CallbackRecord] = {}
        consumer = AIOKafkaConsumer(bootstrap_servers=self.kafka, auto_offset_reset="earliest", enable_auto_commit=False)
        await consumer.start()
        try:
            consumer.assign([TopicPartition(self.names.of(CALLBACKS), each) for each in range(CALLBACKS.partitions)])
            await consumer.seek_to_beginning()
            until = time.monotonic() + ARCHIVED_S
            while wanted - found.keys():
                assert time.monotonic() < until, f"not archived: {sorted(wanted - found.keys())}"
                for batch in (await consumer.getmany(timeout_ms=500)).values():
                    records = [codec.decode_callback(each.value) for each in batch]
                    found |= {each.request_id: each for each in records}
        finally:
            await consumer.stop()
        return found


@contextmanager
def clinic(servers: Servers) -> Iterator[Clinic]:
    """Starts wallet and gateway and waits until they are ready; stops them at the end."""
    prefix = f"d{uuid.uuid4().hex[:8]}."
    database_url = servers.new_database()
    estate, names = Estate.new(), TopicNames(prefix)
    with temporary_folder() as folder:
        toml, files = estate.toml()
        (folder / "accounts.toml").write_text(toml, encoding="utf-8")
        for name, content in files.items():
            (folder / name).write_bytes(content)
        processes = Processes(folder)
        watcher, pipe = guard.watch(folder, folder)
        try:
            upgrade(database_url)
            apply_topics(servers.kafka_bootstrap_servers, names)
            ports = dict(zip(PARTS, free_ports(len(PARTS)), strict=True))
            for name, module in PARTS.items():
                env = {
                    "STAKEWIRE_CONFIG_FILE": str(folder / "accounts.toml"),
                    "STAKEWIRE_HOST": HOST,
                    "STAKEWIRE_PORT": str(ports[name]),
                    "STAKEWIRE_TOPIC_PREFIX": prefix,
                    "STAKEWIRE_WALLET_GROUP": f"{prefix}wallet",
                    "STAKEWIRE_GATEWAY_DRAIN_ANNOUNCE_S": "0",
                    # What is proved is the diagnosis, not the ration of it.
                    "STAKEWIRE_GATEWAY_DIAGNOSES_PER_S": "1000",
                    "DATABASE_URL": database_url,
                    "KAFKA_BOOTSTRAP_SERVERS": servers.kafka_bootstrap_servers,
                    "PYTHONUNBUFFERED": "1",
                }
                processes.start(Command(name=name, argv=[sys.executable, "-m", module], cwd=CHECKOUT, env=env))
            for name in PARTS:
                processes.wait_until(name, partial(is_ready, HOST, ports[name]), READY_S)
            yield Clinic(estate, servers.kafka_bootstrap_servers, names, ports["gateway"], processes, folder)
        finally:
            for name in processes.names():
                processes.stop(name, timeout_s=0)
            os.close(pipe)
            watcher.wait(timeout=60)
    servers.drop_database(database_url)
