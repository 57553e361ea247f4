"""Sessions: launched at the provider and here, played, shown, closed; money in and out with them."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.operator_api.api import Answer, Api
from tests.operator_api.stand import Stand


def order(player_id: str, **more: Any) -> dict[str, Any]:
    return {"player_id": player_id, "currency": "EUR", "provider_account": "mascot", "game_id": "riot"} | more


def test_launch_play_and_close(running: Stand, api: Api) -> None:
    player_id = api.player(money="100")
    session = api.post("/v1/sessions", order(player_id, language="de", device="desktop", return_url="https://casino.example/"))
    assert session["provider_player_id"].endswith("_EUR")
    assert session["session_id"].startswith(session["provider_player_id"][:16] + ".")
    shown = api.get(f"/v1/sessions/{session['session_id']}")
    assert (shown["status"], shown["game_id"], shown["language"], shown["device"]) == ("active", "riot", "de", "desktop")
    page = running.simulator.call("GET", session["launch_url"].partition(f":{running.ports['simulator']}")[2])
    assert page.status == 200
    assert "100.00" in page.text
    running.spin(session["launch_url"], 500)
    operations = api.operations(player_id)
    assert operations[-1]["session_id"] == session["session_id"]
    assert operations[-1]["stake"] == "5.00"
    assert api.balance(player_id) == operations[-1]["balance_after"]
    closed = api.call("DELETE", f"/v1/sessions/{session['session_id']}")
    assert closed.status == 200
    assert closed.json == {"session_id": session["session_id"], "status": "closed", "provider_closed": True, "transfer_out": None}
    assert api.get(f"/v1/sessions/{session['session_id']}")["status"] == "closed"
    assert api.call("DELETE", f"/v1/sessions/{session['session_id']}").status == 200


def test_a_link_leads_to_the_provider_s_history_of_a_session(running: Stand, api: Api) -> None:
    session = api.post("/v1/sessions", order(api.player(money="10")))
    running.spin(session["launch_url"], 500)
    link = f"/v1/sessions/{session['session_id']}/history-link"
    found = api.post(link, {"valid_s": 60}, status=200)
    shown = running.simulator.call("GET", found["url"].partition(f":{running.ports['simulator']}")[2])
    assert (shown.status, shown.json["game_id"], len(shown.json["spins"])) == (200, "riot", 1)
    assert api.call("POST", link, {"valid_s": 5}).problem == "invalid-request"
    assert running.api("read", "play", "money").call("POST", link, {"valid_s": 60}).problem == "scope-missing"
    other = api.post("/v1/sessions", order(api.player(money="10"), provider_account="impatient"))
    assert api.call("POST", f"/v1/sessions/{other['session_id']}/history-link", {"valid_s": 60}).problem == "history-not-offered"


def test_the_player_s_language_is_the_default(api: Api) -> None:
    player_id = api.player(language="it")
    session = api.post("/v1/sessions", order(player_id))
    assert api.get(f"/v1/sessions/{session['session_id']}")["language"] == "it"


def test_a_newer_session_supersedes(api: Api) -> None:
    player_id = api.player(money="10")
    first = api.post("/v1/sessions", order(player_id))
    second = api.post("/v1/sessions", order(player_id))
    listed = api.get(f"/v1/players/{player_id}/sessions")["sessions"]
    assert [(each["session_id"], each["status"]) for each in listed] == [
        (second["session_id"], "active"),
        (first["session_id"], "superseded"),
    ]
    page = api.get(f"/v1/players/{player_id}/sessions?limit=1")
    rest = api.get(f"/v1/players/{player_id}/sessions?limit=1&cursor={page['next']}")
    assert [each["session_id"] for each in page["sessions"] + rest["sessions"]] == [second["session_id"], first["session_id"]]
    assert api.call("GET", f"/v1/players/{player_id}/sessions?cursor=nonsense").problem == "cursor-invalid"


@pytest.mark.parametrize(
    ("change", "status", "problem"),
    [
        ({"player_id": "nobody-at-all"}, 404, "player-not-found"),
        ({"currency": "USD"}, 422, "wrong-currency"),
        ({"currency": "SEK"}, 422, "wrong-currency"),
        ({"provider_account": "none"}, 404, "provider-account-not-found"),
        ({"provider_account": "elsewhere"}, 404, "provider-account-not-found"),
        ({"provider_account": "unconfigured"}, 503, "provider-not-configured"),
        ({"game_id": "no-such-game"}, 404, "game-not-found"),
        ({"device": "watch"}, 422, "invalid-request"),
        ({"ip": "300.1.1.1"}, 422, "invalid-request"),
        ({"return_url": "javascript:alert(1)"}, 422, "invalid-request"),
        ({"language": "x"}, 422, "invalid-request"),
        ({"free_round_grant": "nonsense"}, 422, "invalid-request"),
        ({"transfer_in": 5}, 422, "invalid-request"),
    ],
)
def test_launches_that_cannot_be(api: Api, change: dict[str, Any], status: int, problem: str) -> None:
    player_id = api.player()
    answer = api.call("POST", "/v1/sessions", order(player_id) | change)
    assert (answer.status, answer.problem) == (status, problem)
    assert api.get(f"/v1/players/{player_id}/sessions")["sessions"] == []


def test_games_and_devices(running: Stand, api: Api) -> None:
    """The provider's list tells which games are for one kind of device only, have free rounds or no demo."""
    player_id = api.player()
    games = _games(running)
    mobile = next(game["Id"] for game in games if "mobile" in game["Tags"])
    desktop = next(game["Id"] for game in games if "PC" in game["Tags"])
    no_demo = next(game["Id"] for game in games if "NoD" in game["Tags"])
    assert api.call("POST", "/v1/sessions", order(player_id, game_id=mobile, device="desktop")).problem == "game-not-suitable"
    assert api.call("POST", "/v1/sessions", order(player_id, game_id=desktop, device="mobile")).problem == "game-not-suitable"
    assert api.call("POST", "/v1/sessions", order(player_id, game_id=mobile, device="mobile")).status == 201
    demo = {"provider_account": "mascot", "currency": "EUR"}
    assert api.call("POST", "/v1/sessions/demo", demo | {"game_id": no_demo}).problem == "game-not-suitable"
    launched = api.post("/v1/sessions/demo", demo | {"game_id": "riot", "start_balance": "1000", "language": "pl"})
    page = running.simulator.call("GET", launched["launch_url"].partition(f":{running.ports['simulator']}")[2])
    assert "1,000.00" in page.text or "1000.00" in page.text


def _games(running: Stand) -> list[dict[str, Any]]:
    call = {"jsonrpc": "2.0", "method": "Game.List", "params": {}, "id": 1}
    games: list[dict[str, Any]] = running.simulator.post("/mascot/v1/", call, status=200)["result"]["Games"]
    return games


def test_a_blocked_player_is_not_launched(api: Api) -> None:
    player_id = api.player(money="5")
    api.post(f"/v1/players/{player_id}/block", {}, status=200)
    answer = api.call("POST", "/v1/sessions", order(player_id))
    assert (answer.status, answer.problem) == (409, "player-blocked")


def test_a_repetition_gets_the_same_session(api: Api) -> None:
    player_id = api.player()
    first = api.post("/v1/sessions", order(player_id), key="launch-1")
    assert api.post("/v1/sessions", order(player_id), key="launch-1") == first
    assert len(api.get(f"/v1/players/{player_id}/sessions")["sessions"]) == 1
    other = api.call("POST", "/v1/sessions", order(player_id, language="de"), key="launch-1")
    assert (other.status, other.problem) == (409, "idempotency-conflict")


def test_copies_of_one_launch_at_once_are_one_launch(api: Api) -> None:
    player_id = api.player()
    key = secrets.token_hex(8)

    def launch(_: int) -> Answer:
        return api.call("POST", "/v1/sessions", order(player_id, transfer_in="25"), key=key)

    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(launch, range(5)))
    assert {answer.status for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert api.balance(player_id) == "25.00"


def test_two_launches_at_once_end_with_one_session_that_both_sides_know(running: Stand, api: Api) -> None:
    """Whichever came last at the provider is the active one here: its stakes pass, and the other's do not."""
    for _ in range(5):
        player_id = api.player(money="100")
        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(lambda _: api.post("/v1/sessions", order(player_id)), range(2)))  # noqa: B023
        listed = api.get(f"/v1/players/{player_id}/sessions")["sessions"]
        assert sorted(each["status"] for each in listed) == ["active", "superseded"]
        active = next(each["session_id"] for each in listed if each["status"] == "active")
        alive = next(each for each in answers if each["session_id"] == active)
        assert running.spin(alive["launch_url"], 100)["outcome"]["state"] == "done"
        assert api.operations(player_id)[-1]["session_id"] == active


def test_transfer_in_and_out(running: Stand, api: Api) -> None:
    player_id = api.player()
    body = order(player_id, transfer_in="40.50")
    missing = api.call("POST", "/v1/sessions", body)
    assert (missing.status, missing.problem) == (400, "idempotency-key-missing")
    session = api.post("/v1/sessions", body, key="in-1")
    assert api.post("/v1/sessions", body, key="in-1") == session
    assert api.balance(player_id) == "40.50"
    running.spin(session["launch_url"], 1_000)
    left = api.balance(player_id)
    path = f"/v1/sessions/{session['session_id']}?transfer_out=all"
    closed = api.call("DELETE", path)
    assert closed.status == 200
    assert closed.json["transfer_out"] | {"operation_id": ""} == {
        "operation_id": "",
        "amount": left,
        "balance": "0.00",
        "currency": "EUR",
    }
    assert api.balance(player_id) == "0.00"
    api.deposit(player_id, "3")
    assert api.call("DELETE", path).json["transfer_out"] == closed.json["transfer_out"]
    assert api.balance(player_id) == "3.00"
    other = api.call("DELETE", f"/v1/sessions/{session['session_id']}?transfer_out=1")
    assert (other.status, other.problem) == (409, "idempotency-conflict")


def test_transfer_out_of_an_amount(api: Api) -> None:
    player_id = api.player(money="10")
    session = api.post("/v1/sessions", order(player_id))
    path = f"/v1/sessions/{session['session_id']}"
    assert api.call("DELETE", f"{path}?transfer_out=0").problem == "invalid-amount"
    assert api.call("DELETE", f"{path}?transfer_out=some").problem == "invalid-request"
    assert api.get(path)["status"] == "active"
    assert api.call("DELETE", f"{path}?transfer_out=4").json["transfer_out"]["balance"] == "6.00"


def test_nothing_to_transfer_out(api: Api) -> None:
    player_id = api.player()
    session = api.post("/v1/sessions", order(player_id))
    closed = api.call("DELETE", f"/v1/sessions/{session['session_id']}?transfer_out=all")
    assert (closed.json["transfer_out"]["amount"], closed.json["transfer_out"]["balance"]) == ("0.00", "0.00")


def test_stakes_after_the_end_are_refused(running: Stand, api: Api) -> None:
    player_id = api.player(money="10")
    session = api.post("/v1/sessions", order(player_id))
    # Closed here only: the provider does not know yet.
    running.fault("Session.Close", "error", code=1, message="BUSY", times=None)
    closed = api.call("DELETE", f"/v1/sessions/{session['session_id']}")
    running.no_faults()
    assert closed.json["provider_closed"] is False
    spun = running.spin(session["launch_url"], 100)
    assert spun["outcome"]["state"] == "refused"
    assert api.balance(player_id) == "10.00"


def test_unknown_sessions(api: Api) -> None:
    player_id = api.player()
    key = api.get(f"/v1/players/{player_id}")["player_key"]
    for method in ("GET", "DELETE"):
        answer = api.call(method, f"/v1/sessions/{key}.aaaaaaaaaaaaaaaaaaaa")
        assert (answer.status, answer.problem) == (404, "session-not-found")
        assert api.call(method, "/v1/sessions/nonsense").problem == "invalid-request"
