"""`python -m tests.bench.stalls [seconds]`: the longest wait of a bet while wallets join, leave, die and are rolled over.

On servers of its own. One player on every partition bets without a pause, as a provider does: an answer that nobody knows is
asked for again under the same key. Prints, for each event, the longest time from the first try of a bet to its answer, with
dynamic membership (the default) and with static ids. Never fails because of a speed; exit code 1 where books disagree, a bet was
lost or an answer was neither a success nor one to be asked for again.
"""

from __future__ import annotations

import asyncio
import json
import logging
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

import structlog
from rich.console import Console
from rich.table import Table

from deploy.local.parts import CHECKOUT
from shared.contracts import Result
from shared.kafka.topics import COMMANDS
from tests.bench.__main__ import bench_servers
from tests.integration.wallet.books import assert_books
from tests.integration.wallet.line import EUR, Line, bet, open_line
from tests.integration.wallet.stand import WalletStand, new_ledger, wallet_stand

SECONDS_DEFAULT: Final = 12.0
"""How long bets are watched after each event; an event that takes longer is watched to its end."""
START: Final = 1_000_000 * EUR
RESULT = CHECKOUT / ".run" / "stalls.json"


@dataclass
class Watch:
    """Bets of one player on every partition, and how long each took."""

    line: Line
    players: list[str] = field(default_factory=list)
    waits_ms: list[float] = field(default_factory=list)
    bets: dict[str, int] = field(default_factory=dict)

    async def begin(self) -> None:
        """A player with money on every partition."""
        for partition in range(COMMANDS.partitions):
            self.players.append(await self.line.new_player(START, partition=partition))

    async def during(self, event: Callable[[], Awaitable[None]], seconds: float) -> tuple[float, float]:
        """(longest, median) wait in ms of the bets that were under way while an event happened and `seconds` afterwards."""
        self.waits_ms.clear()
        over = asyncio.Event()
        bettors = [asyncio.create_task(self._bet(player, over)) for player in self.players]
        try:
            await event()
            await asyncio.sleep(seconds)
        finally:
            over.set()
            await asyncio.gather(*bettors)
        return max(self.waits_ms), statistics.median(self.waits_ms)

    async def _bet(self, player: str, over: asyncio.Event) -> None:
        while not over.is_set():
            began = time.monotonic()
            # A short deadline, so that a provider's retry comes soon after the wallets are back.
            reply = await self.line.known(bet(player, self.line.names.ref(), EUR, deadline_ms=1_000))
            self.waits_ms.append((time.monotonic() - began) * 1_000)
            assert reply.result == Result.OK, f"a bet was answered {reply.result}: {reply.detail}"
            self.bets[player] = self.bets.get(player, 0) + 1

    async def check(self) -> None:
        """Every bet that was answered was taken once; nothing else was."""
        for player in self.players:
            left = START - self.bets.get(player, 0) * EUR
            assert await self.line.balance(player) == left, f"{player} has {await self.line.balance(player)}, expected {left}"


class Events:
    """What happens to the wallets; each leaves them ready for the next."""

    def __init__(self, stand: WalletStand, *, static: bool) -> None:
        self._stand = stand
        self._static = static

    def start(self, name: str) -> None:
        """Starts a wallet and waits until it owns partitions."""
        if self._static:
            self._stand.start(name, wallet_instance_id=name, wallet_session_timeout_ms=6_000)
        else:
            self._stand.start(name)

    async def join(self) -> None:
        """A second wallet comes."""
        await asyncio.to_thread(self.start, "two")

    async def leave(self) -> None:
        """It is told to stop (SIGTERM)."""
        await asyncio.to_thread(self._stand.stop, "two")

    async def kill(self) -> None:
        """It is killed (SIGKILL)."""
        await asyncio.to_thread(self._stand.kill, "two")

    async def roll(self) -> None:
        """Both are stopped and started, one after the other."""
        for name in ("one", "two"):
            await asyncio.to_thread(self._stand.stop, name)
            await asyncio.to_thread(self.start, name)


async def measure(stand: WalletStand, seconds: float, *, static: bool) -> dict[str, tuple[float, float]]:
    """(longest, median) wait in ms by event."""
    events = Events(stand, static=static)
    waits: dict[str, tuple[float, float]] = {}
    await asyncio.to_thread(events.start, "one")
    async with open_line(stand) as line:
        watch = Watch(line)
        await watch.begin()
        waits["nothing happens"] = await watch.during(lambda: asyncio.sleep(0), seconds)
        waits["a wallet joins"] = await watch.during(events.join, seconds)
        waits["it leaves (SIGTERM)"] = await watch.during(events.leave, seconds)
        # Outside of the clock: with a static id the group waits for the member that left.
        await asyncio.to_thread(events.start, "two")
        waits["it is killed (SIGKILL)"] = await watch.during(events.kill, seconds)
        await asyncio.to_thread(events.start, "two")
        waits["rolling restart of both"] = await watch.during(events.roll, seconds)
        await watch.check()
        await assert_books(stand.database_url, stand.kafka_bootstrap_servers, stand.names)
    return waits


def main(seconds: float) -> int:
    """Measures both memberships and prints them; the exit code."""
    console = Console(highlight=False)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    table = Table("event", "dynamic: longest, ms", "median, ms", "static: longest, ms", "median, ms", title="Waits of bets")
    found: dict[str, dict[str, tuple[float, float]]] = {}
    with bench_servers() as servers:
        for name, static in (("dynamic", False), ("static", True)):
            console.print(f"wallets with {name} membership ...")
            with new_ledger(servers) as url, wallet_stand(url, servers.kafka_bootstrap_servers) as stand:
                found[name] = asyncio.run(measure(stand, seconds, static=static))
    for event, (longest, median) in found["dynamic"].items():
        other = found["static"][event]
        table.add_row(event, f"{longest:,.0f}", f"{median:,.1f}", f"{other[0]:,.0f}", f"{other[1]:,.1f}")
    console.print(table)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(found, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS_DEFAULT))
