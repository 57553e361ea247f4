"""PromoWin and Adjust: money outside of the game, never asked for status, session, game or limits."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.wallet.decisions import decide
from services.wallet.decisions.model import APPLIED, REFUSED, VOID, Decision, Entry
from services.wallet.working_set import LedgerError
from shared.contracts import Command, PromoClass, Result
from shared.money import CRYPTO_SCALES, FIAT_SCALE
from tests.unit.wallet.builders import (
    ACCOUNT,
    BLOCKED,
    CLOSED,
    EUR,
    ROUND,
    SESSION,
    adjust,
    bet,
    promo_win,
    rollback,
    view,
)
from tests.unit.wallet.till import Till

LARGEST = 2**63 - 1


@pytest.fixture
def till() -> Till:
    return Till()


@pytest.mark.parametrize(
    ("promo_class", "source"),
    [("jackpot", "jackpot"), ("free_rounds", "free_rounds"), ("tournament", "promo"), ("prize", "promo"), ("cashback", "promo")],
)
def test_a_prize_comes_from_its_purse(promo_class: PromoClass, source: str) -> None:
    decision = decide(promo_win(2 * EUR, promo_class, campaign_id="spring"), view())
    assert (decision.result, decision.status, decision.win) == (Result.OK, APPLIED, 2 * EUR)
    assert decision.entries == (Entry(f"{source}:{ACCOUNT}", "player", 2 * EUR),)
    assert json.loads(decision.details) == {"campaign": "spring"}


def test_a_prize_of_nothing_is_kept_and_moves_nothing() -> None:
    decision = decide(promo_win(0), view())
    assert (decision.status, decision.entries, decision.details) == (APPLIED, (), "")


def test_what_came_by_other_calls_already_is_noted_and_moves_nothing(till: Till) -> None:
    note = promo_win(2 * EUR, "free_rounds", informational=True)
    reply = till.one(note)
    assert (reply.result, till.balance, till.told()) == (Result.OK, 100 * EUR, [("promo_win", "t1", VOID)])
    own = till.operations()[-1]
    assert (own.win, own.promo_class, own.movements) == (2 * EUR, "free_rounds", ())
    assert till.one(note).replayed
    assert till.one(promo_win(2 * EUR, "free_rounds")).result == Result.DUPLICATE_DIFFERENT
    assert till.one(rollback()).detail == "original_void"


@pytest.mark.parametrize("player", [BLOCKED, CLOSED], ids=["blocked", "closed"])
@pytest.mark.parametrize("command", [promo_win(session_id=SESSION.session_id, game_state="stopped"), adjust(game_state="stopped")])
def test_nothing_of_the_game_is_asked(player: Any, command: Command) -> None:
    assert decide(command, view(player=player, expired=True)).result == Result.OK


def test_the_round_of_a_prize_stays_as_it_is(till: Till) -> None:
    till.done(bet(EUR, external_id="a"), promo_win(2 * EUR, external_id="p", round_id="r1"), adjust(-EUR, round_id="r1"))
    assert (till.round().stake, till.round().win, till.round().bets) == (EUR, 0, 1)
    again = rollback("p", external_id="again", target_namespace="undo")
    for undo in (rollback("p"), again, rollback("again", external_id="third", target_namespace="undo")):
        till.done(undo)
        assert (till.round().stake, till.round().win, till.round().bets) == (EUR, 0, 1)
    assert till.balance == 98 * EUR
    assert [item.details for item in till.operations()[-3:]] == [
        '{"uncounted":true}', '{"restores":true,"uncounted":true}', '{"uncounted":true}',
    ]  # fmt: skip


def test_a_prize_again_is_answered_again_and_another_one_is_a_conflict(till: Till) -> None:
    first = till.one(promo_win(2 * EUR, "jackpot"))
    again = till.one(promo_win(2 * EUR, "jackpot", round_id="r7", game_id="other"))
    assert (again.replayed, again.transaction_id) == (True, first.transaction_id)
    others = (promo_win(3 * EUR, "jackpot"), promo_win(2 * EUR, "prize"), promo_win(2 * EUR, "jackpot", informational=True))
    for other in (*others, bet(2 * EUR)):
        assert till.one(other).result == Result.DUPLICATE_DIFFERENT
    till.done(rollback())
    assert (till.one(promo_win(2 * EUR, "jackpot")).result, till.balance) == (Result.ORIGINAL_CANCELLED, 100 * EUR)


WRONG = [
    pytest.param(promo_win(-1), Result.BAD_REQUEST, id="prize below nothing"),
    pytest.param(promo_win(-1, informational=True), Result.BAD_REQUEST, id="note of less than nothing"),
    pytest.param(promo_win(1, "lottery"), Result.BAD_REQUEST, id="unknown class"),  # type: ignore[arg-type]  # from an item
    pytest.param(promo_win(1, currency=""), Result.WRONG_CURRENCY, id="prize in no currency of ours"),
    pytest.param(promo_win(1, player_currency="USD"), Result.WRONG_CURRENCY, id="prize in another currency"),
    pytest.param(promo_win(1, brands=("other",)), Result.PLAYER_NOT_FOUND, id="another brand's prize"),
    pytest.param(adjust(0), Result.BAD_REQUEST, id="correction of nothing"),
    pytest.param(adjust(2**63), Result.BAD_REQUEST, id="correction beyond the ledger"),
    pytest.param(adjust(-(2**63)), Result.BAD_REQUEST, id="correction beyond the ledger, from him"),
    pytest.param(adjust(reason=""), Result.BAD_REQUEST, id="no reason"),
    pytest.param(adjust(author=""), Result.BAD_REQUEST, id="no author"),
    pytest.param(adjust(currency="SEK"), Result.WRONG_CURRENCY, id="correction in a currency he has not"),
    pytest.param(adjust(brands=("other",)), Result.PLAYER_NOT_FOUND, id="another brand's correction"),
]


@pytest.mark.parametrize(("command", "result"), WRONG)
def test_what_makes_no_sense_stores_nothing(till: Till, command: Command, result: str) -> None:
    assert (till.one(command).result, till.told(), till.balance) == (result, [], 100 * EUR)


def test_a_correction_gives(till: Till) -> None:
    reply = till.one(adjust(7 * EUR, game_id="riot", round_id="r1"))
    own = till.operations()[-1]
    assert (reply.result, reply.balance, till.balance) == (Result.OK, 107 * EUR, 107 * EUR)
    assert (own.kind, own.status, own.win, own.stake, own.round_id) == ("adjust", APPLIED, 7 * EUR, 0, "r1")
    assert [(move.debit_account, move.credit_account, move.amount) for move in own.movements] == [
        ("adjustments", "player", 7 * EUR)
    ]
    assert json.loads(own.details) == {"reason": "a wrong win", "author": "key-1"}


def test_a_correction_takes(till: Till) -> None:
    till.done(adjust(-100 * EUR))
    own = till.operations()[-1]
    assert (till.balance, own.stake, own.win) == (0, 100 * EUR, 0)
    assert [(move.debit_account, move.credit_account) for move in own.movements] == [("player", "adjustments")]


def test_what_is_not_there_is_refused_for_good(till: Till) -> None:
    too_much = adjust(-100 * EUR - 1)
    reply = till.one(too_much)
    assert (reply.result, till.told(), till.balance) == (Result.INSUFFICIENT_FUNDS, [("adjust", "k1", REFUSED)], 100 * EUR)
    till.done(adjust(EUR, external_id="k2"))
    again = till.one(too_much)
    assert (again.result, again.replayed, till.balance) == (Result.INSUFFICIENT_FUNDS, True, 101 * EUR)


def test_or_overdrawn_where_that_is_asked_for(till: Till) -> None:
    till.done(adjust(-100 * EUR - 1, overspent="overdraft"))
    assert till.balance == -1
    assert json.loads(till.operations()[-1].details) == {"reason": "a wrong win", "author": "key-1", "overdraft": True}
    assert till.one(bet(1, external_id="a")).result == Result.INSUFFICIENT_FUNDS
    till.done(adjust(-1, external_id="k2", overspent="overdraft"), adjust(2, external_id="k3"))
    assert (till.balance, "overdraft" in till.operations()[-1].details) == (0, False)


def test_a_correction_again_is_answered_again_and_another_one_is_a_conflict(till: Till) -> None:
    first = till.one(adjust(EUR))
    again = till.one(adjust(EUR, reason="in other words"))
    assert (again.replayed, again.transaction_id) == (True, first.transaction_id)
    for other in (adjust(-EUR), adjust(2 * EUR), adjust(EUR, round_id="r1"), adjust(EUR, currency="USD")):
        assert till.one(other).result == Result.DUPLICATE_DIFFERENT
    assert till.balance == 101 * EUR


def test_long_words_are_cut() -> None:
    decision = decide(adjust(reason="r" * 1_000, author="a" * 1_000), view())
    told = json.loads(decision.details)
    assert (len(told["reason"]), len(told["author"])) == (256, 128)


def test_the_ledgers_range_is_kept(till: Till) -> None:
    till.done(adjust(LARGEST - 100 * EUR))
    assert till.balance == LARGEST
    with pytest.raises(LedgerError):
        till.one(adjust(1, external_id="k2"))
    till.done(adjust(-LARGEST, external_id="k3"), adjust(-LARGEST, external_id="k4", overspent="overdraft"))
    assert till.balance == -LARGEST
    with pytest.raises(LedgerError):
        till.one(adjust(-1, external_id="k5", overspent="overdraft"))
    till.done(adjust(LARGEST, external_id="k6"))
    assert till.balance == 0


def after(decision: Decision, balance: int) -> int:
    return balance + sum(each.amount if each.credit_account == "player" else -each.amount for each in decision.entries)


@pytest.mark.parametrize("scale", sorted({FIAT_SCALE, *CRYPTO_SCALES.values()}))
@given(
    amount=st.integers(-(10**6), 10**6), balance=st.integers(-(10**6), 10**6), overspent=st.sampled_from(["overdraft", "refuse"])
)
def test_a_correction_is_exact_at_every_scale(scale: int, amount: int, balance: int, overspent: Any) -> None:
    amount, balance = amount * 10**scale + amount % 7, balance * 10**scale + balance % 11
    decision = decide(adjust(amount, overspent=overspent), view(balance=balance))
    if amount == 0:
        assert decision.result == Result.BAD_REQUEST
    elif amount < 0 and balance + amount < 0 and overspent == "refuse":
        assert (decision.result, decision.status, decision.entries) == (Result.INSUFFICIENT_FUNDS, REFUSED, ())
    else:
        assert (decision.result, after(decision, balance)) == (Result.OK, balance + amount)
        assert ('"overdraft":true' in decision.details) == (amount < 0 and balance + amount < 0)


def test_a_prize_in_a_session_and_round_names_both() -> None:
    decision = decide(promo_win(session_id=SESSION.session_id, round_id="r1"), view(session=SESSION, round=ROUND))
    assert (decision.session_id, decision.round_id, decision.round) == (SESSION.session_id, "r1", None)
