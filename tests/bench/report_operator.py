"""What a run says of the operator API: deposits beside callbacks, and where the time of a launch goes."""

from __future__ import annotations

from statistics import median
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from tests.bench.field import DEPOSITS, OPERATOR_API, SIMULATOR, STAKEWIRE, WALLET
from tests.bench.launches import Launches
from tests.bench.numbers import middle, millis, part, rate, ratios, spread, verdict
from tests.bench.point import GENERATOR
from tests.bench.run import Outcome

DEPOSIT_GOAL: Final = 0.5
DEPOSIT_GOAL_CONNECTIONS: Final = 256
DEPOSIT_PARTS: Final = (OPERATOR_API, WALLET, "postgres", "kafka", GENERATOR)
LAUNCH_PARTS: Final = (OPERATOR_API, SIMULATOR, WALLET, "postgres", "kafka", GENERATOR)


def deposit_ratios(outcome: Outcome, connections: int) -> list[float]:
    """Deposits a second over callbacks a second, repetition by repetition."""
    return ratios(outcome.of(DEPOSITS, connections), outcome.of(STAKEWIRE, connections), rate)


def operator_goals(outcome: Outcome) -> list[str]:
    """How deposits stand to their goal, and by what launches are bound, as sentences."""
    lines = []
    if found := deposit_ratios(outcome, DEPOSIT_GOAL_CONNECTIONS):
        words = f"goal at {DEPOSIT_GOAL_CONNECTIONS} connections, deposits/s >= {DEPOSIT_GOAL:g} x the callbacks'"
        lines.append(f"{words}: {spread(found)}, {verdict(met=median(found) >= DEPOSIT_GOAL)}")
    for delay_ms in outcome.options.launch_delays_ms:
        measured = [each for each in _launches_at(outcome, delay_ms) if each.point.measured]
        if measured:
            shares, own = [each.provider_share for each in measured], median([each.own_us for each in measured])
            lines.append(
                f"launches, {outcome.options.launch_connections} at once, {_provider(delay_ms)}: {spread(shares)} of a launch's time"
                f" is the provider's; the rest, {millis(own)} ms, is ours"
            )
    return lines


def _launches_at(outcome: Outcome, delay_ms: int) -> list[Launches]:
    return [each for each in outcome.launches if each.delay_ms == delay_ms]


def _provider(delay_ms: int) -> str:
    return f"a provider that takes {delay_ms} ms a call" if delay_ms else "the simulator answering at once"


def print_operator(console: Console, outcome: Outcome) -> None:
    """Deposits and launches, as tables."""
    if outcome.options.deposit_connections:
        _print_deposits(console, outcome)
    if outcome.launches:
        _print_launches(console, outcome)


def operator_document(outcome: Outcome) -> dict[str, Any]:
    """The ratios and shares, as JSON values."""
    return {
        "deposits": {
            str(connections): {
                "rate_over_callbacks": deposit_ratios(outcome, connections),
                "cpu_us": {name: part(outcome.of(DEPOSITS, connections), name, "cpu_us") for name in DEPOSIT_PARTS},
            }
            for connections in outcome.options.deposit_connections
        },
        "launches": [_launches_document(each) for each in outcome.launches],
    }


def _launches_document(launches: Launches) -> dict[str, Any]:
    return {
        "connections": launches.point.connections,
        "provider_delay_ms": launches.delay_ms,
        "rate": launches.point.rate,
        "p50_us": launches.point.p50_us,
        "p99_us": launches.point.p99_us,
        "mean_us": launches.point.mean_us,
        "provider_us": launches.provider_us,
        "own_us": launches.own_us,
        "provider_share": launches.provider_share,
        "provider_calls": {
            method: {"count": calls.count, "mean_us": calls.mean_us} for method, calls in sorted(launches.calls.items())
        },
        "cpu_us": launches.point.cpu_us,
        "cores": launches.point.cores,
    }


def _print_deposits(console: Console, outcome: Outcome) -> None:
    table = Table(title="Deposits through the operator API; CPU of each process in microseconds a deposit (and cores in use)")
    heads = ("connections", "deposits/s over callbacks/s", "deposits", "p50", "p99", *DEPOSIT_PARTS, "sum")
    for head in heads:
        table.add_column(head, justify="right")
    for connections in outcome.options.deposit_connections:
        points = outcome.of(DEPOSITS, connections)
        table.add_row(
            str(connections),
            spread(deposit_ratios(outcome, connections)),
            f"{middle(points, rate):,.0f}/s",
            millis(middle(points, lambda point: point.p50_us)),
            millis(middle(points, lambda point: point.p99_us)),
            *(f"{part(points, name, 'cpu_us'):,.0f} ({part(points, name, 'cores'):.2f})" for name in DEPOSIT_PARTS),
            f"{sum(part(points, name, 'cpu_us') for name in DEPOSIT_PARTS):,.0f}",
        )
    console.print(table)


def _print_launches(console: Console, outcome: Outcome) -> None:
    table = Table(title=f"Launches, {outcome.options.launch_connections} at once; times in ms, medians of the turns")
    heads = (
        "provider",
        "launches",
        "p50",
        "p99",
        "mean",
        "the provider's",
        "ours",
        "calls to the provider, mean",
        "CPU us a launch",
    )
    for head in heads:
        table.add_column(head, justify="right")
    for delay_ms in outcome.options.launch_delays_ms:
        table.add_row(_provider(delay_ms), *_launch_row(_launches_at(outcome, delay_ms)), end_section=True)
    console.print(table)


def _launch_row(turns: list[Launches]) -> list[str]:
    points = [each.point for each in turns]
    calls = {
        method: median([each.calls[method].mean_us for each in turns if method in each.calls])
        for method in sorted({method for each in turns for method in each.calls})
    }
    return [
        f"{middle(points, rate):,.1f}/s",
        millis(middle(points, lambda point: point.p50_us)),
        millis(middle(points, lambda point: point.p99_us)),
        millis(middle(points, lambda point: point.mean_us)),
        f"{millis(median([each.provider_us for each in turns]))} = {median([each.provider_share for each in turns]):.0%}",
        millis(median([each.own_us for each in turns])),
        "\n".join(f"{method} {millis(us)}" for method, us in calls.items()),
        "\n".join(f"{name} {part(points, name, 'cpu_us'):,.0f}" for name in LAUNCH_PARTS),
    ]
