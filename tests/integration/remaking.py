"""A topic that is lost: deleted and made anew, with nothing on it."""

from __future__ import annotations

import time

from shared.kafka.admin import admin_client, apply_topics
from shared.kafka.topics import Topic, TopicNames

LIMIT_S = 60.0


def remake(kafka: str, names: TopicNames, topic: Topic) -> None:
    """Deletes the topic and makes it anew: everything on it is lost."""
    client = admin_client(kafka)
    for future in client.delete_topics([names.of(topic)], operation_timeout=30).values():
        future.result()
    deadline = time.monotonic() + LIMIT_S
    while names.of(topic) in client.list_topics(timeout=30).topics:
        assert time.monotonic() < deadline, "the topic is still there"
        time.sleep(0.05)
    apply_topics(kafka, names, topics=(topic,))
