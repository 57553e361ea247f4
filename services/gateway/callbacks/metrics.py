"""Metrics of the callbacks listener.

Counting a callback must cost well under a microsecond, so the numbers are plain integers that a collector shows when
somebody asks.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import Final

from prometheus_client import REGISTRY, Counter, Gauge
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from typing_extensions import override

BUCKETS_S: Final = (0.002, 0.004, 0.006, 0.008, 0.012, 0.016, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)

OTHER_METHOD: Final = "other"
"""The method of callbacks whose own could not be read."""
SEVERITIES: Final = ("error", "warning", "info")
REFUSALS: Final = ("address", "authentication", "size", "syntax")
"""Causes for which a callback is refused here that can tell of an attack or of a wrong configuration."""

in_progress: Final = Gauge("stakewire_gateway_in_progress", "Callbacks being handled")
shed: Final = Counter(
    "stakewire_gateway_shed_total", "Callbacks answered as unknown without having been sent to the wallet", ["account"]
)
nonce_conflicts: Final = Counter(
    "stakewire_gateway_nonce_conflicts_total", "Validly signed requests under the nonce of another one: raise an alarm", ["account"]
)
nonces_forgotten: Final = Counter(
    "stakewire_gateway_nonces_forgotten_total", "Nonces forgotten before their time, the book being full", ["account"]
)
unknown_games: Final = Counter(
    "stakewire_gateway_unknown_games_total", "Calls that name a game which the catalogue does not know", ["account"]
)
archive_dropped: Final = Counter(
    "stakewire_gateway_archive_dropped_total", "Callbacks that did not get into the archive", ["cause"]
)
for _cause in ("stopped", "queue_full", "not_taken", "not_encoded", "not_delivered"):
    archive_dropped.labels(_cause)
findings: Final = Counter(
    "stakewire_gateway_findings_total", "Callbacks of which the diagnosis has found something", ["account", "severity"]
)
diagnoses_brief: Final = Counter(
    "stakewire_gateway_diagnoses_brief_total", "Callbacks diagnosed without the costly search, too many coming at once", ["account"]
)
diagnoses_failed: Final = Counter(
    "stakewire_gateway_diagnoses_failed_total", "Callbacks that could not be diagnosed because of a fault of ours"
)
archive_queued: Final = Gauge("stakewire_gateway_archive_queued", "Callbacks waiting to be archived")


class _Latency:
    __slots__ = ("counts", "sum_s")

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS_S) + 1)
        self.sum_s = 0.0


class CallbackStats(Collector):
    """Callbacks by account, method and result, and their latency by account and method."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str, str], int] = {}
        self._latencies: dict[tuple[str, str], _Latency] = {}

    def count(self, account: str, method: str, result: str, seconds: float) -> None:
        """Counts one answered callback. All three names must come from small fixed sets."""
        key = (account, method, result)
        self._counts[key] = self._counts.get(key, 0) + 1
        latency = self._latencies.get((account, method))
        if latency is None:
            latency = self._latencies[account, method] = _Latency()
        latency.counts[bisect_left(BUCKETS_S, seconds)] += 1
        latency.sum_s += seconds

    def expect(self, account: str, methods: Iterable[str]) -> None:
        """Shows an account's failures as 0 before the first one, so that it is seen as an increase; likewise elsewhere."""
        for method in methods:
            self._counts.setdefault((account, method, "UNKNOWN"), 0)
        for cause in REFUSALS:
            self._counts.setdefault((account, OTHER_METHOD, f"refused_{cause}"), 0)
        for counter in (shed, nonce_conflicts, nonces_forgotten, diagnoses_brief):
            counter.labels(account)
        for severity in SEVERITIES:
            findings.labels(account, severity)

    def total(self) -> int:
        """How many callbacks were answered since the start."""
        return sum(self._counts.values())

    @override
    def collect(self) -> Iterable[Metric]:
        """The two families, for the metrics page."""
        counts = CounterMetricFamily("stakewire_gateway_callbacks", "Callbacks answered", labels=["account", "method", "result"])
        for labels, count in list(self._counts.items()):
            counts.add_metric(labels, count)
        yield counts
        histogram = HistogramMetricFamily(
            "stakewire_gateway_callback_seconds", "From the request's headers to the answer", labels=["account", "method"]
        )
        for labels_, latency in list(self._latencies.items()):
            running, buckets = 0, []
            for bound, number in zip((*map(str, BUCKETS_S), "+Inf"), latency.counts, strict=True):
                running += number
                buckets.append((bound, float(running)))
            histogram.add_metric(labels_, buckets, latency.sum_s)
        yield histogram

    def describe(self) -> Iterable[Metric]:
        """Nothing: the names are known only when they are counted."""
        return ()


stats: Final = CallbackStats()
REGISTRY.register(stats)
