"""Free rounds: granted once for each key, played in a session, counted down, cancelled."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.operator_api.api import Api
from tests.operator_api.stand import Stand

SOON = (datetime.now(UTC) + timedelta(days=3)).isoformat()


def grant(player_id: str, **more: Any) -> dict[str, Any]:
    return {
        "player_id": player_id, "currency": "EUR", "provider_account": "mascot", "game_ids": ["riot"], "count": 3, "expires_at": SOON,
    } | more  # fmt: skip


def launch(player_id: str, **more: Any) -> dict[str, Any]:
    return {"player_id": player_id, "currency": "EUR", "provider_account": "mascot", "game_id": "riot"} | more


def give(api: Api, player_id: str, **more: Any) -> dict[str, Any]:
    given: dict[str, Any] = api.post("/v1/free-rounds", grant(player_id, **more), key=secrets.token_hex(8))
    return given


def test_given_played_and_used_up(running: Stand, api: Api) -> None:
    player_id = api.player()
    given = give(api, player_id, bet="0.50")
    assert (given["state"], given["count"], given["remaining"], given["bet"]) == ("active", 3, 3, "0.50")
    path = f"/v1/free-rounds/{given['grant_id']}"
    assert api.get(path) == given
    session = api.post("/v1/sessions", launch(player_id, free_round_grant=given["grant_id"]))
    for left in (2, 1, 0):
        spun = running.spin(session["launch_url"], 50, free_round=True)
        assert spun["outcome"]["state"] == "done"
        assert api.get(path)["remaining"] == left
    assert api.get(path)["state"] == "used"
    operations = [each for each in api.operations(player_id) if each["free_round_grant"] and each["kind"] != "grant_free_rounds"]
    stakes = [each for each in operations if each["nominal_stake"]]
    assert {each["stake"] for each in stakes} == {"0.00"}
    assert {each["nominal_stake"] for each in stakes} == {"0.50"}
    answer = api.call("POST", "/v1/sessions", launch(player_id, free_round_grant=given["grant_id"]))
    assert (answer.status, answer.problem) == (409, "free-rounds-not-usable")


def test_once_for_each_key(api: Api) -> None:
    player_id = api.player()
    first = api.call("POST", "/v1/free-rounds", grant(player_id), key="g1")
    again = api.call("POST", "/v1/free-rounds", grant(player_id), key="g1")
    assert (first.status, again.status, again.json) == (201, 201, first.json)
    assert again.headers["idempotent-replayed"] == "true"
    assert len(api.get(f"/v1/players/{player_id}/free-rounds")["free_rounds"]) == 1
    for other in ({"count": 4}, {"player_id": api.player()}, {"bet": "1"}, {"game_ids": ["riot", "riot"]}):
        answer = api.call("POST", "/v1/free-rounds", grant(player_id) | other, key="g1")
        assert (answer.status, answer.problem) == (409, "idempotency-conflict")
    missing = api.call("POST", "/v1/free-rounds", grant(player_id))
    assert (missing.status, missing.problem) == (400, "idempotency-key-missing")


def test_what_was_granted_is_not_judged_again(api: Api) -> None:
    player_id = api.player()
    soon = datetime.now(UTC) + timedelta(seconds=3)
    body = grant(player_id, expires_at=soon.isoformat())
    first = api.post("/v1/free-rounds", body, key="g2")
    while datetime.now(UTC) < soon:
        api.get(f"/v1/free-rounds/{first['grant_id']}")
    assert api.post("/v1/free-rounds", body, key="g2") == first
    assert api.get(f"/v1/free-rounds/{first['grant_id']}")["state"] == "expired"
    answer = api.call("POST", "/v1/sessions", launch(player_id, free_round_grant=first["grant_id"]))
    assert answer.problem == "free-rounds-not-usable"


def test_cancelled(running: Stand, api: Api) -> None:
    player_id = api.player(money="10")
    given = give(api, player_id)
    session = api.post("/v1/sessions", launch(player_id, free_round_grant=given["grant_id"]))
    running.spin(session["launch_url"], 100, free_round=True)
    path = f"/v1/free-rounds/{given['grant_id']}"
    cancelled = api.call("DELETE", path).json
    assert (cancelled["state"], cancelled["remaining"]) == ("cancelled", 2)
    assert api.call("DELETE", path).json == cancelled
    before = api.operations(player_id)[-1]["seq"]
    running.spin(session["launch_url"], 100, free_round=True)
    paid = next(each for each in api.operations(player_id) if each["seq"] > before and each["kind"] in ("bet", "bet_and_win"))
    assert paid["stake"] == "1.00"
    assert api.get(path)["remaining"] == 2
    assert (
        api.call("POST", "/v1/sessions", launch(player_id, free_round_grant=given["grant_id"])).problem == "free-rounds-not-usable"
    )


@pytest.mark.parametrize(
    ("change", "status", "problem"),
    [
        ({"player_id": "nobody-at-all"}, 404, "player-not-found"),
        ({"currency": "USD"}, 422, "wrong-currency"),
        ({"provider_account": "none"}, 404, "provider-account-not-found"),
        ({"game_ids": ["no-such-game"]}, 404, "game-not-found"),
        ({"game_ids": []}, 422, "invalid-request"),
        ({"count": 0}, 422, "invalid-request"),
        ({"count": 10_001}, 422, "invalid-request"),
        ({"count": "3"}, 422, "invalid-request"),
        ({"bet": "0"}, 422, "invalid-amount"),
        ({"bet": 1}, 422, "invalid-request"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, 422, "invalid-request"),
        ({"expires_at": "2999-01-01T00:00:00Z"}, 422, "invalid-request"),
        ({"expires_at": "2030-01-01T00:00:00"}, 422, "invalid-request"),
        ({"expires_at": "tomorrow"}, 422, "invalid-request"),
        ({"expires_at": 1}, 422, "invalid-request"),
    ],
)
def test_grants_that_cannot_be(api: Api, change: dict[str, Any], status: int, problem: str) -> None:
    player_id = api.player()
    answer = api.call("POST", "/v1/free-rounds", grant(player_id) | change, key=secrets.token_hex(8))
    assert (answer.status, answer.problem) == (status, problem)
    assert api.get(f"/v1/players/{player_id}/free-rounds")["free_rounds"] == []


def test_games_without_free_rounds(running: Stand, api: Api) -> None:
    call = {"jsonrpc": "2.0", "method": "Game.List", "params": {}, "id": 1}
    games = running.simulator.post("/mascot/v1/", call, status=200)["result"]["Games"]
    without = next(game["Id"] for game in games if "FR" not in game["Tags"])
    player_id = api.player()
    answer = api.call("POST", "/v1/free-rounds", grant(player_id, game_ids=[without]), key="g3")
    assert (answer.status, answer.problem) == (422, "game-not-suitable")


def test_a_grant_fits_its_currency_account_and_games_only(api: Api) -> None:
    player_id = f"p-{secrets.token_hex(6)}"
    api.post("/v1/players", {"player_id": player_id, "currencies": ["EUR", "USD"]})
    given = give(api, player_id)
    for change in ({"currency": "USD"}, {"provider_account": "impatient"}):
        answer = api.call("POST", "/v1/sessions", launch(player_id, free_round_grant=given["grant_id"]) | change)
        assert answer.problem == "free-rounds-not-usable"
    other = api.player()
    answer = api.call("POST", "/v1/sessions", launch(other, free_round_grant=given["grant_id"]))
    assert answer.problem == "free-rounds-not-found"


def test_listed_in_pages(api: Api) -> None:
    player_id = api.player()
    given = {give(api, player_id)["grant_id"] for _ in range(3)}
    first = api.get(f"/v1/players/{player_id}/free-rounds?limit=2")
    rest = api.get(f"/v1/players/{player_id}/free-rounds?limit=2&cursor={first['next']}")
    assert {each["grant_id"] for each in first["free_rounds"] + rest["free_rounds"]} == given
    assert rest["next"] is None
