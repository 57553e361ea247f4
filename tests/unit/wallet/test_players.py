"""The operator's own commands: creating a player, money in and out."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from services.wallet.decisions import decide
from services.wallet.decisions.model import APPLIED, REFUSED, Entry, Player, Profile
from shared.contracts import Result
from tests.unit.wallet.builders import BALANCE, BLOCKED, EUR, KEY, PLAYER, create_player, deposit, view, withdraw

PROFILE = Profile(player=KEY, operator_player_id="lucky11")
NOBODY = view(player=None, balance=None)


def test_a_player_is_created_with_an_account_in_each_currency() -> None:
    decision = decide(create_player(currencies=("USD", "EUR", "USD"), country="MT", language="en", test=True), NOBODY)
    assert (decision.result, decision.status) == (Result.OK, APPLIED)
    assert decision.new_player == Player(player=KEY, brand="main", test=True)
    assert decision.new_currencies == ("EUR", "USD")
    assert decision.profile == replace(PROFILE, country="MT", language="en")
    # Personal data stay out of the ledger and its events.
    assert json.loads(decision.details) == {"currencies": ["EUR", "USD"], "test": True}


def test_the_same_player_under_another_key_exists_and_nothing_is_stored() -> None:
    decision = decide(create_player(external_id="k2"), view(currencies=("EUR",), profile=PROFILE))
    assert (decision.result, decision.status, decision.detail, decision.new_player) == (Result.OK, "", "exists", None)


@pytest.mark.parametrize(
    "fields",
    [{"brand": "other"}, {"currencies": ("EUR", "USD")}, {"test": True}, {"country": "MT"}, {"operator_player_id": "lucky12"}],
    ids=lambda fields: next(iter(fields)),
)
def test_another_player_under_the_same_id_is_a_conflict(fields: dict[str, Any]) -> None:
    decision = decide(create_player(external_id="k2", **fields), view(currencies=("EUR",), profile=PROFILE))
    assert (decision.result, decision.status, decision.new_player) == (Result.DUPLICATE_DIFFERENT, "", None)


@pytest.mark.parametrize("fields", [{"currencies": ()}, {"operator_player_id": ""}], ids=["no currency", "no id"])
def test_a_player_needs_an_id_and_a_currency(fields: dict[str, Any]) -> None:
    decision = decide(create_player(**fields), NOBODY)
    assert (decision.result, decision.new_player) == (Result.BAD_REQUEST, None)


def test_money_comes_from_the_operators_cash_and_goes_back_there() -> None:
    into, out = decide(deposit(), view()), decide(withdraw(), view())
    assert (into.status, into.win, into.stake, into.entries) == (APPLIED, 10 * EUR, 0, (Entry("cash", "player", 10 * EUR),))
    assert (out.status, out.win, out.stake, out.entries) == (APPLIED, 0, 10 * EUR, (Entry("player", "cash", 10 * EUR),))


@pytest.mark.parametrize(
    ("command", "view_fields", "result", "status"),
    [
        pytest.param(deposit(), {"expired": True}, Result.OK, APPLIED, id="a late deposit is still the player's money"),
        pytest.param(withdraw(), {"expired": True}, Result.NOT_DONE, "", id="a late withdrawal is not done"),
        pytest.param(deposit(), {"player": BLOCKED}, Result.PLAYER_BLOCKED, REFUSED, id="deposit of a blocked player"),
        pytest.param(withdraw(), {"player": BLOCKED}, Result.OK, APPLIED, id="withdrawal of a blocked player"),
        pytest.param(withdraw(BALANCE), {}, Result.OK, APPLIED, id="the whole balance"),
        pytest.param(withdraw(BALANCE + 1), {}, Result.INSUFFICIENT_FUNDS, REFUSED, id="a unit more"),
        pytest.param(withdraw(1), {"balance": -1}, Result.INSUFFICIENT_FUNDS, REFUSED, id="with an overdraft"),
        pytest.param(deposit(1), {"balance": -5}, Result.OK, APPLIED, id="deposit on an overdraft"),
        pytest.param(deposit(0), {}, Result.BAD_REQUEST, "", id="a deposit of nothing"),
        pytest.param(deposit(-1), {}, Result.BAD_REQUEST, "", id="a negative deposit"),
        pytest.param(withdraw(-1), {}, Result.BAD_REQUEST, "", id="a negative withdrawal"),
        pytest.param(deposit(), {"balance": None}, Result.WRONG_CURRENCY, "", id="deposit without an account"),
        pytest.param(withdraw(), {"balance": None}, Result.WRONG_CURRENCY, "", id="withdrawal without an account"),
        pytest.param(deposit(), {"player": None}, Result.PLAYER_NOT_FOUND, "", id="unknown player"),
        pytest.param(deposit(brands=("other",)), {"player": PLAYER}, Result.PLAYER_NOT_FOUND, "", id="other brand"),
    ],
)
def test_money_in_and_out(command: Any, view_fields: dict[str, Any], result: str, status: str) -> None:
    decision = decide(command, view(**view_fields))
    assert (decision.result, decision.status) == (result, status)
    assert bool(decision.entries) == (status == APPLIED)
