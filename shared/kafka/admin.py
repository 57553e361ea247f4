"""Creating and checking topics, and their ids. The admin client of confluent-kafka knows topic ids; aiokafka's does not.

Blocking calls with a limit, for commands and start-up; never on the way of a bet.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic, ResourceType

from shared.errors import TopicError
from shared.kafka.connection import librdkafka_options
from shared.kafka.topics import TOPICS, Topic, TopicNames

TIMEOUT_S: Final = 30.0
VISIBLE_LIMIT_S: Final = 15.0
TRY_S: Final = 3.0
"""After so long without an answer it is looked whether there can be one: a wrong password is no reason to wait on."""
_REFUSED: Final = (KafkaError._AUTHENTICATION, KafkaError._SSL)  # noqa: SLF001  # this is how the library names its own errors


class KafkaAbsentError(TopicError):
    """No broker answers, or none lets us in."""


class Admin(AdminClient):
    """An admin client that knows why it is not let in: its calls only say that they took too long."""

    def __init__(self, bootstrap_servers: str) -> None:
        refusals: list[str] = []  # not an attribute first: a callback that knows the client would keep it alive for ever

        def on_error(error: KafkaError) -> None:
            if error.code() in _REFUSED:
                refusals[:] = [error.str()]

        options: dict[str, Any] = {"log_level": 2, "socket.timeout.ms": int(TIMEOUT_S * 1000), "error_cb": on_error}
        super().__init__({**librdkafka_options(bootstrap_servers), **options})
        self._refusals = refusals
        self._address = bootstrap_servers

    @property
    def refusal(self) -> str:
        """The words of a broker that did not let us in, or of TLS that does not trust it; empty where there are none."""
        self.poll(0)
        return "".join(self._refusals)

    def topics(self) -> dict[str, Any]:
        """The topics this principal may see. KafkaAbsentError where no broker answers, or none lets us in."""
        until_s = time.monotonic() + TIMEOUT_S
        while True:
            try:
                found: dict[str, Any] = self.list_topics(timeout=TRY_S).topics
            except KafkaException as error:
                if self.refusal or time.monotonic() > until_s:
                    raise KafkaAbsentError(f"Kafka at {self._address} cannot be asked: {self.why(error)}") from error
            else:
                return found

    def why(self, error: KafkaException) -> str:
        """What to tell of an error of this client."""
        return self.refusal or f"{error}; is it running and reachable?"


def admin_client(bootstrap_servers: str) -> Admin:
    """An admin client; connects at its first call."""
    return Admin(bootstrap_servers)


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
        present = client.topics()
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
        raise TopicError(f"Kafka at {bootstrap_servers} did not do it: {client.why(error)}") from error
    _wait_until_visible(bootstrap_servers, names, list(wanted.values()), created=bool(missing))
    return missing


def check_topics(bootstrap_servers: str, names: TopicNames | None = None, *, topics: Iterable[Topic] = TOPICS) -> None:
    """TopicError where a topic is missing or has another number of partitions than its definition."""
    names = names or TopicNames()
    present = admin_client(bootstrap_servers).topics()
    problems = []
    for topic in topics:
        found = present.get(names.of(topic))
        if found is None:
            problems.append(f"{names.of(topic)} is missing, or this principal may not see it (run `stakewire topics apply`)")
        elif len(found.partitions) != topic.partitions:
            problems.append(
                f"{names.of(topic)} has {len(found.partitions)} partitions, expected {topic.partitions}; "
                "their number is fixed at creation, because each player lives on one of them"
            )
    if problems:
        raise TopicError("; ".join(problems))


def check_configuration(bootstrap_servers: str, names: TopicNames | None = None) -> None:
    """TopicError where a setting of a topic that is there is not as its definition says. Needs the right to describe it."""
    names = names or TopicNames()
    client = admin_client(bootstrap_servers)
    problems = []
    present = client.topics()
    wanted = {names.of(topic): topic for topic in TOPICS if names.of(topic) in present}
    if not wanted:
        return
    try:
        asked = client.describe_configs([ConfigResource(ResourceType.TOPIC, name) for name in wanted], request_timeout=TIMEOUT_S)
        for resource, future in asked.items():
            found = future.result()
            problems += [
                f"{resource.name} has {key}={found[key].value if key in found else 'nothing'}, expected {value}"
                for key, value in sorted(wanted[resource.name].config.items())
                if key not in found or found[key].value != value
            ]
    except KafkaException as error:
        raise TopicError(f"the topics' settings cannot be read: {client.why(error)}") from error
    if problems:
        raise TopicError("; ".join(sorted(problems)) + " (`stakewire topics apply` sets them)")


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
        raise TopicError(f"topic {name} cannot be described: {client.refusal or error}") from error
    return str(description.topic_id)


def _created(name: str, result: object) -> None:
    try:
        result()  # type: ignore[operator]  # Future.result of confluent_kafka, which ships no precise types
    except KafkaException as error:
        # Two stacks may start at once: that the other one was first is as good.
        if error.args[0].name() != "TOPIC_ALREADY_EXISTS":
            raise TopicError(f"topic {name} could not be created: {error}") from error
