"""How a batch is cut into transactions: by what its commands may write and read, never in another order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from services.wallet.decisions.batches import ITEMS_MAX
from services.wallet.decisions.rounds import OPERATIONS_MAX
from services.wallet.intake import Taken
from shared.contracts import Batch, Command, RollbackList, SetLimits, VoidRound

HEAVY: Final = (Batch, RollbackList, VoidRound, SetLimits)
OPERATIONS_A_TRANSACTION: Final = 2_000
"""About how many operations commands of several may write in one transaction: it must end within the statement timeout."""


def portions(batch: list[Taken]) -> Iterator[list[Taken]]:
    """The batch in its order, in pieces that fit a transaction each: almost always one."""
    weights = [_weight(item.command) for item in batch]
    if sum(weights) <= max(OPERATIONS_A_TRANSACTION, len(batch)):
        if batch:
            yield batch
        return
    start = weight = 0
    for number, each in enumerate(weights):
        if weight and weight + each > OPERATIONS_A_TRANSACTION:
            yield batch[start:number]
            start, weight = number, 0
        weight += each
    yield batch[start:]


def heavy_apart(batch: list[Taken]) -> Iterator[list[Taken]]:
    """The batch in its order, each heavy command a piece of its own."""
    piece: list[Taken] = []
    for item in batch:
        if not is_heavy(item.command):
            piece.append(item)
            continue
        if piece:
            yield piece
        yield [item]
        piece = []
    if piece:
        yield piece


def is_heavy(command: Command | None) -> bool:
    """Whether a single command may take longer than a statement may: it writes many operations, or reads a player's past."""
    return isinstance(command, HEAVY)


def _weight(command: Command | None) -> int:
    """How many operations a command may write, about."""
    if isinstance(command, Batch | RollbackList):
        return min(len(command.items), ITEMS_MAX)
    return OPERATIONS_MAX if isinstance(command, VoidRound) else 1
