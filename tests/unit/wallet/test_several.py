"""Batch and RollbackList: all items or none, one answer, one effect for ever, however often and in whatever company they come."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from services.wallet.decisions.batches import ITEMS_MAX, parts_of
from services.wallet.working_set import LedgerError, WorkingSet
from shared.contracts import (
    Batch,
    BatchItem,
    Bet,
    BetAndWin,
    Command,
    EndRound,
    PromoWin,
    Reply,
    Result,
    Rollback,
    SetLimits,
    Win,
)
from tests.unit.wallet.builders import (
    ACCOUNT,
    EUR,
    GRANT,
    KEY,
    NOW,
    SESSION,
    activate_session,
    batch,
    bet,
    deposit,
    item,
    limit,
    open_session,
    rollback,
    rollback_list,
    set_limits,
    win,
    withdraw,
)
from tests.unit.wallet.memory import DAYS
from tests.unit.wallet.till import Till

TWO = batch(item("bet", "a", stake=60 * EUR), item("win", "b", win=5 * EUR))
TOO_MUCH = batch(item("bet", "a", stake=60 * EUR), item("bet", "b", stake=60 * EUR), item("win", "c", win=90 * EUR))
TOLD_TWO = [("bet", "a", "applied"), ("win", "b", "applied")]


@pytest.fixture
def till() -> Till:
    return Till()


def results(reply: Reply) -> list[tuple[str, str]]:
    return [(each.external_id, each.result) for each in reply.items]


def test_all_items_are_applied_in_order(till: Till) -> None:
    reply = till.one(TWO)
    assert (reply.result, reply.balance, reply.balance_now, reply.currency) == (Result.OK, 45 * EUR, 45 * EUR, "EUR")
    assert (reply.transaction_id, reply.replayed) == (f"{KEY}-4", False)
    assert [(each.external_id, each.result, each.transaction_id, each.replayed) for each in reply.items] == [
        ("a", Result.OK, f"{KEY}-3", False),
        ("b", Result.OK, f"{KEY}-4", False),
    ]
    assert (till.told(), till.balance) == (TOLD_TWO, 45 * EUR)
    assert (till.round().stake, till.round().win, till.round().bets) == (60 * EUR, 5 * EUR, 1)


def test_none_is_applied_where_one_is_refused_and_that_one_alone_is_stored(till: Till) -> None:
    reply = till.one(TOO_MUCH)
    assert (reply.result, reply.balance, reply.transaction_id) == (Result.INSUFFICIENT_FUNDS, 100 * EUR, f"{KEY}-3")
    assert results(reply) == [("a", Result.NOT_DONE), ("b", Result.INSUFFICIENT_FUNDS), ("c", Result.NOT_DONE)]
    assert (till.told(), till.balance) == ([("bet", "b", "refused")], 100 * EUR)
    assert till.ledger.rounds == {}


@pytest.mark.parametrize("funds", [0, 1_000 * EUR], ids=["as poor as before", "rich by now"])
def test_the_refusal_stays_the_answer(till: Till, funds: int) -> None:
    first = till.one(TOO_MUCH)
    if funds:
        till.done(deposit(funds, external_id="more"))
    again = till.one(TOO_MUCH)
    assert (again.result, again.transaction_id, again.balance, again.replayed) == (
        first.result, first.transaction_id, first.balance, True,
    )  # fmt: skip
    assert results(again) == results(first)
    assert till.balance == 100 * EUR + funds


def test_the_refusal_stays_the_answer_where_an_earlier_item_would_be_refused_by_now(till: Till) -> None:
    first = till.one(TOO_MUCH)
    till.done(bet(80 * EUR, external_id="other", round_id="r2"))
    again = till.one(TOO_MUCH)
    assert (again.result, results(again), again.transaction_id) == (first.result, results(first), first.transaction_id)
    assert [each for each in till.told() if each[1] == "a"] == []


@pytest.mark.parametrize("together", [True, False], ids=["in one batch of the wallet", "later"])
def test_the_whole_again_is_answered_again_item_by_item(till: Till, *, together: bool) -> None:
    first, again = till.ask(TWO, TWO) if together else (till.one(TWO), till.one(TWO))
    assert [each.replayed for each in again.items] == [True, True]
    assert (again.replayed, again.balance, again.transaction_id) == (True, first.balance, first.transaction_id)
    assert [(each.external_id, each.transaction_id) for each in again.items] == [
        (each.external_id, each.transaction_id) for each in first.items
    ]
    assert till.told() == TOLD_TWO


def test_a_replay_tells_the_balance_of_then_and_of_now(till: Till) -> None:
    first = till.one(TWO)
    till.done(deposit(7 * EUR, external_id="more"))
    again = till.one(TWO)
    assert (again.balance, again.balance_now) == (first.balance, first.balance + 7 * EUR)


def test_items_that_came_in_another_batch_are_not_applied_again(till: Till) -> None:
    till.one(TWO)
    reply = till.one(batch(item("win", "b", win=5 * EUR), item("win", "c", win=EUR)))
    assert [(each.external_id, each.result, each.replayed) for each in reply.items] == [
        ("b", Result.OK, True),
        ("c", Result.OK, False),
    ]
    assert (reply.replayed, reply.balance, reply.transaction_id) == (False, 46 * EUR, f"{KEY}-5")
    assert till.told() == [*TOLD_TWO, ("win", "c", "applied")]


def test_an_item_that_came_by_itself_is_not_applied_again(till: Till) -> None:
    till.done(bet(60 * EUR, external_id="a"))
    reply = till.one(TWO)
    assert ([each.replayed for each in reply.items], reply.replayed, till.balance) == ([True, False], False, 45 * EUR)


def test_other_content_under_the_key_of_one_item_refuses_all(till: Till) -> None:
    till.done(bet(60 * EUR, external_id="a"))
    reply = till.one(batch(item("win", "b", win=5 * EUR), item("bet", "a", stake=61 * EUR)))
    assert (reply.result, results(reply)) == (
        Result.DUPLICATE_DIFFERENT, [("b", Result.NOT_DONE), ("a", Result.DUPLICATE_DIFFERENT)],
    )  # fmt: skip
    assert (till.told(), till.balance) == ([("bet", "a", "applied")], 40 * EUR)


def test_one_key_twice_in_a_batch_is_a_replay_or_a_conflict(till: Till) -> None:
    same = till.one(batch(item("bet", "a", stake=EUR), item("bet", "a", stake=EUR)))
    assert ([each.replayed for each in same.items], till.balance) == ([False, True], 99 * EUR)
    other = till.one(batch(item("bet", "x", stake=EUR), item("bet", "x", stake=2 * EUR)))
    assert (other.result, till.balance, len(till.told())) == (Result.DUPLICATE_DIFFERENT, 99 * EUR, 1)


def test_an_item_that_was_rolled_back_since_refuses_all_and_moves_nothing(till: Till) -> None:
    till.one(TWO)
    till.done(rollback("a"))
    before = till.balance
    reply = till.one(TWO)
    assert (reply.result, results(reply)) == (
        Result.ORIGINAL_CANCELLED, [("a", Result.ORIGINAL_CANCELLED), ("b", Result.NOT_DONE)],
    )  # fmt: skip
    assert (till.balance, len(till.told())) == (before, 3)


@pytest.mark.parametrize("ref", ["a", "b"])
def test_the_rollback_of_one_item_before_the_batch_arrives_refuses_all(till: Till, ref: str) -> None:
    till.done(rollback(ref))
    reply = till.one(TWO)
    assert (reply.result, till.balance, reply.transaction_id) == (Result.ORIGINAL_CANCELLED, 100 * EUR, "")
    assert {each.result for each in reply.items} == {Result.ORIGINAL_CANCELLED, Result.NOT_DONE}
    assert till.told() == [("rollback", ref, "void"), ("tombstone", ref, "tombstone")]


@pytest.mark.parametrize(
    ("items", "result", "balance"),
    [
        ((item("bet", "a", stake=100 * EUR), item("win", "b", win=50 * EUR), item("bet", "c", stake=50 * EUR)), Result.OK, 0),
        ((item("bet", "a", stake=100 * EUR), item("bet", "c", stake=50 * EUR), item("win", "b", win=50 * EUR)),
         Result.INSUFFICIENT_FUNDS, 100 * EUR),
    ],
    ids=["a bet behind the win", "a bet before the win"],
)  # fmt: skip
def test_a_win_pays_for_the_bets_behind_it_alone(till: Till, items: tuple[BatchItem, ...], result: str, balance: int) -> None:
    assert (till.one(batch(*items)).result, till.balance) == (result, balance)


def test_a_refusal_takes_back_a_win_of_before(till: Till) -> None:
    reply = till.one(batch(item("win", "a", win=50 * EUR), item("bet", "b", stake=151 * EUR)))
    assert (reply.result, reply.balance, till.balance) == (Result.INSUFFICIENT_FUNDS, 100 * EUR, 100 * EUR)
    assert till.told() == [("bet", "b", "refused")]


def test_a_refusal_takes_back_a_rollback_and_its_tombstone(till: Till) -> None:
    till.done(bet(EUR, external_id="a"))
    undo: dict[str, Any] = {"namespace": "undo", "target_namespace": "tx"}
    refused = batch(
        item("rollback", "a", target_external_id="a", **undo), item("rollback", "never", target_external_id="never", **undo),
        item("bet", "b", stake=1_000 * EUR),
    )  # fmt: skip
    assert till.one(refused).result == Result.INSUFFICIENT_FUNDS
    assert (till.told(), till.balance) == ([("bet", "a", "applied"), ("bet", "b", "refused")], 99 * EUR)
    # Neither was undone: the one is undone now, and the other may still come.
    assert till.one(rollback("a")).detail == ""
    assert till.one(bet(EUR, external_id="never")).result == Result.OK


def test_a_refusal_gives_free_rounds_back(till: Till) -> None:
    till.give_free_rounds()
    charge: dict[str, Any] = {"charge_free_rounds": 2, "stake": EUR}
    reply = till.one(batch(item("bet", "a", **charge), item("bet", "b", stake=101 * EUR), grant_id=GRANT.grant_id))
    assert (reply.result, reply.free_rounds_left, till.free_rounds) == (Result.INSUFFICIENT_FUNDS, 5, 5)
    assert till.operations()[-1].free_rounds_left == 5
    charged = till.one(batch(item("bet", "c", **charge), item("bet", "d", **charge), grant_id=GRANT.grant_id))
    assert (charged.free_rounds_left, charged.free_rounds_charged, till.free_rounds, till.balance) == (1, 4, 1, 100 * EUR)


def test_more_free_rounds_than_there_are_refuse_all(till: Till) -> None:
    till.give_free_rounds()
    items = [item("bet", ref, stake=EUR, charge_free_rounds=3) for ref in ("a", "b")]
    reply = till.one(batch(*items, grant_id=GRANT.grant_id, free_round_exhausted="refuse"))
    assert (reply.result, reply.limit, reply.items[1].limit) == (Result.INSUFFICIENT_FUNDS, "free_rounds", "free_rounds")
    assert (till.free_rounds, till.told()) == (5, [("bet", "b", "refused")])


def test_a_refusal_leaves_a_session_as_it_was(till: Till) -> None:
    till.done(open_session(external_id="open"))
    mine = {"session_id": SESSION.session_id}
    assert till.one(batch(item("bet", "a", stake=EUR), item("bet", "b", stake=100 * EUR), **mine)).result == "INSUFFICIENT_FUNDS"
    assert till.ledger.sessions[KEY, SESSION.session_id].status == "pending"
    till.done(batch(item("bet", "c", stake=EUR), **mine))
    assert till.ledger.sessions[KEY, SESSION.session_id].status == "active"
    till.done(activate_session(external_id="activate"))


def test_other_commands_of_the_same_batch_go_on_from_before_the_refused_whole(till: Till) -> None:
    first, whole, last = till.ask(bet(40 * EUR, external_id="x"), TOO_MUCH, bet(60 * EUR, external_id="y"))
    assert [first.result, whole.result, last.result] == [Result.OK, Result.INSUFFICIENT_FUNDS, Result.OK]
    assert (till.balance, till.told()) == (0, [("bet", "x", "applied"), ("bet", "b", "refused"), ("bet", "y", "applied")])


UNSTORED = [
    pytest.param({"session_id": f"{KEY}.nowhere"}, Result.TOKEN_UNKNOWN, id="session"),
    pytest.param({"currency": "SEK", "player_currency": "SEK"}, Result.WRONG_CURRENCY, id="currency"),
    pytest.param({"brands": ("other",)}, Result.PLAYER_NOT_FOUND, id="brand"),
]


@pytest.mark.parametrize(("fields", "result"), UNSTORED)
def test_what_is_refused_for_now_stores_nothing(till: Till, fields: dict[str, Any], result: str) -> None:
    reply = till.one(batch(item("win", "w", win=0), item("bet", "a", stake=EUR), **fields))
    assert (reply.result, reply.transaction_id, till.told()) == (result, "", [])


@pytest.mark.parametrize("count", [0, ITEMS_MAX + 1])
def test_no_items_or_too_many_are_no_batch(till: Till, count: int) -> None:
    for whole in (batch(*[item("win", f"w{n}", win=1) for n in range(count)]), rollback_list(*[f"w{n}" for n in range(count)])):
        reply = till.one(whole)
        assert (reply.result, reply.items, till.told()) == (Result.BAD_REQUEST, (), [])


def test_as_many_items_as_there_may_be(till: Till) -> None:
    reply = till.one(batch(*[item("bet", f"b{n}", stake=EUR) for n in range(ITEMS_MAX)]))
    assert (reply.result, len(reply.items), till.balance) == (Result.OK, ITEMS_MAX, 50 * EUR)


def test_a_late_batch_with_a_stake_is_not_done_and_a_stored_one_is_answered(till: Till) -> None:
    late = till.one(TWO, expired=True)
    assert (late.result, results(late)) == (Result.NOT_DONE, [("a", Result.NOT_DONE), ("b", Result.NOT_DONE)])
    assert till.told() == []
    first = till.one(TWO)
    again = till.one(TWO, expired=True)
    assert (again.result, again.replayed, again.transaction_id) == (Result.OK, True, first.transaction_id)


def test_a_late_batch_without_new_stakes_is_done(till: Till) -> None:
    till.done(bet(60 * EUR, external_id="a"))
    assert till.one(TWO, expired=True).result == Result.OK
    assert till.balance == 45 * EUR


@pytest.mark.parametrize(
    "poison",
    [item("bet", "z", stake=-1), item("win", "z", win=2**63 - 1), item("bet_and_win", "z", win=-1)],
    ids=["a negative stake", "a balance beyond the ledger", "a negative win"],
)
def test_what_cannot_be_booked_leaves_nothing_of_the_whole(till: Till, poison: BatchItem) -> None:
    till.give_free_rounds()
    undo = item("rollback", "own", namespace="undo", target_namespace="tx", target_external_id="x")
    free = item("bet", "b", charge_free_rounds=1, stake=EUR)
    whole = batch(undo, item("bet", "a", stake=EUR), free, poison, grant_id=GRANT.grant_id)
    loaded = till.ledger.load([bet(EUR, external_id="x"), whole], NOW)
    picture = WorkingSet(loaded, NOW, DAYS)
    picture.step(bet(EUR, external_id="x"), expired=False)
    before = deepcopy(vars(picture))
    with pytest.raises(LedgerError):
        picture.step(whole, expired=False)
    assert vars_of(picture) == vars_of_copy(before)


def vars_of(picture: WorkingSet) -> dict[str, Any]:
    return vars_of_copy(vars(picture))


def vars_of_copy(state: dict[str, Any]) -> dict[str, Any]:
    """Everything that a working set holds, as plain values."""
    return {name: (vars(value) if name == "tally" else value) for name, value in state.items()}


def test_a_list_of_rollbacks_with_known_and_unknown_originals(till: Till) -> None:
    till.done(bet(10 * EUR, external_id="a"), win(4 * EUR, external_id="b"))
    reply = till.one(rollback_list("b", "never", "a"))
    assert (reply.result, reply.balance, till.balance) == (Result.OK, 100 * EUR, 100 * EUR)
    assert [(each.external_id, each.detail) for each in reply.items] == [("b", ""), ("never", "original_not_found"), ("a", "")]
    assert till.one(bet(EUR, external_id="never")).result == Result.ORIGINAL_CANCELLED
    again = till.one(rollback_list("b", "never", "a"))
    assert [(each.external_id, each.detail, each.replayed) for each in again.items] == [
        ("b", "", True), ("never", "original_not_found", True), ("a", "", True),
    ]  # fmt: skip
    assert (again.replayed, till.balance) == (True, 100 * EUR)


def test_a_list_never_expires(till: Till) -> None:
    till.done(bet(10 * EUR, external_id="a"))
    assert (till.one(rollback_list("a"), expired=True).result, till.balance) == (Result.OK, 100 * EUR)


def test_a_list_that_takes_more_than_there_is_may_be_refused_as_a_whole(till: Till) -> None:
    till.done(bet(10 * EUR, external_id="a"), win(50 * EUR, external_id="b"), bet(140 * EUR, external_id="c", round_id="r2"))
    reply = till.one(rollback_list("a", "b", overspent="refuse"))
    assert (reply.result, results(reply)) == (
        Result.INSUFFICIENT_FUNDS, [("a", Result.NOT_DONE), ("b", Result.INSUFFICIENT_FUNDS)],
    )  # fmt: skip
    assert (till.balance, len(till.told())) == (0, 3)
    till.done(rollback_list("a", "b"))
    assert till.balance == -40 * EUR


def test_an_original_twice_in_a_list_is_undone_once(till: Till) -> None:
    till.done(bet(10 * EUR, external_id="a"))
    reply = till.one(rollback_list("a", "a"))
    assert ([each.replayed for each in reply.items], till.balance) == ([False, True], 100 * EUR)


def test_an_item_gets_the_words_of_the_batch_and_its_own_numbers() -> None:
    whole = batch(
        item("bet", "1", stake=3, jackpot_contribution=1), item("win", "2", win=4), item("bet_and_win", "3", stake=5, win=6),
        item("rollback", "4", namespace="undo", target_namespace="tx", target_external_id="1"), item("end_round", "5"),
        item("promo_win", "6", win=7, promo_class="jackpot", campaign_id="c"),
        session_id="s", provider_session_id="ps", grant_id="g", free_round=True, free_round_stake="nominal", closes_round=True,
        free_round_exhausted="refuse", compare_round=False, jackpot_contribution=9, charge_free_rounds=9, overspent="refuse",
        command_id="c7", caller="gateway", reply_partition=3, deadline_ms=77, brand_states={"main": "off"},
    )  # fmt: skip
    parts = parts_of(whole)
    assert [type(part) for part in parts] == [Bet, Win, BetAndWin, Rollback, EndRound, PromoWin]
    assert [part.external_id for part in parts] == list("123456")
    for part in parts:
        for name in ("command_id", "caller", "player", "provider_account", "brands", "deadline_ms", "reply_partition"):
            assert getattr(part, name) == getattr(whole, name)
        for name in ("currency", "player_currency", "game_id", "brand_states", "session_id", "provider_session_id", "grant_id"):
            assert getattr(part, name) == getattr(whole, name)
        assert getattr(part, "round_id", "r1") == "r1"
    stake, won, both, undo, _, prize = parts
    assert isinstance(stake, Bet)
    assert isinstance(won, Win)
    assert isinstance(both, BetAndWin)
    assert isinstance(undo, Rollback)
    assert isinstance(prize, PromoWin)
    assert (stake.stake, stake.jackpot_contribution, stake.charge_free_rounds, stake.free_round) == (3, 1, 0, True)
    assert (stake.free_round_stake, stake.free_round_exhausted, stake.compare_round) == ("nominal", "refuse", False)
    # The last call of the game closes the round for all of them.
    assert (stake.closes_round, won.closes_round, both.closes_round) == (False, False, True)
    assert (won.win, both.stake, both.win) == (4, 5, 6)
    assert (undo.target_namespace, undo.target_external_id, undo.overspent) == ("tx", "1", "refuse")
    assert (prize.win, prize.promo_class, prize.campaign_id, prize.informational) == (7, "jackpot", "c", False)


@pytest.mark.parametrize("command", [bet(), rollback(), win()])
def test_other_commands_have_no_parts(command: Command) -> None:
    assert parts_of(command) == ()


def repeated(till: Till, command: Command) -> Reply | None:
    """As a wallet answers below its position, and nothing is kept."""
    picture = WorkingSet(till.ledger.load([command], NOW), NOW, DAYS)
    before = deepcopy(vars(picture))
    reply = picture.repeat(command)
    assert (picture.new_operations, picture.events) == ([], [])
    if reply is None:
        assert vars_of(picture) == vars_of_copy(before)
    return reply


@pytest.mark.parametrize("whole", [TWO, TOO_MUCH], ids=["applied", "refused"])
def test_below_the_position_the_same_is_answered_again(till: Till, whole: Batch) -> None:
    first = till.one(whole)
    again = repeated(till, whole)
    assert again is not None
    assert (again.result, again.balance, again.transaction_id, results(again)) == (
        first.result, first.balance, first.transaction_id, results(first),
    )  # fmt: skip


def test_below_the_position_what_would_be_applied_now_is_not_answered(till: Till) -> None:
    till.done(win(5 * EUR, external_id="b"))
    assert repeated(till, TWO) is None
    assert repeated(till, batch(item("bet", "x", stake=1_000 * EUR), item("win", "b", win=5 * EUR))) is None
    assert till.balance == 105 * EUR


def test_the_account_of_a_batch_is_its_own(till: Till) -> None:
    assert parts_of(TWO)[0].provider_account == ACCOUNT
    till.one(TWO)
    other = till.one(batch(item("bet", "a", stake=EUR), provider_account="other-demo"))
    assert (other.result, other.replayed) == (Result.OK, False)


def wager_limit(value: int) -> SetLimits:
    return set_limits(limit(value, "wager", "day"), external_id="limit")


def test_stakes_of_one_batch_count_towards_a_limit_together(till: Till) -> None:
    till.done(wager_limit(50 * EUR))
    before = dict(till.ledger.usage)
    reply = till.one(batch(item("bet", "a", stake=30 * EUR), item("win", "w", win=EUR), item("bet", "b", stake=30 * EUR)))
    assert (reply.result, reply.limit, reply.items[2].limit) == (Result.LIMIT_EXCEEDED, "wager_day", "wager_day")
    assert (till.balance, till.ledger.usage) == (100 * EUR, before)
    # What was not kept does not count: the whole limit is still there.
    till.done(batch(item("bet", "c", stake=30 * EUR), item("bet", "d", stake=20 * EUR)))
    assert till.one(bet(1, external_id="e")).result == Result.LIMIT_EXCEEDED
    till.done(rollback_list("c"), bet(30 * EUR, external_id="f"))


def test_what_a_refused_list_undid_counts_again(till: Till) -> None:
    till.done(wager_limit(50 * EUR), bet(50 * EUR, external_id="a"), win(60 * EUR, external_id="w"))
    till.done(bet(0, external_id="z"), withdraw(110 * EUR))
    assert till.one(rollback_list("a", "w", overspent="refuse")).result == Result.INSUFFICIENT_FUNDS
    assert till.one(bet(1, external_id="b")).limit == "wager_day"


def test_first_limits_and_lists_in_one_batch_of_the_wallet(till: Till) -> None:
    """The player is counted from the batch's beginning, so a refused list must be taken out of that as well."""
    refused = batch(item("bet", "a", stake=30 * EUR), item("bet", "b", stake=80 * EUR))
    together = till.ask(bet(20 * EUR, external_id="x"), refused, wager_limit(50 * EUR), bet(30 * EUR, external_id="y"))
    assert [reply.result for reply in together] == [Result.OK, Result.INSUFFICIENT_FUNDS, Result.OK, Result.OK]
    assert till.one(bet(1, external_id="z")).result == Result.LIMIT_EXCEEDED
    assert [usage.staked for usage in till.ledger.usage.values()] == [50 * EUR]
