"""Win and EndRound: what was won is paid."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from services.wallet.decisions import decide
from services.wallet.decisions.model import APPLIED, Entry
from shared.contracts import Result
from tests.unit.wallet.builders import ACCOUNT, EUR, FREE, HOUSE, MINUTE, NOW, PROMO, ROUND, SESSION, end_round, view, win

CLOSED = replace(ROUND, status="closed", closed_at_ms=NOW - MINUTE)


@pytest.mark.parametrize(
    ("fields", "round_", "source"),
    [
        ({}, ROUND, HOUSE),
        ({}, None, HOUSE),
        ({}, CLOSED, HOUSE),
        ({"round_id": ""}, None, HOUSE),
        ({"free_round": True}, None, FREE),
        ({}, replace(ROUND, free_charged=1), FREE),
        ({"promo_class": "bonus_reward"}, ROUND, PROMO),
        ({"promo_class": "tournament", "free_round": True}, ROUND, PROMO),
        ({"promo_class": "jackpot"}, ROUND, f"jackpot:{ACCOUNT}"),
    ],
    ids=[
        "in its round",
        "without a bet",
        "late",
        "without a round",
        "free round",
        "round of a free round",
        "bonus",
        "prize",
        "jackpot",
    ],
)
def test_a_win_is_paid_from_where_it_was_won(fields: dict[str, Any], round_: Any, source: str) -> None:
    decision = decide(win(**fields), view(round=round_))
    assert (decision.result, decision.status, decision.win, decision.stake) == (Result.OK, APPLIED, 2 * EUR, 0)
    assert decision.entries == (Entry(source, "player", 2 * EUR),)


def test_a_win_of_nothing_is_applied_and_moves_nothing() -> None:
    decision = decide(win(0), view())
    assert (decision.status, decision.entries) == (APPLIED, ())


@pytest.mark.parametrize(
    ("view_fields", "fields", "result"),
    [
        ({"player": None, "balance": None}, {}, Result.PLAYER_NOT_FOUND),
        ({}, {"brands": ("other",)}, Result.PLAYER_NOT_FOUND),
        ({"balance": None}, {}, Result.WRONG_CURRENCY),
        ({}, {"currency": ""}, Result.WRONG_CURRENCY),
        ({}, {"player_currency": "USD"}, Result.WRONG_CURRENCY),
        ({}, {"bet_required": True}, Result.ORIGINAL_NOT_FOUND),
        ({"round": replace(ROUND, bets=0)}, {"bet_required": True}, Result.ORIGINAL_NOT_FOUND),
    ],
)
def test_a_win_that_is_not_taken_is_not_stored(view_fields: dict[str, Any], fields: dict[str, Any], result: str) -> None:
    decision = decide(win(**fields), view(**view_fields))
    assert (decision.result, decision.status, decision.entries) == (result, "", ())


def test_a_dialect_that_demands_a_bet_pays_where_there_is_one() -> None:
    assert decide(win(bet_required=True), view(round=ROUND)).status == APPLIED


def test_a_win_adds_to_its_round() -> None:
    assert decide(win(), view(round=ROUND)).round == replace(ROUND, win=2 * EUR)
    assert decide(win(closes_round=True), view(round=ROUND)).round == replace(ROUND, win=2 * EUR, status="closed", closed_at_ms=NOW)
    assert decide(win(closes_round=True), view(round=CLOSED)).round == replace(CLOSED, win=2 * EUR)


def test_a_win_does_not_keep_a_session_alive() -> None:
    session = replace(SESSION, last_seen_ms=NOW - 10 * MINUTE)
    decision = decide(win(session_id=session.session_id), view(session=session))
    assert (decision.session_id, decision.sessions) == (session.session_id, ())


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(ROUND, replace(ROUND, status="closed", closed_at_ms=NOW), id="open"),
        pytest.param(CLOSED, None, id="closed already"),
        pytest.param(None, None, id="unknown"),
    ],
)
def test_the_end_of_a_round(before: Any, after: Any) -> None:
    decision = decide(end_round(), view(round=before))
    assert (decision.result, decision.status, decision.round, decision.entries) == (Result.OK, APPLIED, after, ())
