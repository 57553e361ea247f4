"""The topics by name, as `topics.toml` beside this file defines them; everything else asks here."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

DEFINITIONS: Final = Path(__file__).with_name("topics.toml")
MINUTE_MS: Final = 60_000
MAX_RECORD_BYTES: Final = 1_000_000
"""Largest record we send; brokers refuse above 1,048,588 bytes by default."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic's definition. `partitions` of `wallet.commands` is the ceiling of wallet replicas and fixed at creation."""

    name: str
    partitions: int
    config: dict[str, str]
    purpose: str


def _read() -> dict[str, Topic]:
    content = tomllib.loads(DEFINITIONS.read_text(encoding="utf-8"))
    return {
        name: Topic(name, entry["partitions"], {key: str(value) for key, value in entry["config"].items()}, entry["purpose"])
        for name, entry in content.items()
    }


_DEFINED: Final = _read()
COMMANDS: Final = _DEFINED["wallet.commands"]
REPLIES: Final = _DEFINED["wallet.replies"]
EVENTS: Final = _DEFINED["wallet.events"]
DEAD_LETTERS: Final = _DEFINED["wallet.dead-letters"]
CALLBACKS: Final = _DEFINED["gateway.callbacks"]
SWITCHES: Final = _DEFINED["gateway.switches"]
GAMES: Final = _DEFINED["catalogue.games"]
TOPICS: Final = tuple(_DEFINED.values())


@dataclass(frozen=True, slots=True)
class TopicNames:
    """The names on the broker: the definitions' names behind an optional prefix (several stacks on one cluster)."""

    prefix: str = ""

    def of(self, topic: Topic) -> str:
        """The name of `topic` on the broker."""
        return self.prefix + topic.name
