"""Mascot's rollback cycle against a small HTTP server that loses, refuses and garbles answers."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from aiohttp import web

from services.simulator.books import Books
from services.simulator.plan import Plan
from services.simulator.play import Play
from services.simulator.records import DONE, REFUSED, ROLLED_BACK, UNKNOWN, Transaction
from services.simulator.studios.mascot.cycle import BackOff
from services.simulator.studios.mascot.player import AutomaticPlayer
from services.simulator.studios.mascot.rounds import GameRound, Step
from services.simulator.studios.mascot.studio import MascotStudio
from tests.unit.simulator.operator import Operator, error, serving, signed_answer, target_at
from tests.unit.simulator.waiting import until

BET = GameRound(game_id="riot", steps=(Step(withdraw=100, deposit=50, final=True),), stake=100, win=50)
BET_THEN_WIN = GameRound(game_id="riot", steps=(Step(withdraw=100), Step(deposit=50, final=True)), stake=100, win=50)
LIMIT_S = 20.0


class Table:
    """One player at a studio, no random repetitions or rollbacks."""

    def __init__(self, operator: Operator, studio: MascotStudio, books: Books, player: AutomaticPlayer) -> None:
        self.operator = operator
        self.studio = studio
        self.books = books
        self.player = player
        self.meter = player.seat.meter
        operator.calls.clear()

    async def play(self, game: GameRound) -> Transaction:
        await self.player._play(game)
        return self.books.open_transactions(self.player.seat.player.player)[-1]

    async def quiet(self) -> None:
        await asyncio.wait_for(self.player.seat.quiet.wait(), LIMIT_S)

    def methods(self) -> list[str]:
        return [method for method, _ in self.operator.calls]


@pytest.fixture
async def table(tmp_path: Path) -> AsyncIterator[Table]:
    operator = Operator()
    books = Books(tmp_path / "books.sqlite3")
    async with serving(operator) as url:
        target = target_at(url, books, operator, timeout_s=0.3, back_off=BackOff(first_s=0.01, longest_s=0.05))
        async with MascotStudio(target) as studio:
            play = Play(studio, Plan(players=1, rounds=1, rollback_share=0, retry_share=0, seed=1))
            await play._seat_players()
            yield Table(operator, studio, books, play._players[0])
    books.close()


UNKNOWN_OUTCOMES = [
    pytest.param(lambda: signed_answer(error(8)), True, id="error 8"),
    pytest.param(lambda: "lose", True, id="connection lost before it was done"),
    pytest.param(lambda: "late", True, id="connection lost after it was done"),
    pytest.param(lambda: "slow", True, id="timeout"),
    pytest.param(lambda: web.Response(text="<html>", content_type="text/html"), False, id="garbage"),
    pytest.param(lambda: web.Response(status=500), False, id="http 500"),
    pytest.param(lambda: web.Response(status=503), True, id="http 503"),
    pytest.param(lambda: signed_answer({"result": {"newBalance": "1"}}), False, id="a result of another shape"),
    pytest.param(lambda: signed_answer(error(8), call_id="another"), False, id="another id"),
]


@pytest.mark.parametrize(("answer", "fine"), UNKNOWN_OUTCOMES)
async def test_an_unknown_outcome_is_rolled_back_until_it_is_answered(
    table: Table, answer: Callable[[], object], *, fine: bool
) -> None:
    table.operator.before = [answer()]

    entry = await table.play(BET)
    assert entry.state == UNKNOWN
    await table.quiet()

    after = table.books.open_transactions(entry.player)[-1]
    assert after.state == ROLLED_BACK
    assert table.methods() == ["withdrawAndDeposit", "rollbackTransaction"]
    assert table.operator.accounts[entry.player].balance == table.player.seat.balance
    assert (table.meter.problem_count == 0) is fine


async def test_the_rollback_itself_is_repeated_until_an_empty_object_comes(table: Table) -> None:
    table.operator.before = [
        signed_answer(error(8)),
        signed_answer(error(8)),
        "lose",
        "late",
        web.Response(text="?"),
        signed_answer({"result": {"done": True}}),
        None,
    ]

    entry = await table.play(BET)
    await table.quiet()

    after = table.books.open_transactions(entry.player)[-1]
    assert (after.state, after.attempts) == (ROLLED_BACK, 6)
    assert table.methods() == ["withdrawAndDeposit"] + ["rollbackTransaction"] * 6


async def test_error_7_starts_no_cycle(table: Table) -> None:
    table.operator.before = [signed_answer(error(7))]

    entry = await table.play(BET)

    assert entry.state == REFUSED
    assert table.studio.cycle.running == 0
    assert table.methods() == ["withdrawAndDeposit"]
    assert table.meter.problem_count == 1, "nothing spoke against this bet"


async def test_a_success_starts_no_cycle(table: Table) -> None:
    entry = await table.play(BET)

    assert entry.state == DONE
    assert table.studio.cycle.running == 0


async def test_a_win_with_an_unknown_outcome_takes_its_bet_with_it(table: Table) -> None:
    table.operator.before = [None, "late"]
    before = table.player.seat.balance

    await table.play(BET_THEN_WIN)
    await table.quiet()

    states = [entry.state for entry in table.books.open_transactions(table.player.seat.player.player)]
    assert states == [ROLLED_BACK, ROLLED_BACK]
    assert table.player.seat.balance == before
    assert table.operator.accounts[table.player.seat.player.player].balance == before


async def test_a_rollback_that_is_refused_for_good_is_a_problem_once_and_tried_on(table: Table) -> None:
    table.operator.before = [signed_answer(error(8)), *(signed_answer(error(7)) for _ in range(4))]

    await table.play(BET)
    await table.quiet()

    assert table.meter.problem_count == 1
    assert "rollback" in table.meter.problems[0]
    assert table.methods().count("rollbackTransaction") == 5


async def test_a_new_process_takes_up_the_rollbacks_that_the_old_one_left(tmp_path: Path) -> None:
    operator = Operator()
    async with serving(operator) as url:
        first = Books(tmp_path / "books.sqlite3")
        target = target_at(url, first, operator, timeout_s=0.3, back_off=BackOff(first_s=60))
        async with MascotStudio(target) as studio:
            play = Play(studio, Plan(players=1, rounds=1, rollback_share=0, retry_share=0))
            await play._seat_players()
            operator.before = ["late", "lose"]
            await play._players[0]._play(BET)
            await until(lambda: operator.calls[-1][0] == "rollbackTransaction", "a rollback is tried once")
        first.close()

        second = Books(tmp_path / "books.sqlite3")
        (entry,) = second.unresolved()
        again = MascotStudio(target_at(url, second, operator))
        async with again, again.at_rest(second.players[entry.player], LIMIT_S) as seat:
            assert seat.balance == operator.accounts[entry.player].balance
        assert second.unresolved() == []
        second.close()


def test_the_pause_doubles_up_to_its_limit() -> None:
    class Middle:
        def random(self) -> float:
            return 0.5

    pauses = [BackOff(first_s=0.1, longest_s=1.0).after(attempt, Middle()) for attempt in (1, 2, 3, 4, 5, 500)]  # type: ignore[arg-type]

    assert pauses == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.0, 1.0])
