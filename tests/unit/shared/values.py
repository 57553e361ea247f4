"""Random values of any contract, made from its own type hints."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, Literal, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

INT64 = st.integers(-(2**63), 2**63 - 1)


@cache
def values_of(cls: type) -> st.SearchStrategy[Any]:
    """Instances of a contract with every field drawn, also those that have a default."""
    hints = get_type_hints(cls)
    return st.builds(cls, **{field.name: _values(hints[field.name]) for field in fields(cls)})


def _values(hint: Any) -> st.SearchStrategy[Any]:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin is tuple:
        return st.lists(_values(arguments[0]), max_size=3).map(tuple)
    if origin is dict:
        return st.dictionaries(_values(arguments[0]), _values(arguments[1]), max_size=3)
    if is_dataclass(hint) and isinstance(hint, type):
        return values_of(hint)
    # Shares alone are no integers: money always is.
    shares = st.floats(0, 1)
    simple: dict[Any, st.SearchStrategy[Any]] = {str: st.text(max_size=12), int: INT64, bool: st.booleans(), float: shares}
    return simple[hint]
