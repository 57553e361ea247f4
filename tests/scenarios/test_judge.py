"""The judge notices every difference: a runner that finds nothing wrong would prove nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from shared.scenarios import Catalogue, Expectation, Step, load_catalogue
from tests.scenarios.driver import WireAnswer
from tests.scenarios.judge import Judge, Seen
from tests.scenarios.store import Stored
from tests.scenarios.world import World

STEP = Step(step="bet", do="bet", tx="b1", stake="4.00")
BEFORE = {("player", "EUR"): 10_000_000}
EXPECTED = Expectation.model_validate(
    {
        "answer": {"newBalance": 9600, "transactionId": "@tx"},
        "balance": "96.00",
        "stored": [{"kind": "bet", "stake": "4.00"}],
        "rounds": {"r1": "open"},
        "grant_left": 2,
    }
)


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


@pytest.fixture
def world(catalogue: Catalogue) -> World:
    world = World(next(each for each in catalogue.scenarios if each.id == "bet"), "ordinary", run="r")
    world.new_player("player")
    world.external_id(STEP)
    return world


@pytest.fixture
def judge(catalogue: Catalogue, world: World) -> Judge:
    return Judge(catalogue.dialects["mascot"], world, {"before": WireAnswer(200, {"newBalance": 9600, "transactionId": "p-5"})})


def row(**changes: Any) -> Stored:
    """The row of the bet."""
    ordinary = Stored("p", 5, "tx", "1:b1-r", "bet", "applied", "OK", 400_000, 0, 0, 0, 0, 9_600_000)
    return replace(ordinary, **changes)


def seen(*rows: Stored, **changes: Any) -> Seen:
    """What was seen, all right unless changed."""
    ordinary = Seen(
        calls=(STEP,),
        answers=[WireAnswer(200, {"newBalance": 9600, "transactionId": "p-5"})],
        new={"player": list(rows or (row(),))},
        ids={"1:b1-r": "p-5"},
        seqs={"1:b1-r": 5},
        balances={("player", "EUR"): 9_600_000},
        rounds={"r1:r": "open"},
        grant_left=2,
    )
    return replace(ordinary, **changes)


def test_what_is_right_draws_no_complaint(judge: Judge) -> None:
    assert judge.complaints(STEP, EXPECTED, seen(), BEFORE) == []


@pytest.mark.parametrize(
    ("what", "complaint"),
    [
        (seen(answers=[WireAnswer(401, {"error": -32600})]), "HTTP 401"),
        (seen(answers=[WireAnswer(200, {"newBalance": 9600})]), "answer"),
        (seen(answers=[WireAnswer(200, {"newBalance": 9600.0, "transactionId": "p-5"})]), "answer"),
        (seen(answers=[WireAnswer(200, {"newBalance": 9600, "transactionId": "p-6"})]), "answer"),
        (seen(answers=[WireAnswer(200, {"newBalance": 9600, "transactionId": "p-5", "more": 1})]), "answer"),
        (seen(balances={("player", "EUR"): 9_200_000}), "balance of player"),
        (seen(row(stake=500_000)), "not stored"),
        (seen(row(kind="win")), "not stored"),
        (seen(row(namespace="undo")), "not stored"),
        (seen(row(external_id="1:b2-r")), "not stored"),
        (seen(row(status="void")), "not stored"),
        (seen(row(charged=1)), "not stored"),
        (seen(row(), row(seq=6, kind="tombstone")), "stored for player, not expected"),
        (seen(row(balance_after=9_500_000)), "the stored balance after"),
        (seen(new={"player": [row()], "second": [row()]}), "stored for second, not expected"),
        (seen(rounds={"r1:r": "closed"}), "round r1 is closed"),
        (seen(rounds={}), "round r1 is None"),
        (seen(grant_left=1), "1 free rounds are left"),
    ],
)
def test_each_difference_is_named(judge: Judge, what: Seen, complaint: str) -> None:
    found = judge.complaints(STEP, EXPECTED, what, BEFORE)
    assert any(each.startswith(complaint) for each in found), found


def test_money_of_somebody_else_must_not_move(judge: Judge) -> None:
    before = BEFORE | {("second", "EUR"): 5}
    what = seen(balances={("player", "EUR"): 9_600_000, ("second", "EUR"): 6})
    assert judge.complaints(STEP, EXPECTED, what, before) == ["balance of second in EUR is 6 units, expected 5"]


def test_a_replay_must_answer_as_before(judge: Judge) -> None:
    expected = Expectation(same_answer_as="before", balance="96.00")
    what = seen(new={"player": []}, answers=[WireAnswer(200, {"newBalance": 9601, "transactionId": "p-5"})])
    assert judge.complaints(STEP, expected, seen(new={"player": []}), BEFORE) == []
    assert "answer" in judge.complaints(STEP, expected, what, BEFORE)[0]


def test_of_several_answers_each_is_counted(judge: Judge, world: World) -> None:
    step = STEP.model_copy(update={"times": 3})
    expected = Expectation.model_validate(
        {"answers": [{"times": 1, "answer": {"newBalance": 0}}, {"times": 2, "answer": {"error": 1}}]}
    )
    right = [WireAnswer(200, {"error": 1}), WireAnswer(200, {"newBalance": 0}), WireAnswer(200, {"error": 1})]
    wrong = [right[0], right[1], right[1]]
    silent = {"calls": step.copies(), "new": {"player": []}, "balances": BEFORE}
    assert judge.complaints(step, expected, seen(answers=right, **silent), BEFORE) == []
    assert "no answer {'error': 1} is left" in judge.complaints(step, expected, seen(answers=wrong, **silent), BEFORE)[0]
    assert world.texts == {"b1": "1:b1-r"}
