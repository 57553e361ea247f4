"""What differs between a repetition and the call that it repeats, from their bodies. Pure; it knows no dialect's fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

from shared.providers.diagnosis.compare import fields_that_differ

DIFFERENCES_MAX: Final = 20
FIELDS_MAX: Final = 500
DEPTH_MAX: Final = 8
TEXT_CHARS_MAX: Final = 200
BODY_BYTES_MAX: Final = 262_144
TRANSPORT: Final = frozenset({"id", "jsonrpc"})
"""Top-level fields that belong to the call and not to what is asked: they may differ from try to try."""


class Compared(msgspec.Struct, frozen=True):
    """A field that is not the same: as it was sent now, and as it was before. A missing one is empty."""

    field: str
    sent: str
    before: str


def compare_bodies(sent: bytes, before: bytes) -> list[Compared]:
    """The fields of two bodies (JSON or form) that differ; empty where one of them is neither, or none does."""
    new, old = _fields(sent), _fields(before)
    if new is None or old is None:
        return []
    return [Compared(each.field, _shown(each.sent), _shown(each.stored)) for each in fields_that_differ(new, old)][:DIFFERENCES_MAX]


def missing_values(sent: bytes, stored: Mapping[str, Any]) -> list[Compared]:
    """What a body says of round, game and currency against a stored operation, where the first call is not archived.

    Fields are found by their values, not by names: a stored value that stands nowhere in the body is told as missing there.
    """
    fields = _fields(sent)
    if fields is None:
        return []
    told = {_shown(value) for value in fields.values()}
    wanted = {name: str(stored[name]) for name in ("currency", "round_id", "game_id") if stored[name]}
    return [Compared(name, "", value) for name, value in wanted.items() if value not in told]


def _fields(body: bytes) -> dict[str, Any] | None:
    if len(body) > BODY_BYTES_MAX:
        return None
    try:
        content = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _form(body)
    if not isinstance(content, dict):
        return None
    found: dict[str, Any] = {}
    _flatten(content, "", found, DEPTH_MAX)
    return {name: value for name, value in found.items() if name not in TRANSPORT}


def _form(body: bytes) -> dict[str, Any] | None:
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True, max_num_fields=FIELDS_MAX)
    except ValueError:
        return None
    return dict(pairs) or None


def _flatten(value: Any, name: str, found: dict[str, Any], depth: int) -> None:
    """Leaves by their path; the method's envelope `params` is left out of it."""
    if len(found) >= FIELDS_MAX or depth == 0:
        return
    if isinstance(value, dict):
        for key, inner in value.items():
            _flatten(inner, key if not name or name == "params" else f"{name}.{key}", found, depth - 1)
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            _flatten(inner, f"{name}[{place}]", found, depth - 1)
    else:
        found[name] = value


def _shown(value: Any) -> str:
    """A value as JSON writes it, texts without their quotes; None is a missing one."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text[:TEXT_CHARS_MAX]
