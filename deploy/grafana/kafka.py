"""The line through Kafka: what waits on wallet.commands, who owns which partition, what was not taken."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard

from deploy.grafana import panels as p


def build() -> dashboard.Dashboard:
    """Lag first, then the owners, then producers and readers."""
    made = p.board(
        "kafka", "Kafka lag", "What waits between the services, who owns it, and what Kafka did not take."
    ).with_variable(p.values_of("instance", "instance", "stakewire_wallet_partitions", "Which wallet processes"))
    for panel in (*_figures(), *_wallets(), *_lines()):
        made = made.with_panel(panel)
    return made


def _figures() -> list[p.Number]:
    return [
        p.number(
            "Commands waiting",
            "stakewire:wallet_lag_records:sum",
            "On all partitions that have a wallet.",
            steps=((1_000, p.YELLOW), (10_000, p.RED)),
            width=6,
        ),
        p.number(
            "Seconds of work waiting",
            "stakewire:wallet_lag_records:sum / (stakewire:wallet_commands:rate5m > 0)",
            "What waits, divided by what was applied a second of late.",
            unit=p.SECONDS,
            steps=((2, p.YELLOW), (30, p.RED)),
            width=6,
        ),
        p.number(
            "Partitions without wallet",
            "stakewire:wallet_partitions_unowned:count",
            "Bets of players on them wait. 0 is normal.",
            steps=((1, p.RED),),
            width=6,
        ),
        p.number(
            "Worst partition",
            "max(stakewire_wallet_partition_lag_records)",
            "One that is far above the others: one player or one stuck batch, not too few wallets.",
            steps=((500, p.YELLOW), (5_000, p.RED)),
            width=6,
        ),
    ]


def _wallets() -> list[p.Chart]:
    return [
        p.chart(
            "Waiting by wallet",
            [('stakewire_wallet_lag_records{instance=~"$instance"}', "{{instance}}")],
            "Commands in Kafka that are not applied yet.",
            stacked=True,
        ),
        p.chart(
            "Waiting by partition",
            [
                (
                    'topk(8, sum by (partition) (stakewire_wallet_partition_lag_records{instance=~"$instance"}))',
                    "partition {{partition}}",
                )
            ],
            "The eight with most.",
        ),
        p.chart(
            "Partitions by wallet",
            [('stakewire_wallet_partitions{instance=~"$instance"}', "{{instance}}")],
            "They add up to all partitions of the topic.",
            stacked=True,
        ),
        p.chart(
            "Assignments and consumers made anew",
            [
                ('increase(stakewire_wallet_rebalances_total{instance=~"$instance"}[5m])', "{{instance}} assignments"),
                ('increase(stakewire_wallet_consumer_rebuilds_total{instance=~"$instance"}[5m])', "{{instance}} made anew"),
            ],
            "In 5 minutes. Each one is a short stall.",
        ),
    ]


def _lines() -> list[p.Chart]:
    return [
        p.chart(
            "Events not confirmed",
            [('stakewire_wallet_unconfirmed_batches{instance=~"$instance"}', "{{instance}}")],
            "Batches that are committed while Kafka has not confirmed their events yet.",
            steps=((20, p.YELLOW),),
        ),
        p.chart(
            "Readers behind",
            [
                ("sum(stakewire_operator_closings_lag_records)", "events for closing sessions"),
                ("max(stakewire_catalogue_unpublished)", "games not published"),
            ],
            "Records that are not read, or not written, yet.",
        ),
        p.chart(
            "Records that Kafka did not take",
            [("sum by (job, topic) (increase(stakewire_kafka_send_errors_total[5m]))", "{{job}} {{topic}}")],
            "In 5 minutes. 0 is normal.",
        ),
        p.chart(
            "Producers and readers made anew",
            [
                ("sum by (job) (increase(stakewire_kafka_producer_replaced_total[5m]))", "{{job}} producer"),
                ("sum by (job) (increase(stakewire_requester_reader_reopened_total[5m]))", "{{job}} replies"),
                ("sum by (job, topic) (increase(stakewire_compacted_reader_reopened_total[5m]))", "{{job}} {{topic}}"),
                ("sum by (job) (increase(stakewire_operator_closings_restarts_total[5m]))", "{{job}} closings"),
            ],
            "In 5 minutes. Once after a fault of the broker is usual.",
        ),
    ]
