"""The order of a run: all points of all contestants, taking turns, then the books, then the lone callback taken apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

from shared.money import parse_decimal
from tests.bench.books import Books, read_books
from tests.bench.field import BARE, BASELINE, DEPOSITS, GATEWAY, LAUNCHES, STAKEWIRE, STUDIO, WALLET, Field
from tests.bench.launches import Launches, measure_launches
from tests.bench.options import Options
from tests.bench.players import ACCOUNT, CURRENCY
from tests.bench.point import CONSTANT_REQUESTS, Point, measure, order_for
from tests.bench.stages import Breakdown, read_stamps, take_apart

BARE_SHARE: Final = 3
"""The bare server is steady: a third of the time is enough for it."""

WARM_UP: Final = -1
"""The turn before the first."""

LAUNCH_RATE_MAX: Final = 1_000
"""Launches a second that requests are prepared for: no provider opens sessions faster."""

LONE_SECONDS: Final = 120.0
"""Limit of the lone run; it ends when its calls are used up."""


@dataclass(slots=True)
class Outcome:
    """Everything a run has found out."""

    options: Options
    points: list[Point] = field(default_factory=list)
    warm_up: list[Point] = field(default_factory=list)
    """What came before: caches, plans and the broker's compiler have seen the load once. Counts for the books alone."""
    launches: list[Launches] = field(default_factory=list)
    breakdown: Breakdown | None = None
    books: dict[str, Books] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def all_points(self) -> list[Point]:
        """All of them, of warming up and of launches too."""
        return [*self.warm_up, *self.points, *(each.point for each in self.launches)]

    def of(self, contestant: str, connections: int) -> list[Point]:
        """The points of one contestant at one number of connections, in the order of the repetitions."""
        return [each for each in self.points if each.contestant == contestant and each.connections == connections]


def run(field_: Field, options: Options, say: Callable[[str], None]) -> Outcome:
    """Runs the bench; `say` is told what is being done."""
    outcome = Outcome(options)
    say("warming everything up")
    for name in (STAKEWIRE, BASELINE, BARE, *([DEPOSITS] if options.deposit_connections else [])):
        outcome.warm_up.append(_measure(field_, name, max(options.connections), WARM_UP, options))
    if options.launch_connections:
        outcome.warm_up.append(_launches(field_, WARM_UP, 0, options).point)
    for repetition in range(options.repetitions):
        for connections, name in _turn(repetition, options):
            point = _measure(field_, name, connections, repetition, options)
            outcome.points.append(point)
            say(_line(point, repetition, options))
        for delay_ms in options.launch_delays_ms:
            outcome.launches.append(_launches(field_, repetition, delay_ms, options))
            say(_line(outcome.launches[-1].point, repetition, options))
    outcome.faults += [
        f"{each.contestant} at {each.connections}: {fault}" for each in outcome.all_points() for fault in each.faults
    ]
    check_books(field_, outcome)
    if options.lone_calls:
        say("one lone callback, taken apart")
        outcome.breakdown = lone_callback(field_, options)
    return outcome


def _turn(repetition: int, options: Options) -> Iterator[tuple[int, str]]:
    """Contestants take turns at each number of connections, the one that begins changing, so that noise meets all alike.

    Callbacks have the baseline on one side and deposits, which are compared with them, on the other.
    """
    for connections in options.connections:
        deposits = (DEPOSITS,) if connections in options.deposit_connections else ()
        order = (*deposits, STAKEWIRE, BASELINE) if repetition % 2 == 0 else (BASELINE, STAKEWIRE, *deposits)
        for name in (*order, BARE):
            yield connections, name


def _line(point: Point, repetition: int, options: Options) -> str:
    turn = f"turn {repetition + 1} of {options.repetitions}"
    return f"{point.contestant:<9} {point.connections:>4} connections, {turn}: {point.rate:,.0f}/s"


def _measure(field_: Field, name: str, connections: int, repetition: int, options: Options) -> Point:
    share = BARE_SHARE if name == BARE else 1
    contestant = field_.contestants[name]
    order = order_for(
        field_,
        contestant,
        f"{name}-{repetition}-{connections}",
        **_lengths(connections, options.warm_up / share, options.seconds / share, options.rate_max),
    )
    if name == BARE:
        order = replace(order, requests_max=CONSTANT_REQUESTS)
    return measure(field_, contestant, order)


def _launches(field_: Field, repetition: int, delay_ms: int, options: Options) -> Launches:
    contestant, connections = field_.contestants[LAUNCHES], options.launch_connections
    lengths = _lengths(connections, options.warm_up, options.seconds, min(LAUNCH_RATE_MAX, options.rate_max))
    order = order_for(field_, contestant, f"{LAUNCHES}-{repetition}-{delay_ms}", **lengths)
    return measure_launches(field_, contestant, order, delay_ms)


def _lengths(connections: int, warm_up_s: float, seconds: float, rate_max: int) -> dict[str, Any]:
    requests_max = int((warm_up_s + seconds) * rate_max) + connections
    return {"connections": connections, "warm_up_s": warm_up_s, "seconds": seconds, "requests_max": requests_max}


def check_books(field_: Field, outcome: Outcome) -> None:
    """Compares both ledgers with what the generator was told."""

    def told(contestant: str) -> tuple[int, int]:
        points = [each for each in outcome.all_points() if each.contestant == contestant]
        return sum(each.answered for each in points), sum(each.refused + each.unanswered for each in points)

    for name in (STAKEWIRE, BASELINE):
        books = outcome.books[name] = read_books(field_.contestants[name].database_url, ACCOUNT, STUDIO)
        outcome.faults += [f"books of {name}: {fault}" for fault in books.faults(*told(name))]
    books = outcome.books[STAKEWIRE]
    units = sum(each.amount for each in outcome.all_points()) * parse_decimal("0.01", CURRENCY)
    found = books.deposit_faults(*told(DEPOSITS), units) + books.launch_faults(*told(LAUNCHES))
    outcome.faults += [f"books of {STAKEWIRE}: {fault}" for fault in found]


def lone_callback(field_: Field, options: Options) -> Breakdown:
    """Calls one after the other through gateway and wallet with time stamps, which are started anew for it."""
    files = {name: field_.folder / f"stamps-{name}.json" for name in (GATEWAY, WALLET)}
    field_.stop_stakewire()
    field_.start_stakewire(*(["tests.bench.probe", name, str(files[name])] for name in (WALLET, GATEWAY)))
    order = order_for(
        field_,
        field_.contestants[STAKEWIRE],
        "lone",
        connections=1,
        warm_up_s=0.0,
        seconds=LONE_SECONDS,
        requests_max=options.lone_calls * 2,
        stamps=True,
    )
    point = measure(field_, field_.contestants[STAKEWIRE], order)
    field_.stop_stakewire()
    # What came first also warmed up caches and statements; the last calls are the ones to look at.
    return take_apart(point.stamps[-options.lone_calls :], read_stamps(files[GATEWAY]), read_stamps(files[WALLET]))
