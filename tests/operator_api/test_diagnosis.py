"""A pasted request through the operator's API: found what is wrong, nothing sent, nothing claimed, nothing shown that is secret."""

from __future__ import annotations

import base64
import secrets
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from services.simulator.faults import as_http
from services.simulator.studios.mascot.faults import FAULTS, Bench, Mate, Sent
from shared.identity import player_key
from tests.operator_api.api import Api
from tests.operator_api.stand import CASINOS, Stand

PATH = "/v1/provider-accounts/mascot/diagnosis"
URL = "http://gateway.example/callbacks/mascot"


def bench(running: Stand, **changes: Any) -> Bench:
    """The account `mascot` of the stack as its provider knows it."""
    key = player_key("main", "alice")
    facts: dict[str, Any] = {
        "provider_account": "mascot",
        "casino_id": CASINOS["mascot"],
        "key_id": "main",
        "key": (running.folder / "key-mascot").read_bytes(),
        "second_key_id": "next",
        "second_key": secrets.token_bytes(24),
        "other": Mate("impatient", CASINOS["impatient"], "main", (running.folder / "key-impatient").read_bytes()),
        "player": f"{key}_EUR",
        "session": f"{key}.openSession00000000a",
        "ended_session": "",
        "foreign_session": "",
        "foreign_player": "",
        "currency": "EUR",
        "game": "riot",
        "now": int(time.time()),
        "nonce": secrets.randbits(63) | 2**63,
        "ref": secrets.token_hex(8),
    }
    return Bench(**(facts | changes))


def broken(running: Stand, fault: str) -> Sent:
    return FAULTS[fault].make(bench(running))[-1]


def now() -> str:
    return datetime.now(UTC).isoformat()


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("little_endian", "byte_order"),
        ("body_spaced", "body_spacing"),
        ("key_of_other_account", "key_of_other_account"),
        ("clock_hour_behind", "clock_skew"),
        ("form_encoded", "body_form"),
        ("amount_major_units", "amount_major_units"),
        ("http_get", "http_method"),
        ("path_longer", "http_path"),
        ("game_unknown", "game_unknown"),
    ],
)
def test_a_pasted_request_is_diagnosed(running: Stand, api: Api, fault: str, code: str) -> None:
    raw = as_http(broken(running, fault), URL)
    answer = api.call("POST", PATH, {"raw_base64": base64.b64encode(raw).decode(), "received_at": now()})
    assert answer.status == 200, answer
    found = answer.json
    assert [each["code"] for each in found["findings"]] == [code], found
    assert found["accepted"] == (found["findings"][0]["severity"] == "info")
    for name in CASINOS:
        assert (running.folder / f"key-{name}").read_text() not in answer.text


def test_the_three_ways_to_paste_find_the_same(running: Stand, api: Api) -> None:
    sent = broken(running, "key_id_upper")
    raw = as_http(sent, URL)
    parts = {"path": "/callbacks/mascot", "headers": dict(sent.headers), "body": sent.body.decode()}
    pasted: list[dict[str, Any]] = [
        {"raw": raw.decode()},
        {"raw_base64": base64.b64encode(raw).decode()},
        {"request": parts},
        {"request": parts | {"body": "", "body_base64": base64.b64encode(sent.body).decode()}},
    ]
    answers = [api.post(PATH, each | {"received_at": now()}, status=200)["findings"] for each in pasted]
    assert [each[0]["code"] for each in answers] == ["key_id_case"] * 4


def test_a_good_request_is_said_to_be_accepted_and_nothing_is_claimed(running: Stand, api: Api) -> None:
    player_id = api.player(money="100")
    own = bench(running, player=f"{player_key('main', player_id)}_EUR")
    sent = own.send(own.call(params=own.params(sessionAlternativeId=...)))
    for _ in range(2):
        found = api.post(PATH, {"raw": as_http(sent, URL).decode(), "received_at": now()}, status=200)
        assert (found["accepted"], found["findings"]) == (True, [])
        assert "would be accepted" in found["summary"]
        assert {each["state"] for each in found["checks"]} == {"ok", "skipped"}
    assert [each["kind"] for each in api.operations(player_id)] == ["create_player", "deposit"]
    assert api.balance(player_id) == "100.00"


def test_without_the_time_of_arrival_an_old_request_is_not_blamed(running: Stand, api: Api) -> None:
    sent = bench(running, now=1_700_000_000).send()
    found = api.post(PATH, {"raw": as_http(sent, URL).decode()}, status=200)
    assert found["accepted"]
    assert [each["name"] for each in found["checks"] if "received_at" in each["said"]] == ["clock"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"raw": "hello"},
        {"raw": "a", "raw_base64": "YQ=="},
        {"raw_base64": "*"},
        {"request": {"headers": {"a b": "c"}}},
        {"raw": ""},
    ],
)
def test_what_is_no_request_is_refused_with_advice(api: Api, body: dict[str, Any]) -> None:
    answer = api.call("POST", PATH, body)
    assert (answer.status, answer.problem) == (422, "paste-unreadable")


def test_unknown_accounts_and_those_of_other_brands(running: Stand, api: Api) -> None:
    body = {"raw": "POST / HTTP/1.1\n\n"}
    for name in ("nobody", "elsewhere"):
        answer = api.call("POST", f"/v1/provider-accounts/{name}/diagnosis", body)
        assert (answer.status, answer.problem) == (404, "provider-account-not-found")
    assert running.api("read").call("POST", PATH, body).status == 403


def test_the_simulator_sends_faults_by_name(running: Stand, api: Api) -> None:
    """The technician's way: send a fault, paste what was sent."""
    listed = running.simulator.get("/faults")
    assert {each["name"] for each in listed} == FAULTS.keys()
    done = running.simulator.post("/faults", {"name": "packed_as_text", "provider_account": "mascot"}, status=200)
    (exchange,) = done["exchanges"]
    assert exchange["status"] == 401
    found = api.post(PATH, {"raw_base64": exchange["raw_base64"], "received_at": now()}, status=200)
    assert found["findings"][0]["code"] == "packed_as_text"
    for body in ({"name": "no_such_fault"}, {"name": "xml", "provider_account": "nobody"}):
        answer = running.simulator.call("POST", "/faults", body)
        assert answer.status == 422
        assert "there" in answer.json["detail"]
