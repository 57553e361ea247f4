"""Remembers which nonce carried which bytes, for as long as a request with its timestamp would be accepted.

Bounded and in this process only: money is protected by idempotency, not by this. It notices two different requests
under one nonce, which no honest provider sends.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from enum import Enum
from typing import Final

SLICES: Final = 8
"""Nonces are forgotten slice by slice, an eighth of the window each, so that forgetting costs nothing."""


class Claim(Enum):
    """What a nonce turned out to be."""

    FRESH = "fresh"
    REPEATED = "repeated"
    CONFLICTING = "conflicting"


class NonceBook:
    """Nonces of one provider account. `window_s` is how far a timestamp may be off, `limit` how many are remembered."""

    def __init__(self, window_s: int, limit: int) -> None:
        self._window_s = window_s
        self._slice_s = max(1.0, window_s / SLICES)
        self._limit = max(1, limit)
        self._slices: dict[int, dict[Hashable, int]] = {}
        self._count = 0
        self.forgotten = 0
        """How many were forgotten early, because the book was full."""

    def __len__(self) -> int:
        """How many nonces are remembered."""
        return self._count

    def claim(self, nonce: Hashable, timestamp_s: int, content: bytes, now_s: float) -> Claim:
        """Enters a nonce that came with a verified request; says whether it was here before, and with which bytes.

        The content is kept as a 64-bit hash keyed at random in this process.
        """
        self._forget(now_s)
        fingerprint = hash(content)
        for remembered in self._slices.values():
            known = remembered.get(nonce)
            if known is not None:
                return Claim.REPEATED if known == fingerprint else Claim.CONFLICTING
        if self._count >= self._limit:
            self._drop(min(self._slices))
        number = math.floor(timestamp_s / self._slice_s)
        self._slices.setdefault(number, {})[nonce] = fingerprint
        self._count += 1
        return Claim.FRESH

    def _forget(self, now_s: float) -> None:
        """Drops the slices whose youngest timestamp would be refused by now."""
        first = math.floor((now_s - self._window_s) / self._slice_s)
        if self._slices and min(self._slices) < first:
            for number in [each for each in self._slices if each < first]:
                self._count -= len(self._slices.pop(number))

    def _drop(self, number: int) -> None:
        dropped = len(self._slices.pop(number))
        self._count -= dropped
        self.forgotten += dropped
