"""Where a page has ended, as a text for the caller: it holds only for the list (order, filters, brand) that it came from."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from datetime import datetime
from typing import Any, Final

from services.catalogue import problems as p
from shared.web.problems import Problem

MARK_CHARS: Final = 12
CURSOR_CHARS_MAX: Final = 2_500


def mark_of(*parts: object) -> str:
    """What a cursor is bound to."""
    return hashlib.sha256(repr(parts).encode("utf-8", "backslashreplace")).hexdigest()[:MARK_CHARS]


def write_cursor(mark: str, key: tuple[Any, ...]) -> str:
    """The cursor of a page that has ended with `key`: texts, integers, moments."""
    told = [part.isoformat() if isinstance(part, datetime) else part for part in key]
    raw = json.dumps([mark, *told], ensure_ascii=False, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def read_cursor(mark: str, cursor: str) -> list[Any]:
    """The key in a cursor, its parts unchecked; problem `cursor-invalid` where it is none, or one of another list."""
    try:
        parts = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise invalid() from error
    if not isinstance(parts, list) or not parts:
        raise invalid()
    if parts[0] != mark:
        raise Problem(p.CURSOR_INVALID, "the cursor belongs to a list with other filters or another order")
    return parts[1:]


def invalid() -> Problem:
    """The problem of a text that is no cursor."""
    return Problem(p.CURSOR_INVALID, "the cursor cannot be read")
