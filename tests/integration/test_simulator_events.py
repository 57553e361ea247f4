"""Reading wallet.events from a real Kafka into the provider's books: positions, hashes, forks, a topic made anew."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from services.simulator.books import Books
from services.simulator.errors import EventsError
from services.simulator.ledger_events import EventReader
from services.simulator.records import Player
from shared.identity import partition_of
from shared.kafka.admin import admin_client, apply_topics
from shared.kafka.producer import Producer
from shared.kafka.topics import EVENTS, TopicNames
from tests.unit.simulator.waiting import until

KEY = "aaaaaaaaaaaaaaaa"
LIMIT_S = 60.0


class Wallet:
    """Publishes events as the contract of wallet.events describes them."""

    def __init__(self, producer: Producer, topic: str) -> None:
        self._producer = producer
        self._topic = topic
        self.head = "0" * 64
        self.seq = 0

    def event(self, paid: int = 0, got: int = 0, player: str = KEY, **changes: Any) -> bytes:
        self.seq += 1
        movements = []
        if paid:
            movements.append(("player", "provider:m", paid, 7))
        if got:
            movements.append(("provider:m", "player", got, 7))
        facts = {
            "player": player,
            "seq": self.seq,
            "provider_account": "m",
            "namespace": "tx",
            "external_id": f"t{self.seq}",
            "kind": "bet",
            "status": "applied",
            "occurred_at_ms": 1,
            "gaming_day": "2026-01-01",
            "brand": "main",
            "movements": [
                {"debit_account": debit, "credit_account": credit, "amount": amount, "currency": "EUR", "balance_after": balance}
                for debit, credit, amount, balance in movements
            ],
        } | changes
        canonical = json.dumps(facts, separators=(",", ":")).encode()
        before, self.head = self.head, hashlib.sha256(bytes.fromhex(self.head) + canonical).hexdigest()
        return canonical[:-1] + f',"previous_hash":"{before}","hash":"{self.head}"}}'.encode()

    async def publish(self, *events: bytes, key: str = KEY) -> None:
        for event in events:
            sent = await self._producer.send(
                self._topic, event, partition=partition_of(key, EVENTS.partitions), key=key.encode(), timestamp_ms=1
            )
            await sent


@pytest.fixture
def names(kafka_bootstrap_servers: str, topic_prefix: str) -> TopicNames:
    made = TopicNames(topic_prefix)
    apply_topics(kafka_bootstrap_servers, made, topics=(EVENTS,))
    return made


@pytest.fixture
async def wallet(kafka_bootstrap_servers: str, names: TopicNames) -> AsyncIterator[Wallet]:
    producer = Producer(kafka_bootstrap_servers)
    await producer.start()
    yield Wallet(producer, names.of(EVENTS))
    await producer.stop()


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    opened = Books(tmp_path / "books.sqlite3")
    opened.add_player(Player(player=KEY, operator_player_id="p", brand="main", provider_account="m", currency="EUR"))
    yield opened
    opened.close()


async def read(kafka: str, names: TopicNames, books: Books) -> None:
    """Reads everything that is on the topic now."""
    reader = EventReader(kafka, names, books)
    await reader.start()
    try:
        async with asyncio.timeout(LIMIT_S):
            while not reader.caught_up():
                await reader.poll(0.2)
    finally:
        await reader.stop()


async def test_events_are_read_once_and_from_where_the_last_reading_stopped(
    kafka_bootstrap_servers: str, names: TopicNames, wallet: Wallet, books: Books
) -> None:
    first, second = wallet.event(got=500), wallet.event(paid=200, got=50)
    await wallet.publish(first, second)
    await wallet.publish(wallet.event(player="b" * 16), key="b" * 16)
    await read(kafka_bootstrap_servers, names, books)
    wallet.seq, wallet.head = 2, json.loads(second)["hash"]
    await wallet.publish(second, wallet.event(got=5, namespace="undo", kind="rollback", target_seq=1))
    await read(kafka_bootstrap_servers, names, books)

    operations = books.operations_after(KEY, 0)
    assert [(item.seq, item.paid_units, item.got_units, item.balance_after) for item in operations] == [
        (1, 0, 500, 7),
        (2, 200, 50, 7),
        (3, 0, 5, 7),
    ]
    assert (operations[2].kind, operations[2].namespace, operations[2].target_seq) == ("rollback", "undo", 1)
    assert operations[2].previous_hash == operations[1].hash
    assert books.faults() == []
    assert sum(books.positions().values()) == 5


async def test_what_is_wrong_with_an_event_itself_is_a_fault(
    kafka_bootstrap_servers: str, names: TopicNames, wallet: Wallet, books: Books
) -> None:
    good = wallet.event(got=500)
    forged = good.replace(b'"amount":500', b'"amount":900')
    wallet.seq = 0
    fork = wallet.event(got=501)
    await wallet.publish(good, fork, forged, b"not json", wallet.event(player="c" * 16))
    await read(kafka_bootstrap_servers, names, books)

    assert sorted((fault.kind, fault.seq) for fault in books.faults()) == [("fork", 1), ("hash", 1), ("record", 0), ("record", 2)]
    assert [item.got_units for item in books.operations_after(KEY, 0)] == [500]


async def test_a_topic_made_anew_is_read_from_its_beginning(
    kafka_bootstrap_servers: str, names: TopicNames, wallet: Wallet, books: Books
) -> None:
    history = [wallet.event(got=100) for _ in range(5)]
    await wallet.publish(*history)
    await read(kafka_bootstrap_servers, names, books)
    admin = admin_client(kafka_bootstrap_servers)
    for future in admin.delete_topics([names.of(EVENTS)], operation_timeout=30).values():
        future.result()
    await until(lambda: names.of(EVENTS) not in admin.list_topics(timeout=10).topics, "the topic is gone")
    apply_topics(kafka_bootstrap_servers, names, topics=(EVENTS,))
    producer = Producer(kafka_bootstrap_servers)
    await producer.start()
    again = Wallet(producer, names.of(EVENTS))
    await again.publish(*history, wallet.event(got=7))
    await producer.stop()

    await read(kafka_bootstrap_servers, names, books)

    assert [item.got_units for item in books.operations_after(KEY, 0)] == [100] * 5 + [7]
    assert books.faults() == []


async def test_a_topic_that_is_not_there_is_told(kafka_bootstrap_servers: str, books: Books) -> None:
    with pytest.raises(EventsError, match="cannot be read"):
        await EventReader(kafka_bootstrap_servers, TopicNames("nowhere."), books).start()
