"""The AsyncAPI document of all topics, made by FastStream from the contracts: docs/asyncapi.json.

Only describes: nothing here connects to a broker.
"""

from __future__ import annotations

import json
from typing import Any, Final, Union

from faststream.kafka import KafkaBroker
from faststream.specification.asyncapi import AsyncAPI

from shared import contracts as c
from shared.contracts.codec import COMMAND_CLASSES
from shared.kafka.topics import CALLBACKS, COMMANDS, DEAD_LETTERS, EVENTS, GAMES, REPLIES, SWITCHES, TOPICS, Topic

_PAYLOADS: Final[dict[str, Any]] = {
    COMMANDS.name: Union[tuple(COMMAND_CLASSES.values())],  # noqa: UP007  # built from a table, so not writable with |
    REPLIES.name: c.ReplyBundle,
    EVENTS.name: c.OperationRecorded,
    DEAD_LETTERS.name: c.DeadLetter,
    CALLBACKS.name: c.CallbackRecord,
    SWITCHES.name: c.SwitchSet,
    GAMES.name: c.GameRecord,
}


def document() -> str:
    """The document as JSON text, keys sorted, so that a change of a contract is a small change here."""
    broker = KafkaBroker()
    for topic in TOPICS:
        broker.publisher(topic.name, schema=_PAYLOADS[topic.name], title=topic.name, description=_describe(topic))
    specification = AsyncAPI(
        broker,
        title="Stakewire topics",
        version="1",
        description="Every topic of Stakewire. Records are JSON; readers ignore fields they do not know.",
        schema_version="3.0.0",
    )
    return json.dumps(json.loads(specification.to_specification().to_json()), indent=1, sort_keys=True) + "\n"


def _describe(topic: Topic) -> str:
    settings = ", ".join(f"{key} {value}" for key, value in sorted(topic.config.items()))
    return f"{topic.purpose} {topic.partitions} partitions; {settings}."
