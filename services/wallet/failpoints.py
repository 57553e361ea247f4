"""Places where a test lets the wallet die as by `kill -9`. Without the setting this is one comparison with ""."""

from __future__ import annotations

import os
import signal
from typing import Final

STEPS: Final = ("fetched", "loaded", "decided", "saved", "committed", "replied", "published", "offsets")
"""The steps of a batch, in order; `STAKEWIRE_WALLET_FAILPOINT=<step>[:<n>]` dies when it is passed the n-th time."""


class Failpoint:
    """Kills this very process when the chosen step has been passed the chosen number of times."""

    def __init__(self, setting: str) -> None:
        self._step, _, count = setting.partition(":")
        self._left = int(count or 1)
        if self._step and self._step not in STEPS:
            raise ValueError(f"failpoint {self._step!r} is unknown; there are {', '.join(STEPS)}")

    def passed(self, step: str) -> None:
        """Called by the worker at each step."""
        if step != self._step:
            return
        self._left -= 1
        if self._left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
