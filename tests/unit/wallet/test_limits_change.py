"""Limits are set and changed: what is stricter holds at once, what is laxer waits a day, and what is no limit is refused."""

from __future__ import annotations

import json

import pytest

from services.wallet.decisions import decide
from services.wallet.decisions.limits import RAISE_DELAY_MS
from shared.contracts import NO_LIMIT, LimitSetting, Result
from tests.unit.wallet.builders import (
    EUR,
    HOUR,
    limit,
    set_limits,
    view,
)
from tests.unit.wallet.counted import Counted


@pytest.fixture
def desk() -> Counted:
    return Counted()


# When a change holds.


def test_a_stricter_limit_holds_at_once(desk: Counted) -> None:
    desk.set(limit(10 * EUR))
    desk.set(limit(5 * EUR))
    assert [desk.bet(5), desk.bet(6)] == ["OK", "stake"]


@pytest.mark.parametrize("laxer", [20 * EUR, NO_LIMIT])
def test_a_laxer_limit_waits_for_a_day_to_the_millisecond(desk: Counted, laxer: int) -> None:
    desk.set(limit(10 * EUR))
    desk.set(limit(laxer))
    start = desk.now_ms
    desk.now_ms = start + RAISE_DELAY_MS - 1
    assert [desk.bet(10), desk.bet(20)] == ["OK", "stake"]
    desk.now_ms = start + RAISE_DELAY_MS
    assert [desk.bet(20), desk.bet(21)] == ["OK", "OK" if laxer == NO_LIMIT else "stake"]


def test_a_day_is_24_hours_whatever_the_clocks_do() -> None:
    desk = Counted("2027-03-27T12:00:00+01:00")
    desk.set(limit(10 * EUR))
    desk.set(limit(20 * EUR))
    desk.at("2027-03-28T12:59:59.999+02:00")
    assert desk.bet(20) == "stake"
    desk.at("2027-03-28T13:00:00+02:00")
    assert desk.bet(20) == "OK"


def test_a_later_laxer_setting_waits_anew(desk: Counted) -> None:
    desk.set(limit(10 * EUR))
    desk.set(limit(20 * EUR))
    desk.now_ms += 20 * HOUR
    desk.set(limit(30 * EUR))
    desk.now_ms += RAISE_DELAY_MS - 1
    assert desk.bet(20) == "stake"
    desk.now_ms += 1
    assert [desk.bet(30), desk.bet(31)] == ["OK", "stake"]


@pytest.mark.parametrize("again", [10 * EUR, 9 * EUR])
def test_what_is_stricter_or_the_same_drops_what_waits(desk: Counted, again: int) -> None:
    desk.set(limit(10 * EUR))
    desk.set(limit(20 * EUR))
    desk.set(limit(again))
    desk.now_ms += RAISE_DELAY_MS
    assert [desk.bet(9), desk.bet(11)] == ["OK", "stake"]


def test_a_change_is_measured_by_what_holds_now_and_not_by_what_held(desk: Counted) -> None:
    desk.set(limit(10 * EUR))
    desk.set(limit(20 * EUR))
    desk.now_ms += RAISE_DELAY_MS
    desk.set(limit(15 * EUR))  # stricter than the 20 that hold
    assert [desk.bet(15), desk.bet(16)] == ["OK", "stake"]
    (row,) = desk.ledger.limits.values()
    assert (row.value, row.next_value, row.next_from_ms) == (15 * EUR, NO_LIMIT, 0)


def test_a_limit_after_none_is_stricter_also_where_one_was_taken_away(desk: Counted) -> None:
    desk.set(limit(10 * EUR))
    desk.set(limit(NO_LIMIT))
    desk.now_ms += RAISE_DELAY_MS
    assert desk.bet(500) == "OK"
    desk.set(limit(50 * EUR))
    assert desk.bet(51) == "stake"


def test_limits_that_are_not_named_stay(desk: Counted) -> None:
    desk.set(limit(10 * EUR), limit(30 * EUR, "wager", "day"))
    desk.set(limit(5 * EUR))
    assert [desk.bet(6), desk.bet(5), *(desk.bet(5) for _ in range(6))] == ["stake", *["OK"] * 6, "wager_day"]


def test_the_operation_tells_what_was_set_and_from_when(desk: Counted) -> None:
    desk.set(limit(10 * EUR))
    start = desk.now_ms
    desk.set(limit(20 * EUR), limit(5 * EUR, "loss", "week"))
    assert json.loads(desk.last().details) == {
        "limits": [
            {"kind": "stake", "window": "", "currency": "EUR", "value": 20 * EUR, "from_ms": start + RAISE_DELAY_MS,
             "before": 10 * EUR},
            {"kind": "loss", "window": "week", "currency": "EUR", "value": 5 * EUR, "from_ms": start, "before": NO_LIMIT},
        ],
        "reason": "asked for it",
        "author": "key-1",
    }  # fmt: skip


def test_a_retry_of_a_setting_changes_nothing_and_another_under_its_key_is_a_conflict(desk: Counted) -> None:
    first = desk.one(set_limits(limit(10 * EUR), external_id="k"))
    desk.set(limit(5 * EUR))
    again = desk.one(set_limits(limit(10 * EUR), external_id="k", reason="other words"))
    assert (again.replayed, again.transaction_id) == (True, first.transaction_id)
    assert desk.bet(6) == "stake"
    assert desk.one(set_limits(limit(11 * EUR), external_id="k")).result == Result.DUPLICATE_DIFFERENT


# Settings that are none.


@pytest.mark.parametrize(
    "settings",
    [
        [],
        [limit(number * EUR, "loss", "day") for number in range(51)],
        [limit(EUR), limit(2 * EUR)],
        [limit(EUR, "stake", "day")],
        [limit(EUR, "loss")],
        [LimitSetting(kind="session_time", value=60, currency="EUR")],
        [LimitSetting(kind="session_time", value=60, window="day")],
        [LimitSetting(kind="stake", value=60)],
        [limit(-2)],
        [limit(2**63)],
    ],
    ids=["none", "51", "twice", "a stake a day", "a loss for ever", "time of money", "time a day", "no currency", "below", "above"],
)
def test_settings_that_make_no_sense_are_a_bad_request(desk: Counted, settings: list[LimitSetting]) -> None:
    reply = desk.one(set_limits(*settings, external_id="x"))
    assert (reply.result, reply.transaction_id) == (Result.BAD_REQUEST, "")
    assert desk.ledger.limits == {}


def test_a_limit_in_a_currency_that_the_player_has_no_account_in_is_refused(desk: Counted) -> None:
    assert desk.one(set_limits(limit(EUR, currency="JPY"), external_id="x")).result == Result.WRONG_CURRENCY


def test_nobody_but_the_brands_own_callers_sets_limits() -> None:
    command = set_limits(limit(EUR), brands=("other",))
    assert decide(command, view(currencies=("EUR",))).result == Result.PLAYER_NOT_FOUND
    assert decide(set_limits(limit(EUR)), view(player=None)).result == Result.PLAYER_NOT_FOUND
