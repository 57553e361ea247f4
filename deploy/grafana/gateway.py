"""Callbacks by provider account: who calls, what is answered, how fast, what is refused or turned away."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard

from deploy.grafana import panels as p

OURS = 'account=~"$provider_account", instance=~"$instance"'
"""Metrics of the gateway, of the chosen accounts and processes."""


def build() -> dashboard.Dashboard:
    """One provider account at a time, or all."""
    made = (
        p.board("gateway", "gateway by provider account", "Callbacks of the providers: traffic, answers, latency, refusals.")
        .with_variable(
            p.values_of("provider_account", "account", "stakewire_gateway_callback_seconds_count", "Which providers' callbacks")
        )
        .with_variable(p.values_of("instance", "instance", 'up{job="gateway"}', "Which gateway processes"))
    )
    for panel in (*_figures(), *_traffic(), *_refused(), *_inside()):
        made = made.with_panel(panel)
    return made


def _speed(part: str) -> str:
    """PromQL: `part` (bucket, sum or count) of the latencies, a second."""
    return f"rate(stakewire_gateway_callback_seconds_{part}{{{OURS}}}[5m])"


def _figures() -> list[p.Number]:
    quantile = f"sum by (le) ({_speed('bucket')})"
    total = f"sum(rate(stakewire_gateway_callbacks_total{{{OURS}}}[5m]))"
    return [
        p.number("Callbacks", total, "Of the chosen accounts, a second.", unit=p.PER_SECOND),
        p.number(
            "Without an outcome",
            f'sum(rate(stakewire_gateway_callbacks_total{{{OURS}, result="UNKNOWN"}}[5m])) / ({total} > 0)',
            "0 is normal. The provider repeats these or rolls them back.",
            unit=p.SHARE,
            steps=((0.01, p.YELLOW), (0.1, p.RED)),
        ),
        p.number("p50", f"histogram_quantile(0.5, {quantile})", "Half are faster.", unit=p.SECONDS),
        p.number(
            "p99",
            f"histogram_quantile(0.99, {quantile})",
            "99 of 100 are faster.",
            unit=p.SECONDS,
            steps=((0.5, p.YELLOW), (2, p.RED)),
        ),
        p.number(
            "Not authentic",
            f'sum(rate(stakewire_gateway_callbacks_total{{{OURS}, result="refused_authentication"}}[5m])) / ({total} > 0)',
            "Refused for their signature. SignaturesFail fires above 20 %.",
            unit=p.SHARE,
            steps=((0.05, p.YELLOW), (0.2, p.RED)),
        ),
        p.number(
            "In progress",
            'sum(stakewire_gateway_in_progress{instance=~"$instance"})',
            "Callbacks that wait for their answer just now.",
        ),
    ]


def _traffic() -> list[p.Chart]:
    return [
        p.chart(
            "By provider account",
            [(f"sum by (account) (rate(stakewire_gateway_callbacks_total{{{OURS}}}[5m]))", "{{account}}")],
            "Callbacks a second.",
            unit=p.PER_SECOND,
            stacked=True,
        ),
        p.chart(
            "By answer",
            [(f"sum by (result) (rate(stakewire_gateway_callbacks_total{{{OURS}}}[5m])) > 0", "{{result}}")],
            "OK, the wallet's refusals, UNKNOWN, and refused_... for what did not get to the wallet.",
            unit=p.PER_SECOND,
        ),
        p.chart(
            "p99 by provider account",
            [
                (f"histogram_quantile(0.99, sum by (account, le) ({_speed('bucket')}))", "{{account}}"),
            ],
            "99 of 100 callbacks of an account are faster.",
            unit=p.SECONDS,
            steps=((0.5, p.YELLOW), (2, p.RED)),
        ),
        p.chart(
            "Mean by method",
            [
                (f"sum by (method) ({_speed('sum')}) / (sum by (method) ({_speed('count')}) > 0)", "{{method}}"),
            ],
            "The provider's names of its calls.",
            unit=p.SECONDS,
        ),
    ]


def _refused() -> list[p.Chart]:
    return [
        p.chart(
            "Refused before the wallet",
            [
                (
                    f'sum by (account, result) (rate(stakewire_gateway_callbacks_total{{{OURS}, result=~"refused_.+"}}[5m]))',
                    "{{account}} {{result}}",
                )
            ],
            "Wrong signature, address, size or syntax.",
            unit=p.PER_SECOND,
        ),
        p.chart(
            "Turned away",
            [
                (f"sum by (account) (rate(stakewire_gateway_shed_total{{{OURS}}}[5m]))", "{{account}}"),
                ('sum by (cause) (rate(stakewire_requester_shed_total{job="gateway"}[5m]))', "commands: {{cause}}"),
            ],
            "Answered as unknown without being sent: too many wait, or Kafka does not answer. 0 is normal.",
            unit=p.PER_SECOND,
        ),
        p.chart(
            "Outcome unknown after sending",
            [('sum by (cause) (rate(stakewire_requester_unknown_total{instance=~"$instance"}[5m]))', "{{cause}}")],
            "Past the deadline, or not confirmed by Kafka. Late replies are counted by stakewire_requester_late_replies_total.",
            unit=p.PER_SECOND,
        ),
        p.chart(
            "Nonces and unknown games",
            [
                (f"sum by (account) (increase(stakewire_gateway_nonce_conflicts_total{{{OURS}}}[5m]))", "{{account}} conflicts"),
                (f"sum by (account) (increase(stakewire_gateway_nonces_forgotten_total{{{OURS}}}[5m]))", "{{account}} forgotten"),
                (f"sum by (account) (increase(stakewire_gateway_unknown_games_total{{{OURS}}}[5m]))", "{{account}} unknown games"),
            ],
            "In 5 minutes. A conflict is two different signed requests under one nonce: raise an alarm.",
        ),
    ]


def _inside() -> list[p.Chart]:
    return [
        p.chart(
            "Waiting for the wallet",
            [('stakewire_requester_pending{instance=~"$instance"}', "{{instance}}")],
            "Commands whose reply is awaited, by process.",
        ),
        p.chart(
            "Archive",
            [
                ('sum(stakewire_gateway_archive_queued{instance=~"$instance"})', "queued"),
                ('sum by (cause) (rate(stakewire_gateway_archive_dropped_total{instance=~"$instance"}[5m]))', "dropped: {{cause}}"),
            ],
            "Callbacks waiting to be archived, and those that were dropped a second.",
        ),
    ]
