"""Why the body of a proven caller could not be read: content type, coding, JSON, and the JSON-RPC envelope."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Collection
from typing import Any, Final, NamedTuple, NoReturn

from shared.providers.diagnosis.finding import Note, shown
from shared.providers.dialect import Callback

_FORM: Final = re.compile(r"[A-Za-z0-9_.%\[\]+-]+=[^&\s{}]*(?:&[A-Za-z0-9_.%\[\]+-]+=[^&\s{}]*)*")
_INT_CHARS_MAX: Final = 40
_ID_MIN, _ID_MAX = -(2**63), 2**64 - 1
_NAMES: Final = {dict: "an object", list: "a list", str: "a string", bool: "true or false", int: "a number"}


class Real(str):
    """A number with a fraction or an exponent, as it is written."""

    __slots__ = ()


class Read(NamedTuple):
    """A call as far as it can be read; `note` says why not further. `params` holds numbers with fractions as `Real`."""

    method: str
    params: dict[str, Any]
    note: Note | None


class _NoConstantError(ValueError):
    """NaN or Infinity."""


def read(callback: Callback, methods: Collection[str]) -> Read:
    """Reads a body as strictly as the dialect does, and says what is wrong in words."""
    note = _content_note(callback)
    if note is not None:
        return Read("", {}, note)
    text, note = _text(callback.body)
    if note is not None:
        return Read("", {}, note)
    document, note = _json(text)
    if note is not None:
        return Read("", {}, note)
    if not isinstance(document, dict):
        return Read("", {}, _not_object(document))
    note = _envelope_note(document, methods)
    method, params = document.get("method"), document.get("params")
    note = note or _params_note(params)
    return Read(method if isinstance(method, str) else "", params if isinstance(params, dict) else {}, note)


def kind_of(value: object) -> str:
    """The JSON type of a value in words."""
    if value is None:
        return "null"
    if isinstance(value, Real):
        return "a number with a fraction"
    return _NAMES.get(type(value), "something else")


def _content_note(callback: Callback) -> Note | None:
    body = callback.body
    if not body.strip():
        size = f"It has {len(body)} bytes, blanks only." if body else "It has no byte."
        return Note("body_empty", "The body is empty.", (size,))
    text = body.decode("latin-1").strip()
    if text.startswith("<"):
        return Note("body_xml", "The body is XML (or HTML); JSON is expected.")
    content_type = callback.headers.get(b"content-type", b"").decode("latin-1")
    if text[0] not in '{["' and _FORM.fullmatch(text):
        return Note(
            "body_form", "The body is a form (name=value&...); JSON is expected.", (f"Content-Type: {content_type or 'none'}.",)
        )
    if content_type.partition(";")[0].strip().lower() != "application/json":
        told = f"Content-Type is {shown(content_type)}" if content_type else "There is no Content-Type"
        return Note("content_type", f"{told}; application/json is expected.", ("The body itself looks like JSON.",))
    return None


def _text(body: bytes) -> tuple[str, Note | None]:
    for mark, coding in ((b"\xef\xbb\xbf", "UTF-8 with a byte order mark"), (b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16")):
        if body.startswith(mark):
            return "", Note("body_not_utf8", f"The body is in {coding}; UTF-8 without a byte order mark is expected.")
    if b"\0" in body[:4]:
        return "", Note("body_not_utf8", "The body is in UTF-16 or UTF-32; UTF-8 is expected.")
    try:
        return body.decode(), None
    except UnicodeDecodeError as error:
        if error.end == len(body) and "unexpected end" in error.reason:
            return "", Note("body_cut", f"The body ends in the middle of a letter, after {len(body)} bytes.")
        said = f"Byte {error.start} of the body is no UTF-8."
    try:
        json.loads(body.decode("latin-1"))
        guess = "Read as Latin-1 it is JSON."
    except (ValueError, RecursionError):
        guess = ""
    return "", Note("body_not_utf8", said).but(guess)


def _json(text: str) -> tuple[Any, Note | None]:
    try:
        return json.loads(text, parse_float=Real, parse_int=_integer, parse_constant=_no_constant), None
    except _NoConstantError as error:
        return None, Note("body_not_json", f"The body holds {error}, which JSON does not have.")
    except json.JSONDecodeError as error:
        return None, _broken(text, error)
    except (ValueError, RecursionError):
        return None, Note("body_not_json", "The body is nested too deeply to be read.")


def _integer(text: str) -> int | Real:
    return int(text) if len(text) <= _INT_CHARS_MAX else Real(text)


def _no_constant(name: str) -> NoReturn:
    raise _NoConstantError(name)


def _broken(text: str, error: json.JSONDecodeError) -> Note:
    at = error.pos
    if at >= len(text.rstrip()) or error.msg.startswith("Unterminated"):
        return Note("body_cut", f"The body ends in the middle of the JSON, after {len(text)} characters.")
    if text[at] == "'":
        return Note(
            "body_not_json", "The body has single quotation marks; JSON has double ones.", (f"The first is character {at}.",)
        )
    if text[at] in "}]" and text[:at].rstrip().endswith(","):
        return Note("body_not_json", f"There is a comma before the {text[at]!r} at character {at}.")
    return Note("body_not_json", f"The body is no JSON: {error.msg} at character {at}.")


def _not_object(document: Any) -> Note:
    if isinstance(document, list):
        return Note("batch", f"The body is a list of {len(document)} calls; one call a request is expected.")
    if isinstance(document, str):
        return Note("body_json_in_string", "The body is a string that holds text, not an object: the JSON was encoded twice.")
    return Note("body_not_json", f"The body is {kind_of(document)}; an object is expected.")


def _envelope_note(document: dict[str, Any], methods: Collection[str]) -> Note | None:
    if document.get("id") is None:
        said = "There is no id." if "id" not in document else "The id is null."
        return Note("id_missing", f"{said} It is demanded on every call and echoed in the answer.")
    note = _id_note(document["id"])
    if note is not None:
        return note
    version = document.get("jsonrpc")
    if version != "2.0":
        told = f"jsonrpc is {shown(str(version))}" if "jsonrpc" in document else "jsonrpc is missing"
        return Note("jsonrpc_version", f'{told}; the string "2.0" is expected.')
    method = document.get("method")
    if not isinstance(method, str) or isinstance(method, Real):
        return Note(
            "method_missing", "The method is missing." if method is None else f"The method is {kind_of(method)}, not a string."
        )
    return None if method in methods else _unknown_method(method, methods)


def _id_note(call_id: Any) -> Note | None:
    if type(call_id) is str or (type(call_id) is int and _ID_MIN <= call_id <= _ID_MAX):
        return None
    if type(call_id) is int:
        return Note("id_type", "The id does not fit 64 bits.")
    told = str(call_id)[:_INT_CHARS_MAX] if isinstance(call_id, Real) else kind_of(call_id)
    return Note("id_type", f"The id is {told}; an integer or a string is expected.")


def _unknown_method(method: str, methods: Collection[str]) -> Note:
    there = f"There are: {', '.join(sorted(methods))}."
    by_letters = {each.casefold(): each for each in methods}
    near = by_letters.get(method.casefold()) or next(iter(difflib.get_close_matches(method, methods, n=1)), "")
    meant = f"Probably {near} is meant." if near else ""
    return Note("method_unknown", f"There is no method {shown(method)}. {meant}".strip(), (there,))


def _params_note(params: Any) -> Note | None:
    if params is None:
        return Note("params_missing", "There are no params.")
    if not isinstance(params, dict):
        return Note("params_not_object", f"params is {kind_of(params)}; an object is expected.")
    return None
