"""What a run says: tables for people, one JSON file for programs. Ratios first; absolutes stand beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from statistics import median
from typing import Any, Final, Literal

from rich.console import Console
from rich.table import Table

from tests.bench.field import BARE, BASELINE, STAKEWIRE
from tests.bench.point import GENERATOR, OTHERS, Point
from tests.bench.run import Outcome

RATE_GOAL: Final = 4.0
RATE_GOAL_CONNECTIONS: Final = 256
LATENCY_GOAL: Final = 4.0
Measure = Callable[[Point], float]


def _rate(point: Point) -> float:
    return point.rate


def _p50(point: Point) -> float:
    return point.p50_us


def _p99(point: Point) -> float:
    return point.p99_us


def ratios(outcome: Outcome, connections: int, of: Measure, over: str) -> list[float]:
    """Stakewire's number over another's, repetition by repetition."""
    pairs = zip(outcome.of(STAKEWIRE, connections), outcome.of(over, connections), strict=True)
    return [of(ours) / of(theirs) for ours, theirs in pairs if of(theirs)]


def print_report(console: Console, outcome: Outcome) -> None:
    """Everything, as tables."""
    _print_speed(console, outcome)
    _print_cpu(console, outcome)
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
    if rates := ratios(outcome, RATE_GOAL_CONNECTIONS, _rate, BASELINE):
        words = f"goal at {RATE_GOAL_CONNECTIONS} connections, callbacks/s >= {RATE_GOAL:g} x the baseline's"
        lines.append(f"{words}: {_spread(rates)}, {_verdict(median(rates) >= RATE_GOAL)}")
    if latencies := ratios(outcome, 1, _p50, BASELINE):
        words = f"goal at one connection, p50 <= {LATENCY_GOAL:g} x the baseline's"
        lines.append(f"{words}: {_spread(latencies)}, {_verdict(median(latencies) <= LATENCY_GOAL)}")
    return lines


def noise(outcome: Outcome) -> str:
    """Cores that other programs and the machine's host used during the points."""
    return _spread([point.cores.get(OTHERS, 0.0) for point in outcome.points])


def as_document(outcome: Outcome) -> dict[str, Any]:
    """Everything, as JSON values; latencies in microseconds."""
    return {
        "options": asdict(outcome.options),
        "ratios": {
            str(connections): {
                "rate_over_baseline": ratios(outcome, connections, _rate, BASELINE),
                "rate_over_bare": ratios(outcome, connections, _rate, BARE),
                "p50_over_baseline": ratios(outcome, connections, _p50, BASELINE),
                "p99_over_baseline": ratios(outcome, connections, _p99, BASELINE),
            }
            for connections in outcome.options.connections
        },
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
            _spread(ratios(outcome, connections, _rate, BASELINE)),
            f"{median(ratios(outcome, connections, _rate, BARE) or [0.0]):.2f}",
            _spread(ratios(outcome, connections, _p50, BASELINE)),
            *_absolutes(ours),
            *_absolutes(theirs),
            f"{_median(bare, _rate):,.0f}/s",
        )
    console.print(table)


def _absolutes(points: list[Point]) -> tuple[str, str, str]:
    return f"{_median(points, _rate):,.0f}/s", _ms(_median(points, _p50)), _ms(_median(points, _p99))


def _print_cpu(console: Console, outcome: Outcome) -> None:
    """CPU time is what a busy machine distorts least."""
    table = Table(title="CPU of each process in microseconds a callback (and cores in use)")
    parts = {
        STAKEWIRE: ("gateway", "wallet", "postgres", "kafka", GENERATOR),
        BASELINE: (BASELINE, "postgres", GENERATOR),
    }
    table.add_column("connections", justify="right")
    for name, columns in parts.items():
        for part in (*columns, "sum"):
            table.add_column(f"{name}:\n{part}", justify="right")
    for connections in outcome.options.connections:
        row = [str(connections)]
        for name, columns in parts.items():
            points = outcome.of(name, connections)
            row += [_cpu(points, part) for part in columns]
            row.append(f"{sum(_part(points, part, 'cpu_us') for part in columns):,.0f}")
        table.add_row(*row)
    console.print(table)


def _cpu(points: list[Point], part: str) -> str:
    return f"{_part(points, part, 'cpu_us'):,.0f} ({_part(points, part, 'cores'):.2f})"


def _part(points: list[Point], part: str, which: Literal["cpu_us", "cores"]) -> float:
    numbers = [point.cpu_us if which == "cpu_us" else point.cores for point in points]
    return median([each.get(part, 0.0) for each in numbers] or [0.0])


def _print_breakdown(console: Console, outcome: Outcome) -> None:
    breakdown = outcome.breakdown
    if breakdown is None:
        return
    lone = _median(outcome.of(STAKEWIRE, 1), _p50)
    without = f", {_ms(lone)} without the stamps" if lone else ""
    table = Table(
        title=f"Where the time of one lone callback goes: medians of {breakdown.calls} calls ({breakdown.left_out} left out); "
        f"p50 {_ms(breakdown.p50_us)} ms{without}"
    )
    table.add_column("part")
    table.add_column("us", justify="right")
    table.add_column("share", justify="right")
    table.add_column("of which")
    whole = sum(stage.us for stage in breakdown.stages) or 1.0
    for part, us in breakdown.parts().items():
        inside = "; ".join(f"{stage.words} {stage.us:,.0f}" for stage in breakdown.stages if stage.part == part)
        table.add_row(part, f"{us:,.0f}", f"{us / whole:.0%}", inside)
    table.add_row("sum of medians", f"{whole:,.0f}", "", "")
    console.print(table)


def _median(points: Iterable[Point], of: Measure) -> float:
    return median([of(point) for point in points] or [0.0])


def _verdict(met: bool) -> str:  # noqa: FBT001  # one value in, one word out
    return "met" if met else "not met"


def _spread(values: list[float]) -> str:
    return f"{median(values):.2f} ({min(values):.2f}-{max(values):.2f})" if values else "-"


def _ms(us: float) -> str:
    return f"{us / 1e3:,.2f}"
