"""`python -m tests.bench.tracing [repetitions]`: what traces cost, in one run: none, one in a hundred, all.

Wallet and gateway are started anew for each share, the shares taking turns, against a collector that throws everything away.
Prints callbacks a second and CPU time a callback, and what they are of the same turn without traces; and the CPU time of the
tracing alone, which a busy machine disturbs least. Exit code 1 where calls failed; never because of a speed.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import Final

from aiohttp import web
from rich.console import Console
from rich.table import Table

from deploy.local.ports import free_ports
from services.wallet.intake import Taken, now_ms
from services.wallet.traces import Traces
from shared.contracts import Bet, Reply, Result
from shared.requester.spans import AskSpans
from shared.tracing import parse_traceparent
from shared.tracing.export import Export
from shared.tracing.tracer import Tracer
from tests.bench.__main__ import bench_servers
from tests.bench.field import GATEWAY, HOST, STAKEWIRE, WALLET, Field, field_of
from tests.bench.options import Options
from tests.bench.point import Point, measure, order_for

SHARES: Final = ("0", "0.01", "1")
COLLECTOR: Final = "collector"
CONNECTIONS: Final = 32
SECONDS: Final = 5.0
WARM_UP_S: Final = 2.0
RATE_MAX: Final = 6_000
REPETITIONS: Final = 3
ALONE: Final = 250
"""Sampled callbacks at a stretch: their spans fit the exporter's queue, so that none is dropped and all are paid for."""
STAGES: Final = ("load", "decide", "save", "commit")


def measure_shares(field: Field, repetitions: int) -> dict[str, list[Point]]:
    """Each share's points, one a turn."""
    points: dict[str, list[Point]] = {share: [] for share in SHARES}
    for turn in range(repetitions):
        for share in SHARES if turn % 2 == 0 else reversed(SHARES):
            field.stop_stakewire()
            with _environment(STAKEWIRE_TRACE_SHARE=share):
                field.start_stakewire(["services.wallet"], ["services.gateway"])
            order = order_for(
                field,
                field.contestants[STAKEWIRE],
                f"traced-{turn}-{share}",
                connections=CONNECTIONS,
                warm_up_s=WARM_UP_S,
                seconds=SECONDS,
                requests_max=int((WARM_UP_S + SECONDS) * RATE_MAX),
            )
            points[share].append(measure(field, field.contestants[STAKEWIRE], order))
    return points


@contextmanager
def _environment(**settings: str) -> Iterator[None]:
    """Settings for the processes that are started inside."""
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def table_of(points: dict[str, list[Point]]) -> Table:
    """Medians of all turns; ratios are medians of the turns' own ratios to the share 0."""
    table = Table(title=f"{CONNECTIONS} connections; in brackets: of the same turn without traces")
    for heading in ("share", "callbacks/s", "gateway us/callback", "wallet us/callback", "p50 ms", "p99 ms"):
        table.add_column(heading, justify="right")
    for share, found in points.items():
        cells = [share]
        for read in (_rate, _gateway, _wallet, _p50, _p99):
            values, ground = [read(each) for each in found], [read(each) for each in points["0"]]
            ratio = median(value / base if base else 0.0 for value, base in zip(values, ground, strict=True))
            cells.append(f"{median(values):,.1f} ({ratio:.2f})")
        table.add_row(*cells)
    return table


def _rate(point: Point) -> float:
    return point.rate


def _gateway(point: Point) -> float:
    return point.cpu_us.get(GATEWAY, 0.0)


def _wallet(point: Point) -> float:
    return point.cpu_us.get(WALLET, 0.0)


def _p50(point: Point) -> float:
    return point.p50_us / 1_000


def _p99(point: Point) -> float:
    return point.p99_us / 1_000


async def alone(repetitions: int) -> dict[str, float]:
    """CPU microseconds of one callback's tracing, encoding and sending included; medians. Needs the collector."""
    found: dict[str, list[float]] = {}
    for _ in range(repetitions):
        for name, share, work, count in (
            ("chosen not to be sampled", 0.0, _gateways_part, ALONE * 400),
            ("sampled: gateway", 1.0, _gateways_part, ALONE),
            ("sampled: wallet, at most 64 a batch", 1.0, _wallets_part, ALONE),
        ):
            export = Export("bench")
            tracer = Tracer(export.tracer, share=share)
            began_s = time.process_time()
            for _ in range(count):
                work(tracer)
            await asyncio.sleep(0)
            export.close(limit_s=60)
            found.setdefault(name, []).append((time.process_time() - began_s) / count * 1e6)
    return {name: median(values) for name, values in found.items()}


def _gateways_part(tracer: Tracer) -> None:
    """What the gateway makes of a callback."""
    span = tracer.request("callback", None)
    if span is None:
        return
    loop = asyncio.get_running_loop()
    sent, waiter = loop.create_future(), loop.create_future()
    with span:
        asked = AskSpans(span, _bet(), "wallet.commands")
        asked.handed_over(sent)
        sent.set_result(None)
        waiter.set_result(Reply(command_id="c", caller="g", result=Result.OK))
        asked.end(waiter)
        span.rename("callback withdrawAndDeposit")
        span.set({f"stakewire.attribute{number}": "value" for number in range(10)})


def _wallets_part(tracer: Tracer) -> None:
    """What the wallet makes of a command."""
    parent = parse_traceparent(b"00-%032x-%016x-01" % (1, 1))
    item = Taken(partition=0, offset=1, timestamp_ms=now_ms(), key="k", raw=b"", command=_bet(), parent=parent)
    item.taken_ns = time.time_ns()
    now = time.perf_counter()
    traces = Traces(tracer)
    traces.committed([item], [("", now), *((stage, now) for stage in STAGES)], saved=True)
    traces.tell([("", now), ("reply", now), ("publish", now)])


def _bet() -> Bet:
    return Bet(
        command_id="c",
        player="k",
        provider_account="bench",
        namespace="tx",
        external_id="t",
        currency="EUR",
        player_currency="EUR",
        game_id="riot",
        game_state="live",
        deadline_ms=1,
        round_id="r",
        stake=1,
    )


def off_ns() -> float:
    """Nanoseconds of what a callback pays where tracing is off: three looks whether there is a tracer or a span."""
    tracer: Callable[[], None] | None = None
    rounds = 1_000_000
    began_s = time.process_time()
    for _ in range(rounds):
        pass
    empty_s = time.process_time() - began_s
    began_s = time.process_time()
    for _ in range(rounds):
        _ = None if tracer is None else 1
        _ = None if tracer is None else 1
        _ = None if tracer is None else 1
    return (time.process_time() - began_s - empty_s) / rounds * 1e9


def collect(port: int) -> None:
    """The collector: takes what comes and forgets it. Runs as a process of its own."""

    async def take(request: web.Request) -> web.Response:
        await request.read()
        return web.Response()

    async def ready(_: web.Request) -> web.Response:
        return web.json_response({"status": "ready"})

    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.add_routes([web.post("/v1/traces", take), web.get("/health/ready", ready)])
    web.run_app(app, host=HOST, port=port, print=None, access_log=None)


def main(repetitions: int) -> int:
    """Measures and prints; returns the exit code."""
    console = Console(highlight=False)
    (port,) = free_ports(1)
    console.print("starting PostgreSQL, Kafka and the services ...")
    with (
        bench_servers() as servers,
        _environment(OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{HOST}:{port}"),
        field_of(servers, Options(players=300)) as field,
    ):
        field.start(COLLECTOR, ["tests.bench.tracing", COLLECTOR, str(port)], port, "")
        parts = asyncio.run(alone(max(repetitions, 3)))
        console.print(f"off: {off_ns():.0f} ns a callback")
        for name, microseconds in parts.items():
            console.print(f"{name}: {microseconds:.1f} us of CPU")
        points = measure_shares(field, repetitions)
    console.print(table_of(points))
    faults = [fault for found in points.values() for point in found for fault in point.faults]
    console.print(*faults, sep="\n")
    return 1 if faults else 0


if __name__ == "__main__":
    if sys.argv[1:2] == [COLLECTOR]:
        collect(int(sys.argv[2]))
    else:
        sys.exit(main(int(sys.argv[1]) if sys.argv[1:] else REPETITIONS))
