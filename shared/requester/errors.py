"""What can go wrong between a command and its reply.

RequesterError
├── OutcomeUnknownError   sent, but nobody knows what became of it
└── ShedError             never sent
"""

from __future__ import annotations

from shared.errors import StakewireError


class RequesterError(StakewireError):
    """A command got no reply."""


class OutcomeUnknownError(RequesterError):
    """The command was handed to Kafka and no reply came: it may or may not have been applied."""


class ShedError(RequesterError):
    """The command was not sent at all: too many are waiting, or Kafka is not reachable."""
