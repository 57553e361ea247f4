"""Whole topics read from their first record to their last of now."""

from __future__ import annotations

import time
from typing import Final, NamedTuple

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

from shared.contracts import DeadLetter, Reply, codec
from shared.kafka.topics import DEAD_LETTERS, EVENTS, REPLIES, Topic, TopicNames

LIMIT_S: Final = 60.0


class Record(NamedTuple):
    """One record with its place."""

    partition: int
    offset: int
    key: str
    value: bytes


def read_topic(bootstrap_servers: str, names: TopicNames, topic: Topic) -> list[Record]:
    """All records, by partition and offset."""
    consumer = Consumer({
        "bootstrap.servers": bootstrap_servers, "group.id": "tests", "enable.auto.commit": False, "enable.partition.eof": True,
        "auto.offset.reset": "earliest", "fetch.wait.max.ms": 20,
    })  # fmt: skip
    found: list[Record] = []
    left = set(range(topic.partitions))
    deadline = time.monotonic() + LIMIT_S
    try:
        consumer.assign([TopicPartition(names.of(topic), partition, OFFSET_BEGINNING) for partition in left])
        while left:
            assert time.monotonic() < deadline, f"not within {LIMIT_S:g} s: {names.of(topic)} read to its end"
            for message in consumer.consume(500, timeout=0.2):
                error, partition, offset = message.error(), message.partition(), message.offset()
                assert partition is not None
                if error is not None:
                    assert error.code() == KafkaError._PARTITION_EOF, f"{names.of(topic)} cannot be read: {error}"
                    left.discard(partition)
                    continue
                assert offset is not None
                key = message.key() or b""
                found.append(Record(partition, offset, key.decode(), message.value() or b""))
    finally:
        consumer.close()
    return sorted(found)


def read_events(bootstrap_servers: str, names: TopicNames) -> list[Record]:
    """Everything on `wallet.events`."""
    return read_topic(bootstrap_servers, names, EVENTS)


def read_replies(bootstrap_servers: str, names: TopicNames) -> list[Reply]:
    """Every reply on `wallet.replies`, by partition in order."""
    records = read_topic(bootstrap_servers, names, REPLIES)
    return [reply for record in records for reply in codec.decode_replies(record.value).replies]


def read_dead_letters(bootstrap_servers: str, names: TopicNames) -> list[DeadLetter]:
    """Everything on `wallet.dead-letters`."""
    return [codec.decode_dead_letter(record.value) for record in read_topic(bootstrap_servers, names, DEAD_LETTERS)]
