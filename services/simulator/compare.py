"""The provider's books of one player against what wallet.events says of him. Pure: values in, differences out.

Invariant I6: every success that the provider saw has its operation; what it rolled back is undone; nothing else moved
money; the chain has neither gaps nor forks; the balances are one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from services.simulator.records import (
    ASKED,
    DONE,
    FAILED,
    REFUSED,
    ROLLED_BACK,
    UNRESOLVED,
    Deposit,
    Player,
    SeenOperation,
    Transaction,
)
from shared.money import MinorUnits

APPLIED: Final = "applied"
OPERATOR: Final = "operator"
GENESIS: Final = "0" * 64
# Kinds that the wallet may mend by itself in the next moment: its events come after its answers.
MAY_STILL_COME: Final = frozenset({"missing_operation", "not_reversed", "not_remembered", "gap", "balance", "missing_deposit"})


class Difference(Struct, frozen=True, kw_only=True):
    """One difference, told in words. `external_id` and `seq` are empty or 0 where there is none."""

    kind: str
    player: str
    text: str
    external_id: str = ""
    seq: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayerBook:
    """A player's books at the moment of the stocktaking, when nothing of his was on its way.

    `transactions` (in order of id) and `deposits` are those not agreed before; `later` the references begun after that moment.
    `balance` is the books' balance and `told` the answer to getBalance, both in minor units; `told` is None where
    none was asked for or came.
    """

    player: Player
    conversion: MinorUnits
    transactions: Sequence[Transaction]
    deposits: Sequence[Deposit] = ()
    later: frozenset[str] = frozenset()
    balance: int = 0
    told: int | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came out: the differences, and the player with the new agreed values where there are none."""

    differences: list[Difference]
    agreed: Player
    operations: int
    """Operations looked at."""


@dataclass(slots=True)
class _Walk:
    """The state of one walk along a player's chain."""

    book: PlayerBook
    seq: int
    hash: str
    units: int
    found: dict[str, SeenOperation] = field(default_factory=dict)
    by_seq: dict[int, SeenOperation] = field(default_factory=dict)
    undone: dict[int, SeenOperation] = field(default_factory=dict)
    remembered: set[str] = field(default_factory=set)
    paid_in: dict[str, SeenOperation] = field(default_factory=dict)
    operations: int = 0
    differences: list[Difference] = field(default_factory=list)

    def differ(self, kind: str, text: str, *, external_id: str = "", seq: int = 0) -> None:
        self.differences.append(Difference(kind=kind, player=self.book.player.player, text=text, external_id=external_id, seq=seq))


def compare_player(book: PlayerBook, operations: Sequence[SeenOperation]) -> Verdict:
    """Compares. `operations` are the player's above the agreed seq, in order of seq, each seq once."""
    player = book.player
    walk = _Walk(book, player.agreed_seq, player.agreed_hash, player.agreed_units)
    _walk_chain(walk, operations)
    ids: dict[str, str] = {}
    for transaction in book.transactions:
        _check_transaction(walk, transaction)
        if transaction.transaction_id:
            other = ids.setdefault(transaction.transaction_id, transaction.ref)
            if other != transaction.ref:
                walk.differ(
                    "transaction_id",
                    f"{transaction.ref} and {other} were both answered with transactionId {transaction.transaction_id!r}",
                    external_id=transaction.ref,
                )
    for deposit in book.deposits:
        _check_deposit(walk, deposit)
    _check_balance(walk)
    agreed = replace(
        player,
        agreed_seq=walk.seq,
        agreed_hash=walk.hash,
        agreed_units=walk.units,
        agreed_minor=book.balance,
        agreed_id=book.transactions[-1].id if book.transactions else player.agreed_id,
    )
    return Verdict(walk.differences, agreed, walk.operations)


def _walk_chain(walk: _Walk, operations: Sequence[SeenOperation]) -> None:
    book = walk.book
    refs = {transaction.ref for transaction in book.transactions}
    keys = {deposit.key for deposit in book.deposits}
    for item in operations:
        if item.external_id in book.later and item.provider_account in (book.player.provider_account, OPERATOR):
            return  # the player was at rest at the stocktaking: what belongs to it lies before
        if not _is_next_link(walk, item):
            return
        walk.operations += 1
        walk.seq, walk.hash = item.seq, item.hash
        walk.by_seq[item.seq] = item
        moved = item.got_units - item.paid_units
        if (item.paid_units or item.got_units) and item.balance_after != walk.units + moved:
            walk.differ(
                "arithmetic",
                f"operation {item.seq} ends with a balance of {item.balance_after} units; {walk.units} before it, "
                f"less {item.paid_units}, plus {item.got_units} make {walk.units + moved}",
                external_id=item.external_id,
                seq=item.seq,
            )
        walk.units += moved
        _file(walk, item, refs, keys)


def _is_next_link(walk: _Walk, item: SeenOperation) -> bool:
    if item.seq != walk.seq + 1:
        walk.differ("gap", f"the events go from operation {walk.seq} to {item.seq}; those between are missing", seq=walk.seq + 1)
        return False
    expected = walk.hash or GENESIS
    if item.previous_hash != expected:
        walk.differ(
            "chain",
            f"operation {item.seq} names {item.previous_hash} as the hash before it, expected was {expected}",
            external_id=item.external_id,
            seq=item.seq,
        )
    return True


def _file(walk: _Walk, item: SeenOperation, refs: set[str], keys: set[str]) -> None:
    """Puts an operation where the books will look for it, and reports what nobody asked for."""
    moved = item.paid_units or item.got_units
    if item.provider_account == walk.book.player.provider_account:
        if item.kind == "rollback":
            walk.remembered.add(item.external_id)
            if item.status == APPLIED:
                _file_reversal(walk, item)
            return
        if item.external_id in refs:
            first = walk.found.setdefault(item.external_id, item)
            if first is not item and moved:
                walk.differ(
                    "duplicate_operation",
                    f"{item.external_id} moved money twice: as operation {first.seq} and again as operation {item.seq}",
                    external_id=item.external_id,
                    seq=item.seq,
                )
            return
    elif item.external_id in keys:
        walk.paid_in[item.external_id] = item
        return
    if moved:
        walk.differ(
            "unknown_operation",
            f"operation {item.seq} ({item.kind} {item.external_id!r} of {item.provider_account}) took {item.paid_units} units and "
            f"gave {item.got_units}, but nobody here ever asked for it",
            external_id=item.external_id,
            seq=item.seq,
        )


def _file_reversal(walk: _Walk, item: SeenOperation) -> None:
    target = walk.by_seq.get(item.target_seq)
    if target is None:
        walk.differ(
            "unknown_operation",
            f"operation {item.seq} undoes operation {item.target_seq}, which is not among those since the last agreement",
            external_id=item.external_id,
            seq=item.seq,
        )
        return
    walk.remembered.add(target.external_id)
    if item.target_seq in walk.undone:
        walk.differ(
            "duplicate_operation",
            f"{target.external_id} was undone twice: by operation {walk.undone[item.target_seq].seq} and by operation {item.seq}",
            external_id=target.external_id,
            seq=item.seq,
        )
    walk.undone.setdefault(item.target_seq, item)


def _check_transaction(walk: _Walk, transaction: Transaction) -> None:
    found = walk.found.get(transaction.ref)
    if transaction.state in UNRESOLVED:
        walk.differ(
            "unresolved",
            f"{transaction.ref} is {transaction.state}: its rollback was tried {transaction.attempts} times and is not answered yet",
            external_id=transaction.ref,
        )
    elif transaction.state == DONE:
        _check_done(walk, transaction, found)
    elif transaction.state == REFUSED and found is not None and found.status == APPLIED:
        walk.differ(
            "moved_although_refused",
            f"{transaction.ref} was refused with error {transaction.code}, but operation {found.seq} applied it",
            external_id=transaction.ref,
            seq=found.seq,
        )
    elif transaction.state == ROLLED_BACK:
        _check_rolled_back(walk, transaction, found)


def _check_done(walk: _Walk, transaction: Transaction, found: SeenOperation | None) -> None:
    ref = transaction.ref
    if found is None or found.status != APPLIED:
        what = "there is no such operation" if found is None else f"operation {found.seq} is {found.status}"
        walk.differ(
            "missing_operation",
            f"{ref} (withdraw {transaction.withdraw}, deposit {transaction.deposit}) was answered with success, but {what}",
            external_id=ref,
            seq=found.seq if found else 0,
        )
        return
    conversion = walk.book.conversion
    paid, got = conversion.to_units(transaction.paid), conversion.to_units(transaction.got)
    if (found.paid_units, found.got_units) != (paid, got):
        walk.differ(
            "amount",
            f"{ref} took {paid} units and gave {got} by the provider's books; operation {found.seq} took {found.paid_units} and "
            f"gave {found.got_units}",
            external_id=ref,
            seq=found.seq,
        )
    if transaction.new_balance is not None and conversion.from_units(found.balance_after) != transaction.new_balance:
        walk.differ(
            "answer",
            f"{ref} was answered with newBalance {transaction.new_balance}; operation {found.seq} left {found.balance_after} units",
            external_id=ref,
            seq=found.seq,
        )
    if found.seq in walk.undone:
        walk.differ(
            "reversed_unasked",
            f"{ref} was undone by operation {walk.undone[found.seq].seq}, but the provider never asked for that",
            external_id=ref,
            seq=walk.undone[found.seq].seq,
        )


def _check_rolled_back(walk: _Walk, transaction: Transaction, found: SeenOperation | None) -> None:
    ref = transaction.ref
    if found is not None and found.status == APPLIED:
        undo = walk.undone.get(found.seq)
        if undo is None:
            walk.differ(
                "not_reversed",
                f"the rollback of {ref} was answered with success, but operation {found.seq} stands",
                external_id=ref,
                seq=found.seq,
            )
        elif undo.got_units - undo.paid_units != found.paid_units - found.got_units:
            walk.differ(
                "amount",
                f"{ref} took {found.paid_units} units and gave {found.got_units}; its rollback, operation {undo.seq}, took "
                f"{undo.paid_units} and gave {undo.got_units}",
                external_id=ref,
                seq=undo.seq,
            )
    elif ref not in walk.remembered and found is None:
        walk.differ(
            "not_remembered",
            f"the rollback of {ref} was answered with success, but no operation remembers it: the bet could still be taken",
            external_id=ref,
        )


def _check_deposit(walk: _Walk, deposit: Deposit) -> None:
    found = walk.paid_in.get(deposit.key)
    if deposit.state == ASKED:
        walk.differ("unresolved", f"deposit {deposit.key} of {deposit.amount} was never answered", external_id=deposit.key)
        return
    applied = found is not None and found.status == APPLIED
    if deposit.state == FAILED:
        if applied:
            walk.differ("moved_although_refused", f"deposit {deposit.key} was refused, but it is applied", external_id=deposit.key)
        return
    if found is None or not applied:
        walk.differ(
            "missing_deposit",
            f"deposit {deposit.key} of {deposit.amount} was confirmed, but no operation applied it",
            external_id=deposit.key,
        )
        return
    units = walk.book.conversion.to_units(deposit.amount)
    if (found.paid_units, found.got_units) != (0, units):
        walk.differ(
            "amount",
            f"deposit {deposit.key} was for {units} units; operation {found.seq} gave {found.got_units}",
            external_id=deposit.key,
            seq=found.seq,
        )


def _check_balance(walk: _Walk) -> None:
    book = walk.book
    units = book.conversion.to_units(book.balance)
    if walk.units != units:
        walk.differ("balance", f"the provider's books end with {units} units, the wallet's events with {walk.units}", seq=walk.seq)
    if book.told is not None and book.told != book.balance:
        walk.differ("balance_told", f"getBalance answered {book.told}, the provider's books say {book.balance}")
