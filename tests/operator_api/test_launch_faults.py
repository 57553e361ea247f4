"""Launches while the provider is slow, down, answers rubbish or too late: nothing half-done stays, repeating helps."""

from __future__ import annotations

import secrets
import threading
import time
from typing import Any

import pytest

from tests.operator_api.api import Answer, Api
from tests.operator_api.stand import IMPATIENT_S, Stand

LIMIT_S = 60.0


def order(player_id: str, **more: Any) -> dict[str, Any]:
    return {"player_id": player_id, "currency": "EUR", "provider_account": "mascot", "game_id": "riot"} | more


def statuses(api: Api, player_id: str) -> list[str]:
    return [each["status"] for each in api.get(f"/v1/players/{player_id}/sessions")["sessions"]]


@pytest.mark.parametrize(
    ("fault", "more", "status", "problem"),
    [
        ("down", {}, 502, "provider-unreachable"),
        ("rubbish", {}, 502, "provider-answer-invalid"),
        ("empty", {}, 502, "provider-answer-invalid"),
        ("wrong_signature", {}, 502, "provider-answer-invalid"),
        ("wrong_id", {}, 502, "provider-answer-invalid"),
        ("error", {"code": 10401, "message": "GAME_ID_INVALID"}, 502, "provider-refused"),
    ],
)
def test_a_failed_launch_closes_its_own_session_only(
    behaving: Stand, api: Api, fault: str, more: dict[str, Any], status: int, problem: str
) -> None:
    player_id = api.player(money="100")
    playing = api.post("/v1/sessions", order(player_id))
    key = secrets.token_hex(8)
    behaving.fault("Session.Create", fault, times=None, **more)
    answer = api.call("POST", "/v1/sessions", order(player_id, transfer_in="5"), key=key)
    assert (answer.status, answer.problem) == (status, problem)
    if fault == "error":
        assert (answer.json["code"], answer.json["provider_message"]) == (10401, "GAME_ID_INVALID")
    assert statuses(api, player_id) == ["closed", "active"]
    assert api.get(f"/v1/sessions/{playing['session_id']}")["status"] == "active"
    assert api.balance(player_id) == "100.00"
    behaving.no_faults()
    again = api.post("/v1/sessions", order(player_id, transfer_in="5"), key=key)
    assert statuses(api, player_id) == ["active", "closed", "superseded"]
    assert api.balance(player_id) == "105.00"
    assert api.post("/v1/sessions", order(player_id, transfer_in="5"), key=key) == again
    assert api.balance(player_id) == "105.00"


@pytest.mark.parametrize("method", ["BankGroup.Set", "Player.Set"])
def test_the_steps_before_are_repeated(behaving: Stand, api: Api, method: str) -> None:
    """Setting is safe to repeat: one lost answer does not fail a launch."""
    player_id = api.player()
    behaving.fault(method, "down", times=1)
    api.post("/v1/sessions", order(player_id))
    assert statuses(api, player_id) == ["active"]


def test_a_slow_provider_is_waited_for(behaving: Stand, api: Api) -> None:
    player_id = api.player()
    behaving.fault("Session.Create", "slow", delay_s=1.5)
    api.post("/v1/sessions", order(player_id))
    assert statuses(api, player_id) == ["active"]


def test_an_answer_after_our_timeout(behaving: Stand, api: Api) -> None:
    """The provider has opened a session that we have given up: its stakes are refused, a new launch replaces it."""
    player_id = api.player(money="100")
    key = secrets.token_hex(8)
    behaving.fault("Session.Create", "late", delay_s=2 * IMPATIENT_S)
    answer = api.call("POST", "/v1/sessions", order(player_id, provider_account="impatient"), key=key)
    assert (answer.status, answer.problem) == (504, "provider-timeout")
    assert statuses(api, player_id) == ["closed"]
    orphan = _open_sessions(behaving, "impatient", player_id, api)[0]
    refused = behaving.simulator.post(f"/mascot/launch/{orphan}/spin", {"bet": 100}, status=200)
    assert refused["outcome"]["state"] == "refused"
    assert api.balance(player_id) == "100.00"
    session = api.post("/v1/sessions", order(player_id, provider_account="impatient"), key=key)
    assert statuses(api, player_id) == ["active", "closed"]
    assert behaving.spin(session["launch_url"], 100)["outcome"]["state"] == "done"
    assert orphan not in _open_sessions(behaving, "impatient", player_id, api)


def test_callbacks_before_the_provider_s_answer_are_accepted(behaving: Stand, api: Api) -> None:
    """The provider's session is played before its answer has come: the launch ends well all the same."""
    player_id = api.player(money="100")
    behaving.fault("Session.Create", "late", delay_s=3)
    answers: list[Answer] = []
    launch = threading.Thread(target=lambda: answers.append(api.call("POST", "/v1/sessions", order(player_id))))
    launch.start()
    until = time.monotonic() + LIMIT_S
    while not (early := _open_sessions(behaving, "mascot", player_id, api)):
        assert time.monotonic() < until
    spun = behaving.simulator.post(f"/mascot/launch/{early[0]}/spin", {"bet": 100}, status=200)
    assert spun["outcome"]["state"] == "done"
    launch.join(LIMIT_S)
    assert answers[0].status == 201
    assert answers[0].json["launch_url"].endswith(early[0])
    assert statuses(api, player_id) == ["active"]


def test_a_launch_that_failed_after_a_stake_leaves_the_session_alone(behaving: Stand, api: Api) -> None:
    """A stake has made the pending session active: giving the launch up must not end a game in play."""
    player_id = api.player(money="100")
    behaving.fault("Session.Create", "late", delay_s=4 * IMPATIENT_S)
    answers: list[Answer] = []
    body = order(player_id, provider_account="impatient")
    launch = threading.Thread(target=lambda: answers.append(api.call("POST", "/v1/sessions", body)))
    launch.start()
    until = time.monotonic() + LIMIT_S
    while not (early := _open_sessions(behaving, "impatient", player_id, api)):
        assert time.monotonic() < until
    spun = behaving.simulator.post(f"/mascot/launch/{early[0]}/spin", {"bet": 100}, status=200)
    launch.join(LIMIT_S)
    assert answers[0].problem == "provider-timeout"
    if spun["outcome"]["state"] == "done":
        assert statuses(api, player_id) == ["active"]
        assert behaving.simulator.post(f"/mascot/launch/{early[0]}/spin", {"bet": 100}, status=200)["outcome"]["state"] == "done"
    else:
        # The machine was slow and the launch was given up first: then the stake must have been refused.
        assert statuses(api, player_id) == ["closed"]


def test_a_provider_that_does_not_know_our_key(api: Api) -> None:
    player_id = api.player()
    answer = api.call("POST", "/v1/sessions", order(player_id, provider_account="wrong-key"))
    assert answer.status == 502
    assert answer.problem == "provider-refused"
    assert "main" in answer.json["advice"] + answer.json["detail"]
    assert statuses(api, player_id) == []


def test_a_second_launch_waits_for_the_first(behaving: Stand, api: Api) -> None:
    player_id = api.player()
    behaving.fault("Session.Create", "slow", delay_s=3, times=1)
    answers: list[Answer] = []

    def launch() -> None:
        answers.append(api.call("POST", "/v1/sessions", order(player_id)))

    threads = [threading.Thread(target=launch) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT_S)
    assert [answer.status for answer in answers] == [201, 201]
    assert statuses(api, player_id) == ["active", "superseded"]


def test_one_key_for_two_players_at_once_is_a_conflict(behaving: Stand, api: Api) -> None:
    """The leases are of different players, so both run at once: one launches, the other never gets his session or link."""
    players = [api.player(), api.player()]
    key = secrets.token_hex(8)
    behaving.fault("Session.Create", "slow", delay_s=2, times=None)
    answers: dict[str, Answer] = {}

    def launch(player_id: str) -> None:
        answers[player_id] = api.call("POST", "/v1/sessions", order(player_id, transfer_in="5"), key=key)

    threads = [threading.Thread(target=launch, args=(player_id,)) for player_id in players]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT_S)
    behaving.no_faults()
    assert sorted(answer.status for answer in answers.values()) == [201, 409]
    for player_id, answer in answers.items():
        again = api.call("POST", "/v1/sessions", order(player_id, transfer_in="5"), key=key)
        assert again.status == answer.status
        if answer.status == 201:
            assert again.json == answer.json
            assert api.balance(player_id) == "5.00"
        else:
            assert (answer.problem, again.problem) == ("idempotency-conflict", "idempotency-conflict")
            assert statuses(api, player_id) == []
            assert api.balance(player_id) == "0.00"


def _open_sessions(running: Stand, account: str, player_id: str, api: Api) -> list[str]:
    """The player's open sessions at the provider."""
    key = api.get(f"/v1/players/{player_id}")["player_key"]
    casino = {"mascot": 11, "impatient": 12}[account]
    call = {"jsonrpc": "2.0", "method": "Session.List", "params": {"Status": "Open", "PlayerIds": [f"{key}_EUR"]}, "id": 1}
    answer = running.simulator.call("POST", "/mascot/v1/", call, X_Subject=f"casino:{casino}")
    assert answer.status == 200, answer
    content = answer.json
    sessions = content["result"]["Sessions"] if "result" in content else []
    return [each["SessionId"] if "SessionId" in each else each["Id"] for each in sessions]
