"""Reading the operator's answers as strictly as the protocol is written. A wrong answer is a problem, never an exception.

Source: Mascot Gaming Seamless API v2. Anything that cannot be trusted leaves the outcome unknown: the rollback cycle runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from services.simulator.studios.mascot.signature import Signer

INSUFFICIENT_FUNDS: Final = 1
NOT_DONE: Final = 7
UNKNOWN: Final = 8
FINAL_CODES: Final = frozenset(range(1, 8))
PROTOCOL_CODES: Final = frozenset({-32700, -32600, -32601, -32602})
HTTP_OK: Final = 200
PASSING_STATUSES: Final = frozenset({502, 503, 504})
"""What a proxy or a draining server answers: nobody's protocol fault, the outcome is unknown."""

GET_BALANCE: Final = "getBalance"
ROLLBACK: Final = "rollbackTransaction"


class SignedCall(Struct, frozen=True):
    """One call as it goes over the wire; sending it twice sends the same bytes under the same nonce."""

    method: str
    id: int | str
    body: bytes
    headers: dict[str, str]


class Outcome(Struct, frozen=True):
    """What a call came to.

    `kind`: `success` with `result`; `refused` with a `code` that says it was certainly not done; `unknown`.
    `problem` tells what is wrong with the answer itself, empty where nothing is.
    """

    kind: Literal["success", "refused", "unknown"]
    result: dict[str, Any] = {}
    code: int = 0
    text: str = ""
    problem: str = ""


_decode: Final = msgspec.json.Decoder().decode


def read_answer(call: SignedCall, status: int, headers: Mapping[str, str], body: bytes, signer: Signer) -> Outcome:
    """The outcome of a call that was answered with these bytes; `headers` are asked for by names in lower case."""
    if status in PASSING_STATUSES:
        return Outcome("unknown", text=f"HTTP {status}")
    if status != HTTP_OK:
        return _unusable(f"HTTP status {status}, expected 200; body {body[:200]!r}")
    content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/json":
        return _unusable(f"content type {content_type!r}, expected application/json")
    fault = signer.fault_of_answer(headers, call.headers, body)
    if fault is not None:
        return _unusable(fault)
    try:
        answer = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return _unusable(f"the body is not JSON ({error})")
    return _read_envelope(call, answer)


def _unusable(problem: str) -> Outcome:
    return Outcome("unknown", text=problem, problem=problem)


def _read_envelope(call: SignedCall, answer: Any) -> Outcome:
    if not isinstance(answer, dict) or answer.get("jsonrpc") != "2.0":
        return _unusable('the answer is no JSON-RPC object with "jsonrpc": "2.0"')
    if type(answer.get("id")) is not type(call.id) or answer["id"] != call.id:
        return _unusable(f"id {answer.get('id')!r} of the answer, expected {call.id!r}")
    if ("result" in answer) == ("error" in answer) or answer.keys() - {"jsonrpc", "id", "result", "error"}:
        return _unusable(f"an answer has jsonrpc, id and either result or error; this one has {sorted(answer)}")
    if "error" in answer:
        return _read_error(answer["error"])
    fault = _fault_of_result(call.method, answer["result"])
    if fault:
        return _unusable(f"{call.method}: {fault}")
    return Outcome("success", result=answer["result"])


def _read_error(error: Any) -> Outcome:
    if not isinstance(error, dict) or type(error.get("code")) is not int:
        return _unusable(f"error {error!r} has no integer code")
    code, message = error["code"], error.get("message")
    problem = "" if isinstance(message, str) and message else f"error {code} has no message"
    if code in FINAL_CODES:
        return Outcome("refused", code=code, text=str(message), problem=problem)
    if code == UNKNOWN:
        return Outcome("unknown", code=code, text=str(message), problem=problem)
    if code in PROTOCOL_CODES:
        # The operator did not understand a call that is right: nothing was done, and it is his fault.
        return Outcome("refused", code=code, text=str(message), problem=f"error {code} ({message}) for a well-formed call")
    return _unusable(f"error code {code} is none of the protocol's")


def _fault_of_result(method: str, result: Any) -> str:
    if not isinstance(result, dict):
        return f"the result is {type(result).__name__}, expected an object"
    if method == ROLLBACK:
        return f"the result is {result!r}, expected {{}}" if result else ""
    if method == GET_BALANCE:
        required: dict[str, type] = {"balance": int}
        optional: dict[str, type] = {"freeroundsLeft": int}
    else:
        required = {"newBalance": int, "transactionId": str}
        optional = {"freeroundsLeft": int, "freeroundWasCharged": bool}
    for name, kind in required.items():
        if type(result.get(name)) is not kind:
            return f"{name} is {result.get(name)!r}, expected {kind.__name__}"
    for name, kind in optional.items():
        if name in result and type(result[name]) is not kind:
            return f"{name} is {result[name]!r}, expected {kind.__name__}"
    if result.get("transactionId") == "":
        return "transactionId is empty"
    surplus = result.keys() - required.keys() - optional.keys()
    return f"unexpected members {sorted(surplus)}" if surplus else ""
