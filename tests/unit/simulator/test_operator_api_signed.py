"""The signed address: what a signature must be over, what is refused and how, and how answers are signed."""

import json
from pathlib import Path
from typing import Any

import pytest

from services.simulator.studios.mascot import signature
from services.simulator.studios.mascot.operator_api.codes import RpcError
from services.simulator.studios.mascot.operator_api.door import NONCES_MAX, Door, Operator, operator_of
from services.simulator.studios.mascot.signature import Signer
from tests.unit.simulator.desk import OLD_KEY, PLAIN, SECOND_KEY, SIGNED, accounts, desk_at, sign, signed_headers
from tests.unit.simulator.operator import ACCOUNT, KEY

CALL = {"jsonrpc": "2.0", "method": "Game.List", "params": {}, "id": 0}
BODY = json.dumps(CALL).encode()
NOW = 1_790_000_000
VECTORS: list[dict[str, Any]] = json.loads((Path(signature.__file__).parent / "vectors.json").read_text(encoding="utf-8"))


class Clock:
    """A clock that stands."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def door_at(now: float = NOW) -> tuple[Door, Clock]:
    clock = Clock(now)
    return Door([operator_of(account) for account in accounts().values()], clock), clock


def lower(headers: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def said(door: Door, headers: dict[str, str], body: bytes = BODY) -> str:
    """The message of the refusal, or the operator who was let in."""
    try:
        return door.signed(lower(headers), body).operator.provider_account
    except RpcError as error:
        return error.code.message


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"nonce {vector['nonce']}")
def test_the_published_vectors_are_let_in(vector: dict[str, Any]) -> None:
    casino_id = int(vector["subject"].removeprefix("casino:"))
    signer = Signer(casino_id, vector["key_id"], vector["key"].encode())
    door = Door([Operator("x", casino_id, {vector["key_id"]: signer}, {})], Clock(vector["timestamp"]))
    headers = {
        "x-subject": vector["subject"],
        "x-nonce": vector["nonce"],
        "x-timestamp": str(vector["timestamp"]),
        "x-signature": vector["signature"],
    }

    caller = door.signed(headers, vector["body"].encode())

    assert (caller.operator.provider_account, caller.nonce) == ("x", int(vector["nonce"]))
    with pytest.raises(RpcError, match="SIGNATURE_INVALID"):
        door.signed(headers, vector["body"].encode() + b" ")


def test_every_valid_key_of_the_operator_is_good_and_no_other() -> None:
    door, _ = door_at()

    assert said(door, signed_headers(BODY, timestamp=NOW)) == ACCOUNT
    assert said(door, signed_headers(BODY, timestamp=NOW, key=OLD_KEY, key_id="old")) == ACCOUNT
    assert said(door, signed_headers(BODY, timestamp=NOW, key=OLD_KEY, key_id="main")) == "SIGNATURE_INVALID"
    assert said(door, signed_headers(BODY, timestamp=NOW, key_id="unknown")) == "SIGNATURE_INVALID"
    assert said(door, signed_headers(BODY, timestamp=NOW, key=SECOND_KEY)) == "SIGNATURE_INVALID"
    assert said(door, signed_headers(BODY, timestamp=NOW, key=SECOND_KEY, subject="casino:8")) == "mascot-second"
    assert said(door, signed_headers(BODY, timestamp=NOW, subject="casino:8")) == "SIGNATURE_INVALID"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"X-Subject": None}, "SUBJECT_INVALID"),
        ({"X-Subject": "casino:99"}, "SUBJECT_INVALID"),
        ({"X-Subject": "7"}, "SUBJECT_INVALID"),
        ({"X-Timestamp": None}, "TIMESTAMP_INVALID"),
        ({"X-Timestamp": "1790000000.0"}, "TIMESTAMP_INVALID"),
        ({"X-Timestamp": "-1"}, "TIMESTAMP_INVALID"),
        ({"X-Timestamp": "4294967296"}, "TIMESTAMP_INVALID"),
        ({"X-Nonce": None}, "NONCE_INVALID"),
        ({"X-Nonce": "abc"}, "NONCE_INVALID"),
        ({"X-Nonce": "-1"}, "NONCE_INVALID"),
        ({"X-Nonce": "²"}, "NONCE_INVALID"),
        ({"X-Nonce": str(2**64)}, "NONCE_INVALID"),
        ({"X-Nonce": "5"}, "SIGNATURE_INVALID"),
        ({"X-Timestamp": str(NOW + 1)}, "SIGNATURE_INVALID"),
        ({"X-Signature": None}, "SIGNATURE_INVALID"),
        ({"X-Signature": sign(KEY, 4, NOW, BODY)}, "SIGNATURE_INVALID"),
        ({"X-Signature": "main=" + sign(KEY, 4, NOW, BODY).upper()}, "SIGNATURE_INVALID"),
        ({"X-Signature": "main=" + sign(KEY, 4, NOW, BODY) + " "}, "SIGNATURE_INVALID"),
        ({"X-Signature": "main=" + sign(KEY, 4, NOW, BODY)}, ACCOUNT),
    ],
)
def test_a_header_that_is_missing_or_wrong_is_named(change: dict[str, str | None], expected: str) -> None:
    door, _ = door_at()

    headers = signed_headers(BODY, nonce=4, timestamp=NOW) | change

    assert said(door, {name: value for name, value in headers.items() if value is not None}) == expected


@pytest.mark.parametrize(
    ("away_s", "expected"), [(-301, "TIMESTAMP_INVALID"), (-300, ACCOUNT), (300, ACCOUNT), (301, "TIMESTAMP_INVALID")]
)
def test_the_window_is_five_minutes_either_side(away_s: int, expected: str) -> None:
    door, _ = door_at()

    assert said(door, signed_headers(BODY, timestamp=NOW + away_s)) == expected


def test_a_nonce_is_good_for_the_same_bytes_only_and_for_each_operator_apart() -> None:
    door, clock = door_at()
    other = BODY + b" "

    assert said(door, signed_headers(BODY, nonce=2**63, timestamp=NOW + 300)) == ACCOUNT
    assert said(door, signed_headers(BODY, nonce=2**63, timestamp=NOW + 300)) == ACCOUNT
    assert said(door, signed_headers(other, nonce=2**63, timestamp=NOW + 300), other) == "NONCE_INVALID"
    assert said(door, signed_headers(BODY, nonce=2**63, timestamp=NOW + 299)) == "NONCE_INVALID"
    assert said(door, signed_headers(BODY, nonce=2**63, timestamp=NOW, key=SECOND_KEY, subject="casino:8")) == "mascot-second"
    clock.now += 599
    assert said(door, signed_headers(other, nonce=2**63, timestamp=NOW + 600), other) == "NONCE_INVALID"
    clock.now += 2
    assert said(door, signed_headers(other, nonce=2**63, timestamp=NOW + 600), other) == ACCOUNT


def test_a_refused_signature_claims_no_nonce() -> None:
    door, _ = door_at()

    assert said(door, signed_headers(BODY, nonce=9, timestamp=NOW, key=b"wrong")) == "SIGNATURE_INVALID"
    assert said(door, signed_headers(BODY, nonce=9, timestamp=NOW)) == ACCOUNT


def test_nonces_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.simulator.studios.mascot.operator_api.door.NONCES_MAX", 3)
    door, _ = door_at()

    for nonce in range(10):
        assert said(door, signed_headers(BODY, nonce=nonce, timestamp=NOW)) == ACCOUNT

    assert len(door._nonces) == 3 < NONCES_MAX


@pytest.mark.parametrize("body", [BODY, b'{"jsonrpc":"2.0","method":"no.such","id":"x"}', b"no json"])
async def test_every_answer_is_signed_with_the_requests_own_nonce_and_timestamp(tmp_path: Path, body: bytes) -> None:
    async with desk_at(tmp_path) as desk:
        headers = signed_headers(body, key=OLD_KEY, key_id="old", nonce=2**64 - 1)

        answer = await desk.send("POST", SIGNED, body, headers)

        assert answer.status == 200
        for name in ("X-Subject", "X-Nonce", "X-Timestamp"):
            assert answer.headers[name.lower()] == headers[name]
        expected = sign(OLD_KEY, 2**64 - 1, int(headers["X-Timestamp"]), answer.body)
        assert answer.headers["x-signature"] == f"old={expected}"


async def test_a_refused_signature_is_http_401_with_a_json_rpc_error_and_nothing_is_done(tmp_path: Path) -> None:
    async with desk_at(tmp_path) as desk:
        content = {"jsonrpc": "2.0", "method": "Bonus.Set", "params": {"Id": "b"}, "id": "q"}

        answer = await desk.signed(content, key=b"wrong")

        assert answer.status == 401
        assert answer.json["id"] == "q"
        assert (answer.json["error"]["code"], answer.json["error"]["message"]) == (10003, "SIGNATURE_INVALID")
        assert "x-signature" not in answer.headers
        assert not desk.simulator.desk.store.has_bonus(ACCOUNT, "b")
        assert (await desk.signed(b"\xff", key=b"wrong")).json["id"] is None


async def test_the_body_is_verified_as_it_came_and_read_afterwards(tmp_path: Path) -> None:
    async with desk_at(tmp_path) as desk:
        spaced = b' {"id" : 3,\n"method":"Bonus.Set","params":{"Id":"Zo\xc3\xab"},"jsonrpc":"2.0"}  '

        assert (await desk.signed(spaced)).json == {"jsonrpc": "2.0", "id": 3, "result": {}}
        assert desk.simulator.desk.store.has_bonus(ACCOUNT, "Zoë")


async def test_the_plain_address_asks_for_no_signature_and_takes_the_operator_from_the_subject(tmp_path: Path) -> None:
    async with desk_at(tmp_path) as desk:
        for subject, account in ((None, ACCOUNT), ("casino:7", ACCOUNT), ("casino:8", "mascot-second")):
            await desk.done("Bonus.Set", {"Id": f"of {subject}"}, subject=subject)
            assert desk.simulator.desk.store.has_bonus(account, f"of {subject}")

        answer = await desk.send("POST", PLAIN, BODY, {"X-Subject": "casino:9"})
        assert (answer.status, answer.json["error"]["message"]) == (401, "SUBJECT_INVALID")
        assert "x-signature" not in (await desk.send("POST", PLAIN, BODY, signed_headers(BODY))).headers


async def test_only_post_is_taken(tmp_path: Path) -> None:
    async with desk_at(tmp_path) as desk:
        assert (await desk.send("GET", SIGNED)).status == 405
        assert (await desk.send("PUT", PLAIN, BODY)).status == 405
