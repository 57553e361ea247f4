"""The W3C `traceparent`: the few bytes that tie two processes' spans together (https://www.w3.org/TR/trace-context/).

It arrives from outside, so whatever is not exactly right is ignored without a word: no log line, no error, no parent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

HEADER: Final = "traceparent"
"""Of HTTP requests, and of the records on `wallet.commands`."""

LENGTH_MAX: Final = 128
"""Version 00 has 55 bytes; later ones may be longer, but nobody needs more than this."""

_SAMPLED: Final = 1
_FORMAT: Final = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-[!-~]*)?")


@dataclass(frozen=True, slots=True)
class Parent:
    """A span of another process. `sampled`: whether that process records its trace."""

    trace_id: int
    span_id: int
    sampled: bool

    @property
    def trace(self) -> str:
        """The trace id as it is written everywhere: 32 hexadecimal digits."""
        return f"{self.trace_id:032x}"


def parse_traceparent(value: bytes | None) -> Parent | None:
    """The span that a header names; None where it is missing, too long or not exactly of the format."""
    if value is None or len(value) > LENGTH_MAX:
        return None
    found = _FORMAT.fullmatch(value)
    if found is None:
        return None
    version, trace_id, span_id, flags, more = found.groups()
    if version == b"ff" or (version == b"00" and more):
        return None
    parent = Parent(int(trace_id, 16), int(span_id, 16), bool(int(flags, 16) & _SAMPLED))
    return parent if parent.trace_id and parent.span_id else None


def sampled_parent(headers: Iterable[tuple[str, bytes | None]]) -> Parent | None:
    """The span that a Kafka record's headers name, if its trace is recorded."""
    for name, value in headers:
        if name == HEADER:
            parent = parse_traceparent(value)
            return parent if parent is not None and parent.sampled else None
    return None
