"""How calls to a provider go: health for the operator's API, counters and latencies for Prometheus. Makes no call itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import structlog
from prometheus_client import Counter, Histogram

from shared.providers.client import ProviderError, ProviderHealth, ProviderRefused

BUCKETS_S: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

calls: Final = Counter(
    "stakewire_provider_calls_total", "Calls to a provider by outcome, repetitions counted singly", ["account", "method", "outcome"]
)
repetitions: Final = Counter(
    "stakewire_provider_repetitions_total", "Calls to a provider that were made again", ["account", "method"]
)
seconds: Final = Histogram(
    "stakewire_provider_call_seconds", "How long calls to a provider took", ["account", "method"], buckets=BUCKETS_S
)

log = structlog.get_logger(__name__)


class CallMonitor:
    """Watches the calls of one account. Methods must come from a fixed set: they become labels."""

    def __init__(self, account: str, now_s: Callable[[], float] = time.time) -> None:
        self._account = account
        self._now_s = now_s
        self._seen: set[str] = set()
        self.health = ProviderHealth()

    def answered(self, method: str, latency_s: float) -> None:
        """A proper answer came."""
        self._count(method, "ok", latency_s)
        self._note_ok(method, latency_s)

    def failed(self, method: str, latency_s: float, error: ProviderError, *, proper_answer: bool) -> None:
        """A call failed. `proper_answer`: by a refusal in the provider's own words, which leaves the account healthy."""
        self._count(method, _outcome(type(error)), latency_s)
        code = error.code if isinstance(error, ProviderRefused) else None
        log.warning("a call to a provider failed", account=self._account, method=method, cause=str(error), code=code)
        if proper_answer:
            self._note_ok(method, latency_s)
            return
        health = self.health
        self.health = ProviderHealth(
            last_ok_at_ms=health.last_ok_at_ms,
            last_ok_method=health.last_ok_method,
            last_ok_latency_ms=health.last_ok_latency_ms,
            last_failure_at_ms=max(int(self._now_s() * 1_000), health.last_ok_at_ms + 1),
            last_failure_method=method,
            last_failure_latency_ms=round(latency_s * 1_000, 3),
            cause=str(error),
            advice=error.advice,
        )

    def repeated(self, method: str) -> None:
        """A call is made again."""
        repetitions.labels(self._account, method).inc()

    def _note_ok(self, method: str, latency_s: float) -> None:
        health = self.health
        self.health = ProviderHealth(
            last_ok_at_ms=max(int(self._now_s() * 1_000), health.last_failure_at_ms),
            last_ok_method=method,
            last_ok_latency_ms=round(latency_s * 1_000, 3),
            last_failure_at_ms=health.last_failure_at_ms,
            last_failure_method=health.last_failure_method,
            last_failure_latency_ms=health.last_failure_latency_ms,
            cause=health.cause,
            advice=health.advice,
        )

    def _count(self, method: str, outcome: str, latency_s: float) -> None:
        if method not in self._seen:
            self._show(method)
        calls.labels(self._account, method, outcome).inc()
        seconds.labels(self._account, method).observe(latency_s)

    def _show(self, method: str) -> None:
        """Shows a method's failures as 0 from its first call on, so that the first one is seen as an increase."""
        self._seen.add(method)
        for outcome in ("ok", *(_outcome(kind) for kind in ProviderError.__subclasses__())):
            calls.labels(self._account, method, outcome)
        repetitions.labels(self._account, method)


def _outcome(error: type[ProviderError]) -> str:
    """The class of an error as a label: refused, unreachable, timeout, answer_invalid..."""
    name = error.__name__.removeprefix("Provider")
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")
