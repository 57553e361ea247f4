"""A player's seat at the provider: his sessions, what the books believe he has, and the judgement of each answer.

Everything a seat believes comes from what was sent and answered; the wallet's events are never asked.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from services.simulator.books import Books
from services.simulator.measure import Meter
from services.simulator.records import DONE, REFUSED, REWARD, ROLLED_BACK, UNKNOWN, Player, Transaction
from services.simulator.studios.mascot.answers import INSUFFICIENT_FUNDS, Outcome
from services.simulator.studios.mascot.wire import MascotWire
from shared.identity import provider_player_id

CHARGES_KEPT: Final = 256


class FreeRounds:
    """A free-round counter as the provider believes it to be."""

    def __init__(self, bonus_id: str, left: int) -> None:
        self.bonus_id = bonus_id
        self.left = left


class Seat:
    """One player at one operator. `lock` is held while a round of his is played or his stock is taken."""

    def __init__(self, player: Player, wire_currency: str, wire: MascotWire, books: Books, meter: Meter) -> None:
        self.player = player
        self.currency = wire_currency
        self.wire = wire
        self.books = books
        self.meter = meter
        self.lock = asyncio.Lock()
        self.balance = 0
        self.grant: FreeRounds | None = None
        self.session_id = ""
        self.alternative_id = ""
        self.unresolved = 0
        self.quiet = asyncio.Event()
        self.quiet.set()
        self._turn = 0
        self._charges: dict[str, tuple[FreeRounds, int]] = {}
        self._name = provider_player_id(player.player, player.currency)

    # --- calls -------------------------------------------------------------------------------------------------------

    def params(self, game_id: str = "") -> dict[str, Any]:
        """The parameters that all calls have in common."""
        params: dict[str, Any] = {"callerId": self.wire.casino_id, "playerName": self._name}
        if game_id:
            params["gameId"] = game_id
        if self.session_id:
            params["sessionId"] = self.session_id
        if self.alternative_id:
            params["sessionAlternativeId"] = self.alternative_id
        return params

    def rollback_params(self, transaction: Transaction, *, brief: bool = False) -> dict[str, Any]:
        """The parameters of a rollback; `brief` leaves out all that is optional."""
        params: dict[str, Any] = {"callerId": self.wire.casino_id, "playerName": self._name, "transactionRef": transaction.ref}
        if not brief:
            params["gameId"] = transaction.game_id
            if transaction.round_ref:
                params["gameRoundRef"] = transaction.round_ref
        return params

    async def ask_balance(self) -> int | None:
        """One getBalance; the balance told, None where there was no answer. A wrong one is a problem."""
        turn = self.certain_turn()
        params = self.params() | {"currency": self.currency}
        if self.grant is not None:
            params["bonusId"] = self.grant.bonus_id
        outcome = await self.wire.send(self.wire.prepare("getBalance", params), self.meter)
        self.note(outcome, "getBalance")
        if outcome.kind != "success":
            if outcome.kind == "refused":
                self.problem(f"getBalance was refused with error {outcome.code} ({outcome.text})")
            return None
        told = int(outcome.result["balance"])
        if self.still_certain(turn):
            if told != self.balance:
                self.problem(f"getBalance answered {told}, the books say {self.balance}")
            self._check_free_rounds(outcome, "getBalance")
        return told

    # --- certainty ---------------------------------------------------------------------------------------------------

    def certain_turn(self) -> int | None:
        """A mark for `still_certain`, None where the outcome of a transaction is open just now."""
        return None if self.unresolved else self._turn

    def still_certain(self, mark: int | None) -> bool:
        """Whether nothing became open or was resolved since the mark: then the balance must be exactly the books'."""
        return mark is not None and mark == self._turn

    def becomes_unresolved(self) -> None:
        """A transaction's outcome is open from now on."""
        self._turn += 1
        self.unresolved += 1
        self.quiet.clear()

    def resolved(self, transaction: Transaction) -> None:
        """A rollback was answered with success: the transaction is as if it had never been."""
        self._turn += 1
        self.unresolved -= 1
        self.balance += transaction.paid - transaction.got
        grant, charged = self._charges.pop(transaction.ref, (None, 0))
        if grant is not None:
            grant.left += charged
        transaction.state = ROLLED_BACK
        self.books.save(transaction)
        self.meter.counts["rolled_back"] += 1
        if self.unresolved == 0:
            self.quiet.set()

    # --- judgement ---------------------------------------------------------------------------------------------------

    def problem(self, text: str) -> None:
        """Notes a problem with this player's name."""
        self.meter.problem(f"{self._name}: {text}")

    def note(self, outcome: Outcome, what: str) -> None:
        """Notes what is wrong with an answer itself."""
        if outcome.problem:
            self.problem(f"{what}: {outcome.problem}")

    def book(self, transaction: Transaction, outcomes: list[Outcome], *, free: bool, turn: int | None) -> Outcome:
        """Books the answers to one transaction, sent once or as several copies; returns the one that counts.

        `free` says that its stake belongs to a free round that was charged before; `turn` is the mark from before.
        """
        for outcome in outcomes:
            self.note(outcome, transaction.ref)
        successes = [outcome for outcome in outcomes if outcome.kind == "success"]
        certain = self.still_certain(turn)
        if successes:
            self._compare_copies(transaction, outcomes, successes)
            self._book_success(transaction, successes[0], free=free, certain=certain)
            chosen = successes[0]
        else:
            unknown = [outcome for outcome in outcomes if outcome.kind == "unknown"]
            chosen = unknown[0] if unknown else outcomes[0]
            if unknown:
                transaction.state, transaction.code = UNKNOWN, chosen.code
                self.becomes_unresolved()
            else:
                self._book_refusal(transaction, outcomes, free=free, certain=certain)
        self.books.save(transaction)
        return chosen

    def _compare_copies(self, transaction: Transaction, outcomes: list[Outcome], successes: list[Outcome]) -> None:
        ids = {outcome.result["transactionId"] for outcome in successes}
        if len(ids) > 1:
            self.problem(f"copies of {transaction.ref} were answered with several transaction ids: {sorted(ids)}")
        refused = [outcome.code for outcome in outcomes if outcome.kind == "refused"]
        if refused:
            self.problem(f"one copy of {transaction.ref} was answered with success, another with error {refused[0]}")

    def _book_success(self, transaction: Transaction, outcome: Outcome, *, free: bool, certain: bool) -> None:
        result = outcome.result
        charged = result.get("freeroundWasCharged", False)
        self._check_charge(transaction, charged=charged, certain=certain)
        paid = 0 if charged or free else transaction.withdraw
        if certain and paid > self.balance:
            self.problem(f"{transaction.ref} took {paid} although the player had {self.balance}")
        transaction.state = DONE
        transaction.paid, transaction.got = paid, transaction.deposit
        transaction.transaction_id = result["transactionId"]
        transaction.new_balance = result["newBalance"]
        self.balance += transaction.got - paid
        if charged and self.grant is not None:
            self.grant.left -= transaction.charge
            if len(self._charges) >= CHARGES_KEPT:
                self._charges.pop(next(iter(self._charges)))
            self._charges[transaction.ref] = (self.grant, transaction.charge)
        if certain:
            if result["newBalance"] != self.balance:
                self.problem(f"{transaction.ref} was answered with newBalance {result['newBalance']}, the books say {self.balance}")
            self._check_free_rounds(outcome, transaction.ref)

    def _check_charge(self, transaction: Transaction, *, charged: bool, certain: bool) -> None:
        if charged and not transaction.charge:
            self.problem(f"{transaction.ref} was charged to the free rounds without having asked for it")
        elif transaction.charge and certain and self.grant is not None:
            enough = self.grant.left >= transaction.charge
            if charged != enough:
                self.problem(
                    f"{transaction.ref} asked for {transaction.charge} of {self.grant.left} free rounds; "
                    f"freeroundWasCharged is {charged}, expected {enough}"
                )

    def _check_free_rounds(self, outcome: Outcome, what: str) -> None:
        left = outcome.result.get("freeroundsLeft")
        if left is not None and self.grant is not None and left != self.grant.left:
            self.problem(f"{what} was answered with freeroundsLeft {left}, the books say {self.grant.left}")

    def _book_refusal(self, transaction: Transaction, outcomes: list[Outcome], *, free: bool, certain: bool) -> None:
        codes = {outcome.code for outcome in outcomes}
        if len(codes) > 1:
            self.problem(f"copies of {transaction.ref} were refused with several codes: {sorted(codes)}")
        code = outcomes[0].code
        transaction.state, transaction.code = REFUSED, code
        self.meter.counts["refused"] += 1
        short = transaction.kind != REWARD and not free and transaction.withdraw > self.balance
        beyond_counter = bool(transaction.charge and self.grant is not None and self.grant.left < transaction.charge)
        expected = code == INSUFFICIENT_FUNDS and (short or beyond_counter or not certain)
        if not expected and not outcomes[0].problem:
            self.problem(
                f"{transaction.ref} (withdraw {transaction.withdraw}, deposit {transaction.deposit}) was refused with error {code} "
                f"({outcomes[0].text}); the books say {self.balance} and know no reason"
            )
