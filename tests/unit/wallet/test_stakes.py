"""Bet and BetAndWin: what is booked, and what is refused for good."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from msgspec.structs import replace

from services.wallet.decisions import decide
from services.wallet.decisions.model import APPLIED, REFUSED, Entry
from shared.contracts import MoneyCommand, Result
from tests.unit.wallet.builders import BALANCE, BLOCKED, EUR, HOUSE, KEY, MINUTE, NOW, PROMO, ROUND, SESSION, bet, bet_and_win, view

STAKE = Entry("player", HOUSE, 4 * EUR)
WIN = Entry(HOUSE, "player", 2 * EUR)


@pytest.mark.parametrize(
    ("command", "balance", "entries"),
    [
        pytest.param(bet(), BALANCE, (STAKE,), id="bet"),
        pytest.param(bet(0), BALANCE, (), id="bet of nothing"),
        pytest.param(bet(0), 0, (), id="bet of nothing with nothing"),
        pytest.param(bet(0), -5 * EUR, (), id="bet of nothing with an overdraft"),
        pytest.param(bet(BALANCE), BALANCE, (Entry("player", HOUSE, BALANCE),), id="the whole balance"),
        pytest.param(bet(1), 1, (Entry("player", HOUSE, 1),), id="the last unit"),
        pytest.param(bet_and_win(), BALANCE, (STAKE, WIN), id="stake before win"),
        pytest.param(bet_and_win(), 4 * EUR, (STAKE, WIN), id="the whole balance, then a win"),
        pytest.param(bet_and_win(0, 2 * EUR), 0, (WIN,), id="win alone"),
        pytest.param(bet_and_win(4 * EUR, 0), BALANCE, (STAKE,), id="stake alone"),
        pytest.param(bet_and_win(0, 0), 0, (), id="marker of a round"),
        pytest.param(
            bet_and_win(promo_class="tournament"), BALANCE, (STAKE, Entry(PROMO, "player", 2 * EUR)), id="a prize is promotion's"
        ),
    ],
)
def test_applied(command: MoneyCommand, balance: int, entries: tuple[Entry, ...]) -> None:
    decision = decide(command, view(balance=balance))
    assert (decision.result, decision.status, decision.entries) == (Result.OK, APPLIED, entries)
    assert decision.stake == sum(entry.amount for entry in entries if entry.debit_account == "player")
    assert decision.win == sum(entry.amount for entry in entries if entry.credit_account == "player")
    assert (decision.currency, decision.round_id, decision.game_id) == ("EUR", "r1", "riot")


@pytest.mark.parametrize(
    ("command", "balance"),
    [
        pytest.param(bet(BALANCE + 1), BALANCE, id="balance and a unit"),
        pytest.param(bet(1), 0, id="a unit of nothing"),
        pytest.param(bet(1), -1, id="with an overdraft"),
        pytest.param(bet_and_win(4 * EUR, 10 * EUR), 0, id="the win does not finance the stake"),
        pytest.param(bet_and_win(4 * EUR, 10 * EUR), 4 * EUR - 1, id="nor its last unit"),
    ],
)
def test_without_funds(command: Any, balance: int) -> None:
    decision = decide(command, view(balance=balance))
    assert (decision.result, decision.status, decision.entries) == (Result.INSUFFICIENT_FUNDS, REFUSED, ())
    # What was asked is kept: a repetition is compared with it.
    assert decision.stake == command.stake
    assert decision.win == getattr(command, "win", 0)
    assert decision.round is None


@pytest.mark.parametrize("command", [bet(), bet_and_win()], ids=["bet", "bet and win"])
@pytest.mark.parametrize(
    ("view_fields", "fields", "result"),
    [
        ({"player": BLOCKED}, {}, Result.PLAYER_BLOCKED),
        ({"player": replace(BLOCKED, status="closed")}, {}, Result.PLAYER_BLOCKED),
        ({}, {"game_state": "off"}, Result.GAME_FORBIDDEN),
    ],
    ids=["blocked", "closed", "game off"],
)
def test_a_final_refusal_is_stored_and_moves_nothing(
    command: MoneyCommand, view_fields: dict[str, Any], fields: dict[str, Any], result: str
) -> None:
    decision = decide(dataclasses.replace(command, **fields), view(**view_fields))
    assert (decision.result, decision.status) == (result, REFUSED)
    assert (decision.entries, decision.round, decision.sessions, decision.grant) == ((), None, (), None)


@pytest.mark.parametrize("command", [bet(), bet_and_win()], ids=["bet", "bet and win"])
@pytest.mark.parametrize(
    ("view_fields", "fields", "result"),
    [
        ({"player": None, "balance": None}, {}, Result.PLAYER_NOT_FOUND),
        ({}, {"brands": ("other",)}, Result.PLAYER_NOT_FOUND),
        ({"expired": True}, {}, Result.NOT_DONE),
        ({}, {"session_id": f"{KEY}.unknown-one"}, Result.TOKEN_UNKNOWN),
        ({"session": replace(SESSION, status="closed")}, {"session_id": SESSION.session_id}, Result.TOKEN_EXPIRED),
        ({"balance": None}, {}, Result.WRONG_CURRENCY),
        ({}, {"currency": ""}, Result.WRONG_CURRENCY),
        ({}, {"player_currency": "USD"}, Result.WRONG_CURRENCY),
    ],
    ids=["unknown player", "other brand", "expired", "unknown session", "session ended", "no account", "not mapped", "other purse"],
)
def test_what_may_come_out_otherwise_next_time_is_not_stored(
    command: MoneyCommand, view_fields: dict[str, Any], fields: dict[str, Any], result: str
) -> None:
    decision = decide(dataclasses.replace(command, **fields), view(**view_fields))
    assert (decision.result, decision.status, decision.entries) == (result, "", ())


@pytest.mark.parametrize("state", ["live", "unknown"])
def test_a_game_nobody_knows_is_played(state: str) -> None:
    assert decide(bet(game_state=state), view()).result == Result.OK


def test_a_game_switched_off_lets_an_open_round_end() -> None:
    assert decide(bet(game_state="off"), view(round=ROUND)).result == Result.OK


def test_a_marker_of_a_round_passes_whatever_a_stake_would_be_asked() -> None:
    decision = decide(
        bet_and_win(0, 0, session_id=SESSION.session_id, game_state="off"),
        view(player=BLOCKED, expired=True, balance=-1, session=replace(SESSION, status="closed")),
    )
    assert (decision.result, decision.status) == (Result.OK, APPLIED)


def test_the_first_bet_opens_its_round() -> None:
    opened = decide(bet(session_id=SESSION.session_id), view(session=SESSION)).round
    assert opened is not None
    assert (opened.round_id, opened.status, opened.bets, opened.stake, opened.win) == ("r1", "open", 1, 4 * EUR, 0)
    assert (opened.session_id, opened.game_id, opened.opened_at_ms) == (SESSION.session_id, "riot", NOW)


def test_later_bets_add_to_their_round() -> None:
    after = decide(bet_and_win(), view(round=ROUND)).round
    assert after == replace(ROUND, bets=2, stake=8 * EUR, win=2 * EUR)


def test_the_last_call_closes_the_round() -> None:
    after = decide(bet(closes_round=True), view(round=ROUND)).round
    assert after == replace(ROUND, bets=2, stake=8 * EUR, status="closed", closed_at_ms=NOW)


def test_a_bet_into_a_closed_round_is_taken_and_does_not_open_it() -> None:
    closed = replace(ROUND, status="closed", closed_at_ms=NOW - MINUTE)
    decision = decide(bet(closes_round=True), view(round=closed))
    assert decision.status == APPLIED
    assert decision.round == replace(closed, bets=2, stake=8 * EUR)


def test_a_bet_without_a_round_has_none() -> None:
    assert decide(bet(round_id=""), view()).round is None


@pytest.mark.parametrize(("quiet_ms", "written"), [(0, False), (MINUTE - 1, False), (MINUTE, True)])
def test_a_sessions_last_sign_of_life_is_written_by_the_minute(quiet_ms: int, written: bool) -> None:  # noqa: FBT001
    session = replace(SESSION, last_seen_ms=NOW - quiet_ms)
    decision = decide(bet(session_id=SESSION.session_id), view(session=session))
    assert decision.sessions == ((replace(session, last_seen_ms=NOW),) if written else ())
    assert decision.session_id == SESSION.session_id
