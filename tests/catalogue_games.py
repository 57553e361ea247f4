"""Records of `catalogue.games` for tests: made of a few words, and published as the catalogue publishes them."""

from __future__ import annotations

import asyncio
import time
from itertools import count
from typing import Any

from aiokafka import AIOKafkaProducer

from shared.contracts import codec
from shared.contracts.games import GameRecord
from shared.kafka.topics import GAMES, TopicNames

_versions = count(int(time.time() * 1_000_000))
"""Above those of a catalogue that numbers by milliseconds: what a test publishes is the newest."""


def game(account: str, game_id: str, **facts: Any) -> GameRecord:
    """A game with everything: live, for all devices, with free rounds and demo; `facts` replace it."""
    given: dict[str, Any] = {
        "name": game_id.title(),
        "state": "live",
        "version": next(_versions),
        "first_seen_ms": 1,
        "changed_at_ms": 2,
        "source_hash": "0" * 64,
        "devices": ("desktop", "mobile"),
        "features": ("free_rounds", "demo"),
    }
    return GameRecord(provider_account=account, game_id=game_id, **given | facts)


def key_of(record: GameRecord) -> bytes:
    """The record key."""
    return f"{record.provider_account}|{record.game_id}".encode()


async def publish(kafka_bootstrap_servers: str, names: TopicNames, *records: GameRecord | tuple[bytes, bytes | None]) -> None:
    """Publishes records, or (key, value) as they are; returns when Kafka has them."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka_bootstrap_servers)
    await producer.start()
    try:
        pairs = [each if isinstance(each, tuple) else (key_of(each), codec.encode(each)) for each in records]
        await asyncio.gather(*[await producer.send(names.of(GAMES), value, key=key, partition=0) for key, value in pairs])
    finally:
        await producer.stop()
