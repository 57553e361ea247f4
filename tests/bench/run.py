"""The order of a run: all points of all contestants, taking turns, then the lone callback taken apart, then the books."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from tests.bench.books import Books, read_books
from tests.bench.field import BARE, BASELINE, GATEWAY, STAKEWIRE, WALLET, Field
from tests.bench.options import Options
from tests.bench.players import ACCOUNT
from tests.bench.point import CONSTANT_REQUESTS, Point, measure, order_for
from tests.bench.stages import Breakdown, read_stamps, take_apart

BARE_SHARE: Final = 3
"""The bare server is steady: a third of the time is enough for it."""

WARM_UP: Final = -1
"""The turn before the first."""

LONE_SECONDS: Final = 120.0
"""Limit of the lone run; it ends when its calls are used up."""


@dataclass(slots=True)
class Outcome:
    """Everything a run has found out."""

    options: Options
    points: list[Point] = field(default_factory=list)
    warm_up: list[Point] = field(default_factory=list)
    """What came before: caches, plans and the broker's compiler have seen the load once. Counts for the books alone."""
    breakdown: Breakdown | None = None
    books: dict[str, Books] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def of(self, contestant: str, connections: int) -> list[Point]:
        """The points of one contestant at one number of connections, in the order of the repetitions."""
        return [each for each in self.points if each.contestant == contestant and each.connections == connections]


def run(field_: Field, options: Options, say: Callable[[str], None]) -> Outcome:
    """Runs the bench; `say` is told what is being done."""
    outcome = Outcome(options)
    say("warming everything up")
    for name in (STAKEWIRE, BASELINE, BARE):
        point = _measure(field_, name, max(options.connections), WARM_UP, options)
        outcome.warm_up.append(point)
        outcome.faults += [f"{name} while warming up: {fault}" for fault in point.faults]
    for repetition, connections, name in _turns(options):
        point = _measure(field_, name, connections, repetition, options)
        outcome.points.append(point)
        outcome.faults += [f"{name} at {connections}: {fault}" for fault in point.faults]
        say(f"{name:<9} {connections:>4} connections, turn {repetition + 1} of {options.repetitions}: {point.rate:,.0f}/s")
    check_books(field_, outcome)
    if options.lone_calls:
        say("one lone callback, taken apart")
        outcome.breakdown = lone_callback(field_, options)
    return outcome


def _turns(options: Options) -> Iterator[tuple[int, int, str]]:
    """Contestants take turns at each number of connections, the one that begins changing, so that noise meets all alike."""
    for repetition in range(options.repetitions):
        for connections in options.connections:
            pair = (STAKEWIRE, BASELINE) if repetition % 2 == 0 else (BASELINE, STAKEWIRE)
            for name in (*pair, BARE):
                yield repetition, connections, name


def _measure(field_: Field, name: str, connections: int, repetition: int, options: Options) -> Point:
    share = BARE_SHARE if name == BARE else 1
    warm_up_s, seconds = options.warm_up / share, options.seconds / share
    contestant = field_.contestants[name]
    order = order_for(
        field_,
        contestant,
        f"{name}-{repetition}-{connections}",
        connections=connections,
        warm_up_s=warm_up_s,
        seconds=seconds,
        requests_max=CONSTANT_REQUESTS if name == BARE else int((warm_up_s + seconds) * options.rate_max) + connections,
    )
    return measure(field_, contestant, order)


def check_books(field_: Field, outcome: Outcome) -> None:
    """Compares both ledgers with what the generator was told."""
    for name in (STAKEWIRE, BASELINE):
        points = [each for each in outcome.warm_up + outcome.points if each.contestant == name]
        answered = sum(each.answered for each in points)
        unknown = sum(each.refused + each.unanswered for each in points)
        books = outcome.books[name] = read_books(field_.contestants[name].database_url, ACCOUNT)
        outcome.faults += [f"books of {name}: {fault}" for fault in books.faults(answered, unknown)]


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
