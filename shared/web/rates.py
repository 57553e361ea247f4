"""How many requests a caller may send: a token bucket a name, in the memory of this process."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

NAMES_MAX: Final = 10_000


class RateLimit:
    """`per_s` requests a second for each name, after a burst of `burst`. The names longest unseen are forgotten."""

    def __init__(self, per_s: float, burst: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_s = per_s
        self._burst = float(burst)
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str) -> int:
        """Takes one; 0 if it may pass, otherwise after how many seconds (rounded up) the next one may."""
        level = self._level(name)
        if level < 1:
            return self._wait_s(level)
        self._put(name, level - 1)
        return 0

    def _wait_s(self, level: float) -> int:
        """Whole seconds until a bucket at `level` holds one again."""
        return max(1, math.ceil((1 - level) / self._per_s))

    def _level(self, name: str) -> float:
        level, at = self._buckets.get(name, (self._burst, self._clock()))
        return min(self._burst, level + (self._clock() - at) * self._per_s)

    def _put(self, name: str, level: float) -> None:
        self._buckets[name] = (level, self._clock())
        self._buckets.move_to_end(name)
        if len(self._buckets) > NAMES_MAX:
            self._buckets.popitem(last=False)
