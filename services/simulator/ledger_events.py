"""Reading wallet.events into the books: from where the last reading stopped, without a group, only our players.

The topic is a public contract: a record's hash is SHA-256 of the previous hash (32 raw bytes) and the record's own text
up to `,"previous_hash"` with a closing brace. Nothing is corrected here; what does not fit becomes a fault.
"""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from services.simulator.books import Books
from services.simulator.errors import EventsError
from services.simulator.records import Fault, SeenOperation
from shared.contracts import OperationRecorded
from shared.contracts.codec import decode_event
from shared.errors import ContractError, TopicError
from shared.kafka.admin import topic_id
from shared.kafka.connection import aiokafka_options
from shared.kafka.topics import EVENTS, TopicNames

RECORDS_AT_ONCE: Final = 1_000
PLAYER: Final = "player"
_TOPIC_ID: Final = "events topic id"


class EventReader:
    """Reads the wallet's events of one stack. Start it before use, stop it after."""

    def __init__(self, bootstrap_servers: str, names: TopicNames, books: Books) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._topic = names.of(EVENTS)
        self._books = books
        self._consumer: Any = None
        self._ends: dict[TopicPartition, int] = {}

    async def start(self) -> None:
        """Connects and goes to the stored positions. EventsError where the topic cannot be read."""
        consumer = AIOKafkaConsumer(
            **aiokafka_options(self._bootstrap_servers), enable_auto_commit=False, auto_offset_reset="earliest", group_id=None
        )
        try:
            await consumer.start()
            identity = await asyncio.to_thread(topic_id, self._bootstrap_servers, self._topic)
            if self._books.fact(_TOPIC_ID) != identity:
                # Another topic of the same name: its offsets mean nothing. What is known already is known by its seq.
                self._books.forget_positions()
                self._books.put_fact(_TOPIC_ID, identity)
            partitions = [TopicPartition(self._topic, number) for number in range(EVENTS.partitions)]
            consumer.assign(partitions)
            await self._seek(consumer, partitions)
            self._ends = await consumer.end_offsets(partitions)
        except (KafkaError, OSError, TopicError) as error:
            await consumer.stop()
            raise EventsError(f"{self._topic} cannot be read at {self._bootstrap_servers}: {error}") from error
        except BaseException:
            await consumer.stop()
            raise
        self._consumer = consumer

    async def stop(self) -> None:
        """Disconnects."""
        if self._consumer is not None:
            await self._consumer.stop()
            self._consumer = None

    def caught_up(self) -> bool:
        """Whether everything that was on the topic at the start has been read."""
        positions = self._books.positions()
        return all(positions.get(each.partition, 0) >= end for each, end in self._ends.items())

    async def poll(self, timeout_s: float) -> set[str]:
        """Reads what has arrived, waiting at most `timeout_s` for something; the players it was about."""
        try:
            batches = await self._consumer.getmany(timeout_ms=int(timeout_s * 1000), max_records=RECORDS_AT_ONCE)
        except KafkaError as error:
            raise EventsError(f"{self._topic} cannot be read: {error}") from error
        operations: list[SeenOperation] = []
        faults: list[Fault] = []
        positions: dict[int, int] = {}
        for partition, records in batches.items():
            for record in records:
                self._read(record.key, record.value, operations, faults)
            positions[partition.partition] = records[-1].offset + 1
        if positions:
            self._books.add_operations(operations, positions, faults)
        return {item.player for item in operations}

    async def _seek(self, consumer: Any, partitions: list[TopicPartition]) -> None:
        begins = await consumer.beginning_offsets(partitions)
        ends = await consumer.end_offsets(partitions)
        positions = self._books.positions()
        for each in partitions:
            stored = positions.get(each.partition, 0)
            inside = begins[each] <= stored <= ends[each]
            consumer.seek(each, stored if inside else begins[each])

    def _read(self, key: bytes | None, value: bytes | None, operations: list[SeenOperation], faults: list[Fault]) -> None:
        player = (key or b"").decode("ascii", "replace")
        if player not in self._books.players:
            return
        try:
            event = decode_event(value or b"")
        except ContractError as error:
            faults.append(Fault(kind="record", player=player, seq=0, text=f"a record of {self._topic} is no event: {error}"))
            return
        if event.player != player:
            text = f"operation {event.seq} of player {event.player} lies under the key of {player}"
            faults.append(Fault(kind="record", player=player, seq=event.seq, text=text))
            return
        fault = _fault_of_hash(event, value or b"")
        if fault:
            faults.append(Fault(kind="hash", player=player, seq=event.seq, text=fault))
        currency = self._books.players[player].currency
        foreign = [each.currency for each in event.movements if each.currency != currency]
        if foreign:
            text = f"operation {event.seq} moves {foreign[0]}; the player plays in {currency}"
            faults.append(Fault(kind="record", player=player, seq=event.seq, text=text))
        operations.append(seen(event))


def seen(event: OperationRecorded) -> SeenOperation:
    """What the comparison needs of an event."""
    paid = sum(each.amount for each in event.movements if each.debit_account == PLAYER)
    got = sum(each.amount for each in event.movements if each.credit_account == PLAYER)
    return SeenOperation(
        player=event.player,
        seq=event.seq,
        hash=event.hash,
        previous_hash=event.previous_hash,
        provider_account=event.provider_account,
        namespace=event.namespace,
        external_id=event.external_id,
        kind=event.kind,
        status=event.status,
        paid_units=paid,
        got_units=got,
        balance_after=event.movements[-1].balance_after if event.movements else event.balance_after,
        target_seq=event.target_seq,
    )


def _fault_of_hash(event: OperationRecorded, raw: bytes) -> str:
    text, mark, _ = raw.rpartition(b',"previous_hash"')
    try:
        expected = hashlib.sha256(bytes.fromhex(event.previous_hash) + text + b"}").hexdigest()
    except ValueError:
        expected = ""
    if not mark or event.hash != expected:
        return f"operation {event.seq} has hash {event.hash!r}, its text gives {expected!r}"
    return ""
