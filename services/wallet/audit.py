"""The invariants of one player's ledger, as pure checks: fed with his operations in order, it names what is wrong.

I1 movements balance, I2 balances are the sums, I3 numbers without gaps, I4 overdrafts only by rollbacks, I5 one key one
effect, I7 a tombstone moves nothing, I11 the chain verifies (architecture section 6).
"""

from __future__ import annotations

from collections import Counter

from msgspec import Struct

from services.wallet.chain import verify_link
from services.wallet.decisions.model import ACCOUNT_PLAYER, APPLIED, GENESIS, TOMBSTONE, Movement, Operation
from services.wallet.working_set import Key, key_of


class Problem(Struct, frozen=True):
    """One broken invariant, in words."""

    invariant: str
    player: str
    seq: int
    text: str


class PlayerAudit:
    """One player's operations, one after the other."""

    def __init__(self, player: str) -> None:
        self.player = player
        self.problems: list[Problem] = []
        self.accounts: Counter[tuple[str, str]] = Counter()
        """(account, currency) -> sum of what came in less what went out, in units."""
        self._seq = 0
        self._head = GENESIS
        self._balances: Counter[str] = Counter()
        self._keys: dict[Key, int] = {}
        self._moved: dict[int, tuple[Movement, ...]] = {}
        self._undone: dict[int, int] = {}

    def feed(self, operation: Operation) -> None:
        """The next operation, with its movements."""
        seq = operation.seq
        if seq != self._seq + 1:
            self._broken("I3", seq, f"operation {seq} follows {self._seq}; the numbers must be 1..n without a gap")
        self._seq = seq
        if not verify_link(self._head, operation):
            self._broken("I11", seq, "the hash is not that of the content after the hash before; something was changed afterwards")
        self._head = operation.hash
        earlier = self._keys.setdefault(key_of(operation), seq)
        if earlier != seq:
            self._broken("I5", seq, f"the same key {key_of(operation)[1:]} was stored as operation {earlier} already")
        self._check_money(operation)
        self._check_reversal(operation)
        self._moved[seq] = operation.movements

    def finish(self, seq: int, chain_head: str, balances: dict[str, int]) -> None:
        """After the last operation: the player's row and balances (units by currency) as they were read with it."""
        if seq != self._seq:
            self._broken("I3", seq, f"the player's row says {seq} operations, there are {self._seq}")
        elif chain_head != self._head:
            self._broken("I11", seq, "the head of the chain in the player's row is not the last operation's hash")
        for currency in sorted(set(balances) | set(self._balances)):
            stored, summed = balances.get(currency), self._balances[currency]
            if stored != summed:
                self._broken("I2", seq, f"the balance in {currency} is {stored}, the sum of its movements {summed}")

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
        if after < 0 and paid > received and operation.kind != "rollback":
            self._broken("I4", seq, f"the balance fell to {after} by a {operation.kind}; only a rollback may overdraw")

    def _check_movement(self, operation: Operation, movement: Movement) -> None:
        seq = operation.seq
        sides = (movement.debit_account, movement.credit_account)
        if movement.amount <= 0 or sides.count(ACCOUNT_PLAYER) != 1:
            self._broken("I1", seq, f"a movement of {movement.amount} from {sides[0]} to {sides[1]}")
        if movement.currency != operation.currency:
            self._broken("I1", seq, f"a movement in {movement.currency} belongs to an operation in {operation.currency}")
        self.accounts[movement.debit_account, movement.currency] -= movement.amount
        self.accounts[movement.credit_account, movement.currency] += movement.amount
        sign = 1 if movement.credit_account == ACCOUNT_PLAYER else -1
        self._balances[movement.currency] += sign * movement.amount
        if movement.balance_after != self._balances[movement.currency]:
            said, summed = movement.balance_after, self._balances[movement.currency]
            self._broken("I2", seq, f"a movement says {said} is left, the sum so far is {summed}")

    def _check_reversal(self, operation: Operation) -> None:
        target, seq = operation.target_seq, operation.seq
        if not target:
            return
        if target in self._undone:
            self._broken("I5", seq, f"operation {target} was undone by {self._undone[target]} already")
        self._undone[target] = seq
        undone = Counter((m.credit_account, m.debit_account, m.amount) for m in self._moved.get(target, ()))
        booked = Counter((m.debit_account, m.credit_account, m.amount) for m in operation.movements)
        if target >= seq or undone != booked:
            self._broken("I1", seq, f"it undoes operation {target}, but its movements are not that one's turned round")

    def _broken(self, invariant: str, seq: int, text: str) -> None:
        self.problems.append(Problem(invariant, self.player, seq, text))
