"""Players: created once, shown, blocked, erased; and their operations."""

from __future__ import annotations

import secrets

import pytest

from shared.identity import player_key
from tests.operator_api.api import Api
from tests.operator_api.stand import Stand


def test_create_and_show(api: Api) -> None:
    player_id = f"p-{secrets.token_hex(6)}"
    body = {"player_id": player_id, "currencies": ["USD", "EUR"], "country": "MT", "language": "de", "test": True}
    created = api.post("/v1/players", body)
    assert created["player_id"] == player_id
    assert created["player_key"] == player_key("main", player_id)
    assert created["status"] == "active"
    assert created["accounts"] == [{"currency": "EUR", "balance": "0.00"}, {"currency": "USD", "balance": "0.00"}]
    shown = api.get(f"/v1/players/{player_id}")
    assert shown == created
    assert (shown["country"], shown["language"], shown["test"]) == ("MT", "de", True)


def test_again_alike_is_200_and_otherwise_409(api: Api) -> None:
    player_id = api.player(money="5")
    again = api.post("/v1/players", {"player_id": player_id, "currency": "EUR"}, status=200)
    assert again["accounts"] == [{"currency": "EUR", "balance": "5.00"}]
    other = api.call("POST", "/v1/players", {"player_id": player_id, "currency": "USD"})
    assert (other.status, other.problem) == (409, "player-exists")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"player_id": ""}, "player_id"),
        ({"player_id": "a/b"}, "player_id"),
        ({"player_id": "x" * 129}, "player_id"),
        ({"player_id": "nul\0"}, "player_id"),
        ({"player_id": 7}, "player_id"),
        ({"currency": "eur"}, "currency"),
        ({"currency": None}, ""),
        ({"currencies": ["USD"]}, ""),
        ({"country": "Malta"}, "country"),
        ({"language": "deutsch bitte"}, "language"),
        ({"test": "yes"}, "test"),
        ({"nickname": "al"}, "nickname"),
    ],
)
def test_what_is_not_a_player(api: Api, change: dict[str, object], field: str) -> None:
    answer = api.call("POST", "/v1/players", {"player_id": "someone", "currency": "EUR"} | change)
    assert (answer.status, answer.problem) == (422, "invalid-request")
    assert any(field in each["field"] for each in answer.json["errors"])


def test_a_currency_that_the_brand_does_not_have(api: Api) -> None:
    answer = api.call("POST", "/v1/players", {"player_id": "someone", "currency": "SEK"})
    assert (answer.status, answer.problem) == (422, "wrong-currency")


def test_unknown_player(api: Api) -> None:
    for path in ("", "/operations", "/sessions", "/free-rounds"):
        answer = api.call("GET", f"/v1/players/nobody-{secrets.token_hex(4)}{path}")
        assert (answer.status, answer.problem) == (404, "player-not-found")


def test_a_player_belongs_to_a_brand(running: Stand, api: Api) -> None:
    player_id = api.player(money="5")
    other = running.api(brand="second")
    assert other.call("GET", f"/v1/players/{player_id}").status == 404
    other.post("/v1/players", {"player_id": player_id, "currency": "EUR"})
    assert other.balance(player_id) == "0.00"
    assert api.balance(player_id) == "5.00"


def test_block_and_unblock(api: Api) -> None:
    player_id = api.player(money="5")
    assert api.post(f"/v1/players/{player_id}/block", {"reason": "asked for it"}, status=200)["status"] == "blocked"
    refused = api.call("POST", f"/v1/players/{player_id}/deposits", {"amount": "1", "currency": "EUR"}, key="d1")
    assert (refused.status, refused.problem) == (409, "player-blocked")
    paid_out = api.call("POST", f"/v1/players/{player_id}/withdrawals", {"amount": "1", "currency": "EUR"}, key="w1")
    assert paid_out.status == 201
    assert api.post(f"/v1/players/{player_id}/unblock", {}, status=200)["status"] == "active"
    kinds = [(each["kind"], each["status"]) for each in api.operations(player_id)]
    assert kinds == [
        ("create_player", "applied"),
        ("deposit", "applied"),
        ("set_player_status", "applied"),
        ("deposit", "refused"),
        ("withdraw", "applied"),
        ("set_player_status", "applied"),
    ]
    entry = api.get("/v1/audit?limit=1")["entries"][0]
    assert (entry["action"], entry["subject"]) == ("player.status", f"player:{player_key('main', player_id)}")
    assert (entry["before"], entry["after"]) == ({"status": "blocked"}, {"status": "active"})


def test_erase_keeps_the_ledger(api: Api) -> None:
    player_id = api.player(money="5", country="MT", language="de")
    erased = api.post(f"/v1/players/{player_id}/erase", {"reason": "request of 1 March"}, status=200)
    assert (erased["status"], erased["country"], erased["language"]) == ("closed", None, None)
    assert api.balance(player_id) == "5.00"
    assert api.call("POST", f"/v1/players/{player_id}/withdrawals", {"amount": "5", "currency": "EUR"}, key="w").status == 201
    assert [each["kind"] for each in api.operations(player_id)] == ["create_player", "deposit", "erase_player", "withdraw"]
    assert api.call("POST", f"/v1/players/{player_id}/unblock", {}).status == 422


def test_operations_are_paged_without_gaps(api: Api) -> None:
    player_id = api.player()
    for number in range(7):
        api.deposit(player_id, f"{number + 1}.50")
    first = api.get(f"/v1/players/{player_id}/operations?limit=5")
    assert [each["seq"] for each in first["operations"]] == [8, 7, 6, 5, 4]
    rest = api.get(f"/v1/players/{player_id}/operations?limit=5&cursor={first['next']}")
    assert [each["seq"] for each in rest["operations"]] == [3, 2, 1]
    assert rest["next"] is None
    newest = first["operations"][0]
    assert (newest["kind"], newest["win"], newest["balance_after"], newest["currency"]) == ("deposit", "7.50", "31.50", "EUR")
    for cursor in ("0", "-1", "abc", "9" * 30):
        assert api.call("GET", f"/v1/players/{player_id}/operations?cursor={cursor}").problem in (
            "cursor-invalid",
            "invalid-request",
        )
