"""What a command of several parts is about to change, as it was: so that all of it can be taken back.

Only such commands have one; everything else pays nothing for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

_ABSENT: Final = object()


class Journal:
    """An undo log over the dictionaries, sets and growing lists of a working set.

    Used once: `row` and `member` before each change, then `undo`, or nothing.
    """

    def __init__(self, growing: Iterable[list[Any]], restore: Callable[[], None]) -> None:
        """`growing`: lists that are only ever appended to. `restore`: takes back what is kept elsewhere."""
        self._lengths = [(each, len(each)) for each in growing]
        self._restore = restore
        self._rows: list[tuple[dict[Any, Any], Any, Any]] = []
        self._members: list[tuple[set[Any], Any]] = []

    def row(self, table: dict[Any, Any], key: Any) -> None:
        """Notes a row that may be put in or replaced."""
        self._rows.append((table, key, table.get(key, _ABSENT)))

    def member(self, table: set[Any], item: Any) -> None:
        """Notes what may be added to a set."""
        if item not in table:
            self._members.append((table, item))

    def grown(self) -> bool:
        """Whether anything was appended to the lists."""
        return any(len(each) > length for each, length in self._lengths)

    def undo(self) -> None:
        """Everything as it was."""
        self._restore()
        for table, key, before in reversed(self._rows):
            if before is _ABSENT:
                table.pop(key, None)
            else:
                table[key] = before
        for members, item in self._members:
            members.discard(item)
        for each, length in self._lengths:
            del each[length:]
