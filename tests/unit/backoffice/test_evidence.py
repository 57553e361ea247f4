"""What differs between a repetition and the call that it repeats; counts in bins of time."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from services.backoffice.findings.evidence import Compared, compare_bodies, missing_values
from services.backoffice.findings.store import Facts, binned, facts_of

NOW = datetime(2026, 11, 2, 12, 34, tzinfo=UTC)


def call(number: int, **params: object) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "method": "withdrawAndDeposit", "id": number, "params": params}).encode()


def test_fields_that_differ_are_found_and_the_envelope_is_not_told() -> None:
    sent = call(9, withdraw=500, currency="EUR", spinDetails={"betType": "spin"}, extra=True)
    before = call(1, withdraw=400, currency="EUR", spinDetails={"betType": "bonus"}, gameRoundRef="r1")
    assert compare_bodies(sent, before) == [
        Compared("withdraw", "500", "400"),
        Compared("spinDetails.betType", "spin", "bonus"),
        Compared("extra", "true", ""),
        Compared("gameRoundRef", "", "r1"),
    ]


def test_a_number_and_its_text_are_told_apart() -> None:
    assert compare_bodies(call(1, withdraw="400"), call(1, withdraw=400)) == [Compared("withdraw", "400", "400")]


def test_forms_are_compared_too() -> None:
    assert compare_bodies(b"bet_id=1&amount=5.00", b"bet_id=1&amount=4.00") == [Compared("amount", "5.00", "4.00")]


@pytest.mark.parametrize("body", [b"", b"[1]", b"\xff\xfe", b"{", b"[" * 100_000, b"x" * 300_000])
def test_what_cannot_be_read_is_not_compared(body: bytes) -> None:
    assert compare_bodies(body, call(1, withdraw=400)) == []
    assert compare_bodies(call(1, withdraw=400), body) == []
    assert missing_values(body, {"currency": "EUR", "round_id": "", "game_id": ""}) == []


def test_without_the_first_call_the_stored_operation_says_what_is_missing() -> None:
    stored = {"currency": "EUR", "round_id": "r1", "game_id": "riot"}
    assert missing_values(call(1, currency="EUR", gameRoundRef="r2", gameId="riot"), stored) == [Compared("round_id", "", "r1")]


def test_counts_fall_into_bins_that_end_with_the_present_hour() -> None:
    hour = NOW.replace(minute=0)
    counts = [(hour, 5), (hour - timedelta(hours=1), 2), (hour - timedelta(hours=23), 1), (hour - timedelta(hours=24), 9)]
    assert binned(counts, NOW, 24, 3_600) == [1, *[0] * 21, 2, 5]
    assert binned(counts, NOW, 2, 86_400) == [9, 8]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"title": 5}'])
def test_a_diagnosis_that_cannot_be_read_is_as_good_as_none(text: str) -> None:
    assert facts_of(text) == Facts()
