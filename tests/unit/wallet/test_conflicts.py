"""The same key with other content is a conflict and moves nothing; with the same content it is the stored answer again."""

from __future__ import annotations

from typing import Any

import pytest

from services.wallet.decisions import decide
from services.wallet.decisions.model import Operation
from shared.contracts import Command, Result, Rollback
from tests.unit.wallet.builders import (
    ACCOUNT,
    EUR,
    GRANT,
    HOUSE,
    NOW,
    PLAYER,
    SESSION,
    TOMBSTONE,
    activate_session,
    bet,
    bet_and_win,
    cancel_free_rounds,
    close_session,
    create_player,
    deposit,
    end_round,
    erase_player,
    grant_free_rounds,
    moved,
    open_session,
    rollback,
    set_status,
    stored,
    stored_bet,
    view,
    win,
    withdraw,
    withdraw_everything,
)

BET_STORED = stored_bet()
WIN_STORED = stored("win", win=2 * EUR, movements=(moved(HOUSE, "player", 2 * EUR),))
BOTH_STORED = stored("bet_and_win", stake=4 * EUR, win=2 * EUR)
FREE_STORED = stored("bet_and_win", win=2 * EUR, nominal_stake=4 * EUR, free_rounds_asked=1, free_rounds_charged=1)
REFUSED_STORED = stored("bet", stake=4 * EUR, status="refused", result=Result.INSUFFICIENT_FUNDS, balance_after=1)
OPERATOR = {"provider_account": "operator", "namespace": "operator", "external_id": "k1", "round_id": "", "game_id": ""}
DEPOSIT_STORED = stored("deposit", win=10 * EUR, **OPERATOR)
WITHDRAW_STORED = stored("withdraw", stake=10 * EUR, **OPERATOR)
EVERYTHING_STORED = stored("withdraw", stake=96 * EUR, **OPERATOR, details='{"everything":true}')
NOTHING_STORED = stored("withdraw", status="void", **OPERATOR, details='{"everything":true}')
BLOCKED_STORED = stored(
    "set_player_status",
    details='{"from":"active","to":"blocked","reason":"","author":""}',
    **{**OPERATOR, "currency": ""},
)
ERASED_STORED = stored(
    "erase_player", details='{"from":"active","to":"closed","reason":"","author":""}', **{**OPERATOR, "currency": ""}
)
CREATED = stored("create_player", **{**OPERATOR, "currency": ""})
SESSION_KEY = {**OPERATOR, "provider_account": ACCOUNT, "session_id": SESSION.session_id, "game_id": "riot"}
OPENED = stored("open_session", **SESSION_KEY)
ACTIVATED = stored("activate_session", **SESSION_KEY)
CLOSED = stored("close_session", **SESSION_KEY)
GRANTED = stored(
    "grant_free_rounds",
    details=f'{{"count":5,"expires_at_ms":{GRANT.expires_at_ms},"game_ids":[],"stake":0}}',
    **{**OPERATOR, "provider_account": ACCOUNT, "grant_id": GRANT.grant_id},
)
CANCELLED = stored("cancel_free_rounds", **{**OPERATOR, "provider_account": ACCOUNT, "grant_id": GRANT.grant_id})
TARGET = stored_bet(seq=3)
UNDONE = stored("rollback", namespace="undo", win=4 * EUR, target_seq=3)
ENDED = stored("end_round")

SAME = [
    pytest.param(bet(), BET_STORED, id="bet"),
    pytest.param(bet(), REFUSED_STORED, id="refused bet"),
    pytest.param(win(), WIN_STORED, id="win"),
    pytest.param(bet_and_win(), BOTH_STORED, id="bet and win"),
    pytest.param(bet_and_win(charge_free_rounds=1), FREE_STORED, id="free round"),
    pytest.param(bet(round_id="other", compare_round=False), BET_STORED, id="another round where the dialect does not mind"),
    pytest.param(bet(game_id="other", compare_game=False), BET_STORED, id="another game where the dialect does not mind"),
    pytest.param(bet(session_id=SESSION.session_id), BET_STORED, id="another session"),
    pytest.param(bet(closes_round=True), BET_STORED, id="now said to be the last of its round"),
    pytest.param(end_round(), ENDED, id="end of a round"),
    pytest.param(rollback(), UNDONE, id="rollback"),
    pytest.param(rollback(round_id="other", currency="USD"), UNDONE, id="rollback with a false amount or round"),
    pytest.param(deposit(), DEPOSIT_STORED, id="deposit"),
    pytest.param(withdraw(), WITHDRAW_STORED, id="withdraw"),
    pytest.param(create_player(), CREATED, id="create player"),
    pytest.param(open_session(), OPENED, id="open session"),
    pytest.param(activate_session(), ACTIVATED, id="activate session"),
    pytest.param(close_session(), CLOSED, id="close session"),
    pytest.param(grant_free_rounds(), GRANTED, id="grant"),
    pytest.param(withdraw_everything(), EVERYTHING_STORED, id="withdraw everything"),
    pytest.param(withdraw_everything(), NOTHING_STORED, id="withdraw everything where nothing was, with money there now"),
    pytest.param(set_status("blocked", reason="in other words", author="key-2"), BLOCKED_STORED, id="set status"),
    pytest.param(erase_player(), ERASED_STORED, id="erase"),
    pytest.param(cancel_free_rounds(reason="in other words"), CANCELLED, id="cancel"),
]
OTHER = [
    pytest.param(bet(4 * EUR + 1), BET_STORED, id="bet: amount"),
    pytest.param(bet(0), BET_STORED, id="bet: nothing"),
    pytest.param(bet(currency="USD", player_currency="USD"), BET_STORED, id="bet: currency"),
    pytest.param(bet(currency=""), BET_STORED, id="bet: currency that is not mapped"),
    pytest.param(bet(round_id="r2"), BET_STORED, id="bet: round"),
    pytest.param(bet(game_id="venga"), BET_STORED, id="bet: game"),
    pytest.param(bet(charge_free_rounds=1), BET_STORED, id="bet: now a free round"),
    pytest.param(bet(5 * EUR), REFUSED_STORED, id="refused bet: amount"),
    pytest.param(bet_and_win(4 * EUR, 0), BET_STORED, id="bet: now with a win leg"),
    pytest.param(win(4 * EUR), BET_STORED, id="bet: now a win"),
    pytest.param(win(1), WIN_STORED, id="win: amount"),
    pytest.param(win(round_id="r2"), WIN_STORED, id="win: round"),
    pytest.param(bet_and_win(5 * EUR, 2 * EUR), BOTH_STORED, id="bet and win: stake"),
    pytest.param(bet_and_win(4 * EUR, 3 * EUR), BOTH_STORED, id="bet and win: win"),
    pytest.param(bet_and_win(2 * EUR, 4 * EUR), BOTH_STORED, id="bet and win: turned round"),
    pytest.param(bet_and_win(charge_free_rounds=2), FREE_STORED, id="free round: charge"),
    pytest.param(bet_and_win(3 * EUR, charge_free_rounds=1), FREE_STORED, id="free round: nominal stake"),
    pytest.param(bet_and_win(), FREE_STORED, id="free round: now paid"),
    pytest.param(end_round(round_id="r2"), ENDED, id="end of another round"),
    pytest.param(end_round(currency="USD"), ENDED, id="end of the round in another currency"),
    pytest.param(end_round(), BET_STORED, id="end of a round under a bet's id"),
    pytest.param(rollback(), BET_STORED, id="rollback under a bet's id"),
    pytest.param(bet(), UNDONE, id="bet under a rollback's id"),
    pytest.param(rollback("t9", external_id="t1"), UNDONE, id="rollback of another original under its id"),
    pytest.param(deposit(1), DEPOSIT_STORED, id="deposit: amount"),
    pytest.param(deposit(currency="USD"), DEPOSIT_STORED, id="deposit: currency"),
    pytest.param(withdraw(), DEPOSIT_STORED, id="withdraw under a deposit's key"),
    pytest.param(deposit(), WITHDRAW_STORED, id="deposit under a withdrawal's key"),
    pytest.param(create_player(brand="other"), CREATED, id="create player: brand"),
    pytest.param(create_player(test=True), CREATED, id="create player: test flag"),
    pytest.param(create_player(currencies=("EUR", "USD")), CREATED, id="create player: currencies"),
    pytest.param(create_player(), DEPOSIT_STORED, id="create player under a deposit's key"),
    pytest.param(open_session(game_id="venga"), OPENED, id="open session: game"),
    pytest.param(open_session(currency="USD"), OPENED, id="open session: currency"),
    pytest.param(open_session(session_id=f"{SESSION.session_id}x"), OPENED, id="open session: id"),
    pytest.param(close_session(), OPENED, id="close session under an opening's key"),
    pytest.param(activate_session(), OPENED, id="activate session under an opening's key"),
    pytest.param(activate_session(session_id=f"{SESSION.session_id}x"), ACTIVATED, id="activate another session"),
    pytest.param(close_session(session_id=f"{SESSION.session_id}x"), CLOSED, id="close another session"),
    pytest.param(grant_free_rounds(count=6), GRANTED, id="grant: count"),
    pytest.param(grant_free_rounds(stake=1), GRANTED, id="grant: stake"),
    pytest.param(grant_free_rounds(game_ids=("riot",)), GRANTED, id="grant: games"),
    pytest.param(grant_free_rounds(expires_at_ms=NOW), GRANTED, id="grant: expiry"),
    pytest.param(grant_free_rounds(currency="USD"), GRANTED, id="grant: currency"),
    pytest.param(grant_free_rounds(grant_id=f"{GRANT.grant_id}x"), GRANTED, id="grant: id"),
    pytest.param(grant_free_rounds(), OPENED, id="grant under an opening's key"),
    pytest.param(withdraw_everything(), WITHDRAW_STORED, id="withdraw: now everything"),
    pytest.param(withdraw(96 * EUR), EVERYTHING_STORED, id="withdraw everything: now the same as an amount"),
    pytest.param(withdraw_everything(amount=96 * EUR), EVERYTHING_STORED, id="withdraw everything: now with an amount"),
    pytest.param(withdraw(0), NOTHING_STORED, id="withdraw everything: now nothing"),
    pytest.param(withdraw_everything(currency="USD"), EVERYTHING_STORED, id="withdraw everything: currency"),
    pytest.param(withdraw_everything(), DEPOSIT_STORED, id="withdraw everything under a deposit's key"),
    pytest.param(set_status("active"), BLOCKED_STORED, id="set status: another"),
    pytest.param(set_status("blocked"), CREATED, id="set status under a creation's key"),
    pytest.param(erase_player(), BLOCKED_STORED, id="erase under the key of a change of status"),
    pytest.param(set_status("blocked"), ERASED_STORED, id="set status under an erasure's key"),
    pytest.param(cancel_free_rounds(grant_id=f"{GRANT.grant_id}x"), CANCELLED, id="cancel another grant"),
    pytest.param(cancel_free_rounds(), GRANTED, id="cancel under a grant's key"),
    pytest.param(grant_free_rounds(), CANCELLED, id="grant under a cancellation's key"),
]


def seen(command: Command, operation: Operation) -> Any:
    target = TARGET if isinstance(command, Rollback) and command.target_external_id == "t1" else None
    return view(stored=operation, target=target, currencies=("EUR",), session=SESSION, grant=GRANT)


@pytest.mark.parametrize(("command", "operation"), SAME)
def test_the_same_again_gets_the_stored_answer(command: Command, operation: Operation) -> None:
    decision = decide(command, seen(command, operation))
    assert (decision.replay, decision.result, decision.status) == (operation, operation.result, "")


@pytest.mark.parametrize(("command", "operation"), OTHER)
def test_other_content_is_a_conflict(command: Command, operation: Operation) -> None:
    decision = decide(command, seen(command, operation))
    assert (decision.result, decision.replay, decision.status) == (Result.DUPLICATE_DIFFERENT, None, "")
    assert (decision.entries, decision.round, decision.sessions, decision.grant) == ((), None, (), None)
    assert (decision.player_status, decision.erases) == ("", False)


UNDONE_SINCE = [(bet(), BET_STORED), (win(), WIN_STORED), (bet_and_win(), BOTH_STORED)]


@pytest.mark.parametrize(("command", "operation"), UNDONE_SINCE, ids=lambda each: each.kind)
def test_what_was_rolled_back_since_is_not_a_success_again(command: Command, operation: Operation) -> None:
    decision = decide(command, view(stored=operation, stored_undone=True))
    assert (decision.result, decision.replay, decision.status) == (Result.ORIGINAL_CANCELLED, None, "")


def test_other_content_under_a_key_that_was_rolled_back_is_still_a_conflict() -> None:
    assert decide(bet(1), view(stored=BET_STORED, stored_undone=True)).result == Result.DUPLICATE_DIFFERENT


@pytest.mark.parametrize("command", [bet(), win(), bet_and_win(), bet(1), end_round()], ids=lambda each: each.kind)
def test_what_was_rolled_back_before_it_arrived_is_cancelled_whatever_it_says(command: Command) -> None:
    decision = decide(command, view(stored=TOMBSTONE))
    assert (decision.result, decision.replay, decision.status) == (Result.ORIGINAL_CANCELLED, None, "")


def test_a_player_whose_personal_data_were_erased_is_still_the_same() -> None:
    decision = decide(create_player(operator_player_id="whoever"), view(stored=CREATED, player=PLAYER, currencies=("EUR",)))
    assert decision.replay == CREATED
