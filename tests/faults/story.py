"""What players do while something breaks: every kind of money command, asked until it is known what became of it."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field

from shared.contracts import Command, Reply, Result, Rollback
from shared.requester import OutcomeUnknownError, ShedError
from tests.integration.wallet.line import EUR, Line, bet, bet_and_win, rollback, win

ROUNDS = int(os.environ.get("STAKEWIRE_FAULT_ROUNDS", "1"))
"""How often each fault is made; `make faults` raises it."""

LIMIT_S = 180.0
START = 100 * EUR


async def until_known(line: Line, command: Command) -> Reply:
    """As a provider does: the same command again until somebody says what became of it."""
    async with asyncio.timeout(LIMIT_S):
        while True:
            try:
                reply = await line.ask(command)
            except (OutcomeUnknownError, ShedError):
                await asyncio.sleep(0.05)  # the pace of a provider's retries, not a wait for luck
                continue
            if reply.result not in {Result.UNKNOWN, Result.NOT_DONE}:
                return reply


@dataclass
class Story:
    """One player's commands in order, with the results they must have and the balance they must leave."""

    player: str
    steps: list[tuple[Command, str]] = field(default_factory=list)
    change: int = 0

    async def play(self, line: Line) -> None:
        """Plays it through; each answer is checked."""
        for command, expected in self.steps:
            reply = await until_known(line, command)
            assert reply.result == expected, f"{command.kind} {command.external_id}: {reply.result} instead of {expected}"

    async def again(self, line: Line) -> None:
        """Everything once more: nothing may move, and what stands gets its stored answer."""
        undone = {command.target_external_id for command, _ in self.steps if isinstance(command, Rollback)}
        for command, expected in self.steps:
            reply = await until_known(line, command)
            # A refused bet had nothing to undo: its refusal stands.
            is_cancelled = not isinstance(command, Rollback) and command.external_id in undone and expected == Result.OK
            assert reply.result == (Result.ORIGINAL_CANCELLED if is_cancelled else expected)
            assert reply.replayed or reply.result == Result.ORIGINAL_CANCELLED


async def tell(line: Line, players: int) -> list[Story]:
    """Stories of fresh players."""
    return [_story(line, await line.new_player(START)) for _ in range(players)]


def _story(line: Line, player: str) -> Story:
    one, two, three, never = (line.names.ref() for _ in range(4))
    steps: list[tuple[Command, str]] = [
        (bet(player, one, 3 * EUR), Result.OK),
        (win(player, f"{one}-w", 5 * EUR, round_id=one), Result.OK),
        (rollback(player, never), Result.OK),
        (bet_and_win(player, two, 2 * EUR, 1 * EUR), Result.OK),
        (bet(player, never, 7 * EUR), Result.ORIGINAL_CANCELLED),
        (rollback(player, one), Result.OK),
        (bet(player, three, 1_000 * EUR), Result.INSUFFICIENT_FUNDS),
        (rollback(player, three), Result.OK),
        (rollback(player, one), Result.OK),
    ]
    return Story(player, steps, change=5 * EUR - 1 * EUR)


async def assert_balances(line: Line, stories: list[Story]) -> None:
    """Each player has what his story leaves him."""
    for story in stories:
        assert await line.balance(story.player) == START + story.change
