"""Players whose commands are asked again and again until they are answered, with books of their own.

As providers do: one command of a player after the other; without an answer the same id again. Every answer is compared
with the player's own arithmetic, so a command that took effect twice, or not at all, shows at the next answer.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from shared.contracts import Command, MoneyCommand, Reply, Result
from shared.identity import player_key
from shared.requester.errors import RequesterError
from tests.integration.wallet.line import EUR, Line, bet, bet_and_win, create, deposit, rollback, win
from tests.integration.wallet.topics import read_replies

ATTEMPT_MS: Final = 2_000
PATIENCE_S: Final = 120.0
AGAIN_S: Final = 0.05
OPEN: Final = {Result.UNKNOWN, Result.NOT_DONE}
"""Answers after which the same command is asked again."""


@dataclass
class Player:
    """One player and what he knows of himself."""

    key: str
    operators_id: str
    balance: int = 0
    operations: int = 0
    standing: list[tuple[Command, int]] = field(default_factory=list)
    """Applied bets and wins, with what they moved."""


@dataclass(frozen=True)
class Asked:
    """A command and the answer that counts."""

    command: Command
    reply: Reply


class Crowd:
    """Some players at one line."""

    def __init__(self, line: Line, size: int, seed: int = 1) -> None:
        self._line = line
        self._random = random.Random(seed)
        self._size = size
        self.players: list[Player] = []
        self._asked: dict[tuple[str, ...], Asked] = {}
        self._attempts: dict[str, tuple[str, ...]] = {}
        """Which key an attempt was for."""
        self._undone: set[tuple[str, ...]] = set()

    @property
    def attempts(self) -> int:
        """How many commands were sent, repetitions included."""
        return len(self._attempts)

    async def enter(self) -> None:
        """Creates the players and gives them money."""
        names = [self._line.names.operators_id() for _ in range(self._size)]
        self.players = [Player(player_key("main", name), name) for name in names]
        await asyncio.gather(*(self._enter(player) for player in self.players))

    async def play(self, turns: int) -> None:
        """Each player takes so many turns."""
        await asyncio.gather(*(self._turns(player, turns) for player in self.players))

    async def play_until(self, over: Callable[[], bool]) -> None:
        """Each player takes turns until it is over."""

        async def one(player: Player) -> None:
            while not over():
                await self._turns(player, 1)

        await asyncio.gather(*(one(player) for player in self.players))

    async def check(self) -> None:
        """Everything is asked once more and answered as before; what is stored is what the players know."""
        await asyncio.gather(*(self._repeat(asked) for asked in self._asked.values()))
        for player in self.players:
            assert await self._line.balance(player.key) == player.balance
            assert len(await self._line.operations(player.key)) == player.operations
        await self._replies_agree()

    async def _enter(self, player: Player) -> None:
        await self._settle(player, create(player.operators_id), 0)
        await self._settle(player, deposit(player.key, 1_000 * EUR), 1_000 * EUR)

    async def _turns(self, player: Player, turns: int) -> None:
        for _ in range(turns):
            await self._turn(player)

    async def _turn(self, player: Player) -> None:
        ref, stake, amount = self._line.names.ref(), self._random.randrange(1, EUR), self._random.randrange(1, EUR)
        match self._random.randrange(8):
            case 0 | 1:
                await self._money(player, bet(player.key, ref, stake), -stake)
            case 2:
                await self._money(player, win(player.key, ref, amount), amount)
            case 3 | 4:
                await self._money(player, bet_and_win(player.key, ref, stake, amount), amount - stake)
            case 5 | 6 if player.standing:
                target, moved = player.standing.pop(self._random.randrange(len(player.standing)))
                self._undone.add(_key(target))
                await self._settle(player, rollback(player.key, target.external_id), -moved)
            case _:
                player.operations += 1  # the tombstone
                await self._settle(player, rollback(player.key, ref), 0)
                late = await self._ask(bet(player.key, ref, stake))
                assert (late.result, late.balance) == (Result.ORIGINAL_CANCELLED, 0)

    async def _money(self, player: Player, command: Command, moved: int) -> None:
        await self._settle(player, command, moved)
        player.standing.append((command, moved))

    async def _settle(self, player: Player, command: Command, moved: int) -> None:
        reply = await self._ask(command)
        player.balance += moved
        player.operations += 1
        assert reply.result == Result.OK, f"{command.kind} was answered {reply.result}: {reply.detail}"
        if reply.currency:
            assert reply.balance == player.balance, f"{command.kind} {command.external_id}: {reply.balance}, not {player.balance}"
        self._asked[_key(command)] = Asked(command, reply)

    async def _ask(self, command: Command) -> Reply:
        """Asks until there is an answer."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                attempt = self._line.requester.address(replace(command, deadline_ms=ATTEMPT_MS))
                self._attempts[attempt.command_id] = _key(command)
                try:
                    reply = await self._line.requester.ask(attempt)
                except RequesterError:
                    reply = None
                if reply is not None and reply.result not in OPEN:
                    return reply
                await asyncio.sleep(AGAIN_S)

    async def _repeat(self, asked: Asked) -> None:
        reply = await self._ask(asked.command)
        if isinstance(asked.command, MoneyCommand) and _key(asked.command) in self._undone:
            assert reply.result == Result.ORIGINAL_CANCELLED
        else:
            assert _told(reply) == _told(asked.reply)

    async def _replies_agree(self) -> None:
        """All replies on the topic to attempts of the same command say the same."""
        stand = self._line.stand
        for reply in await asyncio.to_thread(read_replies, stand.kafka_bootstrap_servers, stand.names):
            key = self._attempts.get(reply.command_id)
            if key is None or reply.result in OPEN or key not in self._asked:
                continue
            if reply.result == Result.ORIGINAL_CANCELLED:
                assert key in self._undone, f"{key} was called cancelled"
            else:
                assert _told(reply) == _told(self._asked[key].reply)


def _key(command: Command) -> tuple[str, ...]:
    return command.player, command.provider_account, command.namespace, command.external_id


def _told(reply: Reply) -> tuple[Any, ...]:
    return reply.result, reply.balance, reply.transaction_id, reply.currency, reply.detail
