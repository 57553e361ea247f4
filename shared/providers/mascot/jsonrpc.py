"""JSON-RPC 2.0 as Mascot speaks it: reading the envelope of a request, writing the envelope of an answer.

Every possible body gets one of four outcomes: a request, -32700 (no JSON), -32600 (no request), or -32602 (JSON that
holds text we cannot keep). Nothing here knows a method.
"""

from __future__ import annotations

import json
from typing import Any, Final, NamedTuple, NoReturn

import msgspec

from shared.providers.dialect import Refusal

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
UNKNOWN_METHOD: Final = -32601
INVALID_PARAMS: Final = -32602

NO_ID: Final = b"null"
_ID_MIN: Final = -(2**63)
_ID_MAX: Final = 2**64 - 1


class Request(NamedTuple):
    """A well-formed request: `id` as JSON bytes to echo, `params` as the raw JSON text, empty if there is none."""

    id: bytes
    method: str
    params: bytes


class _Envelope(msgspec.Struct):
    jsonrpc: Any = None
    method: Any = None
    params: msgspec.Raw = msgspec.Raw(b"")
    id: Any = None


_decode: Final = msgspec.json.Decoder(_Envelope).decode
_encode: Final = msgspec.json.Encoder().encode


def read(body: bytes) -> Request | Refusal:
    """The request in a body; a Refusal with the JSON-RPC code and the id to echo where there is none."""
    try:
        if not body.isascii():
            body.decode()
        envelope = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _explain(body)
    echo = _echo(envelope.id)
    problem = _shape_problem(envelope.jsonrpc, envelope.method, echo)
    if problem:
        return Refusal("syntax", problem, INVALID_REQUEST, NO_ID if echo is None else echo)
    return Request(echo or NO_ID, envelope.method, bytes(envelope.params))


def result(request_id: bytes, body: bytes) -> bytes:
    """An answer with a result; `body` is JSON."""
    return b'{"jsonrpc":"2.0","result":%b,"id":%b}' % (body, request_id)


def error(request_id: bytes, code: int, message: str) -> bytes:
    """An answer with an error; the message is always there, as clients rely on it."""
    return b'{"jsonrpc":"2.0","error":{"code":%d,"message":%b},"id":%b}' % (code, _encode(message), request_id or NO_ID)


def _echo(value: object) -> bytes | None:
    """The id as JSON, exactly as the caller will compare it; None where it is no integer of 64 bits or string."""
    if type(value) is int:
        return b"%d" % value if _ID_MIN <= value <= _ID_MAX else None
    if type(value) is str:
        return _encode(value)
    return None


def _shape_problem(version: object, method: object, echo: bytes | None) -> str:
    if echo is None:
        return "id must be an integer or a string"
    if version != "2.0":
        return 'jsonrpc must be "2.0"'
    if type(method) is not str:
        return "method must be a string"
    return ""


def _explain(body: bytes) -> Refusal:
    """Says why the fast decoder refused. It also refuses unpaired surrogates, which are JSON, if text nobody can store."""
    try:
        document = json.loads(body.decode(), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return Refusal("syntax", "the body is not JSON", PARSE_ERROR, NO_ID)
    if type(document) is not dict:
        return Refusal("syntax", "the request must be one object; batches are not accepted", INVALID_REQUEST, NO_ID)
    try:
        echo = _echo(document.get("id"))
    except UnicodeEncodeError:
        echo = None
    problem = _shape_problem(document.get("jsonrpc"), document.get("method"), echo)
    if problem:
        return Refusal("syntax", problem, INVALID_REQUEST, NO_ID if echo is None else echo)
    return Refusal("syntax", "the request holds an unpaired surrogate", INVALID_PARAMS, echo or NO_ID)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
