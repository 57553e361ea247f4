"""Creating and checking topics, and their ids. The admin client of confluent-kafka knows topic ids; aiokafka's does not.

Blocking calls with a limit, for commands and start-up; never on the way of a bet.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Final

from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic, ResourceType

from shared.errors import TopicError
from shared.kafka.topics import TOPICS, Topic, TopicNames

TIMEOUT_S: Final = 30.0
VISIBLE_LIMIT_S: Final = 15.0


def admin_client(bootstrap_servers: str) -> AdminClient:
    """An admin client; connects at its first call."""
    return AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": 2, "socket.timeout.ms": int(TIMEOUT_S * 1000)})


def apply_topics(
    bootstrap_servers: str, names: TopicNames | None = None, *, replication: int = 1, topics: Iterable[Topic] = TOPICS
) -> list[str]:
    """Creates missing topics and sets their configuration. Returns the names it created; safe to repeat.

    Never changes a number of partitions: a player would move to another one. TopicError where it differs.
    """
    names = names or TopicNames()
    wanted = {names.of(topic): topic for topic in topics}
    client = admin_client(bootstrap_servers)
    try:
        present = client.list_topics(timeout=TIMEOUT_S).topics
        missing = [name for name in wanted if name not in present]
        if missing:
            futures = client.create_topics(
                [NewTopic(name, wanted[name].partitions, replication, config=wanted[name].config) for name in missing],
                operation_timeout=TIMEOUT_S,
            )
            for name, future in futures.items():
                _created(name, future.result)
        resources = [
            ConfigResource(
                ResourceType.TOPIC,
                name,
                incremental_configs=[
                    ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
                    for key, value in wanted[name].config.items()
                ],
            )
            for name in wanted
            if name not in missing
        ]
        if resources:
            for future in client.incremental_alter_configs(resources, request_timeout=TIMEOUT_S).values():
                future.result()
    except KafkaException as error:
        raise TopicError(f"Kafka at {bootstrap_servers} did not do it: {error}; is it running and reachable?") from error
    _wait_until_visible(bootstrap_servers, names, list(wanted.values()), created=bool(missing))
    return missing


def check_topics(bootstrap_servers: str, names: TopicNames | None = None, *, topics: Iterable[Topic] = TOPICS) -> None:
    """TopicError where a topic is missing or has another number of partitions than its definition."""
    names = names or TopicNames()
    try:
        present = admin_client(bootstrap_servers).list_topics(timeout=TIMEOUT_S).topics
    except KafkaException as error:
        raise TopicError(f"Kafka at {bootstrap_servers} does not answer: {error}; is it running and reachable?") from error
    problems = []
    for topic in topics:
        found = present.get(names.of(topic))
        if found is None:
            problems.append(f"{names.of(topic)} is missing (run `stakewire topics apply`)")
        elif len(found.partitions) != topic.partitions:
            problems.append(
                f"{names.of(topic)} has {len(found.partitions)} partitions, expected {topic.partitions}; "
                "their number is fixed at creation, because each player lives on one of them"
            )
    if problems:
        raise TopicError("; ".join(problems))


def _wait_until_visible(bootstrap_servers: str, names: TopicNames, topics: list[Topic], *, created: bool) -> None:
    """A topic just created takes a moment until every broker tells of it."""
    until_s = time.monotonic() + VISIBLE_LIMIT_S
    while True:
        try:
            check_topics(bootstrap_servers, names, topics=topics)
        except TopicError:
            if not created or time.monotonic() > until_s:
                raise
            time.sleep(0.1)
        else:
            return


def topic_id(bootstrap_servers: str, name: str, *, timeout_s: float = TIMEOUT_S) -> str:
    """The id Kafka gave the topic at its creation: another id means that the topic was deleted and made anew."""
    client = admin_client(bootstrap_servers)  # kept until the result is there: the client ends its calls when it goes
    try:
        description = client.describe_topics(TopicCollection([name]), request_timeout=timeout_s)[name].result()
    except KafkaException as error:
        raise TopicError(f"topic {name} cannot be described: {error}") from error
    return str(description.topic_id)


def _created(name: str, result: object) -> None:
    try:
        result()  # type: ignore[operator]  # Future.result of confluent_kafka, which ships no precise types
    except KafkaException as error:
        # Two stacks may start at once: that the other one was first is as good.
        if error.args[0].name() != "TOPIC_ALREADY_EXISTS":
            raise TopicError(f"topic {name} could not be created: {error}") from error
