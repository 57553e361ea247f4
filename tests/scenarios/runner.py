"""Plays a scenario: sets its world up, does its steps through a driver, and asserts what the catalogue expects."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial

from shared.money import parse_decimal
from shared.scenarios import Catalogue, Scenario, Section, Step
from tests.scenarios.driver import Driver, Request, WireAnswer
from tests.scenarios.judge import Judge, Seen
from tests.scenarios.operator import Operator
from tests.scenarios.store import Store
from tests.scenarios.world import World

WAIT_S = 30.0
POLL_S = 0.02

Act = Callable[[Step], Awaitable[None]]


class Runner:
    """Plays scenarios of one dialect. `pending` tells how many commands the gateway waits for."""

    def __init__(
        self, catalogue: Catalogue, driver: Driver, operator: Operator, store: Store, pending: Callable[[World], Awaitable[int]]
    ) -> None:
        self._catalogue = catalogue
        self._driver = driver
        self._operator = operator
        self._store = store
        self._pending = pending

    async def play(self, scenario: Scenario, act: Act | None = None) -> None:
        """Plays one scenario; `act` does the steps that stop, kill and start servers, for tests that may.

        While the database is stopped only the wire is looked at; who starts it again must see to the connections.
        """
        world = World(scenario, account=scenario.setup.account)
        await self._operator.set_up(world)
        play = _Play(world, scenario.dialect[self._driver.dialect], self)
        await play.begin()
        try:
            for step in scenario.steps:
                if step.sends:
                    await play.send(step)
                elif act is not None and step.do.startswith(("stop_", "start_", "kill_")):
                    await act(step)
                    play.blind = step.do == "stop_database" or (play.blind and step.do != "start_database")
                else:
                    await self._operator.act(step, world)
                    play.acted(step)
        finally:
            await self._operator.release()
        await self._store.check_books(world)


class _Play:
    """One scenario under way: answers, requests and rows of the steps before."""

    def __init__(self, world: World, section: Section, runner: Runner) -> None:
        self._world = world
        self._section = section
        self._driver = runner._driver
        self._operator = runner._operator
        self._store = runner._store
        self._pending = runner._pending
        self._requests: dict[str, Request] = {}
        self._answers: dict[str, WireAnswer] = {}
        self._seen_seq: dict[str, int] = {}
        self._balances: dict[tuple[str, str], int] = {}
        self._unknown = runner._catalogue.dialects[self._driver.dialect].unknown
        self.blind = False
        self._judge = Judge(runner._catalogue.dialects[self._driver.dialect], world, self._answers)

    async def begin(self) -> None:
        """Remembers what the players have before the first step."""
        self._balances = await self._store.balances(self._world)
        setup = self._world.scenario.setup
        for label in self._world.players:
            assert self._balances[label, setup.currency] == parse_decimal(setup.balance, setup.currency)

    def acted(self, step: Step) -> None:
        """Takes the operator's own money into account."""
        if step.do == "deposit" and step.amount is not None:
            currency = step.currency or self._world.currency
            self._balances[step.player, currency] += parse_decimal(step.amount, currency)

    async def send(self, step: Step) -> None:
        """Sends a step's calls and asserts one of its expectations."""
        assert step.step is not None
        requests = self._make(step)
        answers = await self._send_all(step, requests)
        deadline = time.monotonic() + WAIT_S
        while step.persist and answers[0].answer == self._unknown and time.monotonic() < deadline:
            requests = self._make(step)
            answers = await self._send_all(step, requests)
        self._requests[step.step] = requests[0]
        self._answers[step.step] = answers[0]
        alternatives = self._section.alternatives(step.step)
        if self.blind:
            unseen = Seen(calls=step.all_calls(), answers=answers, new={})
            complaints = [list(self._judge.answer_complaints(expected, unseen)) for expected in alternatives]
        else:
            seen = await self._look(step, answers)
            complaints = [self._judge.complaints(step, expected, seen, self._balances) for expected in alternatives]
            self._balances = seen.balances
        if all(complaints):
            raise AssertionError(_report(self._world.scenario, step, requests, complaints))

    def _make(self, step: Step) -> list[Request]:
        if step.do == "repeat":
            return [self._requests[step.of]]
        nonce_of = self._requests[step.same_nonce_as] if step.same_nonce_as else None
        send_as = self._section.send.get(step.step or "", {})
        return [self._driver.make(call, self._world, send_as, nonce_of) for call in step.all_calls()]

    async def _send_all(self, step: Step, requests: list[Request]) -> list[WireAnswer]:
        if not step.held:
            return list(await asyncio.gather(*(self._driver.send(request) for request in requests)))
        await self._operator.hold(self._world.players[step.player])
        sent = []
        for number, request in enumerate(requests, start=1):
            sent.append(asyncio.create_task(self._driver.send(request)))
            await self._until(self._operator.wallet_waits, "the wallet waits for the player's row")
            await self._until(partial(self._waiting, number), f"{number} commands are pending")
        await self._operator.release()
        return list(await asyncio.gather(*sent))

    async def _waiting(self, number: int) -> bool:
        return await self._pending(self._world) >= number

    async def _until(self, condition: Callable[[], Awaitable[bool]], what: str) -> None:
        deadline = time.monotonic() + WAIT_S
        while not await condition():
            assert time.monotonic() < deadline, f"not within {WAIT_S:g} s: {what}"
            await asyncio.sleep(POLL_S)

    async def _look(self, step: Step, answers: list[WireAnswer]) -> Seen:
        calls = step.all_calls() if step.do != "repeat" else (self._requests[step.of].call,)
        who = step.player if step.player in self._world.players else "player"
        operations = {label: await self._store.operations(self._world, label) for label in self._world.players}
        new = {label: [each for each in rows if each.seq > self._seen_seq.get(label, 0)] for label, rows in operations.items()}
        self._seen_seq = {label: max((each.seq for each in rows), default=0) for label, rows in operations.items()}
        originals = {each.external_id: each for each in operations[who] if each.kind != "rollback"}
        return Seen(
            calls=calls,
            answers=answers,
            new=new,
            ids={text: each.transaction_id for text, each in originals.items()},
            seqs={text: each.seq for text, each in originals.items()},
            balances=await self._store.balances(self._world),
            rounds=await self._store.rounds(self._world, who),
            sessions=await self._store.sessions(self._world, who),
            grant_left=await self._store.grant_left(self._world, who),
        )


def _report(scenario: Scenario, step: Step, requests: list[Request], complaints: list[list[str]]) -> str:
    lines = [f"{scenario.id} ({scenario.title}), step {step.step!r}:"]
    for number, found in enumerate(complaints):
        lines += [f"  {'or, ' if number else ''}{each}" for each in found]
    body = requests[0].body[:600].decode(errors="replace")
    return "\n".join([*lines, f"  sent: {requests[0].http_method} {requests[0].path} {body}"])
