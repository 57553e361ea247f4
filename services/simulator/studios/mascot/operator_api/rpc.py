"""JSON-RPC 2.0 as the provider speaks it: one call a request, `id` required and echoed exactly, `"result": {}` never null."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import Struct

from services.simulator.studios.mascot.operator_api.codes import INVALID_REQUEST, PARSE_ERROR, Code, RpcError

_encode: Final = msgspec.json.Encoder().encode
_ID_CHARS_MAX: Final = 256


class Call(Struct, frozen=True):
    """One call as it came; `params` are not looked at yet."""

    method: str
    params: Any
    id: int | str


class UnreadableError(RpcError):
    """A body that is no call. `call_id` is the one to answer with, None where it could not be read."""

    def __init__(self, code: Code, detail: str, call_id: int | str | None = None) -> None:
        super().__init__(code, detail)
        self.call_id = call_id


def read_call(body: bytes) -> Call:
    """The call in a body; UnreadableError where there is none."""
    try:
        parsed = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableError(PARSE_ERROR, str(error)) from None
    if not isinstance(parsed, dict):
        raise UnreadableError(INVALID_REQUEST, "expected one JSON object; batches are not taken")
    call_id = _id(parsed.get("id"))
    if call_id is None:
        raise UnreadableError(
            INVALID_REQUEST, f"id is required: a 64-bit integer or a string of at most {_ID_CHARS_MAX} characters"
        )
    if parsed.get("jsonrpc") != "2.0":
        raise UnreadableError(INVALID_REQUEST, 'expected "jsonrpc": "2.0"', call_id)
    if not isinstance(parsed.get("method"), str):
        raise UnreadableError(INVALID_REQUEST, "method is required, a string", call_id)
    if surplus := parsed.keys() - {"jsonrpc", "id", "method", "params"}:
        raise UnreadableError(INVALID_REQUEST, f"unexpected members {sorted(surplus)}", call_id)
    return Call(parsed["method"], parsed.get("params", {}), call_id)


def _id(value: Any) -> int | str | None:
    """A usable id, else None."""
    if isinstance(value, str):
        return value if len(value) <= _ID_CHARS_MAX else None
    return value if type(value) is int and -(2**63) <= value < 2**64 else None


def result_answer(call_id: int | str, result: dict[str, Any]) -> bytes:
    """The answer to a call that was done."""
    return _encode({"jsonrpc": "2.0", "id": call_id, "result": result})


def error_answer(call_id: int | str | None, code: int, message: str, detail: str = "") -> bytes:
    """The answer to a call that was refused; `detail` becomes `error.data`."""
    error: dict[str, Any] = {"code": code, "message": message}
    if detail:
        error["data"] = detail
    return _encode({"jsonrpc": "2.0", "id": call_id, "error": error})
