"""Limits, exclusion and closed accounts: what they stop, what they let pass, and that a key takes effect once."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.operator_api.api import Answer, Api
from tests.operator_api.stand import Stand
from tests.waiting import wait_until

LOSS = {"kind": "loss", "window": "day", "currency": "EUR"}


def order(player_id: str, **more: Any) -> dict[str, Any]:
    return {"player_id": player_id, "currency": "EUR", "provider_account": "mascot", "game_id": "riot"} | more


def put(api: Api, player_id: str, *limits: dict[str, Any], key: str | None = None) -> Answer:
    return api.call("PUT", f"/v1/players/{player_id}/limits", {"limits": limits}, key=key or secrets.token_hex(8))


def post(api: Api, player_id: str, what: str, body: dict[str, Any], key: str | None = None) -> Answer:
    return api.call("POST", f"/v1/players/{player_id}/{what}", body, key=key or secrets.token_hex(8))


def deposit(api: Api, player_id: str, amount: str, key: str | None = None) -> Answer:
    return post(api, player_id, "deposits", {"amount": amount, "currency": "EUR"}, key)


def limits_of(api: Api, player_id: str) -> dict[tuple[str, str | None], dict[str, Any]]:
    return {(each["kind"], each["window"]): each for each in api.get(f"/v1/players/{player_id}/limits")["limits"]}


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_limits_are_set_shown_and_raised_after_a_day(api: Api) -> None:
    player_id = api.player(money="30")
    assert api.get(f"/v1/players/{player_id}/limits") == {"limits": [], "excluded_until": None}
    answer = put(
        api,
        player_id,
        LOSS | {"amount": "50.00"},
        {"kind": "stake", "currency": "EUR", "amount": "5"},
        {"kind": "deposit", "window": "month", "currency": "EUR", "amount": "100"},
        {"kind": "session_time", "seconds": 3600},
    )
    assert answer.status == 200
    shown = limits_of(api, player_id)
    assert answer.json["limits"] == list(shown.values())
    empty = {"amount": None, "seconds": None, "used": None, "coming": None}
    assert shown["loss", "day"] == LOSS | empty | {"amount": "50.00", "used": "0.00"}
    assert shown["stake", None] == empty | {"kind": "stake", "window": None, "currency": "EUR", "amount": "5.00"}
    assert (shown["deposit", "month"]["used"], shown["deposit", "month"]["amount"]) == ("30.00", "100.00")
    assert shown["session_time", None] == empty | {"kind": "session_time", "window": None, "currency": None, "seconds": 3600}
    before = datetime.now(UTC)
    put(
        api,
        player_id,
        LOSS | {"amount": "40"},
        {"kind": "session_time", "seconds": None},
        {"kind": "stake", "currency": "EUR", "amount": "6"},
    )
    shown = limits_of(api, player_id)
    assert (shown["loss", "day"]["amount"], shown["loss", "day"]["coming"]) == ("40.00", None)
    coming = shown["stake", None]["coming"]
    assert (shown["stake", None]["amount"], coming["amount"]) == ("5.00", "6.00")
    assert before + timedelta(hours=23, minutes=59) < moment(coming["holds_from"]) < before + timedelta(hours=24, minutes=5)
    assert shown["session_time", None]["seconds"] == 3600
    assert shown["session_time", None]["coming"]["seconds"] is None


def test_a_stake_above_its_limit_is_refused_and_what_is_used_is_told(running: Stand, api: Api) -> None:
    player_id = api.player(money="100")
    put(api, player_id, {"kind": "wager", "window": "day", "currency": "EUR", "amount": "8"})
    session = api.post("/v1/sessions", order(player_id))
    assert running.spin(session["launch_url"], 500)["outcome"]["state"] == "done"
    assert running.spin(session["launch_url"], 400)["outcome"]["state"] == "refused"
    assert limits_of(api, player_id)["wager", "day"]["used"] == "5.00"
    refused = api.operations(player_id)[-1]
    assert (refused["result"], refused["limit"]) == ("LIMIT_EXCEEDED", "wager_day")
    assert running.spin(session["launch_url"], 300)["outcome"]["state"] == "done"
    shown = api.get(f"/v1/sessions/{session['session_id']}")
    assert (shown["bets"], shown["staked"]) == (2, "8.00")
    booked = [
        each for each in api.operations(player_id) if each["session_id"] == session["session_id"] and each["status"] == "applied"
    ]
    assert float(shown["won"]) == sum(float(each["win"]) for each in booked)
    listed = api.get(f"/v1/players/{player_id}/sessions")["sessions"][0]
    assert (listed["bets"], listed["staked"], listed["won"]) == (None, None, None)


@pytest.mark.parametrize(
    "limit",
    [
        {},
        {"kind": "loss"},
        LOSS,
        {"kind": "loss", "currency": "EUR", "amount": "5"},
        {"kind": "loss", "window": "year", "currency": "EUR", "amount": "5"},
        {"kind": "stake", "window": "day", "currency": "EUR", "amount": "5"},
        {"kind": "stake", "amount": "5"},
        {"kind": "stake", "currency": "EUR"},
        {"kind": "stake", "currency": "EUR", "seconds": 60},
        {"kind": "stake", "currency": "EUR", "amount": "5", "seconds": None},
        {"kind": "stake", "currency": "EUR", "amount": 5},
        {"kind": "stake", "currency": "EUR", "amount": "-1"},
        {"kind": "stake", "currency": "EUR", "amount": "0.000001"},
        {"kind": "session_time", "seconds": 59},
        {"kind": "session_time", "seconds": 60.5},
        {"kind": "session_time", "seconds": 60, "currency": "EUR"},
        {"kind": "session_time", "amount": "5"},
        {"kind": "wins", "currency": "EUR", "amount": "5"},
    ],
)
def test_what_is_no_limit(api: Api, bystander: str, limit: dict[str, Any]) -> None:
    answer = put(api, bystander, limit)
    assert answer.status == 422
    assert answer.problem in {"invalid-request", "invalid-amount"}
    assert api.get(f"/v1/players/{bystander}/limits")["limits"] == []


@pytest.fixture(scope="module")
def bystander(api: Api) -> str:
    return api.player()


def test_limits_that_cannot_be_set_at_all(api: Api, bystander: str) -> None:
    assert put(api, bystander).problem == "invalid-request"
    assert put(api, bystander, LOSS | {"amount": "5"}, LOSS | {"amount": "6"}).problem == "invalid-request"
    assert put(api, bystander, *({"kind": "session_time", "seconds": 60 + n} for n in range(51))).problem == "invalid-request"
    assert put(api, bystander, LOSS | {"amount": "5", "currency": "USD"}).problem == "wrong-currency"
    assert put(api, "nobody-at-all", LOSS | {"amount": "5"}).problem == "player-not-found"


@pytest.mark.parametrize(
    ("method", "what", "body"),
    [
        ("PUT", "limits", {"limits": [LOSS | {"amount": "5"}]}),
        ("POST", "exclusion", {"days": 1}),
        ("POST", "exclusion/lift", {"reason": "a mistake"}),
        ("POST", "close", {}),
    ],
)
def test_all_of_it_needs_a_key_and_another_brand_finds_nobody(
    running: Stand, api: Api, bystander: str, method: str, what: str, body: dict[str, Any]
) -> None:
    path = f"/v1/players/{bystander}/{what}"
    for key in (None, "", "a b"):
        assert api.call(method, path, body, key=key).problem == "idempotency-key-missing"
    other = running.api(brand="second")
    assert other.call(method, path, body, key=secrets.token_hex(8)).problem == "player-not-found"
    assert other.call("GET", f"/v1/players/{bystander}/limits").problem == "player-not-found"
    assert [each["kind"] for each in api.operations(bystander)] == ["create_player"]


def test_a_limit_of_deposits(api: Api) -> None:
    player_id = api.player(money="60")
    put(api, player_id, {"kind": "deposit", "window": "week", "currency": "EUR", "amount": "100"})
    refused = deposit(api, player_id, "40.01", "over")
    assert (refused.status, refused.problem, refused.json["limit"]) == (409, "limit-exceeded", "deposit_week")
    assert deposit(api, player_id, "40", "fits").status == 201
    # The same key is the same deposit, whatever the limit would say by now.
    assert deposit(api, player_id, "40", "fits").headers["idempotent-replayed"] == "true"
    assert deposit(api, player_id, "40.01", "over").json["limit"] == "deposit_week"
    assert api.balance(player_id) == "100.00"


def test_a_launch_whose_money_is_stopped_by_a_limit_leaves_nothing_behind(running: Stand, api: Api) -> None:
    player_id = api.player(money="10")
    put(api, player_id, {"kind": "deposit", "window": "day", "currency": "EUR", "amount": "30"})
    for key in ("in", "in", "other"):
        answer = api.call("POST", "/v1/sessions", order(player_id, transfer_in="20.01"), key=key)
        assert (answer.status, answer.problem, answer.json["limit"]) == (409, "limit-exceeded", "deposit_day")
    assert {each["status"] for each in api.get(f"/v1/players/{player_id}/sessions")["sessions"]} == {"closed"}
    assert open_at_provider(running, api, player_id) == []
    assert api.balance(player_id) == "10.00"
    api.post("/v1/sessions", order(player_id, transfer_in="20"), key="fits")
    assert api.balance(player_id) == "30.00"


def open_at_provider(running: Stand, api: Api, player_id: str) -> list[str]:
    """The player's open sessions at the provider."""
    key = api.get(f"/v1/players/{player_id}")["player_key"]
    call = {"jsonrpc": "2.0", "method": "Session.List", "params": {"Status": "Open", "PlayerIds": [f"{key}_EUR"]}, "id": 1}
    answer = running.simulator.call("POST", "/mascot/v1/", call, X_Subject="casino:11")
    assert answer.status == 200, answer
    return [each["SessionId"] for each in answer.json["result"]["Sessions"]]


def test_an_exclusion_stops_launches_stakes_and_deposits_and_nothing_else(api: Api) -> None:
    player_id = api.player(money="50")
    session = api.post("/v1/sessions", order(player_id))
    before = datetime.now(UTC)
    answer = post(api, player_id, "exclusion", {"days": 90, "reason": "asked by the player"})
    assert answer.status == 200
    assert answer.json["closed_sessions"] == [session["session_id"]]
    until = moment(answer.json["excluded_until"])
    assert abs(until - before - timedelta(days=90)) < timedelta(minutes=5)
    assert moment(api.get(f"/v1/players/{player_id}")["excluded_until"]) == until
    assert moment(api.get(f"/v1/players/{player_id}/limits")["excluded_until"]) == until
    shown = api.get(f"/v1/sessions/{session['session_id']}")
    assert (shown["status"], shown["close_reason"]) == ("closed", "excluded")
    refused = api.call("POST", "/v1/sessions", order(player_id, transfer_in="5"), key="launch")
    assert (refused.status, refused.problem) == (409, "player-excluded")
    assert deposit(api, player_id, "5").problem == "player-excluded"
    free = {"provider_account": "mascot", "game_ids": ["riot"], "count": 5, "expires_at": (before + timedelta(days=30)).isoformat()}
    body = {"player_id": player_id, "currency": "EUR"} | free
    assert api.call("POST", "/v1/free-rounds", body, key=secrets.token_hex(8)).problem == "player-excluded"
    assert post(api, player_id, "withdrawals", {"amount": "5", "currency": "EUR"}).status == 201
    assert api.balance(player_id) == "45.00"
    assert [
        each["session_id"] for each in api.get(f"/v1/players/{player_id}/sessions")["sessions"] if each["status"] != "closed"
    ] == []


@pytest.mark.parametrize(
    ("what", "body", "problem"), [("exclusion", {"days": 1}, "player-excluded"), ("close", {}, "player-blocked")]
)
def test_an_exclusion_while_the_provider_is_asked_for_a_session(
    behaving: Stand, api: Api, what: str, body: dict[str, Any], problem: str
) -> None:
    """The session is closed here before the provider's answer comes: its side does not stay open, nothing is moved."""
    player_id, key = api.player(money="10"), secrets.token_hex(8)
    behaving.fault("Session.Create", "slow", delay_s=4, times=1)
    with ThreadPoolExecutor(1) as pool:
        launch = pool.submit(api.call, "POST", "/v1/sessions", order(player_id, transfer_in="5"), key=key)
        wait_until(lambda: api.get(f"/v1/players/{player_id}/sessions")["sessions"], "the session is pending")
        closed = post(api, player_id, what, body).json["closed_sessions"]
        answer = launch.result()
    assert (answer.status, answer.problem) == (409, problem)
    assert [(each["session_id"], each["status"]) for each in api.get(f"/v1/players/{player_id}/sessions")["sessions"]] == [
        (closed[0], "closed")
    ]
    wait_until(lambda: open_at_provider(behaving, api, player_id) == [], "the provider's side is closed")
    assert api.call("POST", "/v1/sessions", order(player_id, transfer_in="5"), key=key).problem == problem
    assert api.balance(player_id) == "10.00"


def test_an_exclusion_is_never_shortened_and_only_lifted_by_hand(api: Api) -> None:
    player_id = api.player(money="5")
    far, near = "2040-05-01T00:00:00Z", "2039-05-01T00:00:00+02:00"
    assert moment(post(api, player_id, "exclusion", {"until": far}).json["excluded_until"]) == moment(far)
    assert moment(post(api, player_id, "exclusion", {"until": near}).json["excluded_until"]) == moment(far)
    assert post(api, player_id, "exclusion", {"for_ever": True}).json["excluded_until"].startswith("9999-12-31T23:59:59")
    assert post(api, player_id, "exclusion/lift", {}).problem == "invalid-request"
    assert post(api, player_id, "exclusion/lift", {"reason": " "}).problem == "invalid-request"
    lifted = post(api, player_id, "exclusion/lift", {"reason": "excluded by mistake"})
    assert (lifted.status, lifted.json["excluded_until"]) == (200, None)
    assert api.get(f"/v1/players/{player_id}")["excluded_until"] is None
    api.post("/v1/sessions", order(player_id))
    noted = [each for each in api.get("/v1/audit")["entries"] if each["action"] == "player.lift_exclusion"]
    assert noted[0]["reason"] == "excluded by mistake"
    lift = next(each["details"] for each in api.operations(player_id) if each["kind"] == "lift_exclusion")
    assert lift["reason"] == "excluded by mistake"
    assert lift["author"] == noted[0]["actor"].removeprefix("key:")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"days": 0},
        {"days": 1.5},
        {"days": True},
        {"days": 36_526},
        {"days": None},
        {"for_ever": False},
        {"for_ever": True, "days": 1},
        {"until": "2031-01-31T12:00:00"},
        {"until": "2020-01-31T12:00:00Z"},
        {"until": "tomorrow"},
        {"until": "2031-01-31T12:00:00Z", "days": 3},
        {"days": 1, "reason": "x" * 201},
        {"days": 1, "why": "unknown"},
    ],
)
def test_what_is_no_exclusion(api: Api, bystander: str, body: dict[str, Any]) -> None:
    answer = post(api, bystander, "exclusion", body)
    assert (answer.status, answer.problem) == (422, "invalid-request")
    assert api.get(f"/v1/players/{bystander}")["excluded_until"] is None


def test_the_same_key_is_the_same_exclusion_and_another_body_a_conflict(api: Api) -> None:
    player_id = api.player()
    first = post(api, player_id, "exclusion", {"days": 7, "reason": "pause"}, "once")
    # Later, so that "seven days from now" would be another moment.
    again = post(api, player_id, "exclusion", {"days": 7, "reason": "pause"}, "once")
    assert (again.status, again.json) == (200, first.json)
    assert (first.headers.get("idempotent-replayed"), again.headers["idempotent-replayed"]) == (None, "true")
    for what, body in (
        ("exclusion", {"days": 8, "reason": "pause"}),
        ("exclusion", {"days": 7, "reason": "another"}),
        ("exclusion/lift", {"reason": "pause"}),
        ("close", {"reason": "pause"}),
        ("deposits", {"amount": "1", "currency": "EUR"}),
    ):
        answer = post(api, player_id, what, body, "once")
        assert (answer.status, answer.problem) == (409, "idempotency-conflict"), what
    assert post(api, player_id, "exclusion/lift", {"reason": "over"}, "lift").status == 200
    # A repetition tells what was, and changes nothing any more.
    assert post(api, player_id, "exclusion", {"days": 7, "reason": "pause"}, "once").json == first.json
    assert api.get(f"/v1/players/{player_id}")["excluded_until"] is None
    assert [each["kind"] for each in api.operations(player_id)] == ["create_player", "exclude", "lift_exclusion"]


def test_a_key_belongs_to_the_player(api: Api) -> None:
    one, other = api.player(), api.player()
    assert post(api, one, "exclusion", {"days": 1}, "same").status == 200
    assert post(api, other, "exclusion", {"days": 2}, "same").status == 200


def test_a_repetition_of_old_limits_does_not_bring_them_back(api: Api) -> None:
    player_id = api.player()
    assert put(api, player_id, LOSS | {"amount": "50"}, key="first").status == 200
    put(api, player_id, LOSS | {"amount": "40"}, key="second")
    again = put(api, player_id, LOSS | {"amount": "50"}, key="first")
    assert (again.status, again.headers["idempotent-replayed"]) == (200, "true")
    assert limits_of(api, player_id)["loss", "day"]["amount"] == "40.00"
    assert limits_of(api, player_id)["loss", "day"]["coming"] is None
    assert put(api, player_id, LOSS | {"amount": "60"}, key="first").problem == "idempotency-conflict"


def test_ten_copies_at_once_are_one_exclusion(api: Api) -> None:
    player_id = api.player()
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: post(api, player_id, "exclusion", {"days": 30}, "copies"), range(10)))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    assert [each["kind"] for each in api.operations(player_id)].count("exclude") == 1


def test_an_account_that_is_closed_stays_closed(api: Api) -> None:
    player_id = api.player(money="20")
    session = api.post("/v1/sessions", order(player_id))
    closed = post(api, player_id, "close", {"reason": "asked by the player"}, "close")
    assert (closed.status, closed.json["status"]) == (200, "closed")
    assert closed.json["closed_sessions"] == [session["session_id"]]
    assert post(api, player_id, "close", {"reason": "asked by the player"}, "close").json == closed.json
    again = post(api, player_id, "close", {"reason": "once more"}, "close-2")
    assert (again.status, again.json["closed_sessions"]) == (200, [])
    shown = api.get(f"/v1/players/{player_id}")
    assert (shown["status"], shown["accounts"][0]["balance"]) == ("closed", "20.00")
    assert api.call("POST", "/v1/sessions", order(player_id)).problem == "player-blocked"
    assert deposit(api, player_id, "5").problem == "player-blocked"
    assert api.call("POST", f"/v1/players/{player_id}/unblock", {}).status == 422
    assert post(api, player_id, "withdrawals", {"amount": "20", "currency": "EUR"}).json["balance"] == "0.00"
