"""What a wallet measures of its batches. Observes; decides nothing."""

from __future__ import annotations

import time
from collections import Counter as Counts
from collections.abc import Iterable, Sequence
from typing import Final

from prometheus_client import REGISTRY, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from typing_extensions import override

from services.wallet.decisions.model import Operation

_SECONDS: Final = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.5, 1, 5)
_AGES: Final = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 30, 300)

commands = Counter("stakewire_wallet_commands_total", "Commands answered", ["kind", "result"])
replays = Counter("stakewire_wallet_replays_total", "Commands answered from what is stored")
overdrafts = Counter("stakewire_wallet_overdrafts_total", "Operations that took a balance below zero, or further below")
imbalances = Counter("stakewire_wallet_imbalances_total", "Batches that were not written because their books did not add up")
retries = Counter("stakewire_wallet_batch_retries_total", "Batches begun again", ["cause"])
for _cause in ("lock", "data", "away"):
    retries.labels(_cause)
dead_letters = Counter("stakewire_wallet_dead_letters_total", "Commands that went to the dead letters")
_sizes = Histogram("stakewire_wallet_batch_commands", "Commands in a batch", buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512))
_seconds = Histogram("stakewire_wallet_batch_seconds", "A batch from lock to commit", buckets=_SECONDS)
_age = Histogram("stakewire_wallet_command_age_seconds", "Age of a batch's oldest command at its commit", buckets=_AGES)
_stage = Histogram("stakewire_wallet_stage_seconds", "One stage of a batch", ["stage"], buckets=_SECONDS)

STAGES: Final = ("load", "decide", "save", "commit", "reply", "publish")
_stages: Final = {stage: _stage.labels(stage) for stage in STAGES}


class PartitionLag(Collector):
    """The lag of each partition that this wallet owns: at most as many series as the topic has partitions."""

    def __init__(self) -> None:
        self.records: dict[int, int] = {}

    def forget(self) -> None:
        """This wallet owns none now."""
        self.records = {}

    @override
    def collect(self) -> Iterable[Metric]:
        """The family, for the metrics page."""
        family = GaugeMetricFamily(
            "stakewire_wallet_partition_lag_records", "Commands of a partition that are not applied yet", labels=["partition"]
        )
        for partition, lag in sorted(self.records.items()):
            family.add_metric([str(partition)], lag)
        yield family

    def describe(self) -> Iterable[Metric]:
        """Nothing: the partitions are known only when they are assigned."""
        return ()


partition_lag: Final = PartitionLag()
REGISTRY.register(partition_lag)


class Stages:
    """A watch over the stages of one batch."""

    def __init__(self) -> None:
        self._began = self._at = time.perf_counter()
        self.times = [("", self._began)]
        """(stage, when it ended) in seconds of the performance counter; first the beginning of all."""

    def reached(self, stage: str) -> None:
        """One of STAGES has ended now, the next begins."""
        now = time.perf_counter()
        _stages[stage].observe(now - self._at)
        self._at = now
        self.times.append((stage, now))

    def committed(
        self,
        answered: Sequence[tuple[str, str, bool]],
        operations: Iterable[Operation],
        oldest_ms: int,
        at_ms: int,
    ) -> None:
        """Counts a committed batch: (kind, result, whether replayed) of its commands, what it wrote, its oldest record's time."""
        self.reached("commit")
        _seconds.observe(self._at - self._began)
        for (kind, result), count in Counts((kind, result) for kind, result, _ in answered).items():
            commands.labels(kind, result).inc(count)
        replays.inc(sum(replayed for _, _, replayed in answered))
        overdrafts.inc(sum(operation.balance_after < 0 and operation.stake > operation.win for operation in operations))
        _sizes.observe(len(answered))
        if oldest_ms:
            _age.observe(max(0, at_ms - oldest_ms) / 1_000)
