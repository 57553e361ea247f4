"""Who is in front of the system that calls: named in ledger and audit log; players by our key; how old keys are."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from shared.identity import player_key
from tests.operator_api.api import Api
from tests.operator_api.stand import Stand


def test_the_acting_person_is_named_in_ledger_and_audit_log(running: Stand) -> None:
    key = running.key()
    api = Api(running.ports["operator-api"], key.token)
    player_id = api.player(money="10.00")
    author = f"{key.key.key_id}/ada@office"
    body = {"amount": "-1.00", "currency": "EUR", "reason": "by hand"}
    path = f"/v1/players/{player_id}"
    assert api.call("POST", f"{path}/adjustments", body, key="k1", X_Acting_User="ada@office").status == 201
    assert api.call("POST", f"{path}/block", {"reason": "by hand"}, X_Acting_User="ada@office").status == 200
    assert api.call("POST", f"{path}/exclusion", {"days": 1, "reason": "r"}, key="k2", X_Acting_User="ada@office").status == 200
    operations = {each["kind"]: each for each in api.operations(player_id)}
    for kind in ("adjust", "set_player_status", "exclude"):
        assert operations[kind]["details"]["author"] == author
    noted = [
        each["actor"]
        for each in api.get("/v1/audit?limit=20")["entries"]
        if each["subject"].endswith(player_key("main", player_id))
    ]
    assert noted == [f"key:{author}"] * 3
    repeated = api.call("POST", f"{path}/adjustments", body, key="k1", X_Acting_User="ada@office")
    assert repeated.headers["idempotent-replayed"] == "true"


@pytest.mark.parametrize("name", ["", " ", "x" * 65, "ä"])
def test_a_name_that_is_none_is_refused(api: Api, name: str) -> None:
    answer = api.call("GET", "/v1/brands", X_Acting_User=name)
    assert (answer.status, answer.problem) == (422, "invalid-request")


def test_only_administrating_keys_name_a_person(running: Stand) -> None:
    answer = running.api("read", "play", "money").call("GET", "/v1/brands", X_Acting_User="ada")
    assert (answer.status, answer.problem) == (403, "scope-missing")


def test_a_player_is_found_by_his_key_within_the_keys_brand(running: Stand, api: Api) -> None:
    player_id = api.player(money="3.00", country="MT")
    path = f"/v1/player-keys/{player_key('main', player_id)}"
    assert running.api("read").get(path) == api.get(f"/v1/players/{player_id}")
    assert running.api("read", brand="second").call("GET", path).problem == "player-not-found"
    assert api.call("GET", f"/v1/player-keys/{'a' * 16}").problem == "player-not-found"
    assert api.call("GET", "/v1/player-keys/UPPER").problem == "invalid-request"
    api.post(f"/v1/players/{player_id}/erase", {"reason": "asked"}, status=200)
    assert api.get(path)["player_id"] == ""


def test_a_provider_account_tells_how_old_its_keys_are_and_never_the_keys(running: Stand, api: Api) -> None:
    told = api.get("/v1/provider-accounts/mascot")
    assert [each["key_id"] for each in told["keys"]] == told["key_ids"] == ["main"]
    assert datetime.fromisoformat(told["keys"][0]["since"]) <= datetime.now(UTC)
    assert told["certificates"] == []
    assert told["callback_url"].endswith("/callbacks/mascot")
    secret = (running.folder / "key-mascot").read_text()
    assert secret not in str(told)
