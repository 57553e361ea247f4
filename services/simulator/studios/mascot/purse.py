"""A player's money on the operator's side: deposits under keys of their own, asked again until they are answered."""

from __future__ import annotations

import secrets

from msgspec.structs import replace

from services.simulator.cashier import Cashier
from services.simulator.errors import RefusedError, SetUpError
from services.simulator.records import DONE, FAILED, Deposit
from services.simulator.studios.mascot.seat import Seat
from shared.money import MinorUnits


class Purse:
    """Puts money on the account of one seat. At most one deposit is open at a time."""

    def __init__(self, seat: Seat, cashier: Cashier, conversion: MinorUnits, owed: Deposit | None = None) -> None:
        self._seat = seat
        self._cashier = cashier
        self._conversion = conversion
        self.owed = owed

    async def fill(self, amount: int, patience_s: float | None = None) -> None:
        """Deposits `amount` minor units; finishes an open deposit instead, where there is one.

        SetUpError where it is not confirmed within `patience_s`: it stays open. RefusedError where it is refused.
        """
        if self.owed is None:
            player = self._seat.player.player
            self.owed = Deposit(key=f"sim-{player}-{secrets.token_hex(6)}", player=player, amount=amount)
            await self._seat.books.put_deposit(self.owed)
        await self.settle(patience_s)

    async def settle(self, patience_s: float | None = None) -> None:
        """Asks for the open deposit again, under its key; nothing to do where there is none."""
        deposit, seat = self.owed, self._seat
        if deposit is None:
            return
        turn = seat.certain_turn()
        try:
            reply = await self._cashier.deposit(
                deposit.player, deposit.key, self._conversion.to_units(deposit.amount), patience_s=patience_s
            )
        except RefusedError:
            self.owed = None
            await seat.books.put_deposit(replace(deposit, state=FAILED))
            raise
        self.owed = None
        seat.balance += deposit.amount
        await seat.books.put_deposit(replace(deposit, state=DONE))
        seat.meter.counts["deposits"] += 1
        if seat.still_certain(turn) and not reply.replayed and reply.balance != self._conversion.to_units(seat.balance):
            seat.problem(
                f"after deposit {deposit.key} the wallet told {reply.balance} units, the books say {seat.balance} minor units"
            )

    async def try_to_fill(self, amount: int, patience_s: float) -> bool:
        """As `fill`, but a deposit that is not confirmed in time is left open for later; returns whether it was confirmed."""
        try:
            await self.fill(amount, patience_s)
        except RefusedError:
            raise
        except SetUpError:
            return False
        return True
