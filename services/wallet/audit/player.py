"""The invariants of one player's ledger, as pure checks: fed with his operations in order, it names what is wrong.

I1 movements balance, I2 balances are the sums, I3 numbers without gaps, I4 only booked overdrafts, I5 one key one effect, I7 a
tombstone moves nothing, I11 the chain verifies (docs/books.md), and that all of it still fits what was sealed. It holds
sums only, never the operations: what an operation refers to is read with it.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
from msgspec import Struct, field

from services.wallet.audit.canonical import balances_of
from services.wallet.chain import verify_link
from services.wallet.decisions.model import ACCOUNT_PLAYER, APPLIED, GENESIS, TOMBSTONE, Movement, Operation
from services.wallet.working_set import key_of

SEAL = "seal"
"""In place of an invariant: the ledger does not fit its seal."""


class Problem(Struct, frozen=True):
    """One broken invariant, in words."""

    invariant: str
    player: str
    seq: int
    text: str


class State(Struct, frozen=True, kw_only=True):
    """A player's chain at one place: number and hash of the operation, balances after it, sums since his first operation.

    `accounts`: "<account> <currency>" -> units.
    """

    seq: int = 0
    hash: str = GENESIS
    balances: dict[str, int] = field(default_factory=dict)
    accounts: dict[str, int] = field(default_factory=dict)


class Sealed(Struct, frozen=True):
    """A player's head as the last seal has it; `balances` as its text has them."""

    seal: int
    seq: int
    hash: str
    balances: str


class Links(Struct, frozen=True):
    """What the ledger holds of an operation's key and target besides itself, as far as it was asked.

    `same_key`: (seq, status) of an earlier operation under the same key. `undone_by`: an earlier one with the same target.
    `target`: the movements of the operation it undoes; None where they are not at hand.
    """

    same_key: tuple[int, str] | None = None
    undone_by: int = 0
    target: tuple[Movement, ...] | None = None


NO_LINKS = Links()


class PlayerAudit:
    """One player's operations, one after the other, from `start` on."""

    def __init__(self, player: str, start: State | None = None, sealed: Sealed | None = None) -> None:
        start = start or State()
        self.player = player
        self.problems: list[Problem] = []
        self.accounts: Counter[str] = Counter(start.accounts)
        """"<account> <currency>" -> sum of what came in less what went out, in units."""
        self.sealed_accounts: Counter[str] = Counter()
        """The same at the sealed head."""
        self.seq = start.seq
        self.hash = start.hash
        self._start_seq = start.seq
        self._balances: Counter[str] = Counter(start.balances)
        self._sealed = sealed
        self._check_seal()

    @property
    def state(self) -> State:
        """Where the audit stands."""
        return State(seq=self.seq, hash=self.hash, balances=dict(self._balances), accounts=dict(self.accounts))

    def feed(self, operation: Operation, links: Links = NO_LINKS) -> None:
        """The next operation, with its movements."""
        seq = operation.seq
        if operation.player != self.player:
            self._broken("I3", seq, f"an operation of {operation.player} stands among his")
        if seq != self.seq + 1:
            self._broken("I3", seq, f"operation {seq} follows {self.seq}; the numbers must be 1..n without a gap")
        self.seq = seq
        if not verify_link(self.hash, operation):
            self._broken("I11", seq, "the hash is not that of the content after the hash before; something was changed afterwards")
        self.hash = operation.hash
        if links.same_key is not None:
            earlier, status = links.same_key
            rule = "I7" if TOMBSTONE in {status, operation.status} else "I5"
            self._broken(rule, seq, f"the same key {key_of(operation)[1:]} was stored as operation {earlier} ({status}) already")
        self._check_money(operation)
        self._check_reversal(operation, links)
        self._check_seal()

    def finish(self, seq: int, chain_head: str, balances: dict[str, int]) -> None:
        """After the last operation: the player's row and balances (units by currency) as they were read with it."""
        if seq != self.seq:
            self._broken("I3", seq, f"the player's row says {seq} operations, there are {self.seq}")
        elif chain_head != self.hash:
            self._broken("I11", seq, "the head of the chain in the player's row is not the last operation's hash")
        for currency in sorted(set(balances) | set(self._balances)):
            stored, summed = balances.get(currency), self._balances[currency]
            if stored != summed:
                self._broken("I2", seq, f"the balance in {currency} is {stored}, the sum of its movements {summed}")
        if self._sealed is not None and self._sealed.seq > self.seq:
            number, sealed_seq = self._sealed.seal, self._sealed.seq
            self._broken(SEAL, seq, f"seal {number} holds {sealed_seq} operations of his, there are {self.seq}: some were removed")

    def _check_seal(self) -> None:
        sealed = self._sealed
        if sealed is None or sealed.seq != self.seq:
            return
        self.sealed_accounts = Counter(self.accounts)
        if sealed.hash != self.hash:
            self._broken(
                SEAL, self.seq, f"the hash of operation {self.seq} is not the one in seal {sealed.seal}: the chain was made anew"
            )
        told = balances_of(sealed.balances)
        for currency in sorted(set(told) | set(self._balances)):
            # An account that was opened with the head itself has no movement yet.
            if told.get(currency, 0) != self._balances[currency]:
                said, summed = told.get(currency), self._balances[currency]
                self._broken(SEAL, self.seq, f"seal {sealed.seal} has {said} as his balance in {currency}, the movements {summed}")

    def _check_money(self, operation: Operation) -> None:
        seq, currency = operation.seq, operation.currency
        paid = received = 0
        if operation.movements and operation.status != APPLIED:
            rule = "I7" if operation.status == TOMBSTONE else "I5"
            self._broken(rule, seq, f"an operation that is {operation.status} moved money")
        for movement in operation.movements:
            self._check_movement(operation, movement)
            if movement.debit_account == ACCOUNT_PLAYER:
                paid += movement.amount
            else:
                received += movement.amount
        if operation.status == APPLIED and (paid, received) != (operation.stake, operation.win):
            told = f"{operation.stake} paid and {operation.win} received"
            self._broken("I1", seq, f"the operation says {told}, its movements {paid} and {received}")
        if currency and operation.balance_after != self._balances[currency]:
            said, summed = operation.balance_after, self._balances[currency]
            self._broken("I2", seq, f"the balance after it is {said} in the operation, {summed} by the movements")
        after = self._balances[currency]
        if after < 0 and paid > received and not may_overdraw(operation):
            self._broken("I4", seq, f"the balance fell to {after} by a {operation.kind} that books no overdraft")

    def _check_movement(self, operation: Operation, movement: Movement) -> None:
        seq = operation.seq
        sides = (movement.debit_account, movement.credit_account)
        if movement.amount <= 0 or sides.count(ACCOUNT_PLAYER) != 1:
            self._broken("I1", seq, f"a movement of {movement.amount} from {sides[0]} to {sides[1]}")
        if movement.currency != operation.currency:
            self._broken("I1", seq, f"a movement in {movement.currency} belongs to an operation in {operation.currency}")
        self.accounts[f"{movement.debit_account} {movement.currency}"] -= movement.amount
        self.accounts[f"{movement.credit_account} {movement.currency}"] += movement.amount
        sign = 1 if movement.credit_account == ACCOUNT_PLAYER else -1
        self._balances[movement.currency] += sign * movement.amount
        if movement.balance_after != self._balances[movement.currency]:
            said, summed = movement.balance_after, self._balances[movement.currency]
            self._broken("I2", seq, f"a movement says {said} is left, the sum so far is {summed}")

    def _check_reversal(self, operation: Operation, links: Links) -> None:
        target, seq = operation.target_seq, operation.seq
        if not target:
            return
        if links.undone_by:
            self._broken("I5", seq, f"operation {target} was undone by {links.undone_by} already")
        if target >= seq:
            self._broken("I1", seq, f"it undoes operation {target}, which comes after it")
        elif links.target is not None:
            undone = Counter((m.credit_account, m.debit_account, m.amount) for m in links.target)
            booked = Counter((m.debit_account, m.credit_account, m.amount) for m in operation.movements)
            if undone != booked:
                self._broken("I1", seq, f"it undoes operation {target}, but its movements are not that one's turned round")

    def _broken(self, invariant: str, seq: int, text: str) -> None:
        self.problems.append(Problem(invariant, self.player, seq, text))


def may_overdraw(operation: Operation) -> bool:
    """Whether the balance may fall below 0 by it: rollbacks, and what says in its details that it books an overdraft."""
    if operation.kind == "rollback":
        return True
    try:
        details: Any = msgspec.json.decode(operation.details)
    except msgspec.DecodeError:
        return False
    return isinstance(details, dict) and details.get("overdraft") is True
