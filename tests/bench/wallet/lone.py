"""Low load: one command at a time through the product's own requester, to the wallet and to the bare echo by turns."""

from __future__ import annotations

import time
from dataclasses import replace
from statistics import mean, median
from typing import Final

from shared.contracts import Command, Reply, Result
from shared.kafka.topics import TopicNames
from shared.requester import Requester
from tests.bench.wallet.order import Order, Say, Tally
from tests.bench.wallet.stream import make

TURN: Final = 20
"""Calls to one of the two before the other has its turn: what disturbs the machine meets both."""

WARM_UP: Final = 20
FAULTS_KEPT: Final = 5


async def run_lone(order: Order, say: Say) -> Tally:
    """Carries an order out: `commands` measured calls to each of the two, after some to warm up."""
    commands = list(make(order.players, order.pattern, order.commands + WARM_UP, order.tag))
    wallet = Requester(order.bootstrap_servers, TopicNames(order.topic_prefix), instance_id="bench-lone")
    echo = Requester(order.bootstrap_servers, TopicNames(order.echo_prefix), instance_id="bench-lone")
    await wallet.start()
    await echo.start()
    try:
        return await _Lone(order, wallet, echo).run(commands, say)
    finally:
        await wallet.stop()
        await echo.stop()


class _Lone:
    def __init__(self, order: Order, wallet: Requester, echo: Requester) -> None:
        self._order = order
        self._wallet = wallet
        self._echo = echo
        self._commits_us: list[float] = []
        self.tally = Tally()

    async def run(self, commands: list[Command], say: Say) -> Tally:
        tally = self.tally
        for command in commands[:WARM_UP]:
            await self._call_wallet(command)
            await self._call_echo(command)
        self._commits_us.clear()
        wallet_us: list[float] = []
        echo_us: list[float] = []
        cpu_s = time.process_time()
        say("start")
        for first in range(WARM_UP, len(commands), TURN):
            turn = commands[first : first + TURN]
            began_s = time.perf_counter()
            wallet_us += [await self._call_wallet(command) for command in turn]
            tally.seconds += time.perf_counter() - began_s
            echo_us += [await self._call_echo(command) for command in turn]
        say("end")
        tally.cpu_s = time.process_time() - cpu_s
        tally.measured = len(wallet_us)
        wallet_us.sort()
        tally.p50_us, tally.mean_us = median(wallet_us), mean(wallet_us)
        tally.p99_us = wallet_us[int(len(wallet_us) * 0.99)]
        tally.bare_p50_us, tally.commit_p50_us = median(echo_us), median(self._commits_us)
        return tally

    async def _call_wallet(self, command: Command) -> float:
        took_us, reply = await _call(self._wallet, command)
        good = reply.result == Result.OK and not reply.replayed
        self.tally.answered += good
        self.tally.refused += not good
        if not good and len(self.tally.faults) < FAULTS_KEPT:
            self.tally.faults.append(f"{reply.command_id} was answered {reply.result} (replayed: {reply.replayed}) {reply.detail}")
        return took_us

    async def _call_echo(self, command: Command) -> float:
        took_us, reply = await _call(self._echo, command)
        self._commits_us.append(int(reply.data) / 1e3)
        return took_us


async def _call(requester: Requester, command: Command) -> tuple[float, Reply]:
    addressed = requester.address(replace(command, command_id=""))
    began_ns = time.perf_counter_ns()
    reply = await requester.ask(addressed)
    return (time.perf_counter_ns() - began_ns) / 1e3, reply
