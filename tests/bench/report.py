"""What a run says: tables for people, one JSON file for programs. Ratios first; absolutes stand beside them."""

from __future__ import annotations

from dataclasses import asdict
from statistics import median
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from tests.bench.field import BARE, BASELINE, STAKEWIRE
from tests.bench.numbers import Measure, middle, millis, part, rate, spread, verdict
from tests.bench.numbers import ratios as ratios_of
from tests.bench.point import GENERATOR, OTHERS, Point
from tests.bench.report_operator import operator_document, operator_goals, print_operator
from tests.bench.run import Outcome

RATE_GOAL: Final = 4.0
RATE_GOAL_CONNECTIONS: Final = 256
LATENCY_GOAL: Final = 4.0


def _p50(point: Point) -> float:
    return point.p50_us


def _p99(point: Point) -> float:
    return point.p99_us


def ratios(outcome: Outcome, connections: int, of: Measure, over: str) -> list[float]:
    """Stakewire's number over another's, repetition by repetition."""
    return ratios_of(outcome.of(STAKEWIRE, connections), outcome.of(over, connections), of)


def print_report(console: Console, outcome: Outcome) -> None:
    """Everything, as tables."""
    _print_speed(console, outcome)
    _print_cpu(console, outcome)
    print_operator(console, outcome)
    _print_breakdown(console, outcome)
    for line in goals(outcome):
        console.print(line)
    console.print(f"other programs used {noise(outcome)} cores meanwhile (median, and spread over the points)")
    for name, books in outcome.books.items():
        console.print(f"books of {name}: {books.operations:,} operations of the run")
    for fault in outcome.faults:
        console.print(f"[bold red]fault[/]: {fault}")


def goals(outcome: Outcome) -> list[str]:
    """How the run stands to the goals, as sentences. They judge nothing else: noise alone may miss them."""
    lines = []
    if rates := ratios(outcome, RATE_GOAL_CONNECTIONS, rate, BASELINE):
        words = f"goal at {RATE_GOAL_CONNECTIONS} connections, callbacks/s >= {RATE_GOAL:g} x the baseline's"
        lines.append(f"{words}: {spread(rates)}, {verdict(met=median(rates) >= RATE_GOAL)}")
    if latencies := ratios(outcome, 1, _p50, BASELINE):
        words = f"goal at one connection, p50 <= {LATENCY_GOAL:g} x the baseline's"
        lines.append(f"{words}: {spread(latencies)}, {verdict(met=median(latencies) <= LATENCY_GOAL)}")
    return lines + operator_goals(outcome)


def noise(outcome: Outcome) -> str:
    """Cores that other programs and the machine's host used during the points."""
    return spread([point.cores.get(OTHERS, 0.0) for point in outcome.points])


def as_document(outcome: Outcome) -> dict[str, Any]:
    """Everything, as JSON values; latencies in microseconds."""
    return {
        "options": asdict(outcome.options),
        "ratios": {
            str(connections): {
                "rate_over_baseline": ratios(outcome, connections, rate, BASELINE),
                "rate_over_bare": ratios(outcome, connections, rate, BARE),
                "p50_over_baseline": ratios(outcome, connections, _p50, BASELINE),
                "p99_over_baseline": ratios(outcome, connections, _p99, BASELINE),
            }
            for connections in outcome.options.connections
        },
        **operator_document(outcome),
        "goals": goals(outcome),
        "points": [asdict(point) | {"rate": point.rate, "stamps": []} for point in outcome.points],
        "lone_callback": asdict(outcome.breakdown) | {"parts": outcome.breakdown.parts()} if outcome.breakdown else None,
        "books": {name: asdict(books) for name, books in outcome.books.items()},
        "faults": outcome.faults,
    }


def _print_speed(console: Console, outcome: Outcome) -> None:
    table = Table(title=f"Median of {outcome.options.repetitions} turns; in brackets the spread of the ratios; times in ms")
    heads = (
        "connections",
        "callbacks/s over baseline",
        "over bare",
        "p50 over baseline",
        STAKEWIRE,
        "p50",
        "p99",
        BASELINE,
        "p50",
        "p99",
        BARE,
    )
    for head in heads:
        table.add_column(head, justify="right")
    for connections in outcome.options.connections:
        ours, theirs, bare = (outcome.of(name, connections) for name in (STAKEWIRE, BASELINE, BARE))
        table.add_row(
            str(connections),
            spread(ratios(outcome, connections, rate, BASELINE)),
            f"{median(ratios(outcome, connections, rate, BARE) or [0.0]):.2f}",
            spread(ratios(outcome, connections, _p50, BASELINE)),
            *_absolutes(ours),
            *_absolutes(theirs),
            f"{middle(bare, rate):,.0f}/s",
        )
    console.print(table)


def _absolutes(points: list[Point]) -> tuple[str, str, str]:
    return f"{middle(points, rate):,.0f}/s", millis(middle(points, _p50)), millis(middle(points, _p99))


def _print_cpu(console: Console, outcome: Outcome) -> None:
    """CPU time is what a busy machine distorts least."""
    table = Table(title="CPU of each process in microseconds a callback (and cores in use)")
    parts = {
        STAKEWIRE: ("gateway", "wallet", "postgres", "kafka", GENERATOR),
        BASELINE: (BASELINE, "postgres", GENERATOR),
    }
    table.add_column("connections", justify="right")
    for name, columns in parts.items():
        for column in (*columns, "sum"):
            table.add_column(f"{name}:\n{column}", justify="right")
    for connections in outcome.options.connections:
        row = [str(connections)]
        for name, columns in parts.items():
            points = outcome.of(name, connections)
            row += [_cpu(points, each) for each in columns]
            row.append(f"{sum(part(points, each, 'cpu_us') for each in columns):,.0f}")
        table.add_row(*row)
    console.print(table)


def _cpu(points: list[Point], name: str) -> str:
    return f"{part(points, name, 'cpu_us'):,.0f} ({part(points, name, 'cores'):.2f})"


def _print_breakdown(console: Console, outcome: Outcome) -> None:
    breakdown = outcome.breakdown
    if breakdown is None:
        return
    lone = middle(outcome.of(STAKEWIRE, 1), _p50)
    without = f", {millis(lone)} without the stamps" if lone else ""
    table = Table(
        title=f"Where the time of one lone callback goes: medians of {breakdown.calls} calls ({breakdown.left_out} left out); "
        f"p50 {millis(breakdown.p50_us)} ms{without}"
    )
    table.add_column("part")
    table.add_column("us", justify="right")
    table.add_column("share", justify="right")
    table.add_column("of which")
    whole = sum(stage.us for stage in breakdown.stages) or 1.0
    for name, us in breakdown.parts().items():
        inside = "; ".join(f"{stage.words} {stage.us:,.0f}" for stage in breakdown.stages if stage.part == name)
        table.add_row(name, f"{us:,.0f}", f"{us / whole:.0%}", inside)
    table.add_row("sum of medians", f"{whole:,.0f}", "", "")
    console.print(table)
