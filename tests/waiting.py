"""Waiting for a condition instead of sleeping for luck."""

import time
from collections.abc import Callable

LIMIT_S = 60.0
POLL_S = 0.05


def wait_until(condition: Callable[[], object], what: str, limit_s: float = LIMIT_S) -> None:
    """Wait until `condition` is true; fail with `what` was expected after `limit_s` seconds."""
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {limit_s:g} s: {what}"
        time.sleep(POLL_S)
