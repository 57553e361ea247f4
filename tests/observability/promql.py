"""The names of metrics in a PromQL expression. A scanner, no parser: it leaves out what cannot be a metric."""

from __future__ import annotations

import re
from typing import Final

_TOKEN: Final = re.compile(
    r"""
    (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)
    | (?P<range>\[[^\]]*\])
    | (?P<number>0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?:ms|[smhdwy])?(?![\w:]))
    | (?P<variable>\$\{?\w+\}?)
    | (?P<word>[a-zA-Z_:][a-zA-Z0-9_:]*)
    | (?P<mark>[{}()])
    """,
    re.VERBOSE,
)
_LISTS: Final = frozenset({"by", "without", "on", "ignoring", "group_left", "group_right"})
"""Keywords before a list of labels in parentheses (for the last two it may be missing)."""
_WORDS: Final = frozenset({"and", "or", "unless", "offset", "bool", "inf", "nan", "start", "end", "atan2"}) | _LISTS
_AGGREGATIONS: Final = frozenset(
    {"sum", "min", "max", "avg", "group", "stddev", "stdvar", "count", "count_values", "bottomk", "topk", "quantile"}
)


def metrics_in(expr: str) -> set[str]:
    """The metrics that an expression asks for."""
    tokens = [(each.lastgroup, each.group()) for each in _TOKEN.finditer(expr)]
    found: set[str] = set()
    braces = 0
    in_list = False
    for place, (kind, text) in enumerate(tokens):
        after = tokens[place + 1][1] if place + 1 < len(tokens) else ""
        if text == "{":
            braces += 1
        elif text == "}":
            braces -= 1
        elif text == ")":
            in_list = False
        elif kind == "word" and not braces and not in_list:
            if text.lower() in _LISTS:
                in_list = after == "("
            elif after != "(" and text.lower() not in _WORDS | _AGGREGATIONS:
                found.add(text)
    return found
