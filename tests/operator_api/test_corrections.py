"""Corrections by hand: balances, prizes, rounds voided and settled; late calls of the provider move nothing."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.operator_api.api import Answer, Api
from tests.operator_api.calls import ask, bet, win
from tests.operator_api.stand import Stand


def post(api: Api, player_id: str, what: str, body: dict[str, Any], key: str | None = None) -> Answer:
    return api.call("POST", f"/v1/players/{player_id}/{what}", body, key=key or secrets.token_hex(8))


def adjust(api: Api, player_id: str, amount: Any, key: str | None = None, **more: Any) -> Answer:
    return post(api, player_id, "adjustments", {"amount": amount, "currency": "EUR", "reason": "paid twice"} | more, key)


def promote(api: Api, player_id: str, amount: Any, key: str | None = None, **more: Any) -> Answer:
    body = {"amount": amount, "currency": "EUR", "class": "cashback", "campaign": "autumn-2031"}
    return post(api, player_id, "promotions", body | more, key)


def play(running: Stand, api: Api, player_id: str, bet: int = 500) -> dict[str, Any]:
    """A round that is played at the provider; the operation of its bet."""
    body = {"player_id": player_id, "currency": "EUR", "provider_account": "mascot", "game_id": "riot"}
    session = api.post("/v1/sessions", body)
    assert running.spin(session["launch_url"], bet)["outcome"]["state"] == "done"
    return next(each for each in reversed(api.operations(player_id)) if each["round_id"])


def path_of(operation: dict[str, Any]) -> str:
    return f"rounds/{operation['provider_account']}/{operation['round_id']}"


@pytest.fixture(scope="module")
def bystander(api: Api) -> str:
    return api.player()


def test_a_balance_is_corrected_up_and_down(api: Api) -> None:
    player_id = api.player(money="10")
    up = adjust(api, player_id, "2.5")
    assert (up.status, up.json["balance"], up.json["currency"]) == (201, "12.50", "EUR")
    assert adjust(api, player_id, "-12.50").json["balance"] == "0.00"
    refused = adjust(api, player_id, "-0.01", "short")
    assert (refused.status, refused.problem) == (422, "insufficient-funds")
    api.deposit(player_id, "1")
    assert adjust(api, player_id, "-0.01", "short").problem == "insufficient-funds"
    *_, plus, minus, _, _ = api.operations(player_id)
    assert (plus["kind"], plus["win"], plus["stake"]) == ("adjust", "2.50", "0.00")
    assert (minus["win"], minus["stake"], minus["details"]["reason"]) == ("0.00", "12.50", "paid twice")
    noted = next(
        each for each in api.get("/v1/audit")["entries"] if each["subject"].endswith(plus["operation_id"].rpartition("-")[0])
    )
    assert (noted["action"], noted["reason"], noted["actor"]) == (
        "player.adjust",
        "paid twice",
        f"key:{minus['details']['author']}",
    )


def test_corrections_ask_for_no_status(api: Api) -> None:
    player_id = api.player(money="10")
    assert post(api, player_id, "close", {"reason": "asked for it"}).status == 200
    assert adjust(api, player_id, "-4").json["balance"] == "6.00"
    assert promote(api, player_id, "1").json["balance"] == "7.00"


@pytest.mark.parametrize("what", [adjust, promote])
@pytest.mark.parametrize("amount", ["0", "-0.00", "1e3", "+1", "0.000001", "9999999999999999", "", "NaN", "--1", 5, -1.5, None])
def test_what_is_no_amount(api: Api, bystander: str, what: Any, amount: Any) -> None:
    answer = what(api, bystander, amount)
    assert answer.status == 422
    assert answer.problem in {"invalid-amount", "invalid-request"}


def test_what_is_no_correction_and_no_prize(api: Api, bystander: str) -> None:
    assert promote(api, bystander, "-1").problem == "invalid-request"
    for more in ({"reason": ""}, {"reason": " "}, {"reason": "x" * 201}, {"reason": None}, {"author": "me"}):
        assert adjust(api, bystander, "1", **more).problem == "invalid-request", more
    for more in ({"class": "gift"}, {"class": None}, {"promo_class": "prize"}, {"campaign": ""}, {"campaign": "x" * 129}):
        assert promote(api, bystander, "1", **more).problem == "invalid-request", more
    for what in (adjust, promote):
        assert what(api, bystander, "1", currency="USD").problem == "wrong-currency"
        assert what(api, bystander, "1", currency="XXX").problem == "wrong-currency"
        assert what(api, "nobody-at-all", "1").problem == "player-not-found"
        for key in ("", "a b", "x" * 129):
            assert what(api, bystander, "1", key or " ").problem == "idempotency-key-missing"
    assert [each["kind"] for each in api.operations(bystander)] == ["create_player"]


def test_another_brand_finds_nobody(running: Stand, api: Api) -> None:
    player_id = api.player(money="10")
    played = play(running, api, player_id)
    other = running.api(brand="second")
    assert adjust(other, player_id, "1").problem == "player-not-found"
    assert promote(other, player_id, "1").problem == "player-not-found"
    assert post(other, player_id, path_of(played) + "/void", {"reason": "mischief"}).problem == "player-not-found"
    assert post(other, player_id, path_of(played) + "/settle", {"win": "1", "reason": "mischief"}).problem == "player-not-found"
    assert other.call("GET", f"/v1/players/{player_id}/{path_of(played)}").problem == "player-not-found"


@pytest.mark.parametrize("what", [adjust, promote])
def test_the_same_key_gives_the_same_answer_and_another_body_is_a_conflict(api: Api, what: Any) -> None:
    player_id = api.player(money="10")
    first = what(api, player_id, "3", "once")
    api.deposit(player_id, "7")
    again = what(api, player_id, "3", "once")
    assert (again.status, again.json) == (201, first.json)
    assert (first.headers.get("idempotent-replayed"), again.headers["idempotent-replayed"]) == (None, "true")
    more = {"reason": "another reason"} if what is adjust else {"campaign": "another"}
    assert what(api, player_id, "3", "once", **more).problem == "idempotency-conflict"
    assert what(api, player_id, "4", "once").problem == "idempotency-conflict"
    assert api.call("POST", f"/v1/players/{player_id}/deposits", {"amount": "3", "currency": "EUR"}, key="once").status == 409
    assert api.balance(player_id) == "20.00"


@pytest.mark.parametrize("what", [adjust, promote])
def test_ten_copies_at_once_move_once(api: Api, what: Any) -> None:
    player_id = api.player()
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: what(api, player_id, "5", "copies"), range(10)))
    assert {answer.status for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert api.balance(player_id) == "5.00"


@pytest.mark.parametrize("promo_class", ["free_rounds", "jackpot", "tournament", "prize", "cashback"])
def test_prizes_of_all_classes(api: Api, promo_class: str) -> None:
    player_id = api.player()
    assert promote(api, player_id, "12.34", **{"class": promo_class}).json["balance"] == "12.34"
    booked = api.operations(player_id)[-1]
    assert (booked["kind"], booked["promo_class"], booked["win"]) == ("promo_win", promo_class, "12.34")
    assert booked["details"] == {"campaign": "autumn-2031"}


def test_a_round_is_shown_and_voided_once(running: Stand, api: Api) -> None:
    player_id = api.player(money="100")
    played = play(running, api, player_id)
    path = path_of(played)
    shown = api.get(f"/v1/players/{player_id}/{path}")
    assert (shown["bets"], shown["stake"], shown["session_id"]) == (1, "5.00", played["session_id"])
    assert shown["status"] in {"open", "closed"}
    voided = post(api, player_id, path + "/void", {"reason": "the game was faulty"}, "void")
    assert voided.status == 200
    assert (voided.json["balance"], voided.json["currency"]) == ("100.00", "EUR")
    assert played["operation_id"] in voided.json["undone"]
    after = api.get(f"/v1/players/{player_id}/{path}")
    assert (after["status"], after["bets"], after["stake"], after["win"]) == ("voided", 0, "0.00", "0.00")
    session = api.get(f"/v1/sessions/{played['session_id']}")
    assert (session["bets"], session["staked"], session["won"]) == (0, "0.00", "0.00")
    again = post(api, player_id, path + "/void", {"reason": "the game was faulty"}, "void")
    assert (again.status, again.json, again.headers["idempotent-replayed"]) == (200, voided.json, "true")
    assert post(api, player_id, path + "/void", {"reason": "another reason"}, "void").problem == "idempotency-conflict"
    assert post(api, player_id, path + "/void", {"reason": "the game was faulty"}).problem == "round-voided"
    assert post(api, player_id, path + "/settle", {"win": "5", "reason": "the game was faulty"}).problem == "round-voided"
    assert api.balance(player_id) == "100.00"


def test_ten_copies_of_a_void_at_once(running: Stand, api: Api) -> None:
    player_id = api.player(money="100")
    path = path_of(play(running, api, player_id)) + "/void"
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: post(api, player_id, path, {"reason": "faulty"}, "copies"), range(10)))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    assert api.balance(player_id) == "100.00"
    assert [each["kind"] for each in api.operations(player_id)].count("void_round") == 1


def test_an_open_round_is_settled_once_and_its_late_win_moves_nothing(running: Stand, api: Api) -> None:
    player_id = api.player(money="100")
    key, round_id = api.get(f"/v1/players/{player_id}")["player_key"], f"7-{secrets.token_hex(4)}"
    path = f"rounds/mascot/{round_id}"
    assert [each.result for each in ask(running, bet(key, round_id, "5"))] == ["OK"]
    assert api.get(f"/v1/players/{player_id}/{path}")["status"] == "open"
    assert post(api, player_id, path + "/settle", {"win": "1.000001", "reason": "it never came"}, "s").problem == "invalid-amount"
    settled = post(api, player_id, path + "/settle", {"win": "2.50", "reason": "it never came"}, "s")
    assert (settled.status, settled.json["balance"]) == (200, "97.50")
    again = post(api, player_id, path + "/settle", {"win": "2.50", "reason": "it never came"}, "s")
    assert (again.json, again.headers["idempotent-replayed"]) == (settled.json, "true")
    assert post(api, player_id, path + "/settle", {"win": "3", "reason": "it never came"}, "s").problem == "idempotency-conflict"
    assert post(api, player_id, path + "/settle", {"win": "3", "reason": "once more"}).problem == "round-ended"
    shown = api.get(f"/v1/players/{player_id}/{path}")
    assert (shown["status"], shown["stake"], shown["win"]) == ("settled", "5.00", "2.50")
    late = ask(running, win(key, round_id, "9"), bet(key, round_id, "1"))
    assert [each.result for each in late] == ["OK", "ORIGINAL_SETTLED"]
    assert api.balance(player_id) == "97.50"
    voided = post(api, player_id, path + "/void", {"reason": "settled wrongly"})
    assert (voided.status, voided.json["balance"]) == (200, "100.00")
    late = ask(running, win(key, round_id, "9"), bet(key, round_id, "1"))
    assert [each.result for each in late] == ["ORIGINAL_CANCELLED"] * 2
    assert api.balance(player_id) == "100.00"


def test_rounds_that_are_not_there(api: Api, bystander: str) -> None:
    for account, round_id in (("mascot", "1-1"), ("none", "1-1"), ("mascot", "a%20b%3F")):
        path = f"rounds/{account}/{round_id}"
        shown = api.call("GET", f"/v1/players/{bystander}/{path}")
        expected = "invalid-request" if "%" in round_id else "round-not-found"
        voided = post(api, bystander, path + "/void", {"reason": "a test"})
        assert (shown.problem, voided.problem) == (expected, expected)
        if expected == "round-not-found":
            assert voided.json["detail"].startswith("the player has no round with this id")
        assert post(api, bystander, path + "/settle", {"win": "0", "reason": "a test"}).problem == expected
    assert post(api, bystander, "rounds/mascot/1-1/void", {}).problem == "invalid-request"
    assert post(api, bystander, "rounds/mascot/1-1/settle", {"win": "-1", "reason": "a test"}).problem == "invalid-request"
