"""The runner's own eye: its signature against the protocol's vectors, and that it notices what an answer does wrong."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from shared.scenarios import Call, Catalogue, load_catalogue
from tests.scenarios.driver import Request
from tests.scenarios.mascot_driver import MascotDriver, minor, sign
from tests.scenarios.stack import CASINO_ID, mascot_side
from tests.scenarios.world import World

VECTORS = Path(__file__).parents[2] / "shared" / "providers" / "mascot" / "vectors.json"


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


@pytest.fixture
def driver(catalogue: Catalogue) -> MascotDriver:
    return MascotDriver(None, {}, mascot_side(catalogue))


@pytest.fixture
def request_(catalogue: Catalogue, driver: MascotDriver) -> Request:
    world = World(next(each for each in catalogue.scenarios if each.id == "bet"), "ordinary")
    world.new_player("player")
    world.new_session("current")
    return driver.make(Call(do="bet", tx="b1", stake="4.00"), world, {})


def answered(driver: MascotDriver, request: Request, answer: dict[str, Any], **headers: str) -> tuple[int, dict[str, str], bytes]:
    """A well-signed answer; `headers` replace some."""
    body = json.dumps(answer).encode()
    facts = request.facts
    signature = sign(driver._side.keys[facts["key_id"]], facts["nonce"], facts["timestamp"], body)
    told = {
        "content-type": "application/json",
        "x-subject": f"casino:{CASINO_ID}",
        "x-nonce": str(facts["nonce"]),
        "x-timestamp": str(facts["timestamp"]),
        "x-signature": f"{facts['key_id']}={signature}",
    }
    return 200, told | {name.replace("_", "-"): value for name, value in headers.items()}, body


@pytest.mark.parametrize("vector", json.loads(VECTORS.read_text(encoding="utf-8")), ids=lambda vector: vector["nonce"])
def test_signs_as_the_vectors_say(vector: dict[str, Any]) -> None:
    signature = sign(vector["key"].encode(), int(vector["nonce"]), vector["timestamp"], vector["body"].encode())
    assert f"{vector['key_id']}={signature}" == vector["signature"]


def test_a_bet_is_sent_as_the_document_describes(request_: Request) -> None:
    body = json.loads(request_.body)
    assert (body["jsonrpc"], body["method"], request_.http_method) == ("2.0", "withdrawAndDeposit", "POST")
    params = body["params"]
    assert (params["callerId"], params["withdraw"], params["deposit"], params["currency"]) == (CASINO_ID, 400, 0, "EUR")
    assert params["playerName"].endswith("_EUR")
    assert request_.headers["X-Subject"] == f"casino:{CASINO_ID}"
    assert abs(int(request_.headers["X-Timestamp"]) - time.time()) < 5


def test_a_right_answer_is_read(driver: MascotDriver, request_: Request) -> None:
    result = {"newBalance": 9600, "transactionId": "t-1"}
    seen = driver.read(*answered(driver, request_, {"jsonrpc": "2.0", "id": 1, "result": result}), request_)
    assert (seen.http, seen.answer, seen.transaction_id) == (200, result, "t-1")


@pytest.mark.parametrize(
    "answer",
    [
        {"jsonrpc": "2.0", "id": 2, "result": {}},
        {"jsonrpc": "2.0", "id": "1", "result": {}},
        {"jsonrpc": "2.0", "id": 1.0, "result": {}},
        {"jsonrpc": "2.0", "result": {}},
        {"jsonrpc": "1.0", "id": 1, "result": {}},
        {"jsonrpc": "2.0", "id": 1, "result": None},
        {"jsonrpc": "2.0", "id": 1, "result": {}, "error": {"code": 7, "message": "no"}},
        {"jsonrpc": "2.0", "id": 1, "error": {"code": 7}},
        {"jsonrpc": "2.0", "id": 1, "error": {"code": 7, "message": ""}},
        {"jsonrpc": "2.0", "id": 1, "error": {"code": "7", "message": "no"}},
        {"jsonrpc": "2.0", "id": None, "error": {"code": 7, "message": "no"}},
    ],
    ids=str,
)
def test_an_answer_that_breaks_the_protocol_is_noticed(driver: MascotDriver, request_: Request, answer: dict[str, Any]) -> None:
    with pytest.raises((AssertionError, KeyError)):
        driver.read(*answered(driver, request_, answer), request_)


@pytest.mark.parametrize(
    "headers",
    [
        {"x_signature": "main=00"},
        {"x_nonce": "1"},
        {"x_timestamp": "1"},
        {"x_subject": "casino:8"},
        {"content_type": "text/html"},
    ],
    ids=str,
)
def test_an_answer_with_wrong_headers_is_noticed(driver: MascotDriver, request_: Request, headers: dict[str, str]) -> None:
    with pytest.raises(AssertionError):
        driver.read(*answered(driver, request_, {"jsonrpc": "2.0", "id": 1, "result": {}}, **headers), request_)


def test_minor_units_are_exact() -> None:
    assert [minor(amount) for amount in ("0", "0.29", "-4.00", "92233720368547758.08")] == [
        "0",
        "29",
        "-400",
        "9223372036854775808",
    ]
    with pytest.raises(AssertionError, match="does not fit"):
        minor("0.001")
