"""Counting what a play does: callbacks, latencies of the last thousands, problems. Cheap: it runs on every callback."""

from __future__ import annotations

import time
from collections import Counter, deque
from typing import Final

import structlog
from prometheus_client import Counter as PrometheusCounter
from prometheus_client import Histogram

log = structlog.get_logger(__name__)

LATENCIES_KEPT: Final = 4_096
PROBLEMS_LISTED: Final = 100
PROBLEM_CHARS_MAX: Final = 500
RATE_WINDOW_S: Final = 5

_callbacks = PrometheusCounter("stakewire_simulator_callbacks_total", "Callbacks sent, by outcome", ["outcome"])
_problems = PrometheusCounter("stakewire_simulator_problems_total", "Answers that were not as the protocol says")
_latency = Histogram(
    "stakewire_simulator_callback_seconds",
    "Time from sending a callback to its whole answer",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
)
_by_outcome = {outcome: _callbacks.labels(outcome) for outcome in ("success", "refused", "unknown")}


class Meter:
    """The counters of one play."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.stopped: float | None = None
        self.callbacks = 0
        self.errors = 0
        self.problem_count = 0
        self.problems: list[str] = []
        self.counts: Counter[str] = Counter()
        """What was played: `rollbacks`, `duplicates`, `deposits`..., and `staked` and `won` in minor units."""
        self._latencies: deque[float] = deque(maxlen=LATENCIES_KEPT)
        self._seconds: deque[list[int]] = deque(maxlen=RATE_WINDOW_S + 1)

    def callback(self, outcome: str, latency_s: float) -> None:
        """Counts one callback and its answer: `success`, `refused` or `unknown`."""
        self.callbacks += 1
        if outcome == "unknown":
            self.errors += 1
        self._latencies.append(latency_s)
        second = int(time.monotonic())
        if self._seconds and self._seconds[-1][0] == second:
            self._seconds[-1][1] += 1
        else:
            self._seconds.append([second, 1])
        _by_outcome[outcome].inc()
        _latency.observe(latency_s)

    def problem(self, text: str) -> None:
        """Notes an answer that was not as the protocol says; the first ones are kept in words."""
        self.problem_count += 1
        _problems.inc()
        if len(self.problems) < PROBLEMS_LISTED:
            self.problems.append(text[:PROBLEM_CHARS_MAX])
            log.warning("the operator's answer is wrong", problem=text[:PROBLEM_CHARS_MAX])

    def stop(self) -> None:
        """The play is over: rates are of the whole play from now on."""
        self.stopped = time.monotonic()

    def rate_per_s(self) -> float:
        """Callbacks a second: of the last seconds while the play runs, of the whole play afterwards."""
        if self.stopped is not None:
            return round(self.callbacks / max(self.stopped - self.started, 1e-3), 1)
        now = time.monotonic()
        elapsed_s = now - self.started
        if elapsed_s < RATE_WINDOW_S + 1:
            return round(self.callbacks / max(elapsed_s, 1e-3), 1)
        # Whole seconds only: the running one is not over.
        recent = sum(count for second, count in self._seconds if int(now) - RATE_WINDOW_S <= second < int(now))
        return round(recent / RATE_WINDOW_S, 1)

    def percentile_ms(self, share: float) -> float | None:
        """A percentile of the last latencies in milliseconds, None where there are none."""
        if not self._latencies:
            return None
        ordered = sorted(self._latencies)
        return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000, 3)
