"""Medians, spreads and ratios of points, and how they are written. Knows no contestant."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from statistics import median
from typing import Literal

from tests.bench.point import Point

Measure = Callable[[Point], float]


def rate(point: Point) -> float:
    """Calls a second."""
    return point.rate


def ratios(ours: list[Point], theirs: list[Point], of: Measure) -> list[float]:
    """One's numbers over another's, repetition by repetition."""
    return [of(one) / of(other) for one, other in zip(ours, theirs, strict=True) if of(other)]


def middle(points: Iterable[Point], of: Measure) -> float:
    """The median of the repetitions; 0 where there are none."""
    return median([of(point) for point in points] or [0.0])


def part(points: list[Point], name: str, which: Literal["cpu_us", "cores"]) -> float:
    """The median of what one process used: microseconds a call, or cores."""
    numbers = [point.cpu_us if which == "cpu_us" else point.cores for point in points]
    return median([each.get(name, 0.0) for each in numbers] or [0.0])


def spread(values: list[float]) -> str:
    """Median, and in brackets the smallest and the largest."""
    return f"{median(values):.2f} ({min(values):.2f}-{max(values):.2f})" if values else "-"


def millis(us: float) -> str:
    """Microseconds as milliseconds."""
    return f"{us / 1e3:,.2f}"


def verdict(*, met: bool) -> str:
    """How a goal was done."""
    return "met" if met else "not met"
