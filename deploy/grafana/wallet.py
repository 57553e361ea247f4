"""The wallets: what they apply, where a batch's time goes, what went wrong with money."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard

from deploy.grafana import panels as p

OURS = 'instance=~"$instance"'
BATCHES = f"sum(rate(stakewire_wallet_batch_seconds_count{{{OURS}}}[5m]))"


def build() -> dashboard.Dashboard:
    """All wallets, or the chosen ones."""
    made = p.board("wallet", "wallet stages", "What the wallets apply, and where the time of a batch goes.").with_variable(
        p.values_of("instance", "instance", "stakewire_wallet_partitions", "Which wallet processes")
    )
    for panel in (*_figures(), *_stages(), *_commands(), *_trouble()):
        made = made.with_panel(panel)
    return made


def _figures() -> list[p.Number]:
    return [
        p.number(
            "Commands",
            f"sum(rate(stakewire_wallet_commands_total{{{OURS}}}[5m]))",
            "Answered a second.",
            unit=p.PER_SECOND,
        ),
        p.number(
            "A batch",
            f"sum(rate(stakewire_wallet_batch_commands_sum{{{OURS}}}[5m])) / ({BATCHES} > 0)",
            "Commands in one transaction: it grows with the load, and the more, the cheaper each.",
        ),
        p.number(
            "Batch, p99",
            f"histogram_quantile(0.99, sum by (le) (rate(stakewire_wallet_batch_seconds_bucket{{{OURS}}}[5m])))",
            "From lock to commit.",
            unit=p.SECONDS,
            steps=((0.25, p.YELLOW), (1, p.RED)),
        ),
        p.number(
            "Age at commit, p99",
            "stakewire:wallet_command_age_seconds:p99_5m",
            "Of a batch's oldest command, all wallets. Above its caller's deadline it is applied in vain.",
            unit=p.SECONDS,
            steps=((0.5, p.YELLOW), (2, p.RED)),
        ),
        p.number(
            "Busy",
            f'max(rate(process_cpu_seconds_total{{job="wallet", {OURS}}}[2m]))',
            "Share of a core that the busiest wallet uses. Near 1: scale, up to one wallet a partition.",
            unit=p.SHARE,
            steps=((0.8, p.YELLOW), (0.95, p.RED)),
        ),
        p.number(
            "Wallets with partitions",
            "count(stakewire_wallet_partitions > 0)",
            "How many processes share the work.",
        ),
    ]


def _stages() -> list[p.Chart]:
    return [
        p.chart(
            "Where the time of a batch goes",
            [("stage:stakewire_wallet_stage_seconds:mean5m", "{{stage}}")],
            "Mean of each stage, all wallets: lock and load, decide, save, commit, hand over replies, publish events.",
            unit=p.SECONDS,
            stacked=True,
        ),
        p.chart(
            "p99 of each stage",
            [("stage:stakewire_wallet_stage_seconds:p99_5m", "{{stage}}")],
            "A slow load is a held player, a slow commit is the disk or a synchronous standby.",
            unit=p.SECONDS,
        ),
    ]


def _commands() -> list[p.Chart]:
    return [
        p.chart(
            "Commands by kind",
            [(f"sum by (kind) (rate(stakewire_wallet_commands_total{{{OURS}}}[5m]))", "{{kind}}")],
            "Answered a second.",
            unit=p.PER_SECOND,
            stacked=True,
        ),
        p.chart(
            "Refused",
            [(f'sum by (result) (rate(stakewire_wallet_commands_total{{{OURS}, result!="OK"}}[5m])) > 0', "{{result}}")],
            "Business refusals are the wallet's alone: no money, no session, a limit, a conflict.",
            unit=p.PER_SECOND,
        ),
        p.chart(
            "Answered again from what is stored",
            [(f"sum by (instance) (rate(stakewire_wallet_replays_total{{{OURS}}}[5m]))", "{{instance}}")],
            "Repeated by providers, or read again after a restart.",
            unit=p.PER_SECOND,
        ),
        p.chart(
            "Queries",
            [
                (f"sum by (kind) (rate(stakewire_wallet_queries_total{{{OURS}}}[5m]))", "{{kind}}"),
                (f"sum(rate(stakewire_wallet_queries_dropped_total{{{OURS}}}[5m]))", "dropped"),
            ],
            "Questions of the operator API, answered beside the batches.",
            unit=p.PER_SECOND,
        ),
    ]


def _trouble() -> list[p.Chart]:
    return [
        p.chart(
            "Batches begun again",
            [(f"sum by (cause) (rate(stakewire_wallet_batch_retries_total{{{OURS}}}[5m]))", "{{cause}}")],
            "lock: a player is held. away: the database does not answer. data: a command that cannot be applied is searched for.",
            unit=p.PER_SECOND,
        ),
        p.chart(
            "Money",
            [
                (f"sum(increase(stakewire_wallet_imbalances_total{{{OURS}}}[5m]))", "books that did not add up"),
                (f"sum(increase(stakewire_wallet_dead_letters_total{{{OURS}}}[5m]))", "dead letters"),
                (f"sum(increase(stakewire_wallet_overdrafts_total{{{OURS}}}[5m]))", "overdrafts"),
                (f"sum(increase(stakewire_wallet_clock_alarms_total{{{OURS}}}[5m]))", "clock alarms"),
            ],
            "In 5 minutes. 0 is normal.",
            steps=((1, p.RED),),
        ),
    ]
