"""What a run of the wallet's bench says: goals and tables for people, one JSON value for programs. Ratios first."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from tests.bench.numbers import middle, part, rate, spread, verdict
from tests.bench.numbers import ratios as ratios_of
from tests.bench.point import ALL, GENERATOR, OTHERS, Point
from tests.bench.wallet.growth import EMPTY, GROWN
from tests.bench.wallet.run import HOT, LONE, PGLEDGER, REPLAYS, REPLICAS, SINGLE, UNIFORM, WALLET, ZIPF, Outcome

MIB: Final = 1_048_576
POSTGRES, KAFKA = "postgres", "kafka"
NAMES: Final = {
    ZIPF: "Stakewire, zipf 1.0",
    f"{SINGLE} {ZIPF}": "one transaction a command, zipf 1.0",
    f"{PGLEDGER} {ZIPF}": "plain SQL functions, zipf 1.0",
    UNIFORM: "Stakewire, uniform",
    f"{SINGLE} {UNIFORM}": "one transaction a command, uniform",
    f"{PGLEDGER} {UNIFORM}": "plain SQL functions, uniform",
    HOT: "Stakewire, one hot player",
    REPLAYS: "Stakewire, replays",
    REPLICAS: "Stakewire, more wallets",
    EMPTY: "small buffers, empty ledger",
    GROWN: "small buffers, grown ledger",
    LONE: "Stakewire, one at a time",
}


@dataclass(frozen=True, slots=True)
class Goal:
    """One goal and how the run stands to it: the median of `values` against `limit`."""

    words: str
    values: list[float]
    limit: float
    at_least: bool
    beside: str = ""

    @property
    def met(self) -> bool:
        """Whether it is met."""
        return median(self.values) >= self.limit if self.at_least else median(self.values) <= self.limit

    def line(self) -> str:
        """As a sentence."""
        sign = ">=" if self.at_least else "<="
        beside = f" ({self.beside})" if self.beside else ""
        return f"{self.words}, goal {sign} {self.limit:g}: {spread(self.values)}, {verdict(met=self.met)}{beside}"


def ratios(outcome: Outcome, ours: str, theirs: str) -> list[float]:
    """One contestant's rate over another's, turn by turn; nothing where one of them was left out."""
    one, other = outcome.of(ours), outcome.of(theirs)
    return ratios_of(one, other, rate) if len(one) == len(other) else []


def wallet_us(point: Point) -> float:
    """CPU microseconds a command of all wallet processes together."""
    return sum(us for name, us in point.cpu_us.items() if name.startswith(WALLET))


def goals(outcome: Outcome) -> list[Goal]:
    """All goals that this run has numbers for. They judge nothing else: noise alone may miss them."""
    found = [
        Goal(f"commands/s over the baseline's, {pattern}", ratios(outcome, pattern, f"{SINGLE} {pattern}"), 5.0, at_least=True)
        for pattern in (ZIPF, UNIFORM)
    ]
    found += [
        Goal(
            f"the wallet's CPU in microseconds a command, {pattern}",
            [wallet_us(each) for each in outcome.of(pattern)],
            50,
            at_least=False,
        )
        for pattern in (ZIPF, UNIFORM)
    ]
    found += [
        Goal("one hot player's rate over uniform", ratios(outcome, HOT, UNIFORM), 0.8, at_least=True),
        Goal("replays/s over fresh commands/s", ratios(outcome, REPLAYS, UNIFORM), 2.0, at_least=True),
        Goal(
            "p50 of a lone command over two bare hops and a bare commit",
            _lone_ratios(outcome),
            1.5,
            at_least=False,
            beside=_lone(outcome),
        ),
        Goal("idle wallet, cores", [each[WALLET] for each in outcome.idle if WALLET in each], 0.02, at_least=False),
        Goal(
            "rate of a grown ledger over an empty one's", ratios(outcome, GROWN, EMPTY), 0.6, at_least=True, beside=_growth(outcome)
        ),
        Goal(
            "bytes on disk a command, all tables and indexes",
            [sum(outcome.disk.values())] if outcome.disk else [],
            500,
            at_least=False,
            beside=_disk(outcome),
        ),
        Goal(
            "largest memory of a wallet, MiB",
            [max(outcome.peak_bytes.values()) / MIB] if outcome.peak_bytes else [],
            250,
            at_least=False,
        ),
        Goal(
            f"rate of {outcome.options.replicas} wallets over one's",
            ratios(outcome, REPLICAS, UNIFORM),
            1.5,
            at_least=True,
            beside=_shared(outcome),
        ),
    ]
    return [each for each in found if each.values]


def told(outcome: Outcome) -> list[str]:
    """What stands beside the goals, as sentences."""
    lines = [
        f"commands/s over the plain SQL functions', {pattern}: {spread(ratios(outcome, pattern, f'{PGLEDGER} {pattern}'))}"
        for pattern in (ZIPF, UNIFORM)
    ]
    if outcome.wal:
        bytes_, images = ([each[name] for each in outcome.wal] for name in ("bytes", "page_images"))
        lines.append(
            f"WAL bytes a command: {median(bytes_):,.0f} ({min(bytes_):,.0f}-{max(bytes_):,.0f}), whole pages {spread(images)}"
        )
    beside = {name: [each[name] for each in outcome.idle if name in each] for name in (POSTGRES, KAFKA)}
    lines += [f"cores of {name} beside the idle wallet: {spread(cores)}" for name, cores in beside.items() if cores]
    return lines


def noise(outcome: Outcome) -> str:
    """Cores that other programs and the machine's host used during the points."""
    return spread([point.cores.get(OTHERS, 0.0) for point in outcome.points])


def _lone_ratios(outcome: Outcome) -> list[float]:
    return [each.wallet_us / each.bare_us for each in outcome.lone if each.bare_us]


def _lone(outcome: Outcome) -> str:
    if not outcome.lone:
        return ""
    wallet, bare, commit = (
        median(getattr(each, name) for each in outcome.lone) / 1e3 for name in ("wallet_us", "bare_us", "commit_us")
    )
    return f"{wallet:.2f} ms against {bare:.2f} ms, {commit:.2f} ms of it the commit"


def _growth(outcome: Outcome) -> str:
    found = outcome.growth
    if not found:
        return ""
    return (
        f"{found['operations']:,} operations, {found['index']} {found['index_bytes'] / MIB:.0f} MiB, "
        f"shared_buffers {found['buffers_bytes'] / MIB:.0f} MiB"
    )


def _disk(outcome: Outcome) -> str:
    return ", ".join(f"{name} {size:,.0f}" for name, size in outcome.disk.items() if size >= 1)


def _shared(outcome: Outcome) -> str:
    points = outcome.of(REPLICAS)
    if not points:
        return ""
    shares = [f"{name} {part(points, name, 'cores'):.2f}" for name in _parts(points)]
    return "cores in use with them: " + ", ".join(shares)


def _parts(points: list[Point]) -> list[str]:
    return sorted({name for point in points for name in point.cores if name != ALL}, reverse=True)


def print_report(console: Console, outcome: Outcome) -> None:
    """Everything, as tables and sentences."""
    table = Table(title=f"Median of {outcome.options.repetitions} turns; CPU in microseconds a command (and cores in use)")
    table.add_column("contestant")
    for head in ("commands/s", "wallets", "driver", POSTGRES, KAFKA):
        table.add_column(head, justify="right")
    for name, words in NAMES.items():
        if points := outcome.of(name):
            wallets = f"{middle(points, wallet_us):,.0f} ({middle(points, _wallet_cores):.2f})"
            table.add_row(
                words, f"{middle(points, rate):,.0f}", wallets, *(_cpu(points, each) for each in (GENERATOR, POSTGRES, KAFKA))
            )
    console.print(table)
    for goal in goals(outcome):
        console.print(goal.line(), soft_wrap=True)
    for line in told(outcome):
        console.print(line, soft_wrap=True)
    console.print(f"other programs used {noise(outcome)} cores meanwhile (median, and spread over the points)")
    for fault in outcome.faults:
        console.print(f"[bold red]fault[/]: {fault}", soft_wrap=True)


def _wallet_cores(point: Point) -> float:
    return sum(cores for name, cores in point.cores.items() if name.startswith(WALLET))


def _cpu(points: list[Point], name: str) -> str:
    return f"{part(points, name, 'cpu_us'):,.0f} ({part(points, name, 'cores'):.2f})"


def as_document(outcome: Outcome) -> dict[str, Any]:
    """Everything, as JSON values; latencies in microseconds."""
    return {
        "options": asdict(outcome.options),
        "goals": [asdict(each) | {"met": each.met, "line": each.line()} for each in goals(outcome)],
        "ratios": {
            **{f"{pattern}_over_single": ratios(outcome, pattern, f"{SINGLE} {pattern}") for pattern in (ZIPF, UNIFORM)},
            **{f"{pattern}_over_pgledger": ratios(outcome, pattern, f"{PGLEDGER} {pattern}") for pattern in (ZIPF, UNIFORM)},
            "hot_over_uniform": ratios(outcome, HOT, UNIFORM),
            "replays_over_uniform": ratios(outcome, REPLAYS, UNIFORM),
            "replicas_over_one": ratios(outcome, REPLICAS, UNIFORM),
            "grown_over_empty": ratios(outcome, GROWN, EMPTY),
            "lone_over_bare": _lone_ratios(outcome),
        },
        "told": told(outcome),
        "lone": [asdict(each) for each in outcome.lone],
        "idle_cores": outcome.idle,
        "wal_a_command": outcome.wal,
        "disk_bytes_a_command": outcome.disk,
        "peak_bytes": outcome.peak_bytes,
        "growth": outcome.growth,
        "noise_cores": noise(outcome),
        "points": [asdict(point) | {"rate": point.rate, "stamps": []} for point in outcome.points],
        "books": {name: asdict(books) for name, books in outcome.books.items()},
        "faults": outcome.faults,
    }
