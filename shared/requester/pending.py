"""The table of commands whose reply is awaited: bounded, with a reserve for what must not be lost, and deadlines.

Plain bookkeeping on the event loop's clock: no Kafka, no tasks, one timer for all deadlines (a wait_for for each
command costs more than everything else here).
"""

from __future__ import annotations

import asyncio
import math
from collections import defaultdict
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from shared.contracts.replies import Reply
from shared.requester.errors import OutcomeUnknownError

TICK_S: Final = 0.05
"""How exact deadlines are; a deadline is never early."""


class Priority(IntEnum):
    """Who is shed first when the table fills up."""

    QUERY = 0
    STAKE = 1
    SETTLEMENT = 2


PRIORITIES: Final[dict[str, Priority]] = {
    "get_balance": Priority.QUERY,
    "get_player": Priority.QUERY,
    "get_session": Priority.QUERY,
    "list_sessions": Priority.QUERY,
    "get_grant": Priority.QUERY,
    "list_grants": Priority.QUERY,
    "list_operations": Priority.QUERY,
    "get_limits": Priority.QUERY,
    "get_round": Priority.QUERY,
    "authenticate": Priority.QUERY,
    "bet": Priority.STAKE,
    "bet_and_win": Priority.STAKE,
    "withdraw": Priority.STAKE,
    "open_session": Priority.STAKE,
}
"""By kind of command; what is not named here is a settlement: wins, rollbacks, the end of rounds and sessions."""


@dataclass(frozen=True, slots=True)
class PendingLimits:
    """How many commands may wait at once, and up to which share of that queries and stakes are let in."""

    total: int = 8_192
    query_share: float = 0.5
    stake_share: float = 0.75


class PendingTable:
    """Commands by id, each with the future its asker waits on."""

    def __init__(self, limits: PendingLimits) -> None:
        self._waiting: dict[str, asyncio.Future[Reply]] = {}
        self._wheel: defaultdict[int, list[str]] = defaultdict(list)
        self._next_tick = 0
        self._ceilings = (int(limits.total * limits.query_share), int(limits.total * limits.stake_share), limits.total)

    def __len__(self) -> int:
        """How many commands wait."""
        return len(self._waiting)

    def __contains__(self, command_id: str) -> bool:
        """Whether this command waits."""
        return command_id in self._waiting

    def has_room(self, priority: Priority) -> bool:
        """Whether a command of this priority may be sent now."""
        return len(self._waiting) < self._ceilings[priority]

    def add(self, command_id: str, waiter: asyncio.Future[Reply], deadline_s: float) -> None:
        """Enters a command until `deadline_s` on the loop's clock. The id must be new."""
        if command_id in self._waiting:
            raise ValueError(f"command id {command_id!r} is waiting already; every attempt needs an id of its own")
        self._waiting[command_id] = waiter
        tick = max(math.ceil(deadline_s / TICK_S), self._next_tick)
        self._wheel[tick].append(command_id)

    def resolve(self, reply: Reply) -> bool:
        """Hands a reply to its asker; False where nobody waits (too late, or a repetition)."""
        waiter = self._waiting.pop(reply.command_id, None)
        if waiter is None or waiter.done():
            return False
        waiter.set_result(reply)
        return True

    def fail(self, command_id: str, error: Exception) -> bool:
        """Ends one command with an error; False where it does not wait any more."""
        waiter = self._waiting.pop(command_id, None)
        if waiter is None or waiter.done():
            return False
        waiter.set_exception(error)
        return True

    def drop(self, command_id: str) -> None:
        """Forgets a command whose asker has gone."""
        self._waiting.pop(command_id, None)

    def expire(self, now_s: float) -> int:
        """Ends what is past its deadline with OutcomeUnknownError; returns how many. Call it every TICK_S."""
        tick = math.floor(now_s / TICK_S)
        if tick < self._next_tick:
            return 0
        due = [each for each in self._wheel if each <= tick]
        self._next_tick = tick + 1
        expired = 0
        for each in due:
            for command_id in self._wheel.pop(each):
                if command_id in self._waiting:
                    expired += self.fail(command_id, OutcomeUnknownError("the wallet did not reply before the deadline"))
        return expired

    def fail_all(self, reason: str) -> int:
        """Ends everything that waits; returns how many. For the end of the process."""
        ids = list(self._waiting)
        self._wheel.clear()
        return sum(self.fail(command_id, OutcomeUnknownError(reason)) for command_id in ids)
