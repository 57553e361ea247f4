"""Limits on stakes and deposits: what is counted, in which window, and what is never stopped.

The brand's gaming day begins at 06:00 in Malta; weeks begin on Monday. 2027-01-11 is a Monday.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from services.wallet.decisions import decide
from services.wallet.decisions.limits import days_of
from services.wallet.decisions.model import Limit, Usage
from services.wallet.ledger import store
from shared.contracts import NO_LIMIT, Result
from tests.unit.wallet.builders import (
    EUR,
    GRANT,
    HOUR,
    KEY,
    NOW,
    ROUND,
    SESSION,
    bet,
    bet_and_win,
    deposit,
    grant_free_rounds,
    limit,
    promo_win,
    rollback,
    set_limits,
    settle_round,
    view,
    void_round,
    win,
    withdraw,
)
from tests.unit.wallet.counted import Counted, ms


@pytest.fixture
def desk() -> Counted:
    return Counted()


# Each limit, to the last unit.


def test_a_stake_may_be_as_large_as_its_limit_and_no_larger(desk: Counted) -> None:
    desk.set(limit(10 * EUR))
    assert [desk.bet(10), desk.bet(10), desk.bet(11)] == ["OK", "OK", "stake"]
    assert desk.one(bet(10 * EUR + 1, external_id="one unit more", round_id="x")).result == Result.LIMIT_EXCEEDED


def test_a_loss_is_stakes_less_wins(desk: Counted) -> None:
    desk.set(limit(100 * EUR, "loss", "day"))
    assert [desk.bet(60), desk.win(30), desk.bet(70), desk.bet(1)] == ["OK", "OK", "OK", "loss_day"]
    assert [desk.win(5), desk.bet(5), desk.bet(1)] == ["OK", "OK", "loss_day"]


def test_who_has_won_may_lose_that_besides(desk: Counted) -> None:
    desk.set(limit(10 * EUR, "loss", "day"))
    assert [desk.win(50), desk.bet(60), desk.bet(1)] == ["OK", "OK", "loss_day"]


def test_a_wager_counts_stakes_whatever_was_won(desk: Counted) -> None:
    desk.set(limit(100 * EUR, "wager", "day"))
    assert [desk.bet(60), desk.win(500), desk.bet(40), desk.bet(1)] == ["OK", "OK", "OK", "wager_day"]


def test_deposits_are_counted_and_stopped_by_themselves(desk: Counted) -> None:
    desk.set(limit(100 * EUR, "deposit", "day"))
    assert [desk.deposit(60), desk.bet(500), desk.deposit(40), desk.deposit(1)] == ["OK", "OK", "OK", "deposit_day"]
    assert desk.one(withdraw(100 * EUR, external_id="out")).result == Result.OK
    assert desk.deposit(1) == "deposit_day", "money taken out gives no room for more"
    assert desk.last().status == "refused"


def test_the_win_of_a_call_does_not_help_its_stake(desk: Counted) -> None:
    desk.set(limit(10 * EUR, "loss", "day"))
    replies = desk.ask(
        bet_and_win(11 * EUR, 11 * EUR, external_id="a", round_id="a"),
        bet_and_win(10 * EUR, 10 * EUR, external_id="b", round_id="b"),
    )
    assert [(reply.result, reply.limit) for reply in replies] == [(Result.LIMIT_EXCEEDED, "loss_day"), (Result.OK, "")]
    assert desk.bet(10) == "OK", "the call before gave back what it took"


def test_a_session_goes_on_for_its_time_and_no_longer() -> None:
    limited = Limit(player=KEY, kind="session_time", window="", currency="", value=3_600)
    command = bet(session_id=SESSION.session_id)
    over = decide(command, view(session=SESSION, limits=(limited,), now_ms=SESSION.opened_at_ms + 3_600_001))
    assert (over.result, over.limit, over.status) == (Result.LIMIT_EXCEEDED, "session_time", "refused")
    assert decide(command, view(session=SESSION, limits=(limited,), now_ms=SESSION.opened_at_ms + 3_600_000)).result == Result.OK


@pytest.mark.parametrize("stake", [0, 4 * EUR])
def test_the_time_of_a_session_stops_free_and_empty_stakes_too(stake: int) -> None:
    limited = Limit(player=KEY, kind="session_time", window="", currency="", value=1_800)
    named = {"session_id": SESSION.session_id}
    seen = view(session=SESSION, limits=(limited,), grant=GRANT)
    for command in (bet(stake, **named), bet(stake, **named, charge_free_rounds=1, grant_id=GRANT.grant_id)):
        assert decide(command, seen).limit == "session_time"
    assert decide(bet_and_win(0, 0, **named), seen).result == Result.OK, "a mark in a round is no stake"
    assert decide(bet(), view(limits=(limited,))).result == Result.OK, "nobody knows of a session"


# Money that never counts or is never stopped.


@pytest.mark.parametrize(
    "free", [{"charge_free_rounds": 1, "grant_id": GRANT.grant_id}, {"free_round": True, "free_round_stake": "nominal"}]
)
def test_free_rounds_are_not_stopped_and_do_not_count(desk: Counted, free: dict[str, Any]) -> None:
    desk.ask(grant_free_rounds(external_id="g", expires_at_ms=desk.now_ms + HOUR))
    desk.set(limit(1 * EUR), limit(1 * EUR, "loss", "day"), limit(1 * EUR, "wager", "day"))
    assert [desk.bet(50, **free), desk.bet(1), desk.bet(1)] == ["OK", "OK", "loss_day"]
    assert desk.usage("2027-01-11") == (1, 0, 0)


def test_a_stake_of_nothing_passes_where_nothing_is_left(desk: Counted) -> None:
    desk.bet(50)
    desk.set(limit(0, "loss", "day"), limit(0, "wager", "month"))
    assert [desk.bet(0), desk.bet(1)] == ["OK", "loss_day"]


def test_wins_and_undos_are_never_stopped(desk: Counted) -> None:
    desk.bet(50, "a")
    desk.set(limit(0), limit(0, "loss", "day"), limit(0, "wager", "day"), limit(0, "deposit", "day"), limit(0, "session_time"))
    assert [desk.win(5), desk.undo("a"), desk.undo_the_undo("a")] == ["OK", "OK", "OK"]


def test_promotions_count_nothing(desk: Counted) -> None:
    desk.set(limit(10 * EUR, "loss", "day"))
    assert desk.one(promo_win(100 * EUR, external_id="p")).result == Result.OK
    assert [desk.bet(10), desk.bet(1)] == ["OK", "loss_day"]


def test_currencies_do_not_meet(desk: Counted) -> None:
    desk.set(limit(10 * EUR, "wager", "day"), limit(20 * EUR, "wager", "day", "USD"))
    assert [desk.bet(10), desk.bet_in("USD", 20), desk.bet(1), desk.bet_in("USD", 1)] == ["OK", "OK", "wager_day", "wager_day"]


def test_of_several_limits_the_first_is_told() -> None:
    spent = Usage(player=KEY, currency="EUR", gaming_day="2027-01-15", staked=5 * EUR)
    kinds = [("stake", ""), ("session_time", ""), ("loss", "day"), ("loss", "week"), ("loss", "month"), ("wager", "day"),
             ("wager", "week"), ("wager", "month")]  # fmt: skip
    limits = [
        Limit(player=KEY, kind=kind, window=window, currency="" if kind == "session_time" else "EUR", value=0)
        for kind, window in reversed(kinds)
    ]
    while limits:
        decision = decide(bet(session_id=SESSION.session_id), view(session=SESSION, limits=tuple(limits), usage=(spent,)))
        kind, window = kinds.pop(0)
        assert decision.limit == (f"{kind}_{window}" if window else kind)
        limits.pop()


# Windows.


@pytest.mark.parametrize(
    ("window", "day", "first", "after"),
    [
        ("day", "2027-01-15", "2027-01-15", "2027-01-16"),
        ("day", "2027-12-31", "2027-12-31", "2028-01-01"),
        ("week", "2027-01-11", "2027-01-11", "2027-01-18"),  # a Monday
        ("week", "2027-01-17", "2027-01-11", "2027-01-18"),
        ("week", "2027-01-03", "2026-12-28", "2027-01-04"),  # over the end of the year
        ("month", "2027-01-31", "2027-01-01", "2027-02-01"),
        ("month", "2028-02-29", "2028-02-01", "2028-03-01"),
        ("month", "2027-12-01", "2027-12-01", "2028-01-01"),
    ],
)
def test_the_days_of_a_window(window: str, day: str, first: str, after: str) -> None:
    assert days_of(window, day) == (first, after)


@pytest.mark.parametrize(
    ("window", "last", "next_"),
    [
        ("day", "2027-01-16T05:59:59.999+01:00", "2027-01-16T06:00:00+01:00"),
        ("week", "2027-01-18T05:59:59.999+01:00", "2027-01-18T06:00:00+01:00"),
        ("month", "2027-02-01T05:59:59.999+01:00", "2027-02-01T06:00:00+01:00"),
        ("day", "2027-03-28T05:59:59.999+02:00", "2027-03-28T06:00:00+02:00"),  # the night that has an hour less
        ("day", "2027-10-31T05:59:59.999+01:00", "2027-10-31T06:00:00+01:00"),  # and the one that has an hour more
        ("week", "2027-03-29T05:59:59.999+02:00", "2027-03-29T06:00:00+02:00"),
        ("month", "2027-04-01T05:59:59.999+02:00", "2027-04-01T06:00:00+02:00"),
    ],
)
def test_a_window_ends_when_the_brands_gaming_day_does(window: str, last: str, next_: str) -> None:
    desk = Counted(last)
    desk.set(limit(10 * EUR, "wager", window))  # type: ignore[arg-type]  # a plain text
    assert [desk.bet(10), desk.bet(1)] == ["OK", f"wager_{window}"]
    desk.at(next_)
    assert [desk.bet(10), desk.bet(1)] == ["OK", f"wager_{window}"]


def test_a_week_adds_up_its_days_and_a_month_all_of_its_weeks(desk: Counted) -> None:
    desk.set(limit(30 * EUR, "loss", "week"), limit(50 * EUR, "loss", "month"))
    assert desk.bet(20) == "OK"
    desk.at("2027-01-17T23:00:00+01:00")
    assert [desk.bet(10), desk.bet(1)] == ["OK", "loss_week"]
    desk.at("2027-01-18T06:00:00+01:00")
    assert [desk.bet(20), desk.bet(1)] == ["OK", "loss_month"]
    desk.at("2027-02-01T06:00:00+01:00")
    assert [desk.bet(30), desk.bet(1)] == ["OK", "loss_week"]


# What was counted before there was a limit.


def test_a_limit_counts_what_came_before_it(desk: Counted) -> None:
    desk.at("2027-01-11T05:00:00+01:00")  # still Sunday
    desk.bet(1_000)
    desk.at("2027-01-11T12:00:00+01:00")
    desk.bet(70)
    desk.win(10)
    assert desk.ledger.usage == {}, "nobody's usage is kept who has no limits"
    desk.set(limit(100 * EUR, "loss", "week"))
    assert desk.usage("2027-01-11") == (70, 10, 0)
    assert [desk.bet(40), desk.bet(1)] == ["OK", "loss_week"]


def test_a_limit_counts_what_came_before_it_in_the_same_batch(desk: Counted) -> None:
    replies = desk.ask(
        bet(70 * EUR, external_id="a", round_id="a"),
        set_limits(limit(100 * EUR, "wager", "day"), external_id="limits"),
        bet(30 * EUR, external_id="b", round_id="b"),
        bet(1 * EUR, external_id="c", round_id="c"),
    )
    assert [reply.limit or reply.result for reply in replies] == ["OK", "OK", "OK", "wager_day"]
    assert desk.usage("2027-01-11") == (100, 0, 0)
    assert desk.bet(1) == "wager_day"


def test_a_command_that_sets_no_limit_counts_nothing(desk: Counted) -> None:
    replies = desk.ask(
        set_limits(external_id="none"),
        set_limits(limit(NO_LIMIT, "loss", "day"), external_id="no limit"),
        bet(70 * EUR, external_id="a", round_id="a"),
    )
    assert [reply.result for reply in replies] == [Result.BAD_REQUEST, Result.OK, Result.OK]
    assert (desk.ledger.usage, desk.ledger.limits) == ({}, {})


# Undos belong to the window of their originals.


def test_a_stake_of_yesterday_that_is_rolled_back_frees_the_week_and_not_the_day() -> None:
    desk = Counted("2027-01-12T12:00:00+01:00")
    desk.set(limit(100 * EUR, "wager", "week"), limit(30 * EUR, "wager", "day"))
    desk.bet(30, "yesterday")
    desk.at("2027-01-13T12:00:00+01:00")
    desk.bet(30)
    assert desk.undo("yesterday") == "OK"
    assert json.loads(desk.last().details) == {"counts_on": "2027-01-12"}
    assert (desk.usage("2027-01-12"), desk.usage("2027-01-13")) == ((0, 0, 0), (30, 0, 0))
    assert desk.bet(1) == "wager_day"
    desk.set(limit(NO_LIMIT, "wager", "day"))
    desk.at("2027-01-14T12:00:00+01:00")
    assert [desk.bet(70), desk.bet(1)] == ["OK", "wager_week"]


def test_a_stake_of_today_that_is_rolled_back_frees_the_day(desk: Counted) -> None:
    desk.set(limit(30 * EUR, "loss", "day"))
    desk.bet(30, "a")
    assert [desk.bet(1), desk.undo("a"), desk.bet(30), desk.bet(1)] == ["loss_day", "OK", "OK", "loss_day"]
    assert desk.ledger.operations[KEY, "mascot-demo", "undo", "a"].details == ""


def test_a_win_that_is_rolled_back_is_lost_again(desk: Counted) -> None:
    desk.set(limit(30 * EUR, "loss", "day"))
    desk.win(20, "a")
    assert [desk.bet(40), desk.undo("a"), desk.bet(1)] == ["OK", "OK", "loss_day"]


def test_the_undo_of_an_undo_counts_on_the_day_of_the_first_original(desk: Counted) -> None:
    desk.set(limit(100 * EUR, "loss", "week"))
    desk.one(bet_and_win(60 * EUR, 10 * EUR, external_id="a", round_id="a"))
    desk.at("2027-01-12T12:00:00+01:00")
    desk.undo("a")
    assert desk.usage("2027-01-11") == (0, 0, 0)
    desk.at("2027-01-13T12:00:00+01:00")
    desk.undo_the_undo("a")
    assert json.loads(desk.last().details) == {"restores": True, "counts_on": "2027-01-11"}
    assert [desk.usage(f"2027-01-{day}") for day in (11, 12, 13)] == [(60, 10, 0), (0, 0, 0), (0, 0, 0)]
    assert [desk.bet(50), desk.bet(1)] == ["OK", "loss_week"]


def test_an_undo_of_that_takes_it_out_once_more(desk: Counted) -> None:
    desk.set(limit(100 * EUR, "loss", "day"))
    desk.one(bet_and_win(60 * EUR, 10 * EUR, external_id="a", round_id="a"))
    desk.at("2027-01-12T12:00:00+01:00")
    assert [desk.undo("a"), desk.undo_the_undo("a")] == ["OK", "OK"]
    desk.one(rollback("a", namespace="third", target_namespace="again"))
    assert (desk.usage("2027-01-11"), desk.usage("2027-01-12")) == ((0, 0, 0), (0, 0, 0))
    assert json.loads(desk.last().details) == {"counts_on": "2027-01-11"}


def test_an_undo_of_what_does_not_count_says_so(desk: Counted) -> None:
    desk.set(limit(30 * EUR, "loss", "day"))
    desk.one(promo_win(20 * EUR, external_id="p"))
    assert desk.undo("p") == "OK"
    assert json.loads(desk.last().details) == {"uncounted": True}
    assert desk.undo_the_undo("p") == "OK"
    assert json.loads(desk.last().details) == {"restores": True, "uncounted": True}
    assert desk.usage("2027-01-11") == (0, 0, 0)


def test_an_undo_of_what_was_refused_frees_nothing(desk: Counted) -> None:
    desk.set(limit(30 * EUR, "wager", "day"))
    desk.bet(30)
    assert [desk.bet(5, "refused"), desk.undo("refused"), desk.bet(1)] == ["wager_day", "OK", "wager_day"]


def test_a_round_that_is_ended_by_hand_counts_as_it_ends(desk: Counted) -> None:
    desk.set(limit(100 * EUR, "loss", "day"))
    desk.bet(60, "a")
    desk.bet(40, "b")
    by_hand = {"reason": "lost its end", "author": "key-1"}
    desk.one(settle_round(25 * EUR, round_id="a", external_id="settle", **by_hand))
    assert desk.usage("2027-01-11") == (100, 25, 0)
    desk.one(void_round(round_id="b", external_id="void", **by_hand))
    assert desk.usage("2027-01-11") == (60, 25, 0)
    assert [desk.bet(65), desk.bet(1)] == ["OK", "loss_day"]


# Retries.


def test_a_retry_of_an_applied_stake_gets_its_answer_when_the_limit_is_reached(desk: Counted) -> None:
    desk.set(limit(30 * EUR, "wager", "day"))
    command = bet(30 * EUR, external_id="a", round_id="a")
    first = desk.one(command)
    assert desk.bet(1) == "wager_day"
    again = desk.one(command)
    assert (again.result, again.replayed, again.transaction_id) == (Result.OK, True, first.transaction_id)
    assert desk.usage("2027-01-11") == (30, 0, 0)


def test_a_refused_stake_stays_refused_when_there_is_room_again(desk: Counted) -> None:
    desk.set(limit(30 * EUR, "wager", "day"))
    command = bet(31 * EUR, external_id="a", round_id="a")
    assert desk.one(command).limit == "wager_day"
    desk.at("2027-01-20T12:00:00+01:00")
    again = desk.one(command)
    assert (again.result, again.limit, again.replayed) == (Result.LIMIT_EXCEEDED, "wager_day", True)
    assert desk.bet(30) == "OK"


def test_retries_of_all_kinds_count_once(desk: Counted) -> None:
    desk.set(limit(100 * EUR, "loss", "day"))
    once = [bet(30 * EUR, external_id="a", round_id="a"), win(5 * EUR, external_id="b"), deposit(7 * EUR, external_id="d")]
    for _ in range(3):
        desk.ask(*once, *once)
    assert desk.usage("2027-01-11") == (30, 5, 7)
    for _ in range(3):
        desk.undo("a")
    assert desk.usage("2027-01-11") == (0, 5, 7)


def test_a_free_round_that_is_refused_is_not_called_a_limit() -> None:
    """Where none is left and the contract refuses then, nothing would be debited."""
    limited = Limit(player=KEY, kind="stake", window="", currency="EUR", value=0)
    command = bet(charge_free_rounds=1, free_round_exhausted="refuse", grant_id=GRANT.grant_id)
    decision = decide(command, view(limits=(limited,), round=ROUND, now_ms=NOW))
    assert (decision.result, decision.limit) == (Result.INSUFFICIENT_FUNDS, "free_rounds")


def test_the_fields_of_a_moment_are_what_they_seem() -> None:
    assert ms("2027-01-15T08:00:00+00:00") == NOW


@pytest.mark.parametrize(
    ("moment", "first"),
    [
        ("2027-01-15T08:00:00+00:00", "2027-01-01"),
        ("2027-01-01T23:59:59+00:00", "2026-12-01"),  # in America it may be the 31st of December still
        ("2027-01-02T00:00:00+00:00", "2026-12-28"),  # the Monday of the week of the 1st
        ("2027-01-05T00:00:00+00:00", "2027-01-01"),
        ("2027-03-01T12:00:00+00:00", "2027-02-01"),
    ],
)
def test_usage_is_read_from_the_beginning_of_the_oldest_window_on(moment: str, first: str) -> None:
    read, counted = store.usage_since(ms(moment))
    assert read.isoformat() == first
    assert counted <= read
