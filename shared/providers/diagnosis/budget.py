"""How much one diagnosis may cost. Whoever sends us rubbish must not decide how long we think about it."""

from __future__ import annotations

from typing import Final

TRIES_MAX: Final = 500
"""Signatures computed for one callback."""
BODY_BYTES_MAX: Final = 16_384
"""Largest body that is written anew in other forms."""
PAIR_BODY_BYTES_MAX: Final = 4_096
"""Largest body for which two deviations at once are tried."""


class Budget:
    """Counts tries; `take` says whether there is one left."""

    def __init__(self, tries: int = TRIES_MAX) -> None:
        self.left = tries
        self.used = 0

    def take(self) -> bool:
        """One more try, if there is one."""
        if self.left <= 0:
            return False
        self.left -= 1
        self.used += 1
        return True
