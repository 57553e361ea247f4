"""Comparisons that need history: what differs, and which ids resemble one nobody knows."""

from __future__ import annotations

import pytest

from shared.providers.diagnosis import fields_that_differ, similar_ids
from shared.providers.diagnosis.compare import KNOWN_MAX, Difference


def test_fields_that_differ_are_named_with_both_values() -> None:
    sent = {"withdraw": 300, "deposit": 0, "currency": "EUR", "round": "r1"}
    stored = {"withdraw": 400, "deposit": 0, "currency": "EUR", "round": "r1", "game": "riot"}
    assert fields_that_differ(sent, stored) == [Difference("withdraw", 300, 400), Difference("game", None, "riot")]


@pytest.mark.parametrize(("sent", "stored"), [(400, "400"), (True, 1), (0, None)])
def test_a_value_of_another_type_differs(sent: object, stored: object) -> None:
    assert fields_that_differ({"a": sent}, {"a": stored}) == [Difference("a", sent, stored)]


def test_equal_contents_do_not_differ() -> None:
    assert fields_that_differ({"a": 1, "b": "x"}, {"b": "x", "a": 1}) == []


def test_ids_that_differ_in_case_blanks_or_prefix_come_first() -> None:
    known = ["1:UOwGgNHPgq3OkqRX", "1:uowggnhpgq3okqre", "zzz", "UOwGgNHPgq3OkqRE", "9:completely-other"]
    assert similar_ids("1:UOwGgNHPgq3OkqRE", known) == ["1:uowggnhpgq3okqre", "UOwGgNHPgq3OkqRE", "1:UOwGgNHPgq3OkqRX"]


def test_the_id_itself_and_strangers_are_left_out() -> None:
    assert similar_ids("abc-123", ["abc-123", "qqqqqqqq"]) == []
    assert similar_ids("abc-123", []) == []


def test_no_more_than_so_many_are_looked_at() -> None:
    known = (f"other-{number:06}" for number in range(10 * KNOWN_MAX))
    assert similar_ids("abc-123", known) == []
    assert next(known) == f"other-{KNOWN_MAX:06}"
