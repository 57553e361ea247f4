"""The operator's own commands: creating a player, his status, erasing him, money in and out."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from services.wallet.decisions import decide
from services.wallet.decisions.model import APPLIED, REFUSED, VOID, Entry, Player, Profile
from shared.contracts import PlayerStatus, Result
from tests.unit.wallet.builders import (
    BALANCE,
    BLOCKED,
    CLOSED,
    DRAINING,
    EUR,
    KEY,
    PLAYER,
    create_player,
    deposit,
    erase_player,
    set_status,
    view,
    withdraw,
    withdraw_everything,
)

PROFILE = Profile(player=KEY, operator_player_id="lucky11")
NOBODY = view(player=None, balance=None)


def test_a_player_is_created_with_an_account_in_each_currency() -> None:
    decision = decide(create_player(currencies=("USD", "EUR", "USD"), country="MT", language="en", test=True), NOBODY)
    assert (decision.result, decision.status) == (Result.OK, APPLIED)
    assert decision.new_player == Player(player=KEY, brand="main", test=True)
    assert decision.new_currencies == ("EUR", "USD")
    assert decision.profile == replace(PROFILE, country="MT", language="en")
    # What names a person stays out of the ledger and its events; a country, which reports need, does not.
    assert json.loads(decision.details) == {"currencies": ["EUR", "USD"], "test": True, "country": "MT"}


def test_a_player_without_a_country_has_none_in_his_event() -> None:
    decision = decide(create_player(currencies=("EUR",)), NOBODY)
    assert json.loads(decision.details) == {"currencies": ["EUR"], "test": False}


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
        pytest.param(deposit(), {"player": CLOSED}, Result.PLAYER_BLOCKED, REFUSED, id="deposit of a closed player"),
        pytest.param(deposit(), {"player": DRAINING}, Result.OK, APPLIED, id="deposit of a draining player"),
        pytest.param(withdraw(), {"player": BLOCKED}, Result.OK, APPLIED, id="withdrawal of a blocked player"),
        pytest.param(withdraw(), {"player": DRAINING}, Result.OK, APPLIED, id="withdrawal of a draining player"),
        pytest.param(withdraw(), {"player": CLOSED}, Result.OK, APPLIED, id="withdrawal of a closed player"),
        pytest.param(withdraw_everything(), {"player": CLOSED}, Result.OK, APPLIED, id="all the money of a closed player"),
        pytest.param(withdraw_everything(), {"expired": True}, Result.NOT_DONE, "", id="everything, but late"),
        pytest.param(withdraw_everything(amount=1), {}, Result.BAD_REQUEST, "", id="everything and an amount"),
        pytest.param(withdraw_everything(), {"balance": None}, Result.WRONG_CURRENCY, "", id="everything of no account"),
        pytest.param(withdraw_everything(), {"player": None}, Result.PLAYER_NOT_FOUND, "", id="everything of nobody"),
        pytest.param(withdraw_everything(), {"balance": 0}, Result.OK, VOID, id="everything where nothing is"),
        pytest.param(withdraw_everything(), {"balance": -5}, Result.OK, VOID, id="everything on an overdraft"),
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


@pytest.mark.parametrize("balance", [1, BALANCE])
def test_everything_is_the_balance_of_the_moment(balance: int) -> None:
    decision = decide(withdraw_everything(), view(balance=balance))
    assert (decision.stake, decision.win, decision.entries) == (balance, 0, (Entry("player", "cash", balance),))
    assert json.loads(decision.details) == {"everything": True}


def test_an_ordinary_withdrawal_says_nothing_of_everything() -> None:
    assert decide(withdraw(BALANCE), view()).details == ""


@pytest.mark.parametrize("before", [PLAYER, DRAINING, BLOCKED], ids=lambda player: player.status)
@pytest.mark.parametrize("after", ["active", "draining", "blocked"])
def test_a_status_is_set_whatever_it_was_and_also_if_it_is_the_same(before: Player, after: PlayerStatus) -> None:
    decision = decide(set_status(after), view(player=before, expired=True))
    assert (decision.result, decision.status, decision.player_status, decision.erases) == (Result.OK, APPLIED, after, False)
    assert json.loads(decision.details) == {"from": before.status, "to": after, "reason": "asked for it", "author": "key-1"}


@pytest.mark.parametrize("status", ["active", "draining", "blocked"])
def test_a_closed_player_stays_closed_and_nothing_is_stored(status: PlayerStatus) -> None:
    decision = decide(set_status(status), view(player=CLOSED))
    assert (decision.result, decision.status, decision.player_status) == (Result.BAD_REQUEST, "", "")
    assert "closed" in decision.detail


@pytest.mark.parametrize("before", [PLAYER, DRAINING, BLOCKED, CLOSED], ids=lambda player: player.status)
def test_erasing_closes_the_player_and_deletes_his_profile(before: Player) -> None:
    decision = decide(erase_player(), view(player=before, expired=True))
    assert (decision.result, decision.status, decision.player_status, decision.erases) == (Result.OK, APPLIED, "closed", True)
    facts = {"from": before.status, "to": "closed", "reason": "GDPR", "author": "key-1", "sessions": []}
    assert json.loads(decision.details) == facts
    assert decision.entries == ()


@pytest.mark.parametrize("build", [set_status, erase_player])
@pytest.mark.parametrize(("player", "brands"), [(None, ()), (PLAYER, ("other",))], ids=["unknown", "other brand"])
def test_nobody_of_another_brand_is_blocked_or_erased(build: Any, player: Player | None, brands: tuple[str, ...]) -> None:
    decision = decide(build(brands=brands), view(player=player))
    assert (decision.result, decision.status, decision.player_status) == (Result.PLAYER_NOT_FOUND, "", "")


@pytest.mark.parametrize("build", [set_status, erase_player])
def test_long_words_of_people_are_cut(build: Any) -> None:
    details = json.loads(decide(build(reason="x" * 10_000, author="y" * 10_000), view()).details)
    assert (details["reason"], details["author"]) == ("x" * 256, "y" * 128)


def test_an_erased_player_created_again_exists() -> None:
    decision = decide(create_player(external_id="k2", operator_player_id="lucky11"), view(player=CLOSED, currencies=("EUR",)))
    assert (decision.result, decision.status, decision.detail, decision.new_player) == (Result.OK, "", "exists", None)
