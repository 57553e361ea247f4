"""The dashboard to open first: do bets work, how fast, is anything behind or gone."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard

from deploy.grafana import panels as p


def build() -> dashboard.Dashboard:
    """From what players feel, over money, down to processes."""
    made = p.board("overview", "overview", "Do bets work, how fast, and is anything behind? Start here.")
    for panel in (*_figures(), *_charts(), *_money(), *_processes()):
        made = made.with_panel(panel)
    return made


def _figures() -> list[p.Number]:
    return [
        p.number(
            "Alerts firing",
            'count(ALERTS{alertstate="firing"}) or vector(0)',
            "0 is normal. docs/alerts.md says what to do.",
            steps=((1, p.RED),),
        ),
        p.number(
            "Callbacks",
            "sum(account:stakewire_gateway_callbacks:rate5m)",
            "Callbacks of all providers a second.",
            unit=p.PER_SECOND,
        ),
        p.number(
            "Without an outcome",
            "max(account:stakewire_gateway_callbacks_unknown:share5m)",
            "Share of callbacks answered as unknown, of the provider account that is worst off. 0 is normal.",
            unit=p.SHARE,
            steps=((0.01, p.YELLOW), (0.1, p.RED)),
        ),
        p.number(
            "Latency, p99",
            "max(account:stakewire_gateway_callback_seconds:p99_5m)",
            "99 of 100 callbacks are answered faster, at the provider account that is worst off.",
            unit=p.SECONDS,
            steps=((0.5, p.YELLOW), (2, p.RED)),
        ),
        p.number(
            "Commands waiting",
            "stakewire:wallet_lag_records:sum",
            "Commands in Kafka that no wallet has applied yet. Near 0 is normal.",
            steps=((1_000, p.YELLOW), (10_000, p.RED)),
        ),
        p.number(
            "Partitions without wallet",
            "stakewire:wallet_partitions_unowned:count",
            "0 is normal but for the seconds in which wallets come and go.",
            steps=((1, p.RED),),
        ),
    ]


def _charts() -> list[p.Chart]:
    return [
        p.chart(
            "Callbacks by provider account",
            [("account:stakewire_gateway_callbacks:rate5m", "{{account}}")],
            "What each provider sends.",
            unit=p.PER_SECOND,
            stacked=True,
        ),
        p.chart(
            "Answered without an outcome",
            [("account:stakewire_gateway_callbacks_unknown:share5m", "{{account}}")],
            "The provider repeats these or rolls them back. CallbacksUnknown fires above 1 %, CallbacksFail above 10 %.",
            unit=p.SHARE,
            steps=((0.01, p.YELLOW), (0.1, p.RED)),
        ),
        p.chart(
            "Latency of callbacks",
            [
                ("account:stakewire_gateway_callback_seconds:p99_5m", "{{account}} p99"),
                ("account:stakewire_gateway_callback_seconds:p50_5m", "{{account}} p50"),
            ],
            "From the request's headers to the answer.",
            unit=p.SECONDS,
            steps=((0.5, p.YELLOW), (2, p.RED)),
        ),
        p.chart(
            "Commands applied and waiting",
            [("stakewire:wallet_commands:rate5m", "applied a second"), ("stakewire:wallet_lag_records:sum", "waiting")],
            "What waits should be far below what is applied in a second.",
        ),
    ]


def _money() -> list[p.Number]:
    return [
        p.number(
            "Books that did not add up",
            "sum(increase(stakewire_wallet_imbalances_total[$__range]))",
            "In the time shown. Anything but 0 is a fault of ours.",
            steps=((1, p.RED),),
            width=6,
        ),
        p.number(
            "Dead letters",
            "sum(increase(stakewire_wallet_dead_letters_total[$__range]))",
            "Commands in the time shown that could not be read or applied: `stakewire dead-letters`.",
            steps=((1, p.RED),),
            width=6,
        ),
        p.number(
            "Overdrafts",
            "sum(increase(stakewire_wallet_overdrafts_total[$__range]))",
            "Operations in the time shown that took a balance below zero.",
            steps=((1, p.YELLOW),),
            width=6,
        ),
        p.number(
            "Sessions still to be closed",
            "sum(stakewire_operator_closings_under_way)",
            "Of excluded players, at their providers. 0 is normal after a minute.",
            steps=((10, p.YELLOW),),
            width=6,
        ),
    ]


def _processes() -> list[p.Chart]:
    return [
        p.chart(
            "Processes that answer",
            [('sum by (job) (up{job!="prometheus"})', "{{job}}")],
            "How many of each service answer Prometheus.",
        ),
        p.chart(
            "Versions",
            [("count by (service, version) (stakewire_build_info)", "{{service}} {{version}}")],
            "During an upgrade two versions of a service run side by side; otherwise one.",
        ),
        p.chart(
            "Processor",
            [('rate(process_cpu_seconds_total{job!="prometheus"}[2m])', "{{job}} {{instance}}")],
            "A process uses one core at most: near 1 it needs another process beside it.",
            unit=p.SHARE,
            steps=((0.8, p.YELLOW), (0.95, p.RED)),
        ),
        p.chart(
            "Memory",
            [('process_resident_memory_bytes{job!="prometheus"}', "{{job}} {{instance}}")],
            "Resident memory of each process.",
            unit=p.BYTES,
        ),
    ]
