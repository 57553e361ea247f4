"""Whole plays against a small operator in memory: a right one is found right, and every known fault is found."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from services.simulator.books import Books
from services.simulator.plan import Plan, PlayResult
from services.simulator.play import Play, play
from services.simulator.stocktake import Comparison, compare_books
from services.simulator.studios.mascot.cycle import BackOff
from services.simulator.studios.mascot.studio import MascotStudio
from shared.contracts import Command, Reply
from tests.unit.simulator.operator import ACCOUNT, EventList, Operator, serving, target_at
from tests.unit.simulator.waiting import until

PLAN = Plan(players=4, rounds=400, rollback_share=0.2, retry_share=0.3, seed=3, settle_s=1.0)
LIMIT_S = 60.0


@dataclass
class House:
    """An operator, the provider's books and a studio that plays against it."""

    operator: Operator
    books: Books
    studio: MascotStudio

    async def play(self, plan: Plan = PLAN) -> PlayResult:
        return await asyncio.wait_for(Play(self.studio, plan).run(), LIMIT_S)

    async def compare(self, timeout_s: float = 2.0) -> Comparison:
        return await compare_books(self.books, {ACCOUNT: self.studio}, EventList(self.operator, self.books), timeout_s=timeout_s)


@asynccontextmanager
async def house(folder: Path, *faults: str) -> AsyncIterator[House]:
    operator = Operator()
    operator.faults = set(faults)
    books = Books(folder / "books.sqlite3")
    async with serving(operator) as url:
        target = target_at(url, books, operator, timeout_s=2.0, back_off=BackOff(first_s=0.01, longest_s=0.05))
        async with MascotStudio(target) as studio:
            yield House(operator, books, studio)
    books.close()


async def test_a_play_against_a_right_operator_has_no_problems_and_the_books_agree(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        result = await at.play()
        comparison = await at.compare()

        assert (result.state, result.rounds_done, result.errors, result.problems) == ("finished", 400, 0, [])
        assert comparison == Comparison(agree=True, players=4, operations=len(at.operator.events))
        asked_by_the_comparison = comparison.players
        assert result.callbacks + asked_by_the_comparison == len(at.operator.calls)


async def test_a_play_goes_all_the_ways_of_the_protocol(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        result = await at.play(Plan(players=4, rounds=1_500, rollback_share=0.2, retry_share=0.3, seed=3))
        calls = at.operator.calls

    assert {method for method, _ in calls} == {"getBalance", "withdrawAndDeposit", "rollbackTransaction", "collectBonusReward"}
    money = [params for method, params in calls if method == "withdrawAndDeposit"]
    assert any(params["withdraw"] and params["deposit"] for params in money)
    assert any(params["withdraw"] == params["deposit"] == 0 for params in money)
    assert any(params.get("chargeFreerounds") for params in money)
    assert any(params.get("freeround") and params["bonusId"] for params in money)
    assert any("gameRoundRef" not in params for params in money)
    assert {params["reason"] for params in money} == {"GAME_PLAY", "GAME_PLAY_FINAL"}
    counted = ("deposits", "duplicates", "conflicts", "refused", "rollbacks", "rolled_back", "late_bets", "grants", "rewards")
    assert all(result.counts[name] > 0 for name in counted), result.counts
    assert result.problems == []


async def test_the_same_seed_deals_the_same_rounds(tmp_path: Path) -> None:
    plan = Plan(players=1, rounds=60, seed=11)
    dealt = []
    for number in range(2):
        async with house(tmp_path / str(number)) as at:
            await at.play(plan)
            calls = at.operator.calls
            dealt.append([(p["withdraw"], p["deposit"], p["gameId"]) for method, p in calls if method == "withdrawAndDeposit"])

    assert dealt[0] == dealt[1]


async def test_play_is_usable_as_a_library(tmp_path: Path) -> None:
    operator = Operator()
    books = Books(tmp_path / "books.sqlite3")
    async with serving(operator) as url:
        result = await play(target_at(url, books, operator), Plan(players=2, rounds=20))
    books.close()

    assert (result.state, result.rounds_done) == ("finished", 20)


FAULTS_FOUND_BY_THE_ANSWERS = [
    ("deposit before funds check", "although the player had"),
    ("no idempotency", "transaction id|transactionId"),
    ("rollback without undoing", "the books say"),
    ("late bet taken", "came after its rollback"),
    ("wrong id", "id 'another' of the answer"),
    ("wrong signature", "X-Signature"),
    ("http 201", "HTTP status 201"),
    ("float amounts", "expected int"),
]


@pytest.mark.parametrize(("fault", "said"), FAULTS_FOUND_BY_THE_ANSWERS, ids=[case[0] for case in FAULTS_FOUND_BY_THE_ANSWERS])
async def test_every_known_fault_of_an_operator_is_a_problem(tmp_path: Path, fault: str, said: str) -> None:
    async with house(tmp_path, fault) as at:
        running = Play(at.studio, PLAN)
        task = asyncio.ensure_future(running.run())
        await until(lambda: running.meter.problem_count or task.done(), "a problem")
        running.stop()
        result = await asyncio.wait_for(task, LIMIT_S)

    assert any(re.search(said, problem) for problem in result.problems), result.problems[:3]


@pytest.mark.parametrize("fault", ["no idempotency", "rollback without undoing", "late bet taken"])
async def test_money_that_moved_wrongly_is_a_difference_between_the_books(tmp_path: Path, fault: str) -> None:
    async with house(tmp_path, fault) as at:
        await at.play()
        comparison = await at.compare()

    assert not comparison.agree
    assert {"balance", "balance_told"} & {difference.kind for difference in comparison.differences}
    assert all(difference.text for difference in comparison.differences)


async def test_lost_answers_are_rolled_back_and_the_books_agree(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        at.operator.before = [None, None, "late", None, "lose"] * 60
        result = await at.play(Plan(players=4, rounds=300, rollback_share=0.1, retry_share=0.2, seed=3, settle_s=20))
        comparison = await at.compare(10.0)

    assert result.errors > 50
    assert (result.unresolved, result.problems) == (0, [])
    assert comparison.agree, comparison.differences


async def test_a_missing_event_is_waited_for_and_then_reported(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        await at.play(Plan(players=1, rounds=20))
        hidden = at.operator.events.pop()
        first = await at.compare(1.0)
        at.operator.events.append(hidden)
        second = await at.compare(1.0)

    assert not first.agree
    assert second.agree


async def test_comparisons_go_on_where_the_last_one_agreed(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        await at.play(Plan(players=2, rounds=50))
        first = await at.compare()
        await at.play(Plan(players=2, rounds=50))
        second = await at.compare()

        assert first.agree
        assert second.agree
        assert second.operations == len(at.operator.events) > first.operations
        assert all(at.books.open_transactions(player) == [] for player in at.books.players)


async def test_a_running_play_is_compared_and_goes_on(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        running = Play(at.studio, Plan(players=4, rounds=None, seed=3))
        task = asyncio.ensure_future(running.run())
        comparisons = []
        for _ in range(3):
            before = running.result().rounds_done
            comparisons.append(await at.compare(20.0))
            await until(lambda: running.result().rounds_done > before, "the play goes on")  # noqa: B023  # awaited here
        running.stop()
        result = await asyncio.wait_for(task, LIMIT_S)

    assert [comparison.agree for comparison in comparisons] == [True] * 3, comparisons
    assert result.state == "stopped"
    assert result.problems == []


async def test_a_fork_in_the_events_is_reported(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        await at.play(Plan(players=1, rounds=20))
        at.operator.events.append(msgspec.structs.replace(at.operator.events[-1], hash="f" * 64))

        comparison = await at.compare(1.0)

    assert [difference.kind for difference in comparison.differences] == ["fork"]


async def test_the_rate_is_kept(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        started = time.monotonic()
        await at.play(Plan(players=4, rounds=40, rate_per_s=40.0))
        took_s = time.monotonic() - started

    assert took_s > 39 / 40, "forty rounds at forty a second"


async def test_an_operators_side_that_refuses_fails_the_play_with_its_words(tmp_path: Path) -> None:
    class Refusing(Operator):
        async def ask(self, command: Command) -> Reply:
            del command
            return Reply(command_id="", caller="", result="BAD_REQUEST", detail="not today")

    books = Books(tmp_path / "books.sqlite3")
    operator = Refusing()
    async with serving(operator) as url:
        result = await play(target_at(url, books, operator), Plan(players=2, rounds=20))
    books.close()

    assert result.state == "failed"
    assert "not today" in result.failure
    assert result.rounds_done == 0


@pytest.mark.parametrize(
    "wrong",
    [{"players": 0}, {"players": 1_001}, {"rounds": 0}, {"rate_per_s": 0.0}, {"rollback_share": 0.6}, {"retry_share": -0.1}],
)
def test_a_plan_beyond_its_bounds_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Plan(**wrong)  # type: ignore[arg-type]  # wrong on purpose
