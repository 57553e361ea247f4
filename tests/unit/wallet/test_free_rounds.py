"""Free rounds: granting, charging the counter instead of the player, and what belongs to a free round that was paid."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from services.wallet.decisions import decide
from services.wallet.decisions.free_rounds import COUNT_MAX
from services.wallet.decisions.model import APPLIED, REFUSED, Entry, Grant
from shared.contracts import Result
from tests.unit.wallet.builders import (
    EUR,
    FREE,
    GRANT,
    HOUSE,
    NOW,
    PLAYER,
    ROUND,
    bet,
    bet_and_win,
    cancel_free_rounds,
    get_balance,
    grant_free_rounds,
    rollback,
    stored_bet,
    view,
)

CHARGE: dict[str, Any] = {"charge_free_rounds": 1, "grant_id": GRANT.grant_id}
CANCELLED = replace(GRANT, cancelled_at_ms=NOW - 1)
CHARGED_ROUND = replace(ROUND, free_charged=1, stake=0)
UNFIT = [
    pytest.param({"grant": None}, {}, id="unknown grant"),
    pytest.param({"grant": replace(GRANT, remaining=0)}, {}, id="none left"),
    pytest.param({}, {"charge_free_rounds": 4}, id="fewer left than asked"),
    pytest.param({"grant": replace(GRANT, expires_at_ms=NOW - 1)}, {}, id="expired"),
    pytest.param({"grant": CANCELLED}, {}, id="cancelled"),
    pytest.param({"grant": replace(GRANT, provider_account="other")}, {}, id="of another provider account"),
    pytest.param({"grant": replace(GRANT, currency="USD")}, {}, id="in another currency"),
    pytest.param({"grant": replace(GRANT, game_ids=("venga",))}, {}, id="for another game"),
]


@pytest.mark.parametrize("balance", [0, 100 * EUR, -1])
@pytest.mark.parametrize("build", [bet, bet_and_win])
def test_the_counter_pays_and_the_player_does_not(build: Any, balance: int) -> None:
    decision = decide(build(**CHARGE), view(grant=GRANT, balance=balance))
    assert (decision.result, decision.status, decision.stake, decision.nominal_stake) == (Result.OK, APPLIED, 0, 4 * EUR)
    assert decision.grant == replace(GRANT, remaining=2)
    assert (decision.free_rounds_charged, decision.free_rounds_left) == (1, 2)
    assert decision.entries == ((Entry(FREE, "player", 2 * EUR),) if build is bet_and_win else ())
    assert decision.round is not None
    assert (decision.round.free_charged, decision.round.stake) == (1, 0)


@pytest.mark.parametrize(
    ("grant", "asked", "left"),
    [
        (GRANT, 3, 0),
        (GRANT, 2, 1),
        (replace(GRANT, expires_at_ms=NOW), 1, 2),
        (replace(GRANT, game_ids=("venga", "riot")), 1, 2),
    ],
    ids=["all that are left", "several at once", "in the last millisecond", "one of its games"],
)
def test_the_counter_falls_by_what_is_asked(grant: Grant, asked: int, left: int) -> None:
    decision = decide(bet(charge_free_rounds=asked, grant_id=GRANT.grant_id), view(grant=grant))
    assert (decision.free_rounds_charged, decision.free_rounds_left) == (asked, left)
    assert decision.grant is not None
    assert decision.grant.remaining == left


@pytest.mark.parametrize(("view_fields", "fields"), UNFIT)
def test_where_the_counter_does_not_pay_the_stake_is_debited(view_fields: dict[str, Any], fields: dict[str, Any]) -> None:
    decision = decide(bet(**{**CHARGE, **fields}), view(**{"grant": GRANT, **view_fields}))
    assert (decision.result, decision.status, decision.stake, decision.nominal_stake) == (Result.OK, APPLIED, 4 * EUR, 0)
    assert decision.entries == (Entry("player", HOUSE, 4 * EUR),)
    assert (decision.free_rounds_charged, decision.grant) == (0, None)
    assert decision.round is not None
    assert decision.round.free_charged == 0


@pytest.mark.parametrize(("view_fields", "fields"), UNFIT)
def test_or_it_is_refused_where_the_account_is_set_so(view_fields: dict[str, Any], fields: dict[str, Any]) -> None:
    command = bet(**{**CHARGE, **fields}, free_round_exhausted="refuse")
    decision = decide(command, view(**{"grant": GRANT, **view_fields}))
    assert (decision.result, decision.status, decision.limit) == (Result.INSUFFICIENT_FUNDS, REFUSED, "free_rounds")
    assert (decision.entries, decision.grant, decision.round) == ((), None, None)


def test_where_the_counter_does_not_pay_funds_are_needed() -> None:
    decision = decide(bet(**CHARGE), view(grant=replace(GRANT, remaining=0), balance=0))
    assert (decision.result, decision.status) == (Result.INSUFFICIENT_FUNDS, REFUSED)


def test_a_later_call_of_a_charged_free_round_is_never_debited() -> None:
    decision = decide(bet_and_win(free_round=True, grant_id=GRANT.grant_id), view(round=CHARGED_ROUND, grant=GRANT, balance=0))
    assert (decision.result, decision.stake, decision.nominal_stake, decision.grant) == (Result.OK, 0, 4 * EUR, None)
    assert decision.entries == (Entry(FREE, "player", 2 * EUR),)
    assert decision.free_rounds_left == 3


def test_a_call_that_only_says_free_round_is_debited_as_sent() -> None:
    decision = decide(bet(free_round=True), view(round=ROUND))
    assert (decision.stake, decision.entries) == (4 * EUR, (Entry("player", HOUSE, 4 * EUR),))
    assert decide(bet(0, free_round=True), view(round=ROUND)).stake == 0


def test_an_ordinary_call_in_a_charged_round_is_debited() -> None:
    assert decide(bet(), view(round=CHARGED_ROUND)).stake == 4 * EUR


def test_where_the_contract_says_nominal_a_free_round_is_not_debited() -> None:
    decision = decide(bet(free_round=True, free_round_stake="nominal"), view(balance=0))
    assert (decision.result, decision.stake, decision.nominal_stake) == (Result.OK, 0, 4 * EUR)
    assert decide(bet(free_round_stake="nominal"), view()).stake == 4 * EUR


@pytest.mark.parametrize(
    ("grant", "left"),
    [(GRANT, 3), (replace(GRANT, expires_at_ms=NOW - 1), 0), (CANCELLED, 0), (None, -1)],
    ids=["known", "expired", "cancelled", "unknown"],
)
def test_what_is_left_is_told(grant: Grant | None, left: int) -> None:
    assert decide(bet(grant_id=GRANT.grant_id), view(grant=grant)).free_rounds_left == left
    assert decide(get_balance(grant_id=GRANT.grant_id), view(grant=grant)).free_rounds_left == left
    refused = decide(bet(1, grant_id=GRANT.grant_id), view(grant=grant, balance=0))
    assert (refused.status, refused.free_rounds_left) == (REFUSED, left)


def test_a_grant() -> None:
    decision = decide(grant_free_rounds(game_ids=("riot",), stake=EUR), view())
    assert (decision.result, decision.status, decision.free_rounds_left) == (Result.OK, APPLIED, 5)
    assert decision.grant == replace(GRANT, remaining=5, game_ids=("riot",), stake=EUR)


@pytest.mark.parametrize("count", [1, COUNT_MAX])
def test_a_grant_of_a_fair_number(count: int) -> None:
    assert decide(grant_free_rounds(count=count), view()).status == APPLIED


@pytest.mark.parametrize(
    ("view_fields", "fields", "result"),
    [
        ({"player": None, "balance": None}, {}, Result.PLAYER_NOT_FOUND),
        ({}, {"brands": ("other",)}, Result.PLAYER_NOT_FOUND),
        ({}, {"count": 0}, Result.BAD_REQUEST),
        ({}, {"count": -1}, Result.BAD_REQUEST),
        ({}, {"count": COUNT_MAX + 1}, Result.BAD_REQUEST),
        ({}, {"stake": -1}, Result.BAD_REQUEST),
        ({"grant": GRANT}, {}, Result.DUPLICATE_DIFFERENT),
        ({"balance": None}, {}, Result.WRONG_CURRENCY),
    ],
)
def test_a_grant_that_is_not_given(view_fields: dict[str, Any], fields: dict[str, Any], result: str) -> None:
    decision = decide(grant_free_rounds(**fields), view(**view_fields))
    assert (decision.result, decision.status, decision.grant) == (result, "", None)


def test_a_grant_may_be_given_to_a_blocked_player() -> None:
    assert decide(grant_free_rounds(), view(player=replace(PLAYER, status="blocked"))).status == APPLIED


@pytest.mark.parametrize(
    ("grant", "after"),
    [
        (GRANT, replace(GRANT, cancelled_at_ms=NOW)),
        (replace(GRANT, expires_at_ms=NOW - 1), replace(GRANT, expires_at_ms=NOW - 1, cancelled_at_ms=NOW)),
        (CANCELLED, None),
    ],
    ids=["running", "expired", "cancelled before"],
)
def test_a_grant_is_cancelled_once_and_its_counter_stays(grant: Grant, after: Grant | None) -> None:
    decision = decide(cancel_free_rounds(), view(grant=grant, expired=True))
    assert (decision.result, decision.status, decision.grant, decision.free_rounds_left) == (Result.OK, APPLIED, after, 0)
    assert (decision.grant_id, decision.currency, decision.entries) == (GRANT.grant_id, "EUR", ())
    assert json.loads(decision.details) == {"reason": "a mistake", "cancelled": after is not None, "remaining": 3}


@pytest.mark.parametrize(
    ("view_fields", "fields", "result"),
    [
        ({"player": None}, {}, Result.PLAYER_NOT_FOUND),
        ({"grant": GRANT}, {"brands": ("other",)}, Result.PLAYER_NOT_FOUND),
        ({}, {}, Result.ORIGINAL_NOT_FOUND),
    ],
)
def test_a_grant_that_is_not_cancelled(view_fields: dict[str, Any], fields: dict[str, Any], result: str) -> None:
    decision = decide(cancel_free_rounds(**fields), view(**view_fields))
    assert (decision.result, decision.status, decision.grant) == (result, "", None)


def test_a_rollback_restores_the_counter_of_a_cancelled_grant_and_tells_that_nothing_is_left() -> None:
    target = stored_bet(0, nominal_stake=4 * EUR, grant_id=GRANT.grant_id, free_rounds_asked=1, free_rounds_charged=1, movements=())
    decision = decide(rollback(), view(target=target, round=CHARGED_ROUND, grant=CANCELLED))
    assert (decision.result, decision.status) == (Result.OK, APPLIED)
    assert (decision.grant, decision.free_rounds_left) == (replace(CANCELLED, remaining=4), 0)


def test_a_free_round_that_was_paid_before_its_grant_was_cancelled_goes_on() -> None:
    decision = decide(bet_and_win(free_round=True, grant_id=GRANT.grant_id), view(round=CHARGED_ROUND, grant=CANCELLED, balance=0))
    assert (decision.result, decision.stake, decision.nominal_stake, decision.free_rounds_left) == (Result.OK, 0, 4 * EUR, 0)
