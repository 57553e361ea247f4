"""The names of metrics in PromQL."""

import pytest

from tests.observability.promql import metrics_in


@pytest.mark.parametrize(
    ("expr", "names"),
    [
        ("up == 0", {"up"}),
        ('sum by (job, topic) (increase(a_total{topic="b_total"}[5m])) > 0', {"a_total"}),
        ("sum(rate(a_sum[5m])) by (le) / (sum(rate(a_count[5m])) by (le) > 0)", {"a_sum", "a_count"}),
        ("a / on (job) group_left (version) b unless ignoring(x) c", {"a", "b", "c"}),
        ("a * on (job) group_left b", {"a", "b"}),
        ("level:metric:rate5m > 64e6 or max(c) > 1e9 and vector(0) > +Inf", {"level:metric:rate5m", "c"}),
        ('absent(up{job="gateway"}) or time() - max(a_seconds) > 120', {"up", "a_seconds"}),
        ("avg_over_time(a:b[1h] offset 15m) > 0.1", {"a:b"}),
        ('sum(increase(a_total{instance=~"$instance"}[$__range]))', {"a_total"}),
        ('topk(8, sum by (partition) (a{x="}"}))', {"a"}),
        ("changes(process_start_time_seconds[15m]) > 3", {"process_start_time_seconds"}),
    ],
)
def test_the_metrics_of_an_expression_are_found(expr: str, names: set[str]) -> None:
    assert metrics_in(expr) == names
