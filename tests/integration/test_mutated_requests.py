"""Thousands of mutated requests through a real gateway and wallet: nothing breaks, and no invalid one moves money.

Each player's requests go one after another, so that his money can be followed; several players at once.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from shared.identity import new_keyed_id
from shared.scenarios import Call, Catalogue, load_catalogue
from tests.scenarios.line import Line, open_line
from tests.scenarios.mascot_books import Books, parse, verdict
from tests.scenarios.mascot_driver import MascotDriver, sign
from tests.scenarios.mutations import Mutant, Mutator
from tests.scenarios.raw_http import RawAnswer, RawClient
from tests.scenarios.stack import PlayStack, play_stack
from tests.scenarios.world import World
from tests.servers import Servers

SEED = 20_261_122
PLAYERS = 12
REQUESTS_EACH = 400
LOOK_EVERY = 100
CODES = {1, 2, 3, 4, 5, 6, 7, -32700, -32600, -32601, -32602}
"""All of Mascot's codes but 8: with every server up, an unknown outcome would mean that something broke behind the edge."""


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


@pytest.fixture(scope="module")
def stack(servers: Servers, catalogue: Catalogue) -> Iterator[PlayStack]:
    with play_stack(servers, catalogue) as running:
        yield running


class Seat:
    """One player, his mutated requests, and Mascot's books of his money."""

    def __init__(self, line: Line, world: World, seed: int) -> None:
        self.line = line
        self.world = world
        self.mutator = Mutator(seed, line.stack.side)
        self.driver = MascotDriver(None, {}, line.stack.side)
        address = urlsplit(line.stack.urls["live"])
        assert address.hostname is not None
        assert address.port is not None
        self.client = RawClient(address.hostname, address.port)
        self.books = Books(balance=10_000_000)
        self.seen: Counter[str] = Counter()

    async def play(self) -> None:
        """All requests of this seat; the ledger is compared with the books every now and then."""
        try:
            for number in range(1, REQUESTS_EACH + 1):
                mutant = self._mutant(number)
                judged = verdict(mutant, self.line.stack.side, time.time())
                answer = await self.client.post(mutant.target, mutant.headers, mutant.body)
                complaint = self._complaint(mutant, judged, answer)
                assert not complaint, (
                    f"{complaint}\n  {mutant.how}, {judged}\n  {mutant.headers}\n  {mutant.body[:1500]!r}\n  {answer}"
                )
                if number % LOOK_EVERY == 0:
                    await self._compare()
        finally:
            await self.client.close()

    def _mutant(self, number: int) -> Mutant:
        """A mutant of a small bet, win, both, rollback, prize or balance query; rollbacks name what came before."""
        calls = (
            Call(do="bet", tx=f"b{number}", stake="0.10", round=f"r{number // 10}"),
            Call(do="win", tx=f"w{number}", win="0.10", round=f"r{number // 10}"),
            Call(do="bet_and_win", tx=f"x{number}", stake="0.20", win="0.15", round=f"r{number // 10}", final=True),
            Call(do="rollback", tx=f"b{max(0, number - 4)}"),
            Call(do="balance"),
            Call(do="promo_win", tx=f"p{number}", win="0.05"),
            Call(do="bet", tx=f"b{number}", stake="0.10", charge=1, bonus=True),
        )
        request = self.driver.make(calls[number % len(calls)], self.world, {})
        headers = [(name.encode(), value.encode()) for name, value in request.headers.items()]
        return self.mutator.mutate(request.path.encode(), headers, request.body, request.facts["nonce"], request.facts["timestamp"])

    def _complaint(self, mutant: Mutant, judged: str, answer: RawAnswer) -> str:
        if answer.status >= 500:
            return f"HTTP {answer.status}"
        if answer.status not in (200, 401, 415):
            self.seen[f"http {answer.status}"] += 1
            return "" if answer.status >= 400 else "a status that is neither an answer nor a refusal"
        told = json.loads(answer.body)
        if told.get("jsonrpc") != "2.0" or "id" not in told or ("result" in told) == ("error" in told):
            return "no JSON-RPC answer"
        if (answer.status == 401) != (judged == "unauthentic"):
            return "an unproven request was answered as if it were proven, or a proven one was not"
        if answer.status == 200 and (wrong := self._signature_complaint(mutant, answer)):
            return wrong
        if "error" in told:
            self.seen["401" if answer.status == 401 else str(told["error"]["code"])] += 1
            good = told["error"]["code"] in CODES and isinstance(told["error"]["message"], str) and told["error"]["message"]
            return "" if good else "an error that is none of the protocol's, or without a message"
        self.seen[judged] += 1
        if judged != "plausible":
            return "an invalid request succeeded"
        request = parse(mutant.body)
        if request is None:
            return "a success for what cannot be read"
        if told["id"] != request["id"] or type(told["id"]) is not type(request["id"]):
            return "another id was echoed"
        return self.books.told(request, told["result"])

    def _signature_complaint(self, mutant: Mutant, answer: RawAnswer) -> str:
        nonce, timestamp = (mutant.header(name)[0].strip().decode() for name in (b"X-Nonce", b"X-Timestamp"))
        key_id = mutant.header(b"X-Signature")[0].partition(b"=")[0].strip().decode()
        wanted = f"{key_id}={sign(self.line.stack.side.keys[key_id], int(nonce), int(timestamp), answer.body)}"
        return "" if answer.headers.get("x-signature") == wanted else "the answer is not signed as it should be"

    async def _compare(self) -> None:
        """The ledger holds what Mascot was told, and nothing else moved."""
        balances = await self.line.store.balances(self.world)
        assert balances == {("player", "EUR"): self.books.balance}
        rows = await self.line.store.operations(self.world, "player")
        moved = {row.external_id for row in rows if row.kind != "rollback" and row.status == "applied"}
        assert moved == self.books.done.keys()


async def test_thousands_of_mutated_requests_break_nothing_and_move_nothing(stack: PlayStack, catalogue: Catalogue) -> None:
    scenario = next(each for each in catalogue.scenarios if each.id == "bet")
    async with open_line(stack) as line:
        seats = []
        for number in range(PLAYERS):
            world = World(scenario, scenario.setup.account)
            await line.operator.set_up(world)
            # A grant of nobody: a charge to it is debited as usual, so that the books stay simple.
            world.players["player"].grant_id = new_keyed_id(world.players["player"].key)
            seats.append(Seat(line, world, SEED + number))
        async with asyncio.TaskGroup() as playing:
            for seat in seats:
                playing.create_task(seat.play())
        for seat in seats:
            await line.store.check_books(seat.world)
    seen = sum((seat.seen for seat in seats), Counter[str]())
    # The mutations must reach all of the road: refused at every gate, and some alive after all.
    assert {"401", "-32700", "-32600", "-32601", "-32602", "7", "plausible"} <= seen.keys(), seen
    assert sum(seen.values()) == PLAYERS * REQUESTS_EACH
    assert stack.trouble() == []
