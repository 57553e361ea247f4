"""Spins that misbehave on purpose against the real gateway and wallet: each verdict is that of a right wallet."""

from __future__ import annotations

from typing import Any

import pytest

from tests.operator_api.api import Api
from tests.operator_api.stand import Stand

BET = 100


def order(player_id: str, **more: Any) -> dict[str, Any]:
    return {"player_id": player_id, "currency": "EUR", "provider_account": "mascot", "game_id": "riot"} | more


@pytest.mark.parametrize(
    ("mode", "state"),
    [("twice", "done"), ("timeout_rollback", "rolled_back"), ("rollback_first", "rolled_back"), ("wrong_signature", "refused")],
)
def test_each_misbehaviour_ends_as_the_protocol_says(behaving: Stand, api: Api, mode: str, state: str) -> None:
    player_id = api.player(money="100")
    launch_url = api.post("/v1/sessions", order(player_id))["launch_url"]

    played = behaving.spin(launch_url, BET, mode=mode)

    outcome, lesson = played["outcome"], played["lesson"]
    assert (lesson["as_expected"], outcome["state"]) == (True, state), lesson
    moved = outcome["win"] - BET if state == "done" else 0
    assert (lesson["balance_before"], lesson["balance_after"], outcome["balance"]) == (10_000, 10_000 + moved, 10_000 + moved)
    assert api.balance(player_id) == f"{(10_000 + moved) // 100}.{(10_000 + moved) % 100:02d}"
    assert behaving.spin(launch_url, BET)["outcome"]["state"] == "done", "the session plays on"
