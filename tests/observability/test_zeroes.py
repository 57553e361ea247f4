"""What counts failures is there as 0 before the first one, so that a rate sees it; and gauges that are summed up here."""

from aiokafka import TopicPartition
from prometheus_client import REGISTRY

from services.gateway.callbacks.metrics import CallbackStats
from services.gateway.operator_api.closings import Progress
from services.wallet.metrics import PartitionLag
from shared.kafka.producer import Producer
from shared.providers.client import ProviderTimeout
from shared.providers.monitor import CallMonitor


def test_failures_of_an_account_s_callbacks_begin_at_zero_and_keep_what_was_counted() -> None:
    stats = CallbackStats()
    stats.count("zero-1", "bet", "UNKNOWN", 0.01)
    stats.expect("zero-1", {"bet", "win"})
    counts, _ = stats.collect()
    found = {(sample.labels["method"], sample.labels["result"]): sample.value for sample in counts.samples}
    assert found["bet", "UNKNOWN"] == 1
    assert found["win", "UNKNOWN"] == 0
    assert found["other", "refused_authentication"] == 0
    assert REGISTRY.get_sample_value("stakewire_gateway_shed_total", {"account": "zero-1"}) == 0


def test_all_outcomes_of_a_provider_s_method_are_there_from_its_first_call_on() -> None:
    monitor = CallMonitor("zero-2")
    monitor.answered("Game.List", 0.1)

    def counted(outcome: str) -> float | None:
        labels = {"account": "zero-2", "method": "Game.List", "outcome": outcome}
        return REGISTRY.get_sample_value("stakewire_provider_calls_total", labels)

    assert [counted(outcome) for outcome in ("ok", "timeout", "refused", "unreachable")] == [1, 0, 0, 0]
    monitor.failed("Game.List", 0.1, ProviderTimeout("no answer"), proper_answer=False)
    assert counted("timeout") == 1


def test_errors_of_a_producer_s_topics_begin_at_zero() -> None:
    Producer("127.0.0.1:1", topics=["zero.topic"])
    assert REGISTRY.get_sample_value("stakewire_kafka_send_errors_total", {"topic": "zero.topic"}) == 0


def test_events_that_are_not_read_yet_are_counted_on_the_partitions_that_are_read() -> None:
    progress, one, other = Progress(), TopicPartition("t", 0), TopicPartition("t", 1)
    assert progress.lag({one: 10, other: 5}) == 0
    progress.read(one, 7)
    progress.read(other, 5)
    assert progress.lag({one: 10, other: 5}) == 3
    assert progress.lag({one: 6}) == 0
    progress.forget()
    assert progress.lag({one: 10}) == 0


def test_the_lag_of_a_partition_goes_with_the_partition() -> None:
    lag = PartitionLag()
    lag.records.update({3: 5, 1: 0})
    (family,) = lag.collect()
    assert [(sample.labels["partition"], sample.value) for sample in family.samples] == [("1", 0), ("3", 5)]
    lag.forget()
    (family,) = lag.collect()
    assert family.samples == []
