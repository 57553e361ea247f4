"""The simulator's errors, a class per meaning, all of them a SimulatorError.

BooksError: the provider's books. SetUpError: the operator's side of a play. EventsError: the reading of wallet.events.
AnswerError: the HTTP answer to a callback.
"""

from __future__ import annotations

from shared.errors import StakewireError


class SimulatorError(StakewireError):
    """The simulator could not do what was asked."""


class BooksError(SimulatorError):
    """The provider's books cannot be opened, or hold no more."""


class AnswerError(SimulatorError):
    """A callback got no usable answer: too large, or the wire was closed. Its outcome is unknown."""


class SetUpError(SimulatorError):
    """Players, money, sessions or free rounds could not be made on the operator's side."""


class RefusedError(SetUpError):
    """The wallet refused what a play needs on the operator's side; asking again gives the same answer. `result` is the wallet's."""

    def __init__(self, message: str, result: str) -> None:
        super().__init__(message)
        self.result = result


class EventsError(SimulatorError):
    """The wallet's events cannot be read."""
