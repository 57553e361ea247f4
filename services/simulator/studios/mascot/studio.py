"""The Mascot studio at one operator: its wire, its rollback cycle and the seats of all its players."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

from services.simulator.cashier import Cashier
from services.simulator.errors import SetUpError
from services.simulator.measure import Meter
from services.simulator.plan import Plan
from services.simulator.records import Player
from services.simulator.studios.mascot.cycle import RollbackCycle
from services.simulator.studios.mascot.paytable import RIOT
from services.simulator.studios.mascot.player import AutomaticPlayer
from services.simulator.studios.mascot.purse import Purse
from services.simulator.studios.mascot.seat import Seat
from services.simulator.studios.mascot.wire import MascotWire
from services.simulator.target import Target
from shared.identity import player_key


class MascotStudio:
    """Start it before use. One for each target: two would not know of each other's players."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.rtp = RIOT.rtp
        self.background = Meter()
        """Counts what belongs to no play: rollbacks carried over a restart, and stocktaking of earlier players."""
        self.wire = MascotWire(
            target.callback_url, casino_id=target.casino_id, key_id=target.key_id, key=target.key, timeout_s=target.timeout_s
        )
        self.cycle = RollbackCycle(self.wire, target.books, target.back_off)
        self._cashier = Cashier(
            target.requester,
            brand=target.brand,
            provider_account=target.provider_account,
            currency=target.currency,
            test_players=target.test_players,
        )
        self._seats: dict[str, tuple[Seat, Purse]] = {}
        self._playing: set[str] = set()

    async def start(self) -> None:
        """Opens the wire and takes up what a process before this one left open."""
        self.wire.open()
        books = self.target.books
        for deposit in books.unresolved_deposits():
            if self._is_ours(deposit.player):
                _, purse = self._seat_of(books.players[deposit.player])
                purse.owed = deposit
        for transaction in books.unresolved():
            if self._is_ours(transaction.player):
                seat, _ = self._seat_of(books.players[transaction.player])
                seat.becomes_unresolved()
                self.cycle.start(seat, transaction)

    async def close(self) -> None:
        """Stops the cycle and the wire; what is open stays in the books."""
        await self.cycle.close()
        await self.wire.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def new_player(self, name: str, plan: Plan, meter: Meter, rng: random.Random) -> AutomaticPlayer:
        """A new player with money and a session. SetUpError where the operator's side does not give them."""
        target = self.target
        player = Player(
            player=player_key(target.brand, name),
            operator_player_id=name,
            brand=target.brand,
            provider_account=target.provider_account,
            currency=target.currency,
        )
        # In the books first: an event of a player who is not in them would be passed over.
        target.books.add_player(player)
        await self._cashier.create_player(name)
        seat = Seat(player, target.wire_currency, self.wire, target.books, meter)
        purse = Purse(seat, self._cashier, target.conversion)
        self._seats[player.player] = (seat, purse)
        self._playing.add(player.player)
        automatic = AutomaticPlayer(seat, purse, self.cycle, self._cashier, plan=plan, rng=rng)
        await automatic.sit_down()
        return automatic

    def release(self, player: str) -> None:
        """The player's play is over; his seat is kept while something of his is open."""
        self._playing.discard(player)
        self._clear(player)

    @asynccontextmanager
    async def at_rest(self, player: Player, timeout_s: float) -> AsyncIterator[Seat]:
        """The seat of a player while nothing of his is played, open or on its way.

        Raises TimeoutError where he does not come to rest in time.
        """
        seat, purse = self._seat_of(player)
        until = asyncio.get_running_loop().time() + timeout_s
        async with asyncio.timeout_at(until):
            await seat.lock.acquire()
        try:
            async with asyncio.timeout_at(until):
                await seat.quiet.wait()
            if purse.owed is not None:
                try:
                    await purse.settle(max(0.0, until - asyncio.get_running_loop().time()))
                except SetUpError as error:
                    raise TimeoutError(str(error)) from error
            yield seat
        finally:
            seat.lock.release()
            self._clear(player.player)

    def _clear(self, player: str) -> None:
        held = self._seats.get(player)
        if player not in self._playing and held is not None and held[0].unresolved == 0 and held[1].owed is None:
            del self._seats[player]

    def _is_ours(self, player: str) -> bool:
        return self.target.books.players[player].provider_account == self.target.provider_account

    def _seat_of(self, player: Player) -> tuple[Seat, Purse]:
        held = self._seats.get(player.player)
        if held is None:
            seat = Seat(player, self.target.wire_currency, self.wire, self.target.books, self.background)
            seat.balance = self.target.books.balance(player.player)
            held = (seat, Purse(seat, self._cashier, self.target.conversion))
            self._seats[player.player] = held
        return held
