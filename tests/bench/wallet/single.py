"""The baselines: one transaction a command, from memory, with a pool of connections kept busy.

`single` writes the same rows of the same schema with the wallet's own decisions and hash chain (baseline_ledger.py);
`pgledger` calls a plain SQL function that knows accounts and transfers alone (pgledger.sql).
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from statistics import mean, median
from typing import Any, Final

import asyncpg

from services.wallet.ledger.store import connection_settings
from shared.contracts import Bet, Brand, Command, Result, Win
from shared.gaming_day import GamingDays
from shared.identity import partition_of
from tests.bench.baseline_ledger import SingleLedger
from tests.bench.players import BRAND, CURRENCY
from tests.bench.wallet.order import Order, Say, Tally
from tests.bench.wallet.stream import make

LOCK_TIMEOUT_MS: Final = 10_000
STATEMENT_TIMEOUT_MS: Final = 30_000
FAULTS_KEPT: Final = 5

Apply = Callable[[Any], Awaitable[str]]
"""Applies one prepared command in a transaction of its own; "" where it was done, else what happened."""


class Run:
    """Workers that take the next command as soon as the last is committed, for a fixed time."""

    def __init__(self, commands: list[Any], apply: Apply, say: Say) -> None:
        self._commands: Iterator[Any] = iter(commands)
        self._apply = apply
        self._say = say
        self._latencies: list[int] = []
        self._until_s = 0.0
        self._started_s = 0.0
        self._cpu_s = 0.0
        self.tally = Tally()

    async def run(self, at_once: int, warm_up_s: float, seconds: float) -> Tally:
        """Carries on for the time given, or until the commands are used up."""
        loop = asyncio.get_running_loop()
        self._until_s = time.perf_counter() + warm_up_s + seconds
        timers = [loop.call_later(warm_up_s, self._start), loop.call_later(warm_up_s + seconds, self._end)]
        await asyncio.gather(*(self._work() for _ in range(at_once)))
        for timer in timers:
            timer.cancel()
        self._end()
        if times := sorted(self._latencies):
            self.tally.p50_us, self.tally.p99_us = median(times) / 1e3, times[int(len(times) * 0.99)] / 1e3
            self.tally.mean_us = mean(times) / 1e3
        return self.tally

    def _start(self) -> None:
        self._started_s, self._cpu_s = time.perf_counter(), time.process_time()
        self._say("start")

    def _end(self) -> None:
        if self._started_s and not self.tally.seconds:
            self.tally.seconds = time.perf_counter() - self._started_s
            self.tally.cpu_s = time.process_time() - self._cpu_s
            self.tally.measured = len(self._latencies)
            self._say("end")

    async def _work(self) -> None:
        tally = self.tally
        while (began_s := time.perf_counter()) < self._until_s:
            command = next(self._commands, None)
            if command is None:
                tally.exhausted = True
                return
            began_ns = time.perf_counter_ns()
            problem = await self._apply(command)
            if problem:
                tally.refused += 1
                if len(tally.faults) < FAULTS_KEPT:
                    tally.faults.append(problem)
                continue
            tally.answered += 1
            if self._started_s and began_s >= self._started_s and not tally.seconds:
                self._latencies.append(time.perf_counter_ns() - began_ns)


async def run_single(order: Order, say: Say) -> Tally:
    """Carries an order for one of the baselines out."""
    stream = list(make(order.players, order.pattern, order.commands, order.tag))
    commands: list[Any] = stream if order.kind == "single" else [_transfer(each, order.houses) for each in stream]
    async with _ledger(order) as apply:
        gc.collect()
        gc.disable()
        return await Run(commands, apply, say).run(order.at_once, order.warm_up_s, order.seconds)


@asynccontextmanager
async def _ledger(order: Order) -> AsyncIterator[Apply]:
    settings = connection_settings(lock_timeout_ms=LOCK_TIMEOUT_MS, statement_timeout_ms=STATEMENT_TIMEOUT_MS)
    if order.kind == "pgledger":
        del settings["role"]
    async with asyncpg.create_pool(
        order.database_url, min_size=order.at_once, max_size=order.at_once, reset=_keep, server_settings=settings
    ) as pool:
        yield _single(pool) if order.kind == "single" else _pgledger(pool)


async def _keep(_: asyncpg.Connection) -> None:
    """Nothing to reset when a connection goes back to the pool: saves a round trip a command, as in the wallet."""


def _single(pool: asyncpg.Pool) -> Apply:
    ledger = SingleLedger(pool, GamingDays({BRAND: Brand(brand=BRAND, currencies=(CURRENCY,))}))

    async def apply(command: Command) -> str:
        reply = await ledger.apply(command)
        return "" if reply.result == Result.OK else f"{command.command_id} was answered {reply.result} {reply.detail}"

    return apply


def _transfer(command: Command, houses: int) -> tuple[str, str, int]:
    """(from, to, amount): players' accounts carry their keys; a round's house is one of many, so that none is a wall."""
    assert isinstance(command, Bet | Win), "the streams hold bets and wins"
    house = f"house-{partition_of(command.round_id, houses)}"
    if isinstance(command, Bet):
        return command.player, house, command.stake
    return house, command.player, command.win


def _pgledger(pool: asyncpg.Pool) -> Apply:
    async def apply(transfer: tuple[str, str, int]) -> str:
        # One statement is one transaction and one round trip.
        try:
            await pool.execute("SELECT create_transfer($1, $2, $3)", *transfer)
        except asyncpg.PostgresError as error:
            return str(error)
        return ""

    return apply
