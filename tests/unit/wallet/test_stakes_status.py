"""Draining players and the state of a game: which stakes may finish what is open, and which are refused for good."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from services.wallet.decisions import decide
from services.wallet.decisions.model import APPLIED, REFUSED, Round
from shared.contracts import Result
from tests.unit.wallet.builders import (
    BLOCKED,
    CLOSED,
    DRAINING,
    EUR,
    GRANT,
    ROUND,
    bet,
    bet_and_win,
    end_round,
    grant_free_rounds,
    rollback,
    stored_bet,
    view,
    win,
)

CLOSED_ROUND = replace(ROUND, status="closed")


@pytest.mark.parametrize("build", [bet, bet_and_win])
@pytest.mark.parametrize(
    ("round_", "result"),
    [(None, Result.PLAYER_BLOCKED), (ROUND, Result.OK), (CLOSED_ROUND, Result.PLAYER_BLOCKED)],
    ids=["a new round", "an open round", "a closed round"],
)
def test_a_draining_player_may_finish_what_is_open(build: Any, round_: Round | None, result: str) -> None:
    decision = decide(build(), view(player=DRAINING, round=round_))
    assert (decision.result, decision.status) == (result, APPLIED if result == Result.OK else REFUSED)


def test_a_draining_player_opens_no_free_round_either() -> None:
    decision = decide(bet(charge_free_rounds=1, grant_id=GRANT.grant_id), view(player=DRAINING, grant=GRANT))
    assert (decision.result, decision.status, decision.grant) == (Result.PLAYER_BLOCKED, REFUSED, None)


def test_a_stake_without_a_round_is_a_round_of_its_own() -> None:
    assert decide(bet(round_id=""), view(player=DRAINING)).result == Result.PLAYER_BLOCKED


@pytest.mark.parametrize("player", [BLOCKED, CLOSED], ids=lambda player: player.status)
def test_a_blocked_and_a_closed_player_stake_nothing_even_in_an_open_round(player: Any) -> None:
    decision = decide(bet(), view(player=player, round=ROUND))
    assert (decision.result, decision.status, decision.entries) == (Result.PLAYER_BLOCKED, REFUSED, ())


@pytest.mark.parametrize("player", [DRAINING, BLOCKED, CLOSED], ids=lambda player: player.status)
def test_whatever_his_status_money_that_was_won_or_given_back_is_his(player: Any) -> None:
    target = stored_bet()
    undo = view(player=player, target=target, target_movements=target.movements)
    assert (decide(win(game_state="stopped"), view(player=player)).win, decide(rollback(), undo).win) == (2 * EUR, 4 * EUR)
    assert decide(bet_and_win(0, EUR, brand_states={"main": "stopped"}), view(player=player)).win == EUR
    assert decide(end_round(), view(player=player, round=ROUND)).status == APPLIED


def test_a_grant_may_be_given_to_a_draining_player() -> None:
    assert decide(grant_free_rounds(), view(player=DRAINING)).status == APPLIED


STATES = [
    # everybody's state, his brand's, another brand's -> a new round, an open round
    ("live", "", "", True, True),
    ("unknown", "", "", True, True),
    ("off", "", "", False, True),
    ("stopped", "", "", False, False),
    ("live", "off", "", False, True),
    ("live", "stopped", "", False, False),
    ("unknown", "off", "", False, True),
    ("off", "stopped", "", False, False),
    ("stopped", "off", "", False, False),
    ("stopped", "live", "", False, False),
    ("off", "live", "", False, True),
    ("off", "unknown", "", False, True),
    ("live", "", "stopped", True, True),
    ("live", "off", "stopped", False, True),
]


@pytest.mark.parametrize("build", [bet, bet_and_win])
@pytest.mark.parametrize(("everybodys", "his", "others", "new_round", "open_round"), STATES)
def test_the_stricter_of_the_states_of_a_game_counts(
    build: Any,
    everybodys: str,
    his: str,
    others: str,
    new_round: bool,  # noqa: FBT001
    open_round: bool,  # noqa: FBT001
) -> None:
    brand_states = {brand: state for brand, state in (("main", his), ("other", others)) if state}
    command = build(game_state=everybodys, brand_states=brand_states)
    for round_, passes in ((None, new_round), (ROUND, open_round)):
        decision = decide(command, view(round=round_))
        expected = (Result.OK, APPLIED) if passes else (Result.GAME_FORBIDDEN, REFUSED)
        assert (decision.result, decision.status) == expected
