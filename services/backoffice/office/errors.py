"""What the office refuses, in words for the person in front of the page."""

from __future__ import annotations

from shared.errors import StakewireError


class OfficeError(StakewireError):
    """The office does not do this; the message says why and what to do."""


class TooManyAttempts(OfficeError):
    """Sign-in is slowed down after failures. `wait_s`: whole seconds until the next attempt is looked at."""

    def __init__(self, wait_s: int) -> None:
        super().__init__(f"There were too many failed attempts. Try again in {wait_s} s.")
        self.wait_s = wait_s
