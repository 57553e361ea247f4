"""The topics: names, partitions, retention. One table; everything else asks it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MINUTE_MS: Final = 60_000
DAY_MS: Final = 24 * 60 * MINUTE_MS
MAX_RECORD_BYTES: Final = 1_000_000
"""Largest record we send; brokers refuse above 1,048,588 bytes by default."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic's definition. `partitions` of `wallet.commands` is the ceiling of wallet replicas and fixed at creation."""

    name: str
    partitions: int
    config: dict[str, str]
    purpose: str


COMMANDS: Final = Topic(
    "wallet.commands",
    24,
    {"cleanup.policy": "delete", "retention.ms": str(7 * DAY_MS)},
    "Everything that changes state, and balance and session queries. Key: player key.",
)
REPLIES: Final = Topic(
    "wallet.replies",
    12,
    {"cleanup.policy": "delete", "retention.ms": str(10 * MINUTE_MS), "segment.ms": str(10 * MINUTE_MS)},
    "One record per reply partition and batch, holding many replies; a gateway process reads one partition by assignment.",
)
EVENTS: Final = Topic(
    "wallet.events",
    24,
    {"cleanup.policy": "delete", "retention.ms": str(7 * DAY_MS)},
    "Facts after commit, hash-chained per player: a redo log and a public contract. Key: player key.",
)
DEAD_LETTERS: Final = Topic(
    "wallet.dead-letters",
    4,
    {"cleanup.policy": "delete", "retention.ms": str(28 * DAY_MS)},
    "Commands that could not be decoded or applied, with cause and origin. Key: player key.",
)
CALLBACKS: Final = Topic(
    "gateway.callbacks",
    4,
    {
        "cleanup.policy": "delete",
        "retention.ms": str(7 * DAY_MS),
        "retention.bytes": str(2 * 1024**3),
    },
    "Raw callbacks with answer, timings, verdict and diagnosis; secrets removed. Key: player key or provider account.",
)
SWITCHES: Final = Topic(
    "gateway.switches",
    1,
    {"cleanup.policy": "compact"},
    "The operator's switches on brands, provider accounts and games; the newest record of a key counts.",
)
GAMES: Final = Topic(
    "catalogue.games",
    1,
    {"cleanup.policy": "compact"},
    "Every game of every provider account; the newest record of a key counts, withdrawn is a state. Null only for purging.",
)
TOPICS: Final = (COMMANDS, REPLIES, EVENTS, DEAD_LETTERS, CALLBACKS, SWITCHES, GAMES)


@dataclass(frozen=True, slots=True)
class TopicNames:
    """The names on the broker: the definitions' names behind an optional prefix (several stacks on one cluster)."""

    prefix: str = ""

    def of(self, topic: Topic) -> str:
        """The name of `topic` on the broker."""
        return self.prefix + topic.name
