"""From records to commands: what is unreadable keeps its place, what is late is known, whose clock is off is noticed."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, get_args, get_type_hints

import pytest
from prometheus_client import REGISTRY

from services.wallet.intake import (
    ADDRESS_CHARS_MAX,
    CLOCK_TOLERANCE_MS,
    CLOCK_WINDOW_MS,
    COMMAND_BYTES_MAX,
    EXPIRING,
    QUERIES,
    ClockWatch,
    Taken,
    is_expired,
    reply_address,
    take,
)
from shared.contracts import BatchItem, Command, GetBalance, PlayerQuery, codec
from tests.unit.wallet.builders import (
    ASKED,
    EUR,
    KEY,
    NOW,
    activate_session,
    adjust,
    batch,
    bet,
    bet_and_win,
    cancel_free_rounds,
    close_account,
    close_session,
    create_player,
    deposit,
    end_round,
    erase_player,
    exclude,
    get_balance,
    grant_free_rounds,
    item,
    lift_exclusion,
    limit,
    open_session,
    promo_win,
    rollback,
    rollback_list,
    set_limits,
    set_status,
    settle_round,
    void_round,
    win,
    withdraw,
)

BET = replace(bet(), caller="gateway-1", reply_partition=4)


def record(value: bytes | None, key: bytes | None = KEY.encode(), offset: int = 17) -> Any:
    return SimpleNamespace(partition=3, offset=offset, timestamp=NOW, key=key, value=value, headers=())


def test_a_command_is_decoded_with_its_place() -> None:
    (taken,) = take([record(codec.encode(BET))])
    assert (taken.command, taken.cause) == (BET, "")
    assert (taken.partition, taken.offset, taken.timestamp_ms, taken.key) == (3, 17, NOW, KEY)
    assert reply_address(taken) == ("c1", "gateway-1", 4)


@pytest.mark.parametrize(
    ("value", "key", "cause", "address"),
    [
        pytest.param(b"", KEY, "not a command", None, id="empty"),
        pytest.param(None, KEY, "not a command", None, id="no value"),
        pytest.param(b"\x00\xff", KEY, "not a command", None, id="bytes"),
        pytest.param(b"{}", KEY, "is of kind ''", None, id="an empty object"),
        pytest.param(codec.encode(BET), "other", "the record's key 'other' is not the command's player", "gateway-1", id="another key"),
        pytest.param(codec.encode(BET), "", "the record's key '' is not the command's player", "gateway-1", id="no key"),
        pytest.param(
            codec.encode(BET).replace(b'"bet"', b'"jackpot_spin"'), KEY, "is of kind 'jackpot_spin'", "gateway-1", id="a newer kind"
        ),
        pytest.param(codec.encode(BET).replace(b":400000", b":0.5"), KEY, "not a command", "gateway-1", id="a fraction of a unit"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_keeps_its_place_and_says_why(value: bytes | None, key: str, cause: str, address: str | None) -> None:
    before, taken, after = take([
        record(codec.encode(BET), offset=1), record(value, key.encode() or None, offset=2), record(codec.encode(BET), offset=3),
    ])  # fmt: skip
    assert taken.command is None
    assert cause in taken.cause
    assert (taken.offset, taken.raw) == (2, value or b"")
    assert reply_address(taken) == (("c1", address, 4) if address else None)
    assert (before.command, after.command) == (BET, BET)


@pytest.mark.parametrize(
    ("command", "readable", "answered"),
    [
        (replace(BET, game_id="x" * 60_000), True, True),
        (replace(BET, game_id="x" * COMMAND_BYTES_MAX), False, True),
        (replace(BET, command_id="x" * (ADDRESS_CHARS_MAX - len(BET.caller))), True, True),
        (replace(BET, command_id="x" * ADDRESS_CHARS_MAX), False, False),
        (replace(BET, caller="x" * ADDRESS_CHARS_MAX), False, False),
    ],
    ids=["large", "too large", "a long id", "an id that is too long", "a caller that is too long"],
)
def test_what_is_too_large_for_a_reply_or_an_event_is_not_taken(command: Command, *, readable: bool, answered: bool) -> None:
    (taken,) = take([record(codec.encode(command))])
    assert (taken.command is not None, reply_address(taken) is not None) == (readable, answered)
    assert bool(taken.cause) != readable


def test_a_key_that_is_no_text_is_no_player() -> None:
    (taken,) = take([record(codec.encode(BET), b"\xff\xfe")])
    assert taken.command is None


STAKES = [bet(), bet_and_win(), withdraw(), open_session(), get_balance(), *ASKED]
OWED = [
    win(), rollback(), end_round(), deposit(), grant_free_rounds(), cancel_free_rounds(), create_player(), set_status(),
    erase_player(), activate_session(), close_session(), promo_win(), adjust(), void_round(), settle_round(),
    rollback_list("t1"), set_limits(limit(EUR)), exclude(), lift_exclusion(), close_account(),
]  # fmt: skip


def late(command: Command, by_ms: int) -> Taken:
    return Taken(partition=0, offset=0, timestamp_ms=NOW - command.deadline_ms - by_ms, key=KEY, raw=b"", command=command)


@pytest.mark.parametrize("command", STAKES, ids=lambda command: command.kind)
def test_a_stake_expires_a_margin_after_its_callers_deadline(command: Command) -> None:
    command = replace(command, deadline_ms=2_500)
    assert not is_expired(late(command, 500), NOW, 500)
    assert is_expired(late(command, 501), NOW, 500)


@pytest.mark.parametrize("command", OWED, ids=lambda command: command.kind)
def test_what_is_owed_never_expires(command: Command) -> None:
    assert not is_expired(late(command, 86_400_000), NOW, 500)


EVERY_ITEM = get_args(get_type_hints(BatchItem)["kind"])


@pytest.mark.parametrize("kind", EVERY_ITEM)
def test_a_batch_expires_where_one_of_its_items_would(kind: str) -> None:
    expires = kind in {"bet", "bet_and_win"}
    assert is_expired(late(batch(item("win"), item(kind)), 501), NOW, 500) == expires
    assert not is_expired(late(batch(item("win"), item(kind)), 500), NOW, 500)


def test_every_command_was_asked_whether_it_expires() -> None:
    assert {command.kind for command in (*STAKES, *OWED)} == set(codec.COMMAND_CLASSES) - {"batch"}
    assert {command.kind for command in STAKES} == EXPIRING


def test_every_query_is_known_to_change_nothing() -> None:
    queries = {kind for kind, cls in codec.COMMAND_CLASSES.items() if issubclass(cls, PlayerQuery | GetBalance)}
    assert queries == QUERIES


def test_what_cannot_be_read_does_not_expire() -> None:
    assert not is_expired(Taken(partition=0, offset=0, timestamp_ms=0, key="", raw=b""), NOW, 500)


def alarms() -> float:
    return REGISTRY.get_sample_value("stakewire_wallet_clock_alarms_total") or 0


@pytest.mark.parametrize(
    ("youngest_ms", "waiting_since_ms"),
    [
        pytest.param(NOW, NOW - 100, id="just now"),
        pytest.param(NOW + CLOCK_TOLERANCE_MS, NOW - 100, id="a little ahead"),
        pytest.param(NOW - CLOCK_TOLERANCE_MS, NOW, id="a little behind"),
        pytest.param(NOW - 3_600_000, None, id="an hour old in a wallet that lags"),
    ],
)
def test_clocks_that_agree(youngest_ms: int, waiting_since_ms: int | None) -> None:
    before = alarms()
    assert ClockWatch().agree(youngest_ms, NOW, waiting_since_ms)
    assert alarms() == before


def test_a_record_from_the_future_raises_the_alarm_at_once() -> None:
    before = alarms()
    assert not ClockWatch().agree(NOW + CLOCK_TOLERANCE_MS + 1, NOW, None)
    assert alarms() == before + 1


def test_records_that_stay_older_than_the_wait_for_them_raise_the_alarm() -> None:
    watch, before = ClockWatch(), alarms()
    times = range(NOW, NOW + CLOCK_WINDOW_MS, 1_000)
    answers = [watch.agree(at_ms - CLOCK_TOLERANCE_MS - 500, at_ms, at_ms - 100) for at_ms in times]
    assert answers[0]
    assert not answers[-1]
    assert alarms() > before


def test_a_burst_of_old_records_after_an_outage_is_no_alarm() -> None:
    """They were late on their way, not stamped by another clock: their stakes must expire."""
    watch, before = ClockWatch(), alarms()
    assert watch.agree(NOW - 10_800, NOW, NOW - 100)
    assert watch.agree(NOW - 9_000, NOW + 300, NOW + 200)
    for at_ms in range(NOW + 1_000, NOW + CLOCK_WINDOW_MS, 1_000):
        assert watch.agree(at_ms - 5, at_ms, at_ms - 100)
    assert alarms() == before
