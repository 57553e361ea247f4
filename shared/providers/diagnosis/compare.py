"""Comparisons that need history: who has the stored operations calls these. Pure, bounded.

What differs between a duplicate and the original, and which known ids resemble one that nobody knows.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any, Final

import msgspec

KNOWN_MAX: Final = 2_000
SIMILAR_MAX: Final = 3
ALIKE_MIN: Final = 0.75
_SHORT_CHARS: Final = 4


class Difference(msgspec.Struct, frozen=True):
    """A field with another value than the one that is stored. A missing value is None."""

    field: str
    sent: Any
    stored: Any


def fields_that_differ(sent: Mapping[str, Any], stored: Mapping[str, Any]) -> list[Difference]:
    """The fields of both in the order of `sent`, then those that only `stored` has. Compares value and type: 400 is not "400"."""
    names = [*sent, *(name for name in stored if name not in sent)]
    pairs = ((name, sent.get(name), stored.get(name)) for name in names)
    return [Difference(name, new, old) for name, new, old in pairs if type(new) is not type(old) or new != old]


def similar_ids(sent: str, known: Iterable[str], limit: int = SIMILAR_MAX) -> list[str]:
    """Known ids that resemble the one that was sent, the likest first, never itself; looks at the first 2,000 only.

    The same but for case, blanks or a prefix comes before what merely has many characters in common.
    """
    candidates = [each for each in dict.fromkeys(islice(known, KNOWN_MAX)) if each != sent]
    plain = _plain(sent)
    near = [each for each in candidates if _is_near(plain, _plain(each))]
    alike = difflib.get_close_matches(sent, candidates, n=limit, cutoff=ALIKE_MIN)
    return list(dict.fromkeys([*near, *alike]))[:limit]


def _plain(text: str) -> str:
    return "".join(each for each in text.casefold() if each.isalnum())


def _is_near(left: str, right: str) -> bool:
    if left == right:
        return True
    short, long = sorted((left, right), key=len)
    return len(short) >= _SHORT_CHARS and (long.endswith(short) or long.startswith(short))
