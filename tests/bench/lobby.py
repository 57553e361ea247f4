"""`python -m tests.bench.lobby`: how long the catalogue's lobby and lists take while requests come at a fixed rate.

Open loop: each request has its time, and its latency counts from then, whether or not the answers before it have come. The
catalogue runs as a process of its own on a database with many games; the numbers are printed and judged by people.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, cast

import psutil

from deploy.local.parts import CHECKOUT, is_ready
from deploy.local.ports import free_ports
from deploy.local.processes import Command, Processes
from services.catalogue.migrate import upgrade as upgrade_catalogue
from services.catalogue.settings import CatalogueSettings
from services.catalogue.sync.store import ROLE, SyncStore
from services.catalogue.sync.syncer import Syncer
from services.gateway.operator_api.migrate import upgrade as upgrade_operator
from services.wallet.ledger.migrate import upgrade as upgrade_wallet
from shared.access import ROLE as OPERATOR_ROLE
from shared.access import KeyStore
from shared.contracts import BetLimits
from shared.database import open_pool
from shared.kafka.admin import apply_topics
from shared.kafka.topics import GAMES, TopicNames
from shared.providers.client import ProviderClient
from shared.providers.facts import GameFacts, Listing
from shared.settings import load_settings
from tests.bench.__main__ import bench_servers
from tests.servers import Servers, temporary_folder

HOST: Final = "127.0.0.1"
ACCOUNT: Final = "bench"
READY_S: Final = 60.0
PUBLISHED_S: Final = 120.0
ANSWER_LIMIT_S: Final = 30.0
GOAL_P99_MS: Final = 30.0
WARM_UP_RATE: Final = 10.0
WARM_UP_S: Final = 2.0
WORDS: Final = ["book", "gold", "star", "riot", "king", "dragon", "fruit", "moon", "fire", "wild", "lucky", "pirate"]
PLACES: Final = [(country, device) for country in ("MT", "DE", "SE", "CA", "") for device in ("desktop", "mobile")]


@dataclass(slots=True)
class Line:
    """One kind of requests and how long they took, in milliseconds."""

    name: str
    paths: list[str]
    known: bool = False
    share: float = 1.0
    """Of the rate: lists ask the database, lobbies do not."""
    latencies_ms: list[float] = field(default_factory=list)
    bytes: int = 0
    cpu_s: float = 0.0
    """What the catalogue's process used meanwhile; a busy machine distorts it least."""
    faults: list[str] = field(default_factory=list)

    def told(self) -> str:
        """The line as a text."""
        ordered = sorted(self.latencies_ms)
        if not ordered:
            return f"{self.name:<32} no answers; {self.faults[:1]}"
        p50, p99 = ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]
        size = self.bytes / len(ordered) / 1_000
        cpu = f"{self.cpu_s / len(ordered) * 1_000:.2f} ms of CPU each"
        faults = f", {len(self.faults)} faults: {self.faults[0]}" if self.faults else ""
        return f"{self.name:<32} {len(ordered):>6} answers of {size:>6.1f} kB, ms: p50 {p50:.1f}, p99 {p99:.1f}, max {ordered[-1]:.1f}; {cpu}{faults}"


class Connections:
    """Kept-alive connections; one that is free is taken, else a new one is opened."""

    def __init__(self, port: int, token: str) -> None:
        self._port = port
        self._token = token
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def get(self, path: str, etag: str = "") -> tuple[int, str, int]:
        """Status, ETag and size of the answer."""
        reader, writer = self._free.pop() if self._free else await asyncio.open_connection(HOST, self._port)
        known = f"if-none-match: {etag}\r\n" if etag else ""
        writer.write(f"GET {path} HTTP/1.1\r\nhost: {HOST}\r\nauthorization: Bearer {self._token}\r\n{known}\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        size = int(headers.get("content-length", 0))
        await reader.readexactly(size)
        self._free.append((reader, writer))
        return int(head[0].split()[1]), headers.get("etag", ""), size

    async def close(self) -> None:
        """Closes what is open."""
        for _, writer in self._free:
            writer.close()
            await writer.wait_closed()


class _Games:
    """The provider of the bench."""

    def __init__(self, number: int) -> None:
        chance = random.Random(number)
        self._games = tuple(_game(at, chance) for at in range(number))

    async def listing(self) -> Listing:
        return Listing(games=self._games)


def _game(number: int, chance: random.Random) -> GameFacts:
    words = " ".join(chance.sample(WORDS, 2)).title()
    return GameFacts(
        game_id=f"g{number}",
        name=f"{words} {number}",
        studio=f"Studio {chance.randrange(60)}",
        section="slots",
        type="slot",
        description="A game of the bench. " * 5,
        tags=tuple(chance.sample(WORDS, 3)),
        devices=("desktop", "mobile") if chance.random() < 0.9 else ("desktop",),
        languages=("en", "de", "es"),
        bet_limits=(BetLimits(currency="EUR", lowest=10_000, highest=10_000_000),),
        rtp=("96.5",),
        features=("demo", "free_rounds"),
        images={"cover": f"https://provider.example/covers/{number}.svg"},
        forbidden_countries=("DE",) if chance.random() < 0.1 else (),
    )


def lines() -> list[Line]:
    """What is measured: the lobby first."""
    lobby = [f"/v1/lobby?currency=EUR&country={country}&device={device}" for country, device in PLACES]
    return [
        Line("lobby, 100 games", [f"{path}&limit=100" for path in lobby]),
        Line("lobby, 500 games", lobby),
        Line("lobby, unchanged (304)", lobby, known=True),
        Line("games by name, 50", ["/v1/games"], share=0.1),
        Line("games of a studio, 50", [f"/v1/games?studio=Studio+{number}" for number in range(60)], share=0.1),
        Line("games searched, 50", [f"/v1/games?q={word[:2]}{word[3:]}+{other}" for word in WORDS for other in WORDS], share=0.01),
    ]


async def measure(line: Line, port: int, token: str, rate: float, seconds: float) -> None:
    """Sends a line's requests at a rate, each at its time."""
    connections = Connections(port, token)
    etags = {path: (await connections.get(path))[1] if line.known else "" for path in line.paths}
    expected = 304 if line.known else 200
    began = time.perf_counter() + 0.1

    async def one(number: int) -> None:
        path = line.paths[number % len(line.paths)]
        at = began + number / rate
        await asyncio.sleep(at - time.perf_counter())
        try:
            async with asyncio.timeout(ANSWER_LIMIT_S):
                status, _, size = await connections.get(path, etags[path])
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            line.faults.append(repr(error))
            return
        if status != expected:
            line.faults.append(f"{path} was answered with {status}")
        line.latencies_ms.append((time.perf_counter() - at) * 1_000)
        line.bytes += size

    await asyncio.gather(*(one(number) for number in range(int(rate * seconds))))
    await connections.close()


async def fill(url: str, games: int) -> str:
    """Syncs the games into a database; returns the token of a key that may read them."""
    pool = await open_pool(url, role=ROLE, application_name="bench")
    provider = cast("ProviderClient", _Games(games))
    await Syncer(SyncStore(pool), {ACCOUNT: provider}, load_settings(CatalogueSettings)).sync(ACCOUNT, "bench")
    await pool.close()
    pool = await open_pool(url, role=OPERATOR_ROLE, application_name="bench")
    key = await KeyStore(pool).create("main", ["read"], actor="bench")
    await pool.close()
    return key.token


async def _published(url: str) -> None:
    """Waits until the games are on the topic: that work is not what is measured."""
    pool = await open_pool(url, role=ROLE, application_name="bench")
    async with asyncio.timeout(PUBLISHED_S):
        while await pool.fetchval("SELECT count(*) FROM catalogue.unpublished"):  # noqa: ASYNC110  # another process does it
            await asyncio.sleep(0.2)
    await pool.close()


@contextmanager
def catalogue(servers: Servers, url: str, folder: Path) -> Iterator[int]:
    """The catalogue as a process; its port."""
    prefix = f"b{os.getpid()}."
    apply_topics(servers.kafka_bootstrap_servers, TopicNames(prefix), topics=[GAMES])
    table = f"provider_accounts.{ACCOUNT}"
    (folder / "key").write_text("a" * 32)
    (folder / "accounts.toml").write_text(
        f'[brands.main]\ncurrencies = ["EUR"]\n[{table}]\ndialect = "mascot"\n[{table}.settings]\ncasino_id = 1\n'
        f'[{table}.keys]\nmain = "file:key"\n[{table}.currency_map.EUR]\ncurrency = "EUR"\n'
    )
    (port,) = free_ports(1)
    settings = {
        "STAKEWIRE_CONFIG_FILE": str(folder / "accounts.toml"),
        "STAKEWIRE_HOST": HOST,
        "STAKEWIRE_PORT": str(port),
        "STAKEWIRE_TOPIC_PREFIX": prefix,
        "STAKEWIRE_CATALOGUE_RATE_PER_S": "100000",
        "STAKEWIRE_CATALOGUE_RATE_BURST": "100000",
        "DATABASE_URL": url,
        "KAFKA_BOOTSTRAP_SERVERS": servers.kafka_bootstrap_servers,
    }
    processes = Processes(folder)
    processes.start(Command(name="catalogue", argv=[sys.executable, "-m", "services.catalogue"], cwd=CHECKOUT, env=settings))
    try:
        processes.wait_until("catalogue", partial(is_ready, HOST, port), READY_S)
        yield port
    finally:
        processes.stop("catalogue")


def run(servers: Servers, games: int, rate: float, seconds: float) -> list[Line]:
    """Measures all lines on a database of its own."""
    url = servers.new_database()
    try:
        upgrade_wallet(url)
        upgrade_operator(url)
        upgrade_catalogue(url)
        token = asyncio.run(fill(url, games))
        with temporary_folder() as folder, catalogue(servers, url, folder) as port:
            measured = lines()
            asyncio.run(_published(url))
            for line in measured:
                own = rate * line.share
                # Everything once before: views, plans and caches are made then.
                asyncio.run(measure(Line(line.name, line.paths, line.known), port, token, WARM_UP_RATE, WARM_UP_S))
                before_s = _cpu_s()
                asyncio.run(measure(line, port, token, own, seconds))
                line.cpu_s = _cpu_s() - before_s
            return measured
    finally:
        servers.drop_database(url)


def _cpu_s() -> float:
    """CPU seconds of the catalogue so far."""
    own = [process for process in psutil.Process().children(recursive=True) if "services.catalogue" in process.cmdline()]
    return float(sum(process.cpu_times().user + process.cpu_times().system for process in own))


def main() -> int:
    """Prints the lines; exit code 1 where requests failed, never because of a speed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.lobby", description=__doc__)
    parser.add_argument("--games", type=int, default=20_000)
    parser.add_argument("--rate", type=float, default=200.0, help="requests a second")
    parser.add_argument("--seconds", type=float, default=15.0, help="for each line")
    options = parser.parse_args()
    with bench_servers() as servers:
        measured = run(servers, options.games, options.rate, options.seconds)
    out = [
        f"{options.games:,} games, {options.rate:g} requests/s open loop (lists a tenth of it, searches a hundredth); goal for the lobby: p99 <= {GOAL_P99_MS:g} ms"
    ]
    out += [line.told() for line in measured]
    sys.stdout.write("\n".join(out) + "\n")
    return 1 if any(line.faults for line in measured) else 0


if __name__ == "__main__":
    sys.exit(main())
