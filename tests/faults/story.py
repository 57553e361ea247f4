"""What players do while something breaks: every kind of money command, asked until it is known what became of it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from shared.contracts import Batch, Command, LimitSetting, Result, Rollback, VoidRound
from tests.integration.wallet.line import (
    EUR,
    Line,
    batch,
    bet,
    bet_and_win,
    cancel,
    deposit,
    grant,
    item,
    rollback,
    rollbacks,
    set_limits,
    set_status,
    void,
    win,
    withdraw_everything,
)

ROUNDS = int(os.environ.get("STAKEWIRE_FAULT_ROUNDS", "1"))
"""How often each fault is made; `make faults` raises it."""

START = 100 * EUR


@dataclass
class Story:
    """One player's commands in order, with the results they must have and the balance they must leave."""

    player: str
    steps: list[tuple[Command, str]] = field(default_factory=list)
    change: int = 0

    async def play(self, line: Line) -> None:
        """Plays it through; each answer is checked."""
        for command, expected in self.steps:
            reply = await line.known(command)
            assert reply.result == expected, f"{command.kind} {command.external_id}: {reply.result} instead of {expected}"

    async def again(self, line: Line) -> None:
        """Everything once more: nothing may move, and what stands gets its stored answer."""
        undone = {command.target_external_id for command, _ in self.steps if isinstance(command, Rollback)}
        voided = {command.round_id for command, _ in self.steps if isinstance(command, VoidRound)}
        for command, expected in self.steps:
            reply = await line.known(command)
            # A refused bet had nothing to undo: its refusal stands.
            is_undone = command.external_id in undone or (isinstance(command, Batch) and command.round_id in voided)
            is_cancelled = not isinstance(command, Rollback) and is_undone and expected == Result.OK
            assert reply.result == (Result.ORIGINAL_CANCELLED if is_cancelled else expected)
            assert reply.replayed or reply.result in {Result.ORIGINAL_CANCELLED, Result.ORIGINAL_NOT_FOUND}


async def tell(line: Line, players: int) -> list[Story]:
    """Stories of fresh players."""
    return [_story(line, await line.new_player(START), operator_first=number % 2 == 1) for number in range(players)]


def _story(line: Line, player: str, *, operator_first: bool) -> Story:
    """`operator_first`: the operator acts before play, else after it; so a fault meets both early on."""
    play, change = _play(line, player), 5 * EUR - 1 * EUR
    operator = _operator(line, player, START if operator_first else START + change)
    return Story(player, operator + play if operator_first else play + operator, change)


def _operator(line: Line, player: str, balance: int) -> list[tuple[Command, str]]:
    """What the operator does, and what it does to a stake; all of `balance` is paid out and comes back."""
    ref = line.names.ref()
    return [
        (set_status(player, "draining", f"{ref}-drain"), Result.OK),
        (bet(player, ref), Result.PLAYER_BLOCKED),
        (withdraw_everything(player, f"{ref}-out"), Result.OK),
        (withdraw_everything(player, f"{ref}-again"), Result.OK),
        (deposit(player, balance, f"{ref}-back"), Result.OK),
        (set_status(player, "active", f"{ref}-open"), Result.OK),
        (cancel(player, f"{player}.none", f"{ref}-cancel"), Result.ORIGINAL_NOT_FOUND),
        (grant(player, f"{player}.{ref}", 3), Result.OK),
        (cancel(player, f"{player}.{ref}", f"{ref}-end"), Result.OK),
    ]


def _several(line: Line, player: str) -> list[tuple[Command, str]]:
    """Several operations by one command, and a round that a person takes back: in the end nothing has moved."""
    ref, big, never = (line.names.ref() for _ in range(3))
    played = batch(player, item("bet", ref, stake=2 * EUR), item("win", f"{ref}-w", win=3 * EUR), round_id=ref)
    poor = batch(player, item("win", f"{big}-w", win=EUR), item("bet", big, stake=1_000 * EUR), round_id=big)
    return [
        (played, Result.OK),
        (poor, Result.INSUFFICIENT_FUNDS),
        (set_limits(player, LimitSetting(kind="stake", value=50 * EUR, currency="EUR"), key=f"{ref}-limit"), Result.OK),
        (bet(player, f"{big}-2", 60 * EUR), Result.LIMIT_EXCEEDED),
        (rollbacks(player, f"{big}-2", never), Result.OK),
        (bet(player, never, 7 * EUR), Result.ORIGINAL_CANCELLED),
        (void(player, ref, f"{ref}-void"), Result.OK),
        (win(player, f"{ref}-late", 9 * EUR, round_id=ref), Result.ORIGINAL_CANCELLED),
    ]


def _play(line: Line, player: str) -> list[tuple[Command, str]]:
    one, two, three, never = (line.names.ref() for _ in range(4))
    return [
        (bet(player, one, 3 * EUR), Result.OK),
        (win(player, f"{one}-w", 5 * EUR, round_id=one), Result.OK),
        (rollback(player, never), Result.OK),
        (bet_and_win(player, two, 2 * EUR, 1 * EUR), Result.OK),
        (bet(player, never, 7 * EUR), Result.ORIGINAL_CANCELLED),
        (rollback(player, one), Result.OK),
        (bet(player, three, 1_000 * EUR), Result.INSUFFICIENT_FUNDS),
        (rollback(player, three), Result.OK),
        (rollback(player, one), Result.OK),
        *_several(line, player),
    ]


async def assert_balances(line: Line, stories: list[Story]) -> None:
    """Each player has what his story leaves him."""
    for story in stories:
        assert await line.balance(story.player) == START + story.change
