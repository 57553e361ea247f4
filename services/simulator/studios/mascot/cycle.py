"""Mascot's rollback cycle: after error 8, a timeout or an answer that is none, rollbackTransaction until it is answered `{}`.

Error 7 starts none. The cycle runs beside the game and survives the play; the books carry it over a restart.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass

from services.simulator.books import Books
from services.simulator.records import Transaction
from services.simulator.studios.mascot.answers import ROLLBACK, Outcome
from services.simulator.studios.mascot.seat import Seat
from services.simulator.studios.mascot.wire import MascotWire


@dataclass(frozen=True, slots=True)
class BackOff:
    """Seconds between tries: the first at once, then doubling from `first_s` to `longest_s`, a little scattered."""

    first_s: float = 0.1
    longest_s: float = 5.0
    scatter: float = 0.2

    def after(self, attempt: int, rng: random.Random) -> float:
        """The pause after try number `attempt` (1, 2, ...)."""
        pause_s = min(self.first_s * float(1 << min(attempt - 1, 32)), self.longest_s)
        return pause_s * (1 + self.scatter * (rng.random() - 0.5))


class RollbackCycle:
    """All running cycles of one operator. `at_once` limits how many rollbacks are on the wire."""

    def __init__(self, wire: MascotWire, books: Books, back_off: BackOff | None = None, at_once: int = 32) -> None:
        self._wire = wire
        self._books = books
        self._back_off = back_off or BackOff()
        self._limit = asyncio.Semaphore(at_once)
        self._rng = random.Random()  # noqa: S311  # scatter, not cryptography
        self._running: set[asyncio.Task[None]] = set()

    @property
    def running(self) -> int:
        """How many transactions wait for their rollback to be answered."""
        return len(self._running)

    def start(self, seat: Seat, transaction: Transaction) -> None:
        """Rolls a transaction back until that is answered; the seat already counts it as unresolved."""
        task = asyncio.get_running_loop().create_task(self._roll_back(seat, transaction), name=f"rollback {transaction.ref}")
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def once(self, seat: Seat, transaction: Transaction, *, brief: bool = False) -> Outcome:
        """One rollback; where it succeeds the seat is told so."""
        call = self._wire.prepare(ROLLBACK, seat.rollback_params(transaction, brief=brief))
        outcome = await self._wire.send(call, seat.meter)
        transaction.attempts += 1
        seat.note(outcome, f"rollback of {transaction.ref}")
        if outcome.kind == "success":
            seat.resolved(transaction)
        else:
            self._books.save(transaction)
        return outcome

    async def close(self) -> None:
        """Stops trying; what is open stays in the books."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _roll_back(self, seat: Seat, transaction: Transaction) -> None:
        told = False
        while True:
            async with self._limit:
                outcome = await self.once(seat, transaction)
            if outcome.kind == "success":
                return
            if outcome.kind == "refused" and not outcome.problem and not told:
                told = True
                seat.problem(f"the rollback of {transaction.ref} was refused with error {outcome.code} ({outcome.text})")
            await asyncio.sleep(self._back_off.after(transaction.attempts, self._rng))
