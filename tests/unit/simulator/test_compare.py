"""The comparison of one player's books with wallet.events: agreement, and every kind of planted difference."""

from collections.abc import Callable
from dataclasses import replace

import msgspec
import pytest

from services.simulator.compare import Difference, PlayerBook, compare_player
from services.simulator.records import (
    DONE,
    FAILED,
    MONEY,
    REFUSED,
    ROLLED_BACK,
    UNKNOWN,
    Deposit,
    Player,
    SeenOperation,
    Transaction,
)
from shared.contracts import CurrencyMapping
from shared.money import MinorUnits

KEY = "aaaaaaaaaaaaaaaa"
ACCOUNT = "mascot-test"
PLAYER = Player(player=KEY, operator_player_id="p", brand="main", provider_account=ACCOUNT, currency="EUR")
CONVERSION = MinorUnits.of(CurrencyMapping(wire="EUR", currency="EUR"))


def transaction(
    ref: str, withdraw: int = 0, deposit: int = 0, state: str = DONE, new_balance: int | None = None, number: int = 0
) -> Transaction:
    booked = state in (DONE, ROLLED_BACK)
    return Transaction(
        id=number, player=KEY, ref=ref, kind=MONEY, withdraw=withdraw, deposit=deposit, state=state, new_balance=new_balance,
        paid=withdraw if booked else 0, got=deposit if booked else 0, transaction_id=f"{KEY}-{ref}" if booked else "",
    )  # fmt: skip


class Chain:
    """Operations as the wallet would publish them; amounts in minor units of the wire."""

    def __init__(self) -> None:
        self.operations: list[SeenOperation] = []
        self.units = 0

    def add(
        self,
        ref: str,
        kind: str = "bet",
        *,
        paid: int = 0,
        got: int = 0,
        status: str = "applied",
        account: str = ACCOUNT,
        target: int = 0,
    ) -> int:
        seq = len(self.operations) + 1
        self.units += (got - paid) * 1_000
        self.operations.append(
            SeenOperation(
                player=KEY, seq=seq, hash=f"{seq:064x}", previous_hash=f"{seq - 1:064x}", provider_account=account,
                namespace="undo" if kind == "rollback" else "tx", external_id=ref, kind=kind, status=status,
                paid_units=paid * 1_000, got_units=got * 1_000, balance_after=self.units, target_seq=target,
            )
        )  # fmt: skip
        return seq


def good() -> tuple[PlayerBook, Chain]:
    """A player with one of everything, and both sides agree."""
    chain = Chain()
    chain.add("create", "create_player", account="operator")
    chain.add("d1", "deposit", got=10_000, account="operator")
    chain.add("open", "open_session")
    chain.add("t1", paid=400, got=150)
    chain.add("t2", paid=1_000_000, status="refused")
    chain.operations[-1] = msgspec.structs.replace(chain.operations[-1], paid_units=0)
    chain.units += 1_000_000_000
    chain.add("t3", paid=200)
    chain.add("t3", "rollback", got=200, target=6)
    chain.add("t4", "tombstone", status="tombstone")
    chain.add("t4", "rollback", status="void")
    chain.add("t5", got=30)
    book = PlayerBook(
        player=PLAYER,
        conversion=CONVERSION,
        transactions=(
            transaction("t1", 400, 150, new_balance=9_750, number=1),
            transaction("t2", 1_000_000, state=REFUSED, number=2),
            transaction("t3", 200, state=ROLLED_BACK, number=3),
            transaction("t4", 200, state=ROLLED_BACK, number=4),
            transaction("t5", deposit=30, new_balance=9_780, number=5),
        ),
        deposits=(Deposit(key="d1", player=KEY, amount=10_000, state=DONE),),
        balance=9_780,
        told=9_780,
    )
    return book, chain


def differences(book: PlayerBook, operations: list[SeenOperation]) -> list[Difference]:
    return compare_player(book, operations).differences


def kinds(book: PlayerBook, operations: list[SeenOperation]) -> set[str]:
    found = differences(book, operations)
    assert all(difference.text and difference.player == KEY for difference in found)
    return {difference.kind for difference in found}


def test_both_sides_agree_and_the_agreement_is_the_start_of_the_next_comparison() -> None:
    book, chain = good()

    verdict = compare_player(book, chain.operations)

    assert verdict.differences == []
    assert verdict.operations == 10
    agreed = verdict.agreed
    assert (agreed.agreed_seq, agreed.agreed_units, agreed.agreed_minor, agreed.agreed_id) == (10, 9_780_000, 9_780, 5)
    chain.add("t6", paid=80)
    after = PlayerBook(
        player=agreed, conversion=CONVERSION, transactions=(transaction("t6", 80, number=6),), balance=9_700, told=9_700
    )
    assert differences(after, chain.operations[10:]) == []


def test_what_was_played_after_the_stocktaking_is_left_to_the_next_comparison() -> None:
    book, chain = good()
    chain.add("t6", paid=80)
    chain.add("d2", "deposit", got=500, account="operator")

    verdict = compare_player(replace(book, later=frozenset({"t6", "d2"})), chain.operations)

    assert verdict.differences == []
    assert verdict.agreed.agreed_seq == 10


Plant = Callable[[list[SeenOperation]], list[SeenOperation]]


def without(seq: int) -> Plant:
    """The operation never happened: what follows moves up, as if the wallet had never had it."""

    def plant(operations: list[SeenOperation]) -> list[SeenOperation]:
        chain = Chain()
        seqs: dict[int, int] = {}
        for item in operations:
            if item.seq != seq:
                seqs[item.seq] = chain.add(
                    item.external_id, item.kind, paid=item.paid_units // 1_000, got=item.got_units // 1_000, status=item.status,
                    account=item.provider_account, target=seqs.get(item.target_seq, 0),
                )  # fmt: skip
        return chain.operations

    return plant


def changed(seq: int, **values: object) -> Plant:
    def plant(operations: list[SeenOperation]) -> list[SeenOperation]:
        return [msgspec.structs.replace(item, **values) if item.seq == seq else item for item in operations]

    return plant


def lost(seq: int) -> Plant:
    return lambda operations: [item for item in operations if item.seq != seq]


@pytest.mark.parametrize(
    ("plant", "expected"),
    [
        pytest.param(without(4), {"missing_operation", "balance"}, id="a success without its operation"),
        pytest.param(
            changed(4, status="refused", paid_units=0, got_units=0),
            {"missing_operation", "balance", "arithmetic"},
            id="refused here",
        ),
        pytest.param(changed(4, paid_units=401_000), {"amount", "arithmetic", "balance"}, id="another stake"),
        pytest.param(changed(4, got_units=149_999), {"amount", "arithmetic", "balance"}, id="another win, below a minor unit"),
        pytest.param(changed(5, status="applied"), {"moved_although_refused"}, id="a refusal that was applied"),
        pytest.param(without(7), {"not_reversed", "balance"}, id="a rollback that undid nothing"),
        pytest.param(changed(7, got_units=199_000), {"amount", "arithmetic", "balance"}, id="a rollback of another amount"),
        pytest.param(
            changed(7, target_seq=4, external_id="t1"), {"not_reversed", "reversed_unasked", "amount"}, id="another one undone"
        ),
        pytest.param(without(2), {"missing_deposit", "balance"}, id="a deposit that is not there"),
        pytest.param(changed(2, got_units=1), {"amount", "arithmetic", "balance"}, id="a deposit of another amount"),
        pytest.param(lost(5), {"gap", "not_reversed", "not_remembered", "missing_operation", "balance"}, id="a gap"),
        pytest.param(changed(6, previous_hash="f" * 64), {"chain"}, id="a hash that does not link"),
        pytest.param(changed(1, previous_hash="f" * 64), {"chain"}, id="a beginning that is none"),
        pytest.param(changed(10, balance_after=1), {"arithmetic", "answer"}, id="a balance that does not add up"),
    ],
)
def test_a_planted_difference_is_found(plant: Plant, expected: set[str]) -> None:
    book, chain = good()
    operations = plant(chain.operations)

    found = kinds(book, operations)

    assert found & expected
    assert found <= expected | {"answer", "not_reversed", "not_remembered"}
    assert compare_player(book, chain.operations).differences == [], "the books themselves are untouched"


def test_a_rollback_that_left_neither_undo_nor_tombstone_is_found() -> None:
    book, chain = good()

    assert "not_remembered" in kinds(book, without(8)(without(9)(chain.operations)))


def test_an_operation_that_nobody_asked_for_is_found() -> None:
    book, chain = good()
    chain.add("ghost", paid=5)

    found = differences(book, chain.operations)

    assert {each.kind for each in found} == {"unknown_operation", "balance"}
    assert "ghost" in found[0].text


def test_money_that_the_operator_moved_unasked_is_found() -> None:
    book, chain = good()
    chain.add("gift", "deposit", got=5, account="operator")

    assert kinds(book, chain.operations) == {"unknown_operation", "balance"}


def test_a_bet_that_moved_money_twice_is_found() -> None:
    book, chain = good()
    chain.add("t1", paid=400, got=150)

    assert kinds(book, chain.operations) == {"duplicate_operation", "balance"}


def test_a_bet_that_was_undone_twice_is_found() -> None:
    book, chain = good()
    chain.add("t3", "rollback", got=200, target=6)

    assert kinds(book, chain.operations) == {"duplicate_operation", "balance"}


def test_a_late_bet_that_was_taken_after_its_rollback_is_found() -> None:
    book, chain = good()
    chain.add("t4", paid=200)

    assert kinds(book, chain.operations) == {"duplicate_operation", "balance"}


def test_an_undo_of_something_that_is_not_there_is_found() -> None:
    book, chain = good()
    chain.add("t9", "rollback", got=10, target=99)

    assert kinds(book, chain.operations) == {"unknown_operation", "balance"}


def test_an_answer_that_told_another_balance_than_was_booked_is_found() -> None:
    book, chain = good()
    entries = list(book.transactions)
    entries[0] = transaction("t1", 400, 150, new_balance=9_751, number=1)

    assert kinds(replace(book, transactions=entries), chain.operations) == {"answer"}


def test_two_transactions_answered_with_one_transaction_id_are_found() -> None:
    book, chain = good()
    book.transactions[4].transaction_id = book.transactions[0].transaction_id

    assert kinds(book, chain.operations) == {"transaction_id"}


def test_a_balance_that_getbalance_tells_otherwise_is_found() -> None:
    book, chain = good()

    assert kinds(replace(book, told=9_781), chain.operations) == {"balance_told"}


@pytest.mark.parametrize("state", ["sent", UNKNOWN, "rolling"])
def test_what_is_still_open_is_no_agreement(state: str) -> None:
    book, chain = good()
    entries = [*book.transactions, transaction("t6", 50, state=state, number=6)]

    assert kinds(replace(book, transactions=entries), chain.operations) == {"unresolved"}


def test_a_deposit_without_an_answer_is_no_agreement() -> None:
    book, chain = good()
    deposits = [*book.deposits, Deposit(key="d2", player=KEY, amount=10)]

    assert kinds(replace(book, deposits=deposits), chain.operations) == {"unresolved"}


def test_a_refused_deposit_that_was_applied_is_found() -> None:
    book, chain = good()
    chain.add("d2", "deposit", got=10, account="operator")
    deposits = [*book.deposits, Deposit(key="d2", player=KEY, amount=10, state=FAILED)]

    assert kinds(replace(book, deposits=deposits), chain.operations) == {"moved_although_refused", "balance"}
