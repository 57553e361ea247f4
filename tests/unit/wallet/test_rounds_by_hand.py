"""VoidRound and SettleRound: what a person ended is not decided again by the provider's late calls."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from services.wallet.decisions import decide
from services.wallet.decisions.rounds import OPERATIONS_MAX
from shared.contracts import Command, Reply, Result
from tests.unit.wallet.builders import (
    EUR,
    GRANT,
    HOUSE,
    KEY,
    ROUND,
    adjust,
    batch,
    bet,
    bet_and_win,
    end_round,
    item,
    promo_win,
    rollback,
    rollback_list,
    set_status,
    settle_round,
    stored,
    view,
    void_round,
    win,
    withdraw,
)
from tests.unit.wallet.till import Till

STAKE = bet(10 * EUR, external_id="a")
WON = win(4 * EUR, external_id="b")
BOTH = bet_and_win(6 * EUR, EUR, external_id="c")


@pytest.fixture
def till() -> Till:
    return Till()


def told(reply: Reply) -> tuple[str, str]:
    return reply.result, reply.detail


def test_everything_in_a_round_is_undone(till: Till) -> None:
    till.done(STAKE, WON, BOTH)
    reply = till.one(void_round())
    assert (reply.result, reply.balance, reply.currency, reply.transaction_id) == (Result.OK, 100 * EUR, "EUR", f"{KEY}-9")
    assert till.balance == 100 * EUR
    # What gives to the player first: he is never overdrawn on the way to more.
    assert till.told()[3:] == [
        ("rollback", "k1:5", "applied"), ("rollback", "k1:3", "applied"), ("rollback", "k1:4", "applied"),
        ("void_round", "k1", "applied"),
    ]  # fmt: skip
    own = till.operations()[-1]
    assert json.loads(own.details) == {"reason": "a broken game", "author": "key-1", "undone": [5, 3, 4], "parts": 3}
    assert [(item.namespace, item.target_seq) for item in till.operations()[-4:-1]] == [("void", 5), ("void", 3), ("void", 4)]
    round_ = till.round()
    assert (round_.status, round_.stake, round_.win, round_.bets) == ("voided", 0, 0, 0)
    assert round_.closed_at_ms > 0


@pytest.mark.parametrize("together", [True, False], ids=["in one batch of the wallet", "later"])
def test_the_same_command_again_is_answered_again(till: Till, *, together: bool) -> None:
    till.done(STAKE, WON)
    first, again = till.ask(void_round(), void_round()) if together else (till.one(void_round()), till.one(void_round()))
    assert (again.result, again.replayed, again.transaction_id, again.balance) == (
        Result.OK, True, first.transaction_id, first.balance,
    )  # fmt: skip
    assert (till.balance, len(till.told())) == (100 * EUR, 5)


def test_a_void_round_is_not_voided_again(till: Till) -> None:
    till.done(STAKE, void_round())
    assert till.one(void_round(external_id="k2")).result == Result.ORIGINAL_CANCELLED
    assert till.one(settle_round(external_id="k3")).result == Result.ORIGINAL_CANCELLED
    assert len(till.told()) == 3


def test_the_key_of_another_round_is_a_conflict(till: Till) -> None:
    till.done(STAKE, bet(EUR, external_id="x", round_id="r2"), void_round())
    assert till.one(void_round(round_id="r2")).result == Result.DUPLICATE_DIFFERENT
    assert till.one(settle_round(round_id="r1")).result == Result.DUPLICATE_DIFFERENT
    assert till.round("r2").status == "open"


def test_what_was_undone_before_is_not_undone_again(till: Till) -> None:
    till.done(STAKE, WON, rollback("a"), void_round())
    assert (till.balance, till.told()[3:]) == (100 * EUR, [("rollback", "k1:4", "applied"), ("void_round", "k1", "applied")])


def test_the_undo_of_an_undo_is_undone(till: Till) -> None:
    undo_of_undo = rollback("a", external_id="again", target_namespace="undo")
    till.done(STAKE, rollback("a"), undo_of_undo, void_round())
    assert (till.balance, till.told()[3:]) == (100 * EUR, [("rollback", "k1:5", "applied"), ("void_round", "k1", "applied")])


def test_free_rounds_come_back(till: Till) -> None:
    till.give_free_rounds()
    till.done(
        bet(EUR, external_id="a", grant_id=GRANT.grant_id, charge_free_rounds=2),
        win(3 * EUR, external_id="b", grant_id=GRANT.grant_id, free_round=True),
    )
    assert (till.free_rounds, till.balance) == (3, 103 * EUR)
    till.done(void_round())
    assert (till.free_rounds, till.balance, till.round().free_charged) == (5, 100 * EUR, 0)


@pytest.mark.parametrize("together", [True, False], ids=["in one batch of the wallet", "later"])
def test_prizes_and_corrections_that_name_the_round_stay(till: Till, *, together: bool) -> None:
    prizes = (promo_win(3 * EUR, external_id="p", round_id="r1"), adjust(-EUR, external_id="adj", round_id="r1"))
    undone_twice = (rollback("p"), rollback("p", external_id="again", target_namespace="undo"))
    commands = (prizes[0], STAKE, prizes[1], *undone_twice, void_round())
    if together:
        till.done(*commands)
    else:
        for command in commands:
            till.done(command)
    assert (till.balance, till.round().stake, till.round().win, till.round().bets) == (102 * EUR, 0, 0, 0)


def test_other_rounds_and_accounts_stay(till: Till) -> None:
    till.done(
        STAKE, bet(EUR, external_id="x", round_id="r2"), bet(2 * EUR, external_id="y", provider_account="other-demo"), void_round()
    )
    assert till.balance == 97 * EUR
    assert (till.round("r2").status, till.ledger.rounds[KEY, "other-demo", "r1"].status) == ("open", "open")


@pytest.mark.parametrize("together", [True, False], ids=["in one batch of the wallet", "later"])
def test_won_money_that_is_spent_is_overdrawn(till: Till, *, together: bool) -> None:
    commands: list[Command] = [STAKE, win(30 * EUR, external_id="b"), withdraw(120 * EUR, external_id="out"), void_round()]
    if together:
        assert [reply.result for reply in till.ask(*commands)] == [Result.OK] * 4
    else:
        till.done(*commands)
    assert till.balance == -20 * EUR
    assert '"overdraft":true' in till.operations()[-2].details


def test_or_nothing_is_undone_where_it_is_to_be_refused(till: Till) -> None:
    till.done(STAKE, win(30 * EUR, external_id="b"), withdraw(120 * EUR, external_id="out"))
    reply = till.one(void_round(overspent="refuse"))
    assert (reply.result, reply.balance, till.balance, len(till.told())) == (Result.INSUFFICIENT_FUNDS, 0, 0, 3)
    assert (till.round().status, till.round().stake, till.round().win) == ("open", 10 * EUR, 30 * EUR)
    # Not stored: he may win or deposit, and it is asked again.
    till.done(win(20 * EUR, external_id="w", round_id="r2"), void_round(overspent="refuse"))
    assert (till.balance, till.round().status) == (0, "voided")


def test_a_round_that_gives_money_back_is_never_refused(till: Till) -> None:
    till.done(STAKE, WON, withdraw(94 * EUR, external_id="out"), void_round(overspent="refuse"))
    assert (till.balance, [item.balance_after >= 0 for item in till.operations()]) == (6 * EUR, [True] * len(till.operations()))


LATE_IN_A_VOID_ROUND = [
    pytest.param(win(50 * EUR, external_id="late"), id="win"),
    pytest.param(bet(EUR, external_id="late"), id="bet"),
    pytest.param(bet_and_win(EUR, 9 * EUR, external_id="late"), id="bet and win"),
    pytest.param(bet_and_win(0, 9 * EUR, external_id="late"), id="bet and win without a stake"),
]


@pytest.mark.parametrize("late", LATE_IN_A_VOID_ROUND)
def test_late_calls_about_a_void_round_move_nothing(till: Till, late: Command) -> None:
    till.done(STAKE, void_round())
    reply = till.one(late)
    assert (reply.result, till.balance, till.told()[-1]) == (Result.ORIGINAL_CANCELLED, 100 * EUR, (late.kind, "late", "refused"))
    again = till.one(late)
    assert (again.result, again.replayed, again.transaction_id) == (Result.ORIGINAL_CANCELLED, True, reply.transaction_id)
    assert told(till.one(rollback("late"))) == (Result.OK, "original_refused")
    assert (till.round().status, till.round().stake, till.round().win, till.balance) == ("voided", 0, 0, 100 * EUR)


def test_a_late_stake_is_told_about_the_void_round_before_all_else(till: Till) -> None:
    till.done(STAKE, void_round(), set_status("blocked", external_id="s"))
    assert till.one(bet(1_000 * EUR, external_id="late"), expired=True).result == Result.ORIGINAL_CANCELLED


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["the win first", "the void first"])
@pytest.mark.parametrize("together", [True, False], ids=["in one batch of the wallet", "one by one"])
def test_a_win_that_races_the_void_is_not_kept(till: Till, order: tuple[int, int], *, together: bool) -> None:
    till.done(STAKE)
    race: list[Command] = [(WON, void_round())[number] for number in order]
    replies = till.ask(*race) if together else [till.one(command) for command in race]
    answers = {command.kind: reply.result for command, reply in zip(race, replies, strict=True)}
    assert answers == {"void_round": Result.OK, "win": Result.OK if order == (0, 1) else Result.ORIGINAL_CANCELLED}
    assert till.balance == 100 * EUR
    # A retry of the win hears the same truth in both orders: it is not there.
    assert till.one(WON).result == Result.ORIGINAL_CANCELLED
    assert till.balance == 100 * EUR


def test_late_rollbacks_find_everything_undone(till: Till) -> None:
    till.done(STAKE, WON, void_round())
    assert [told(till.one(rollback(ref))) for ref in ("a", "b")] == [(Result.OK, "original_undone")] * 2
    assert [each.detail for each in till.one(rollback_list("a", "b", external_id="")).items] == ["original_undone"] * 2
    assert (till.balance, till.told()[-1]) == (100 * EUR, ("rollback", "b", "void"))


def test_a_late_bet_that_was_rolled_back_before_stays_out(till: Till) -> None:
    till.done(STAKE, rollback("late"), void_round())
    assert till.one(bet(EUR, external_id="late")).result == Result.ORIGINAL_CANCELLED
    assert till.balance == 100 * EUR


def test_the_undo_of_an_undo_brings_nothing_back_into_a_void_round(till: Till) -> None:
    till.done(STAKE, rollback("a"), void_round())
    late = rollback("a", external_id="again", target_namespace="undo")
    assert (told(till.one(late)), till.balance) == ((Result.OK, "round_voided"), 100 * EUR)
    assert (till.one(late).detail, till.round().stake) == ("round_voided", 0)


def test_a_batch_into_a_void_round_is_refused_whole(till: Till) -> None:
    till.done(STAKE, void_round())
    reply = till.one(batch(item("promo_win", "p", win=EUR, promo_class="prize"), item("win", "w", win=EUR)))
    assert (reply.result, till.balance, till.told()[-1]) == (Result.ORIGINAL_CANCELLED, 100 * EUR, ("win", "w", "refused"))


def test_the_end_of_a_void_round_is_a_success_and_prizes_are_paid(till: Till) -> None:
    till.done(STAKE, void_round(), end_round(external_id="e"), promo_win(2 * EUR, external_id="p", round_id="r1"))
    assert (till.round().status, till.balance) == ("voided", 102 * EUR)
    till.done(rollback("p"))
    assert till.balance == 100 * EUR


@pytest.mark.parametrize("build", [void_round, settle_round])
@pytest.mark.parametrize(
    ("fields", "result"),
    [
        ({"reason": ""}, Result.BAD_REQUEST),
        ({"author": ""}, Result.BAD_REQUEST),
        ({"round_id": "r9"}, Result.ORIGINAL_NOT_FOUND),
        ({"provider_account": "other-demo"}, Result.ORIGINAL_NOT_FOUND),
        ({"brands": ("other",)}, Result.PLAYER_NOT_FOUND),
    ],
    ids=["no reason", "no author", "unknown round", "another account's round", "brand"],
)
def test_what_cannot_be_ended_by_hand_stores_nothing(till: Till, build: Any, fields: dict[str, Any], result: str) -> None:
    till.done(STAKE)
    assert (till.one(build(**fields)).result, len(till.told())) == (result, 1)


def test_a_round_of_too_many_operations_is_not_voided() -> None:
    operations = tuple(stored("bet", seq=number, external_id=f"t{number}") for number in range(1, OPERATIONS_MAX + 2))
    assert decide(void_round(), view(round=ROUND, round_operations=operations)).result == Result.BAD_REQUEST
    decision = decide(void_round(), view(round=ROUND, round_operations=operations[1:]))
    assert (decision.result, len(decision.parts)) == (Result.OK, OPERATIONS_MAX)


@pytest.mark.parametrize("amount", [0, 7 * EUR])
def test_a_settlement_pays_and_ends_the_round(till: Till, amount: int) -> None:
    till.done(STAKE, set_status("blocked", external_id="s"))
    reply = till.one(settle_round(amount))
    assert (reply.result, reply.balance, till.balance) == (Result.OK, 90 * EUR + amount, 90 * EUR + amount)
    own = till.operations()[-1]
    assert (own.kind, own.status, own.win, own.stake, own.round_id) == ("settle_round", "applied", amount, 0, "r1")
    assert [(move.debit_account, move.credit_account) for move in own.movements] == [(HOUSE, "player")] * (amount > 0)
    assert json.loads(own.details) == {"reason": "the studio's word", "author": "key-1"}
    assert (till.round().status, till.round().win) == ("settled", amount)
    again = till.one(settle_round(amount))
    assert (again.replayed, again.transaction_id) == (True, reply.transaction_id)
    assert till.one(settle_round(amount + 1)).result == Result.DUPLICATE_DIFFERENT
    assert till.balance == 90 * EUR + amount


def test_a_win_below_nothing_is_no_settlement(till: Till) -> None:
    till.done(STAKE)
    assert (till.one(settle_round(-1)).result, till.round().status) == (Result.BAD_REQUEST, "open")


@pytest.mark.parametrize("ends", [end_round(external_id="e"), settle_round(external_id="k0")], ids=["closed", "settled"])
def test_only_an_open_round_is_settled(till: Till, ends: Command) -> None:
    till.done(STAKE, ends)
    before = till.balance
    assert (till.one(settle_round(external_id="k2")).result, till.balance) == (Result.ORIGINAL_SETTLED, before)


@pytest.mark.parametrize(
    "late", [win(4 * EUR, external_id="late"), bet_and_win(0, 4 * EUR, external_id="late")], ids=lambda command: command.kind
)
def test_a_late_win_of_a_settled_round_is_noted_and_not_paid(till: Till, late: Command) -> None:
    till.done(STAKE, settle_round(7 * EUR))
    reply = till.one(late)
    assert (told(reply), reply.balance, till.balance) == ((Result.OK, "round_settled"), 97 * EUR, 97 * EUR)
    own = till.operations()[-1]
    assert (own.status, own.win, own.movements, own.details) == ("void", 4 * EUR, (), '{"reason":"round_settled"}')
    again = till.one(late)
    assert (told(again), again.replayed, again.transaction_id) == (told(reply), True, reply.transaction_id)
    assert told(till.one(rollback("late"))) == (Result.OK, "original_void")
    assert (till.round().win, till.balance) == (7 * EUR, 97 * EUR)


@pytest.mark.parametrize(
    "late", [bet(EUR, external_id="late"), bet_and_win(EUR, 2 * EUR, external_id="late")], ids=lambda command: command.kind
)
def test_a_late_stake_of_a_settled_round_is_refused(till: Till, late: Command) -> None:
    till.done(STAKE, settle_round())
    assert [till.one(late).result for _ in range(2)] == [Result.ORIGINAL_SETTLED] * 2
    assert (till.told()[-1], till.balance) == ((late.kind, "late", "refused"), 92 * EUR)


def test_a_late_rollback_of_a_settled_rounds_bet_is_refused_for_good(till: Till) -> None:
    till.done(STAKE, settle_round())
    reply = till.one(rollback("a"))
    assert (told(reply), till.told()[-1], till.balance) == (
        (Result.ORIGINAL_SETTLED, "round_settled"), ("rollback", "a", "refused"), 92 * EUR,
    )  # fmt: skip
    again = till.one(rollback("a"))
    assert (told(again), again.replayed, again.transaction_id) == (told(reply), True, reply.transaction_id)
    # What never moved anything, or was undone before, is a success as ever.
    assert told(till.one(rollback("never"))) == (Result.OK, "original_not_found")


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["the win first", "the settlement first"])
def test_a_win_that_races_the_settlement(till: Till, order: tuple[int, int]) -> None:
    """A win that came before it is paid besides the settlement; the person decided knowing it, or voids the round."""
    till.done(STAKE)
    race: list[Command] = [(WON, settle_round(7 * EUR))[number] for number in order]
    assert [reply.result for reply in till.ask(*race)] == [Result.OK, Result.OK]
    assert till.balance == (101 * EUR if order == (0, 1) else 97 * EUR)


def test_a_settled_round_may_be_voided_with_its_settlement(till: Till) -> None:
    till.done(STAKE, settle_round(7 * EUR, external_id="k0"), void_round())
    assert (till.balance, till.round().status, till.round().win) == (100 * EUR, "voided", 0)
    assert till.one(settle_round(7 * EUR, external_id="k0")).result == Result.ORIGINAL_CANCELLED
    assert till.balance == 100 * EUR


@pytest.mark.parametrize("command", [void_round(), settle_round()], ids=lambda command: command.kind)
def test_a_round_is_ended_in_its_own_currency(command: Command) -> None:
    assert decide(command, view(round=replace(ROUND, currency="USD"))).currency == "USD"
