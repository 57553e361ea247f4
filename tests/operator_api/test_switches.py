"""Switches: in force within a second everywhere, by brand, provider account, game and player, and written down."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.operator_api.api import Api
from tests.operator_api.stand import Stand

LIMIT_S = 60.0


def launch(player_id: str, **more: Any) -> dict[str, Any]:
    return {"player_id": player_id, "currency": "EUR", "provider_account": "mascot", "game_id": "riot"} | more


def turn(api: Api, path: str, state: str) -> Any:
    answer = api.call("PUT", f"/v1/{path}/switch", {"state": state, "reason": "for a test"})
    assert answer.status == 200, answer
    return answer.json


@pytest.fixture
def open_again(api: Api) -> Iterator[None]:
    yield
    for path in ("brands/main", "provider-accounts/mascot", "provider-accounts/mascot/games/riot"):
        turn(api, path, "live")


def refused_within(running: Stand, launch_url: str) -> float:
    """Seconds until a stake that opens a round is refused."""
    since = time.monotonic()
    while running.spin(launch_url, 100)["outcome"]["state"] != "refused":
        assert time.monotonic() - since < LIMIT_S
    return time.monotonic() - since


@pytest.mark.usefixtures("open_again")
@pytest.mark.parametrize("path", ["brands/main", "provider-accounts/mascot", "provider-accounts/mascot/games/riot"])
@pytest.mark.parametrize("state", ["drain", "off"])
def test_no_launches_and_no_new_rounds(running: Stand, api: Api, path: str, state: str) -> None:
    player_id = api.player(money="1000")
    session = api.post("/v1/sessions", launch(player_id))
    assert running.spin(session["launch_url"], 100)["outcome"]["state"] == "done"
    done = turn(api, path, state)
    assert (done["state"], done["reason"], done["published"]) == (state, "for a test", True)
    answer = api.call("POST", "/v1/sessions", launch(player_id))
    assert (answer.status, answer.problem) == (409, "game-not-available")
    assert answer.json["switch"] == state
    demo = api.call("POST", "/v1/sessions/demo", {"provider_account": "mascot", "game_id": "riot", "currency": "EUR"})
    assert demo.problem == "game-not-available"
    refused_within(running, session["launch_url"])
    turn(api, path, "live")
    assert api.call("POST", "/v1/sessions", launch(player_id)).status == 201


@pytest.mark.usefixtures("open_again")
def test_a_brand_s_switch_leaves_the_others_alone(running: Stand, api: Api) -> None:
    other = running.api(brand="second")
    player_id = other.player(money="1000")
    session = other.post("/v1/sessions", launch(player_id))
    turn(api, "provider-accounts/mascot", "off")
    mine = api.player(money="1000")
    assert api.call("POST", "/v1/sessions", launch(mine)).problem == "game-not-available"
    for _ in range(3):
        assert running.spin(session["launch_url"], 100)["outcome"]["state"] == "done"
    other.post("/v1/sessions", launch(player_id))
    shown = {each["provider_account"]: each["state"] for each in api.get("/v1/provider-accounts")["provider_accounts"]}
    assert (shown["mascot"], shown["impatient"]) == ("off", "live")
    assert other.get("/v1/provider-accounts/mascot")["state"] == "live"


def test_a_player_s_switch(running: Stand, api: Api) -> None:
    player_id = api.player(money="1000")
    session = api.post("/v1/sessions", launch(player_id))
    for state, status in (("drain", "draining"), ("off", "blocked")):
        assert turn(api, f"players/{player_id}", state)["status"] == status
        assert running.spin(session["launch_url"], 100)["outcome"]["state"] == "refused"
        assert api.call("POST", "/v1/sessions", launch(player_id)).problem == "player-blocked"
    assert turn(api, f"players/{player_id}", "live")["status"] == "active"
    assert running.spin(session["launch_url"], 100)["outcome"]["state"] == "done"


def test_written_down(api: Api) -> None:
    turn(api, "provider-accounts/impatient/games/venga", "drain")
    turn(api, "provider-accounts/impatient/games/venga", "live")
    listed = api.get("/v1/switches")["switches"]
    assert [each["state"] for each in listed if each["game_id"] == "venga"] == ["live"]
    entries = api.get("/v1/audit?limit=2")["entries"]
    assert [(each["before"] or {}).get("state") for each in entries] == ["drain", None]
    assert [each["after"]["state"] for each in entries] == ["live", "drain"]
    assert {each["reason"] for each in entries} == {"for a test"}
    assert entries[0]["actor"].startswith("key:")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"state": "live"},
        {"state": "broken", "reason": "x"},
        {"state": "off", "reason": " "},
        {"state": "off", "reason": "x" * 300},
    ],
)
def test_switches_that_cannot_be(api: Api, body: dict[str, str]) -> None:
    answer = api.call("PUT", "/v1/provider-accounts/mascot/switch", body)
    assert (answer.status, answer.problem) == (422, "invalid-request")


def test_brands_and_accounts_are_shown_with_their_health_and_without_secrets(running: Stand, api: Api) -> None:
    brands = api.get("/v1/brands")["brands"]
    assert brands == [
        {"brand": "main", "time_zone": "UTC", "gaming_day_start": "00:00", "currencies": ["EUR", "USD", "BTC"], "state": "live"}
    ]
    answer = api.call("GET", "/v1/provider-accounts")
    accounts = {each["provider_account"]: each for each in answer.json["provider_accounts"]}
    assert sorted(accounts) == ["impatient", "mascot", "unconfigured", "wrong-key"]
    assert accounts["mascot"]["health"]["status"] == "ok"
    assert accounts["mascot"]["health"]["games"] >= 10
    assert accounts["unconfigured"]["health"]["status"] == "not-configured"
    assert accounts["wrong-key"]["health"]["status"] == "failing"
    assert accounts["wrong-key"]["health"]["advice"]
    assert accounts["mascot"]["currencies"] == ["BTC", "EUR", "USD"]
    for name in accounts:
        assert (running.folder / f"key-{name}").read_text() not in answer.text
