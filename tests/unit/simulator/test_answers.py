"""Reading the operator's answers: strict, and never an exception."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.simulator.studios.mascot.answers import Outcome, SignedCall, read_answer
from services.simulator.studios.mascot.signature import Signer

SIGNER = Signer(7, "main", b"key")
MONEY = "withdrawAndDeposit"


def call(method: str = MONEY, call_id: int | str = 0) -> SignedCall:
    body = json.dumps({"jsonrpc": "2.0", "method": method, "params": {}, "id": call_id}).encode()
    return SignedCall(method, call_id, body, SIGNER.headers(body, 5, 1_790_000_000))


def answered(
    body: bytes | dict[str, Any],
    *,
    to: SignedCall | None = None,
    status: int = 200,
    content_type: str = "application/json",
    signed: bytes | None = None,
) -> Outcome:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {name.lower(): value for name, value in SIGNER.headers(raw if signed is None else signed, 5, 1_790_000_000).items()}
    headers["content-type"] = content_type
    return read_answer(to or call(), status, headers, raw, SIGNER)


def ok(result: Any, call_id: Any = 0) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "result": result, "id": call_id}


def failed(error: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "error": error, "id": 0}


GOOD = {"newBalance": 9800, "transactionId": "1"}


def test_a_good_answer_is_a_success_with_its_result() -> None:
    outcome = answered(ok(GOOD))

    assert (outcome.kind, outcome.result, outcome.problem) == ("success", GOOD, "")


@pytest.mark.parametrize("call_id", [0, 2**64 - 1, -1, "m-1", ""])
def test_the_id_is_echoed_exactly(call_id: int | str) -> None:
    assert answered(ok(GOOD, call_id), to=call(call_id=call_id)).kind == "success"


@pytest.mark.parametrize("echoed", ["0", 1, None, 0.0, False, [0]])
def test_another_id_is_a_problem_and_the_outcome_unknown(echoed: Any) -> None:
    outcome = answered(ok(GOOD, echoed))

    assert outcome.kind == "unknown"
    assert "id" in outcome.problem


@pytest.mark.parametrize(
    "result",
    [
        None,
        [],
        {},
        {"newBalance": 9800},
        {"transactionId": "1"},
        GOOD | {"newBalance": 9800.0},
        GOOD | {"newBalance": "9800"},
        GOOD | {"newBalance": True},
        GOOD | {"transactionId": 1},
        GOOD | {"transactionId": ""},
        GOOD | {"freeroundsLeft": "3"},
        GOOD | {"freeroundWasCharged": 1},
        GOOD | {"balance": 9800},
    ],
)
def test_a_result_of_another_shape_is_a_problem_and_the_outcome_unknown(result: Any) -> None:
    outcome = answered(ok(result))

    assert outcome.kind == "unknown"
    assert outcome.problem


@pytest.mark.parametrize("result", [None, [], "", {"ok": True}])
def test_a_rollback_is_answered_with_an_empty_object_and_nothing_else(result: Any) -> None:
    assert answered(ok({}), to=call("rollbackTransaction")).kind == "success"
    assert answered(ok(result), to=call("rollbackTransaction")).kind == "unknown"


def test_a_balance_needs_a_whole_number() -> None:
    assert answered(ok({"balance": -5, "freeroundsLeft": 0}), to=call("getBalance")).kind == "success"
    assert answered(ok({"balance": 5.0}), to=call("getBalance")).kind == "unknown"


@pytest.mark.parametrize("code", range(1, 8))
def test_codes_1_to_7_say_that_it_was_certainly_not_done(code: int) -> None:
    outcome = answered(failed({"code": code, "message": "no"}))

    assert (outcome.kind, outcome.code, outcome.problem) == ("refused", code, "")


def test_code_8_alone_says_that_the_outcome_is_unknown() -> None:
    outcome = answered(failed({"code": 8, "message": "unknown"}))

    assert (outcome.kind, outcome.code, outcome.problem) == ("unknown", 8, "")


def test_a_protocol_error_for_a_well_formed_call_is_a_problem() -> None:
    outcome = answered(failed({"code": -32602, "message": "invalid params"}))

    assert outcome.kind == "refused"
    assert "-32602" in outcome.problem


@pytest.mark.parametrize("error", [None, {}, {"code": "7", "message": "x"}, {"code": 99, "message": "x"}, {"code": 7}])
def test_an_error_object_that_is_none_is_a_problem(error: Any) -> None:
    assert answered(failed(error)).problem


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b'"text"',
        b"[]",
        {"result": GOOD, "id": 0},
        {"jsonrpc": "2.0", "id": 0},
        ok(GOOD) | {"error": {"code": 7, "message": "x"}},
        ok(GOOD) | {"extra": 1},
    ],
)
def test_what_is_no_json_rpc_answer_is_a_problem_and_the_outcome_unknown(body: Any) -> None:
    outcome = answered(body)

    assert outcome.kind == "unknown"
    assert outcome.problem


@pytest.mark.parametrize("status", [201, 204, 302, 400, 401, 500])
def test_any_http_status_but_200_is_a_problem(status: int) -> None:
    outcome = answered(ok(GOOD), status=status)

    assert outcome.kind == "unknown"
    assert str(status) in outcome.problem


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_proxy_that_finds_nobody_leaves_the_outcome_unknown_without_a_problem(status: int) -> None:
    assert answered(b"", status=status) == Outcome("unknown", text=f"HTTP {status}")


def test_another_content_type_is_a_problem() -> None:
    assert answered(ok(GOOD), content_type="application/json; charset=utf-8").kind == "success"
    assert "content type" in answered(ok(GOOD), content_type="text/html").problem


def test_an_answer_with_a_signature_of_other_bytes_is_not_believed() -> None:
    outcome = answered(ok(GOOD), signed=b"other bytes")

    assert outcome.kind == "unknown"
    assert "X-Signature" in outcome.problem


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_no_answer_at_all_makes_the_reader_fail(value: Any) -> None:
    assert answered(json.dumps(value).encode()).kind == "unknown"
    assert answered(ok(value)).problem or value == GOOD
    assert answered(failed(value)).problem
