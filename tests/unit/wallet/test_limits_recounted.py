"""Random bets, wins, undos, deposits, limits and clock moves against a count by hand.

However the calls are cut into batches, the answers and the usage that is kept are the same.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.wallet.ledger import store
from shared.contracts import Command
from tests.unit.wallet.builders import EUR, KEY
from tests.unit.wallet.counted import Counted, told
from tests.unit.wallet.recount import CURRENCIES, KINDS, WINDOWED, Play

currencies = st.sampled_from(CURRENCIES)
amounts = st.integers(0, 5)
actions = st.one_of(
    st.tuples(st.just("bet"), currencies, amounts),
    st.tuples(st.just("both"), currencies, amounts, amounts),
    st.tuples(st.just("free"), currencies, amounts, amounts),
    st.tuples(st.just("win"), currencies, amounts),
    st.tuples(st.just("promo"), currencies, amounts),
    st.tuples(st.just("deposit"), currencies, st.integers(1, 5)),
    st.tuples(st.just("undo"), st.integers(0, 30)),
    st.tuples(st.just("limit"), st.sampled_from(KINDS), currencies, st.integers(-1, 12)),
    st.tuples(st.just("wait"), st.integers(1, 60)),
)
histories = st.lists(actions, min_size=1, max_size=40)
cuts = st.lists(st.integers(1, 7), min_size=1, max_size=5)


def recounted(desk: Counted) -> dict[Any, Any]:
    """What usage should hold: counted from the operations, from the first day on that is looked at."""
    return {place: row for place, row in desk.ledger.recount(KEY).items() if row.staked or row.won or row.deposited}


@given(histories, cuts)
def test_answers_and_usage_are_those_of_a_count_by_hand(history: list[tuple[Any, ...]], sizes: list[int]) -> None:
    play, desk = Play(), Counted()
    waiting: list[Command] = []
    expected: list[str] = []
    answered: list[str] = []

    def flush() -> None:
        answered.extend(told(reply) for reply in desk.ask(*waiting))
        waiting.clear()

    for number, action in enumerate(history):
        if action[0] == "wait":
            flush()  # a batch has one time
        made = play.command(number, action)
        desk.now_ms = round(play.moment.timestamp() * 1_000)
        if made is None:
            continue
        waiting.append(made[0])
        expected.append(made[1])
        if len(waiting) >= sizes[number % len(sizes)]:
            flush()
    flush()
    assert answered == expected
    check_usage(desk, play)


def check_usage(desk: Counted, play: Play) -> None:
    kept = {place: row for place, row in desk.ledger.usage.items() if row.staked or row.won or row.deposited}
    if not desk.ledger.limits:
        assert kept == {}
        return
    since = store.usage_since(desk.now_ms)[1].isoformat()
    assert {place: row for place, row in kept.items() if place[2] >= since} == {
        place: row for place, row in recounted(desk).items() if place[2] >= since
    }
    for currency in CURRENCIES:
        for kind, window in WINDOWED:
            by_hand = play.count.sum_of(kind, window, currency, play.today) * EUR
            assert used_of(desk, kind, window, currency, play.today) == by_hand


def used_of(desk: Counted, kind: str, window: str, currency: str, today: date) -> int:
    """The usage of a window as kept, added up day by day of the calendar."""
    days = [today + timedelta(days=number) for number in range(-31, 32)]
    if window == "day":
        days = [today]
    elif window == "week":
        days = [day for day in days if day.isocalendar()[:2] == today.isocalendar()[:2]]
    else:
        days = [day for day in days if (day.year, day.month) == (today.year, today.month)]
    rows = [desk.ledger.usage.get((KEY, currency, day.isoformat())) for day in days]
    kept = [row for row in rows if row is not None]
    if kind == "deposit":
        return sum(row.deposited for row in kept)
    return sum(row.staked for row in kept) - (sum(row.won for row in kept) if kind == "loss" else 0)
