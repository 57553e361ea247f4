"""Deposits and withdrawals: exact, once for each key, never below zero."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.operator_api.api import Answer, Api


def _move(api: Api, player_id: str, what: str, amount: Any, key: str | None, currency: Any = "EUR") -> Answer:
    return api.call("POST", f"/v1/players/{player_id}/{what}", {"amount": amount, "currency": currency}, key=key)


def test_deposit_and_withdraw(api: Api) -> None:
    player_id = api.player()
    answer = _move(api, player_id, "deposits", "100.25", "d1")
    assert answer.status == 201
    assert answer.json["balance"] == "100.25"
    answer = _move(api, player_id, "withdrawals", "0.25001", "w1")
    assert answer.status == 201
    assert answer.json["balance"] == "99.99999"
    assert api.balance(player_id) == "99.99999"


def test_the_same_key_and_body_give_the_same_answer(api: Api) -> None:
    player_id = api.player()
    first = _move(api, player_id, "deposits", "10", "same")
    api.deposit(player_id, "7")
    again = _move(api, player_id, "deposits", "10", "same")
    assert (again.status, again.json) == (first.status, first.json)
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    assert api.balance(player_id) == "17.00"


@pytest.mark.parametrize(
    ("what", "amount", "currency"), [("deposits", "11", "EUR"), ("deposits", "10", "USD"), ("withdrawals", "10", "EUR")]
)
def test_the_same_key_with_another_content_is_a_conflict(api: Api, what: str, amount: str, currency: str) -> None:
    player_id = api.player(currency="EUR")
    _move(api, player_id, "deposits", "10", "same")
    answer = _move(api, player_id, what, amount, "same", currency)
    assert (answer.status, answer.problem) == (409, "idempotency-conflict")
    assert api.balance(player_id) == "10.00"


def test_too_little_money(api: Api) -> None:
    player_id = api.player(money="10")
    answer = _move(api, player_id, "withdrawals", "10.00001", "w1")
    assert (answer.status, answer.problem) == (422, "insufficient-funds")
    api.deposit(player_id, "5")
    assert _move(api, player_id, "withdrawals", "10.00001", "w1").problem == "insufficient-funds"
    assert _move(api, player_id, "withdrawals", "10.00001", "w2").status == 201
    assert api.balance(player_id) == "4.99999"


@pytest.mark.parametrize("what", ["deposits", "withdrawals"])
@pytest.mark.parametrize(
    "amount",
    [
        "1e3", "1E3", "-1", "+1", "0", "0.00", "NaN", "Infinity", "1" + "0" * 30, "0.000001", "1.", ".5", "1,5", " 1", "1 ", "01",
        "0x10", "\u0661", "", "9999999999999999", 1, 1.5, 10**30, -1, True, None, ["1"], {"value": "1"},
    ],
)  # fmt: skip
def test_what_is_not_an_amount(api: Api, moneyless: str, what: str, amount: Any) -> None:
    answer = _move(api, moneyless, what, amount, secrets.token_hex(8))
    assert answer.status == 422
    assert answer.problem in ("invalid-amount", "invalid-request")
    assert "balance" not in answer.text


@pytest.fixture(scope="module")
def moneyless(api: Api) -> str:
    return api.player()


def test_nothing_of_that_was_booked(api: Api, moneyless: str) -> None:
    assert [each["kind"] for each in api.operations(moneyless)] == ["create_player"]


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[]", b"nul", b'{"amount": NaN, "currency": "EUR"}', b"\xff\xfe", b'"a"', b"[" * 50_000]
)
def test_bodies_that_are_no_request(api: Api, moneyless: str, raw: bytes) -> None:
    answer = api.call("POST", f"/v1/players/{moneyless}/deposits", raw=raw, key="raw")
    assert answer.status in (400, 422)
    assert answer.problem in ("malformed-body", "invalid-request")


def test_a_body_that_is_too_large(api: Api, moneyless: str) -> None:
    answer = api.call("POST", f"/v1/players/{moneyless}/deposits", raw=b" " * 70_000, key="raw")
    assert (answer.status, answer.problem) == (413, "body-too-large")


@pytest.mark.parametrize("key", [None, "", " ", "a b", "x" * 129, "\u00e9"])
def test_money_needs_an_idempotency_key(api: Api, moneyless: str, key: str | None) -> None:
    for what in ("deposits", "withdrawals"):
        answer = _move(api, moneyless, what, "1", key)
        assert (answer.status, answer.problem) == (400, "idempotency-key-missing")


def test_currencies(api: Api) -> None:
    player_id = api.player(currency="BTC")
    assert _move(api, player_id, "deposits", "0.00000001", "d1", "BTC").json["balance"] == "0.00000001"
    assert _move(api, player_id, "deposits", "0.000000001", "d2", "BTC").problem == "invalid-amount"
    assert _move(api, player_id, "deposits", "1", "d3", "EUR").problem == "wrong-currency"
    assert _move(api, player_id, "deposits", "1", "d4", "XXX").problem == "wrong-currency"
    assert _move(api, player_id, "deposits", "1", "d5", "XXXX").problem == "invalid-request"


def test_ten_copies_at_once_move_once(api: Api) -> None:
    player_id = api.player(money="100")
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: _move(api, player_id, "withdrawals", "30", "copy"), range(10)))
    assert {answer.status for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert api.balance(player_id) == "70.00"


def test_ten_withdrawals_race_for_the_last_money(api: Api) -> None:
    player_id = api.player(money="50")
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda number: _move(api, player_id, "withdrawals", "20", f"race-{number}"), range(10)))
    assert sorted(answer.status for answer in answers) == [201, 201] + [422] * 8
    assert api.balance(player_id) == "10.00"


def test_the_request_id_is_echoed_or_made(api: Api, moneyless: str) -> None:
    answer = api.call("GET", f"/v1/players/{moneyless}", X_Request_Id="my-own.7")
    assert answer.headers["x-request-id"] == "my-own.7"
    answer = api.call("GET", f"/v1/players/{moneyless}", X_Request_Id="no good\t")
    assert len(answer.headers["x-request-id"]) == 16
