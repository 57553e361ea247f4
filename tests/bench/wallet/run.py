"""The order of a run: contestants take turns with the same streams, the books are read after each turn."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any, Final

from tests.bench.books import Books, read_books
from tests.bench.players import ACCOUNT
from tests.bench.point import Point, cpu_s, point_of, watch_child
from tests.bench.wallet.events import count_events
from tests.bench.wallet.growth import EMPTY, GROWN, Growth
from tests.bench.wallet.ledgers import TransferBooks, one, read_transfer_books, sizes
from tests.bench.wallet.options import Options
from tests.bench.wallet.order import Order
from tests.bench.wallet.stage import Ledger, Stage
from tests.bench.wallet.stream import Pattern

DRIVER: Final = "tests.bench.wallet.drive"
LIMIT_S: Final = 300.0
"""For one point, everything around it included."""

WARM_UP: Final = "warm-up"
ZIPF, UNIFORM, HOT, REPLAYS, REPLICAS, LONE = "zipf", "uniform", "hot", "replays", "replicas", "lone"
SINGLE, PGLEDGER = "single", "pgledger"
STORED: Final = (WARM_UP, ZIPF, UNIFORM, HOT, REPLICAS, LONE)
"""Contestants that write to Stakewire's main ledger; replays write nothing."""

SETTLE_S: Final = 1.0
"""Before the idle wallet is watched: what it still had to tell Kafka is told."""

WALLET: Final = "wallet"
PATTERNS: Final[dict[str, Pattern]] = {ZIPF: "zipf", WARM_UP: "zipf", HOT: "hot"}


@dataclass(frozen=True, slots=True)
class Lone:
    """Medians of lone calls in microseconds: through the wallet, through the bare echo, and of the echo's commit alone."""

    wallet_us: float
    bare_us: float
    commit_us: float


@dataclass(slots=True)
class Outcome:
    """Everything a run has found out."""

    options: Options
    points: list[Point] = field(default_factory=list)
    """`contestant` is one of the names above, with the pattern behind a baseline's; replicas are told by `wallet-2`."""
    lone: list[Lone] = field(default_factory=list)
    idle: list[dict[str, float]] = field(default_factory=list)
    """Cores that each part used while nothing was asked."""
    wal: list[dict[str, float]] = field(default_factory=list)
    """Bytes and images of whole pages written ahead for a command, of each uniform point."""
    disk: dict[str, float] = field(default_factory=dict)
    """Bytes a command by table, indexes included, of everything that was stored."""
    peak_bytes: dict[str, int] = field(default_factory=dict)
    growth: dict[str, Any] = field(default_factory=dict)
    books: dict[str, Books | TransferBooks] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def of(self, contestant: str) -> list[Point]:
        """The points of one contestant, in the order of the repetitions."""
        return [each for each in self.points if each.contestant == contestant]

    def answered(self, *contestants: str) -> int:
        """Commands answered with success by these contestants so far."""
        return sum(each.answered for each in self.points if each.contestant in contestants)


class Run:
    """One run of the bench; `say` is told what is being done."""

    def __init__(self, stage: Stage, growth: Growth | None, say: Callable[[str], None]) -> None:
        self._stage = stage
        self._growth = growth
        self._say = say
        self._repetition = 0
        self._tags: dict[str, str] = {}
        self.outcome = Outcome(stage.options)

    def run(self) -> Outcome:
        """Everything."""
        outcome, options, before = self.outcome, self._stage.options, sizes(self._stage.main.database_url)
        self._kafka(WARM_UP, commands=max(options.commands // 4, 1))
        for self._repetition in range(options.repetitions):
            for step in self._turn():
                step()
            self._say(f"the books after turn {self._repetition + 1}")
            self._check_books()
        stored = outcome.answered(*STORED)
        for name, size in sizes(self._stage.main.database_url).items():
            outcome.disk[name] = (size - before.get(name, 0)) / stored if stored else 0.0
        for name in self._stage.processes.names():
            if name.startswith(WALLET):
                self._note_peak(name)
        if self._growth is not None:
            growth = self._growth
            outcome.growth = {
                "index": growth.index,
                "index_bytes": growth.index_bytes,
                "buffers_bytes": growth.buffers_bytes,
                "operations": growth.ledgers[GROWN].filled,
            }
        return outcome

    def _turn(self) -> list[Callable[[], None]]:
        """Baselines on both sides of Stakewire; which one comes first changes with each turn."""
        options = self._stage.options
        first, last = (SINGLE, PGLEDGER) if self._repetition % 2 == 0 else (PGLEDGER, SINGLE)
        ledgers = (EMPTY, GROWN) if self._repetition % 2 == 0 else (GROWN, EMPTY)
        steps: list[Callable[[], None]] = []
        if options.lone_calls:
            steps.append(self._lone)
        for pattern in (ZIPF, UNIFORM):
            steps += [partial(self._single, first, pattern), partial(self._kafka, pattern)]
            if pattern == UNIFORM:
                steps += [partial(self._kafka, REPLAYS), partial(self._kafka, HOT)]
                if options.replicas > 1:
                    steps.append(self._replicas)
            steps.append(partial(self._single, last, pattern))
        if self._growth is not None:
            steps += [partial(self._grown, name) for name in ledgers]
        if options.idle_seconds:
            steps.append(self._idle)
        return steps

    def _tag(self, contestant: str) -> str:
        """Names the keys of a point; replays come under those of the uniform stream before them."""
        return f"{contestant[:7]}{self._repetition:02}{'w' if contestant == WARM_UP else ''}"

    def _measure(self, contestant: str, order: Order, wallets: list[str]) -> tuple[Point, dict[str, Any]]:
        stage = self._stage
        own = self._growth.postgres if self._growth is not None and contestant in (EMPTY, GROWN) else stage.servers.local_postgres
        result, samples = watch_child(DRIVER, asdict(order), stage.roots(wallets, own), LIMIT_S)
        point = point_of(contestant, order.at_once or 1, result, samples)
        self.outcome.points.append(point)
        self.outcome.faults += [f"{contestant}, turn {self._repetition + 1}: {fault}" for fault in point.faults]
        self._say(f"{contestant:<18} turn {self._repetition + 1} of {stage.options.repetitions}: {point.rate:,.0f}/s")
        return point, result

    def _kafka(self, contestant: str, *, commands: int = 0, ledger: Ledger | None = None, wallets: list[str] | None = None) -> None:
        """All commands of a stream at once through Kafka."""
        stage, ledger = self._stage, ledger or self._stage.main
        order = Order(
            kind="kafka",
            players=stage.players,
            pattern=PATTERNS.get(contestant, "uniform"),
            tag=self._tag(UNIFORM if contestant == REPLAYS else contestant),
            commands=commands or stage.options.commands,
            bootstrap_servers=stage.servers.kafka_bootstrap_servers,
            topic_prefix=ledger.topic_prefix,
            again=contestant == REPLAYS,
        )
        before = one(ledger.database_url, "wal")
        self._measure(contestant, order, wallets or [WALLET])
        if contestant == UNIFORM:
            after = one(ledger.database_url, "wal")
            self.outcome.wal.append({name: float(after[name] - before[name]) / order.commands for name in after})

    def _single(self, kind: str, pattern: str) -> None:
        stage, options = self._stage, self._stage.options
        order = Order(
            kind="single" if kind == SINGLE else "pgledger",
            players=stage.players,
            pattern=PATTERNS.get(pattern, "uniform"),
            tag=self._tag(pattern),
            commands=int((options.warm_up + options.seconds) * options.single_rate_max),
            database_url=stage.single_url if kind == SINGLE else stage.pgledger_url,
            at_once=options.pool,
            houses=options.houses,
            warm_up_s=options.warm_up,
            seconds=options.seconds,
        )
        self._measure(f"{kind} {pattern}", order, [])

    def _lone(self) -> None:
        stage = self._stage
        order = Order(
            kind="lone",
            players=stage.players,
            pattern="uniform",
            tag=self._tag(LONE),
            commands=stage.options.lone_calls,
            bootstrap_servers=stage.servers.kafka_bootstrap_servers,
            topic_prefix=stage.main.topic_prefix,
            echo_prefix=stage.echo_prefix,
        )
        point, result = self._measure(LONE, order, [WALLET])
        self.outcome.lone.append(Lone(point.p50_us, result["bare_p50_us"], result["commit_p50_us"]))

    def _replicas(self) -> None:
        """More wallets beside the one that runs; they leave again, and Kafka gives it all partitions back."""
        stage = self._stage
        names = [f"{WALLET}-{number}" for number in range(2, stage.options.replicas + 1)]
        for name in names:
            stage.start_wallet(name, stage.main)
        self._kafka(REPLICAS, wallets=[WALLET, *names])
        for name in names:
            self._note_peak(name)
            stage.processes.stop(name)

    def _grown(self, name: str) -> None:
        assert self._growth is not None, "the turn has growth in it"
        self._kafka(name, ledger=self._growth.ledgers[name], wallets=[name])

    def _idle(self) -> None:
        roots = self._stage.roots([WALLET], self._stage.servers.local_postgres)
        time.sleep(SETTLE_S)
        began_s, before = time.monotonic(), {name: cpu_s(root) for name, root in roots.items()}
        time.sleep(self._stage.options.idle_seconds)
        seconds = time.monotonic() - began_s
        self.outcome.idle.append({name: (cpu_s(root) - before[name]) / seconds for name, root in roots.items()})

    def _note_peak(self, name: str) -> None:
        peaks = self.outcome.peak_bytes
        peaks[name] = max(peaks.get(name, 0), self._stage.peak_bytes(name))

    def _check_books(self) -> None:
        """Every ledger holds exactly what its callers were told, and what it stored was published."""
        stage, outcome = self._stage, self.outcome
        ledgers = {
            "stakewire": (stage.main, STORED),
            "baseline": (Ledger(stage.single_url, ""), (f"{SINGLE} {ZIPF}", f"{SINGLE} {UNIFORM}")),
        }
        if self._growth is not None and self._repetition == stage.options.repetitions - 1:
            # Once: with the buffers cut, it takes a while to read a ledger that has grown.
            ledgers |= {name: (ledger, (name,)) for name, ledger in self._growth.ledgers.items()}
        for name, (ledger, contestants) in ledgers.items():
            books = outcome.books[name] = read_books(ledger.database_url, ACCOUNT, "")
            told = [each for each in outcome.points if each.contestant in contestants]
            unknown = sum(each.unanswered + each.refused for each in told)
            found = books.faults(ledger.filled + sum(each.answered for each in told), unknown)
            if ledger.topic_prefix:
                stored = one(ledger.database_url, "operations")["stored"] - ledger.unpublished
                events = count_events(stage.servers.kafka_bootstrap_servers, ledger.topic_prefix, stored)
                found += [f"{stored} operations stored, but {events} events published"] if events < stored else []
            outcome.faults += [f"books of {name} after turn {self._repetition + 1}: {fault}" for fault in found]
        transfers = outcome.books[PGLEDGER] = read_transfer_books(stage.pgledger_url, stage.funding)
        found = transfers.faults(outcome.answered(f"{PGLEDGER} {ZIPF}", f"{PGLEDGER} {UNIFORM}"))
        outcome.faults += [f"books of {PGLEDGER} after turn {self._repetition + 1}: {fault}" for fault in found]
