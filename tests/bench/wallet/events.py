"""How many events a ledger has published: the ends of its topic's partitions."""

from __future__ import annotations

import time
from typing import Final

from confluent_kafka import Consumer, TopicPartition

from shared.kafka.topics import EVENTS, TopicNames

LIMIT_S: Final = 10.0
POLL_S: Final = 0.1


def count_events(bootstrap_servers: str, topic_prefix: str, expected: int) -> int:
    """Records in the topic; events follow the answers, so it waits a moment for `expected` ones."""
    topic = TopicNames(topic_prefix).of(EVENTS)
    consumer = Consumer({"bootstrap.servers": bootstrap_servers, "group.id": "unused", "log_level": 2})
    until_s = time.monotonic() + LIMIT_S
    try:
        while True:
            count = 0
            for number in range(EVENTS.partitions):
                _, end = consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=LIMIT_S)
                count += end
            if count >= expected or time.monotonic() > until_s:
                return count
            time.sleep(POLL_S)
    finally:
        consumer.close()
