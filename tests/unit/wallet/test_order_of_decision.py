"""The order of decision: of two reasons the earlier one is told, and money that is owed asks for none of them.

stored key -> tombstone -> expired -> status -> session -> currency -> game -> limits -> free round -> funds
"""

from __future__ import annotations

from itertools import combinations
from typing import Any, NamedTuple

import pytest
from msgspec.structs import replace

from services.wallet.decisions import decide
from services.wallet.decisions.model import APPLIED, Limit, Usage
from shared.contracts import Result
from tests.unit.wallet.builders import (
    BLOCKED,
    DRAINING,
    EUR,
    GRANT,
    KEY,
    NOW,
    PLAYER,
    ROUND,
    SESSION,
    TOMBSTONE,
    bet,
    bet_and_win,
    end_round,
    rollback,
    stored_bet,
    view,
    win,
)


class Obstacle(NamedTuple):
    """One reason against a stake: what of the view and of the command makes it, and the answer it gives."""

    name: str
    view: dict[str, Any]
    command: dict[str, Any]
    result: str


NAMED = {"session_id": SESSION.session_id}
STORED = Obstacle("stored key", {"stored": stored_bet(balance_after=1)}, {}, Result.OK)
ENTOMBED = Obstacle("tombstone", {"stored": TOMBSTONE}, {}, Result.ORIGINAL_CANCELLED)
EXPIRED = Obstacle("expired", {"expired": True}, {}, Result.NOT_DONE)
STATUS = Obstacle("status", {"player": BLOCKED}, {}, Result.PLAYER_BLOCKED)
ENDED = Obstacle("session ended", {"session": replace(SESSION, status="closed")}, NAMED, Result.TOKEN_EXPIRED)
CURRENCY = Obstacle("currency", {}, {"player_currency": "USD"}, Result.WRONG_CURRENCY)
GAME = Obstacle("game", {}, {"game_state": "off"}, Result.GAME_FORBIDDEN)
LIMITED = Obstacle(
    "limits",
    {"limits": (Limit(player=KEY, kind="session_time", window="", currency="", value=0),), "session": SESSION},
    NAMED,
    Result.LIMIT_EXCEEDED,
)
EXHAUSTED = Obstacle(
    "free round",
    {"grant": replace(GRANT, remaining=0)},
    {"charge_free_rounds": 1, "free_round_exhausted": "refuse", "grant_id": GRANT.grant_id},
    Result.INSUFFICIENT_FUNDS,
)
FUNDS = Obstacle("funds", {"balance": 0}, {}, Result.INSUFFICIENT_FUNDS)
OBSTACLES = (STORED, ENTOMBED, EXPIRED, STATUS, ENDED, CURRENCY, GAME, LIMITED, EXHAUSTED, FUNDS)


DRAINED = Obstacle("draining", {"player": DRAINING}, {}, Result.PLAYER_BLOCKED)
STOPPED = Obstacle("stopped", {"round": ROUND}, {"game_state": "stopped"}, Result.GAME_FORBIDDEN)
BRAND_OFF = Obstacle("off for the brand", {}, {"brand_states": {"main": "off"}}, Result.GAME_FORBIDDEN)
EXCLUDED = Obstacle("excluded", {"player": replace(PLAYER, excluded_until_ms=NOW + 1)}, {}, Result.PLAYER_BLOCKED)
SPENT = Obstacle(
    "a loss",
    {
        "limits": (Limit(player=KEY, kind="loss", window="week", currency="EUR", value=10 * EUR),),
        "usage": (Usage(player=KEY, currency="EUR", gaming_day="2027-01-14", staked=9 * EUR),),
    },
    {},
    Result.LIMIT_EXCEEDED,
)
OTHERS_IN_PLACE = ((DRAINED, STATUS), (EXCLUDED, STATUS), (STOPPED, GAME), (BRAND_OFF, GAME))
"""Obstacles that stand where another one stands."""


@pytest.mark.parametrize(("obstacle", "place"), OTHERS_IN_PLACE, ids=lambda each: each.name)
@pytest.mark.parametrize("build", [bet, bet_and_win])
def test_other_reasons_stand_in_the_same_place(build: Any, obstacle: Obstacle, place: Obstacle) -> None:
    order = OBSTACLES[2:]
    for other in order:
        if other is place:
            continue
        # A round that exists is what a draining player may go on with.
        seen = {**other.view, **obstacle.view}
        decision = decide(build(**{**obstacle.command, **other.command}), view(**seen))
        first = other if order.index(other) < order.index(place) else obstacle
        assert decision.result == first.result, f"{obstacle.name} and {other.name}"


@pytest.mark.parametrize("obstacle", OBSTACLES, ids=lambda each: each.name)
def test_each_reason_alone(obstacle: Obstacle) -> None:
    command = bet(**obstacle.command)
    decision = decide(command, view(**obstacle.view))
    assert decision.result == obstacle.result
    assert decision.entries == ()


@pytest.mark.parametrize(("first", "second"), list(combinations(OBSTACLES[2:], 2)), ids=lambda each: each.name)
@pytest.mark.parametrize("build", [bet, bet_and_win])
def test_of_two_reasons_the_earlier_is_told(build: Any, first: Obstacle, second: Obstacle) -> None:
    decision = decide(build(**{**second.command, **first.command}), view(**{**second.view, **first.view}))
    assert decision.result == first.result
    assert (decision.limit == "free_rounds") == (first is EXHAUSTED)


@pytest.mark.parametrize("other", [*OBSTACLES[2:7], FUNDS], ids=lambda each: each.name)
@pytest.mark.parametrize("build", [bet, bet_and_win])
def test_a_limit_of_money_comes_before_funds_and_behind_all_else(build: Any, other: Obstacle) -> None:
    decision = decide(build(**other.command), view(**{**other.view, **SPENT.view}))
    assert decision.result == (SPENT.result if other is FUNDS else other.result)


@pytest.mark.parametrize("stored", [STORED, ENTOMBED], ids=lambda each: each.name)
@pytest.mark.parametrize("other", OBSTACLES[2:], ids=lambda each: each.name)
def test_what_is_stored_goes_before_every_reason(stored: Obstacle, other: Obstacle) -> None:
    command = {name: value for name, value in other.command.items() if name != "charge_free_rounds"}
    decision = decide(bet(**command), view(**{**other.view, **stored.view}))
    assert (decision.result, decision.status) == (stored.result, "")
    assert decision.replay == (stored.view["stored"] if stored is STORED else None)


def test_a_stored_answer_wins_over_an_exhausted_grant() -> None:
    charged = stored_bet(0, nominal_stake=4 * EUR, free_rounds_asked=1, free_rounds_charged=1, free_rounds_left=0)
    decision = decide(bet(**EXHAUSTED.command), view(**EXHAUSTED.view, stored=charged))
    assert decision.replay == charged


def test_nobody_but_the_brands_own_callers_hears_of_a_stored_key() -> None:
    decision = decide(bet(brands=("other",)), view(stored=stored_bet()))
    assert (decision.result, decision.replay) == (Result.PLAYER_NOT_FOUND, None)


WHATEVER = {
    **SPENT.view,
    "expired": True,
    "player": replace(BLOCKED, excluded_until_ms=NOW + 1),
    "session": replace(SESSION, status="closed"),
    "balance": -5 * EUR,
}


@pytest.mark.parametrize("fields", [{}, NAMED, {"provider_session_id": "nobody's"}, {"session_required": True}])
def test_a_win_is_paid_whatever_a_stake_would_be_asked(fields: dict[str, Any]) -> None:
    for command in (win(game_state="off", **fields), bet_and_win(0, 2 * EUR, game_state="off", **fields)):
        decision = decide(command, view(**WHATEVER))
        assert (decision.result, decision.status, decision.win) == (Result.OK, APPLIED, 2 * EUR)


@pytest.mark.parametrize("fields", [{}, NAMED, {"player_currency": "USD"}, {"session_required": True}])
def test_a_rollback_is_done_whatever_a_stake_would_be_asked(fields: dict[str, Any]) -> None:
    target = stored_bet()
    decision = decide(rollback(game_state="off", **fields), view(**WHATEVER, target=target, target_movements=target.movements))
    assert (decision.result, decision.status, decision.win) == (Result.OK, APPLIED, 4 * EUR)


def test_the_end_of_a_round_asks_for_nothing() -> None:
    decision = decide(end_round(game_state="off", session_required=True), view(**WHATEVER, round=ROUND))
    assert (decision.result, decision.status) == (Result.OK, APPLIED)
    assert decision.round is not None
    assert decision.round.status == "closed"
