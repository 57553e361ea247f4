"""`python -m tests.bench.backoffice`: how fast the projections are made, against how fast callbacks come, in one run.

First callbacks go through gateway and wallet, as in the other benches; then, with those stopped, the projections are made of the
very topics that came of it: every callback is an event and an archived callback. Then they are emptied and made again. Prints the
rates and their ratio. Exit code 1 where calls failed or records are missing; never because of a speed.
"""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import dataclass
from statistics import median
from typing import Final

import asyncpg
import structlog
import uvloop
from rich.console import Console

from services.backoffice.migrate import ROLE, upgrade
from services.backoffice.projections.gaps import NoLedger
from services.backoffice.projections.ingest import Ingest
from services.backoffice.projections.rebuild import Watch, rebuild
from services.gateway.operator_api.migrate import upgrade as upgrade_operator
from shared.database import open_pool
from shared.kafka.topics import TopicNames
from tests.bench.__main__ import bench_servers
from tests.bench.field import STAKEWIRE, Field, field_of
from tests.bench.options import Options
from tests.bench.point import Point, measure, order_for

CONNECTIONS: Final = (64, 256)
SECONDS: Final = 6.0
WARM_UP_S: Final = 2.0
RATE_MAX: Final = 6_000
REPETITIONS: Final = 2
KEPT_DAYS: Final = 90
LIMIT_S: Final = 600.0
LOOK_EVERY_S: Final = 0.25
PLAYERS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Made:
    """One making of the projections: rows in the end, and how long it took from the first record to the last."""

    operations: int
    callbacks: int
    seconds: float

    @property
    def rate(self) -> float:
        """Callbacks a second, each with its event."""
        return self.callbacks / self.seconds


def measure_callbacks(field: Field, seconds: float, connections: tuple[int, ...]) -> list[Point]:
    """Callbacks through gateway and wallet; both are stopped then, so that everything is archived."""
    points = []
    for number in connections:
        order = order_for(
            field,
            field.contestants[STAKEWIRE],
            f"backoffice-{number}",
            connections=number,
            warm_up_s=WARM_UP_S,
            seconds=seconds,
            requests_max=int((WARM_UP_S + seconds) * RATE_MAX),
        )
        points.append(measure(field, field.contestants[STAKEWIRE], order))
    for name in field.processes.names():  # what is measured next has the machine for itself, as callbacks had it
        field.processes.stop(name)
    return points


async def make_projections(field: Field, database_url: str, repetitions: int) -> list[Made]:
    """Makes the projections of the field's topics, then empties them and makes them again."""
    pool = await open_pool(database_url, role=ROLE, application_name="bench", size_max=6)
    names, kafka = TopicNames(field.topic_prefix), field.servers.kafka_bootstrap_servers
    watch, ingest = Watch(pool, kafka, names), Ingest(pool, kafka, names, NoLedger(), callbacks_kept_days=KEPT_DAYS)
    await watch.start()
    await ingest.start()
    made = []
    try:
        for repetition in range(repetitions + 1):
            if repetition:
                await rebuild(pool, names)
            made.append(await _made(pool, watch))
    finally:
        await ingest.stop()
        await watch.stop()
        await pool.close()
    return made[1:]  # the first had joining the group in it


async def _made(pool: asyncpg.Pool, watch: Watch) -> Made:
    began = time.perf_counter()
    while not (await watch.standing()).complete:
        if time.perf_counter() - began > LIMIT_S:
            raise TimeoutError(f"the projections were not made within {LIMIT_S:g} s")
        await asyncio.sleep(LOOK_EVERY_S)
    seconds = time.perf_counter() - began
    operations = await pool.fetchval("SELECT count(*) FROM projections.operations")
    callbacks = await pool.fetchval("SELECT count(*) FROM projections.callbacks")
    return Made(operations, callbacks, seconds)


def run(console: Console, field: Field, seconds: float, connections: tuple[int, ...], repetitions: int) -> int:
    """Measures and prints; returns the exit code."""
    points = measure_callbacks(field, seconds, connections)
    url = field.servers.new_database()
    try:
        upgrade_operator(url)
        upgrade(url)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            made = runner.run(make_projections(field, url, repetitions))
    finally:
        field.servers.drop_database(url)
    for point in points:
        console.print(f"callbacks, {point.connections} connections: {point.rate:,.0f}/s")
    for each in made:
        console.print(
            f"projections: {each.callbacks:,} callbacks and {each.operations:,} events in {each.seconds:.1f} s: {each.rate:,.0f}/s"
        )
    faults = [fault for point in points for fault in point.faults]
    answered = sum(point.answered for point in points)
    faults += [f"{answered:,} callbacks were answered, {each.callbacks:,} are there" for each in made if each.callbacks < answered]
    if made:
        best = max(point.rate for point in points)
        console.print(f"projections / callbacks (the best of the points): {median(each.rate for each in made) / best:.2f}")
    console.print(*faults, sep="\n")
    return 1 if faults else 0


def main(seconds: float = SECONDS, connections: tuple[int, ...] = CONNECTIONS, repetitions: int = REPETITIONS) -> int:
    """Runs on servers of the bench's own."""
    console = Console(highlight=False)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    console.print("starting PostgreSQL, Kafka and the services ...")
    with bench_servers() as servers, field_of(servers, Options(players=PLAYERS)) as field:
        return run(console, field, seconds, connections, repetitions)


if __name__ == "__main__":
    sys.exit(main())
