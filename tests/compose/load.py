"""A play that runs while a test does something to the stack, and how long nothing came through at the longest."""

import http.client
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from tests.waiting import wait_until

SAMPLE_S = 0.1
END_LIMIT_S = 120
COMPARE_LIMIT_S = 120
CALL_LIMIT_S = 30


class Load:
    """One endless play at the simulator of a stack."""

    def __init__(self, simulator: str, *, players: int, rate_per_s: float) -> None:
        """Start it."""
        self._host = urlsplit(simulator).netloc
        plan = {"players": players, "rounds": None, "rate_per_s": rate_per_s, "rollback_share": 0.05, "retry_share": 0.05}
        self._before = self._latencies()
        self._id = call(self._host, "POST", "/play", plan)["play_id"]
        self.longest_stall_s = 0.0
        self._ended = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    @property
    def state(self) -> dict[str, Any]:
        """How the play stands."""
        return call(self._host, "GET", f"/play/{self._id}")

    def wait_for_more(self, callbacks: int) -> None:
        """Wait until so many more callbacks were answered."""
        wanted = self.state["callbacks"] + callbacks
        wait_until(lambda: self.state["callbacks"] >= wanted, f"{callbacks} more callbacks", END_LIMIT_S)

    def begin(self) -> None:
        """Wait for the first callbacks, then watch for stalls."""
        self.wait_for_more(20)
        self._watcher.start()

    def end(self) -> dict[str, Any]:
        """End the play after its running rounds; return its result."""
        self._ended.set()
        self._watcher.join(CALL_LIMIT_S)
        call(self._host, "DELETE", f"/play/{self._id}")
        wait_until(lambda: self.state["state"] != "running", "the play's end", END_LIMIT_S)
        return self.state

    def slowest_s(self) -> float:
        """The bound that no callback since the start was above, in seconds, as the simulator's histogram tells it: 0.5, 1, 2, 5, 10, ..."""
        now = self._latencies()
        answered = now[float("inf")] - self._before.get(float("inf"), 0)
        return min(bound for bound, count in now.items() if count - self._before.get(bound, 0) >= answered)

    def _latencies(self) -> dict[float, float]:
        """How many callbacks took at most so many seconds."""
        connection = http.client.HTTPConnection(self._host, timeout=CALL_LIMIT_S)
        try:
            connection.request("GET", "/metrics")
            text = connection.getresponse().read().decode()
        finally:
            connection.close()
        found = re.findall(r'^stakewire_simulator_callback_seconds_bucket\{le="([^"]+)"\} (\S+)$', text, re.MULTILINE)
        return {float(bound): float(count) for bound, count in found}

    def _watch(self) -> None:
        count, since = -1, time.monotonic()
        while not self._ended.wait(SAMPLE_S):
            now_there = self.state["callbacks"]
            now = time.monotonic()
            if now_there != count:
                count, since = now_there, now
            self.longest_stall_s = max(self.longest_stall_s, now - since)


@contextmanager
def load(simulator: str, *, players: int = 8, rate_per_s: float = 15) -> Iterator[Load]:
    """Play while the block runs; at its end no answer may have been other than success or retryable, and the books agree."""
    playing = Load(simulator, players=players, rate_per_s=rate_per_s)
    try:
        playing.begin()
        yield playing
    finally:
        result = playing.end()
    assert result["problems"] == []
    assert result["state"] == "stopped", result
    assert_books_agree(simulator)


def assert_books_agree(simulator: str) -> None:
    """Let the simulator compare its own books with the wallet's events."""
    comparison = call(urlsplit(simulator).netloc, "POST", "/books/compare", {"timeout_s": COMPARE_LIMIT_S}, COMPARE_LIMIT_S + 30)
    assert comparison["agree"], comparison["differences"]
    assert comparison["operations"] > 0


def call(host: str, method: str, path: str, body: dict[str, Any] | None = None, limit_s: float = CALL_LIMIT_S) -> dict[str, Any]:
    """Send one request and return the answer's JSON."""
    connection = http.client.HTTPConnection(host, timeout=limit_s)
    try:
        sent = json.dumps(body).encode() if body is not None else None
        connection.request(method, path, sent, {"Content-Type": "application/json"})
        response = connection.getresponse()
        text = response.read()
    finally:
        connection.close()
    assert response.status in (200, 202), text
    answer: dict[str, Any] = json.loads(text)
    return answer
