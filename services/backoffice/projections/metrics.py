"""What the ingest measures. Observes; decides nothing. Rows in docs/metrics.md."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

_SECONDS: Final = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)

records = Counter("stakewire_backoffice_records_total", "Records of a topic that were taken in", ["topic"])
skipped = Counter(
    "stakewire_backoffice_skipped_total", "Records of a topic that were left out: unreadable, or not to be stored", ["topic"]
)
seconds = Histogram(
    "stakewire_backoffice_batch_seconds", "A batch from its first statement to its commit", ["topic"], buckets=_SECONDS
)
retries = Counter("stakewire_backoffice_retries_total", "Batches begun again", ["topic", "cause"])
lag = Gauge(
    "stakewire_backoffice_lag_records", "Records of the topic's partitions of this process that are not taken in yet", ["topic"]
)
forked = Gauge("stakewire_backoffice_forked", "1 where events are taken in no more, because they contradict what is stored")
waiting = Gauge("stakewire_backoffice_waiting_events", "Events that wait for one that was not read")
fetched = Counter("stakewire_backoffice_fetched_events_total", "Missing events that were fetched from the ledger")
fetch_failures = Counter("stakewire_backoffice_fetch_failures_total", "Attempts to fetch missing events that failed")


def prepare(topic: str) -> None:
    """Makes a topic's series, so that they are there before anything happens."""
    records.labels(topic)
    skipped.labels(topic)
    lag.labels(topic).set(0)
    for cause in ("away", "moved", "fault"):
        retries.labels(topic, cause)
