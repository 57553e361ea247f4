"""Launches and free rounds follow the catalogue: what is unknown, withdrawn, taken off or forbidden is refused, and why."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.contracts.games import OffRule
from tests.catalogue_games import game
from tests.operator_api.api import Answer, Api
from tests.operator_api.stand import Stand
from tests.waiting import wait_until

GAME = "koi_meridian"
"""A game of the provider's that no other test plays."""


@pytest.fixture
def listed_again(running: Stand) -> Iterator[None]:
    yield
    running.publish_games(game("mascot", GAME))
    wait_until(lambda: _demo(running.api("play")).status == 201, "the game is listed again")


def _demo(api: Api, **more: Any) -> Answer:
    body = {"provider_account": "mascot", "game_id": GAME, "currency": "EUR"} | more
    return api.call("POST", "/v1/sessions/demo", body)


def _launch(api: Api, player_id: str, **more: Any) -> Answer:
    body = {"player_id": player_id, "currency": "EUR", "provider_account": "mascot", "game_id": GAME} | more
    return api.call("POST", "/v1/sessions", body)


def _give(api: Api, player_id: str, **more: Any) -> Answer:
    body = {
        "player_id": player_id,
        "currency": "EUR",
        "provider_account": "mascot",
        "game_ids": ["riot", GAME],
        "count": 3,
        "expires_at": (datetime.now(UTC) + timedelta(days=3)).isoformat(),
    }
    return api.call("POST", "/v1/free-rounds", body | more, key=secrets.token_hex(8))


def told(answer: Answer) -> tuple[int, str, str | None]:
    return answer.status, answer.problem, answer.json.get("reason")


@pytest.mark.usefixtures("listed_again")
def test_a_withdrawn_game(running: Stand, api: Api) -> None:
    """No launches, no free rounds and no new rounds; the session that runs is paid its wins."""
    player_id = api.player(money="1000")
    session = _launch(api, player_id).json
    assert running.spin(session["launch_url"], 100)["outcome"]["state"] == "done"
    before = api.get("/v1/provider-accounts/mascot")["health"]["games"]
    running.publish_games(game("mascot", GAME, state="withdrawn"))
    refused = (409, "game-not-available", "withdrawn")
    wait_until(lambda: _launch(api, player_id).status == 409, "the withdrawal is known")
    assert told(_launch(api, player_id)) == refused
    assert told(_demo(api)) == refused
    assert told(_give(api, player_id)) == refused
    assert told(_give(api, player_id, game_ids=[GAME])) == refused
    assert _give(api, player_id, game_ids=["riot"]).status == 201
    assert api.get("/v1/provider-accounts/mascot")["health"]["games"] == before - 1
    wait_until(
        lambda: running.spin(session["launch_url"], 100)["outcome"]["state"] == "refused", "the gateway refuses new rounds as well"
    )
    assert api.get(f"/v1/sessions/{session['session_id']}")["status"] == "active"
    assert api.balance(player_id) == api.operations(player_id)[-1]["balance_after"]


@pytest.mark.usefixtures("listed_again")
def test_off_for_a_brand(running: Stand, api: Api) -> None:
    other = running.api(brand="second")
    running.publish_games(game("mascot", GAME, off=(OffRule(brand="main"),)))
    wait_until(lambda: _demo(api).status == 409, "the rule is known")
    assert told(_launch(api, api.player())) == (409, "game-not-available", "off")
    assert _launch(other, other.player()).status == 201
    assert _demo(other).status == 201


@pytest.mark.usefixtures("listed_again")
def test_off_in_a_country(running: Stand, api: Api) -> None:
    running.publish_games(game("mascot", GAME, off=(OffRule(country="MT"),), forbidden_countries=("SE",)))
    at_malta, in_sweden, in_italy, nowhere = (api.player(money="5", country=each) for each in ("MT", "SE", "IT", None))
    wait_until(lambda: _launch(api, at_malta).status == 409, "the rule is known")
    assert told(_launch(api, at_malta)) == (409, "game-not-available", "off")
    assert told(_launch(api, in_sweden)) == (409, "game-not-available", "forbidden-country")
    assert told(_give(api, at_malta)) == (409, "game-not-available", "off")
    assert told(_demo(api, country="MT")) == (409, "game-not-available", "off")
    assert told(_demo(api, country="SE")) == (409, "game-not-available", "forbidden-country")
    session = _launch(api, in_italy)
    assert [session.status, _launch(api, nowhere).status, _demo(api).status, _demo(api, country="IT").status] == [201] * 4
    assert running.spin(session.json["launch_url"], 100)["outcome"]["state"] == "done", "such a rule refuses launches only"


@pytest.mark.usefixtures("listed_again")
def test_off_in_a_currency(running: Stand, api: Api) -> None:
    running.publish_games(game("mascot", GAME, off=(OffRule(currency="EUR", brand="main"),)))
    player_id = f"p-{secrets.token_hex(6)}"
    api.post("/v1/players", {"player_id": player_id, "currencies": ["EUR", "USD"]})
    wait_until(lambda: _launch(api, player_id).status == 409, "the rule is known")
    assert told(_launch(api, player_id)) == (409, "game-not-available", "off")
    assert _launch(api, player_id, currency="USD").status == 201


@pytest.mark.usefixtures("listed_again")
def test_what_a_game_is_made_for(running: Stand, api: Api) -> None:
    running.publish_games(game("mascot", GAME, devices=("mobile",), features=()))
    player_id = api.player()
    wait_until(lambda: _demo(api).status == 422, "the record is known")
    assert told(_demo(api)) == (422, "game-not-suitable", None)
    assert told(_launch(api, player_id, device="desktop")) == (422, "game-not-suitable", None)
    assert told(_give(api, player_id)) == (422, "game-not-suitable", None)
    assert _launch(api, player_id, device="mobile").status == 201


def test_unknown_games(api: Api) -> None:
    player_id = api.player()
    unknown = (404, "game-not-found", None)
    assert told(_launch(api, player_id, game_id="never-heard-of")) == unknown
    assert told(_demo(api, game_id="never-heard-of")) == unknown
    assert told(_give(api, player_id, game_ids=["riot", "never-heard-of"])) == unknown
    assert api.get(f"/v1/players/{player_id}/sessions")["sessions"] == []


@pytest.mark.usefixtures("listed_again")
def test_a_switch_lies_over_the_catalogue(running: Stand, api: Api) -> None:
    path = f"/v1/provider-accounts/mascot/games/{GAME}/switch"
    player_id = api.player()
    assert api.call("PUT", path, {"state": "drain", "reason": "for a test"}).status == 200
    try:
        running.publish_games(game("mascot", GAME), game("mascot", "a-new-one"))
        wait_until(lambda: _launch(api, player_id, game_id="a-new-one").problem != "game-not-found", "the records are known")
        answer = _launch(api, player_id)
        assert (told(answer), answer.json["switch"]) == ((409, "game-not-available", "switch"), "drain")
    finally:
        assert api.call("PUT", path, {"state": "live", "reason": "for a test"}).status == 200
    assert _launch(api, player_id).status == 201


@pytest.mark.usefixtures("listed_again")
def test_a_launch_that_was_answered_is_answered_again_though_the_game_has_gone(running: Stand, api: Api) -> None:
    player_id, key = api.player(), secrets.token_hex(8)
    body = {"player_id": player_id, "currency": "EUR", "provider_account": "mascot", "game_id": GAME}
    first = api.post("/v1/sessions", body, key=key)
    running.publish_games(game("mascot", GAME, state="withdrawn"))
    wait_until(lambda: _demo(api).status == 409, "the withdrawal is known")
    assert api.post("/v1/sessions", body, key=key) == first
    given = _give(api, player_id, game_ids=["riot"])
    assert given.status == 201


def test_the_games_survive_a_restart_of_the_process(running: Stand, api: Api) -> None:
    before = api.get("/v1/provider-accounts/mascot")["health"]["games"]
    running.processes.stop("operator-api")
    running.start("operator-api")
    running.wait_ready("operator-api")
    assert api.get("/v1/provider-accounts/mascot")["health"]["games"] == before
    assert _launch(api, api.player()).status == 201
