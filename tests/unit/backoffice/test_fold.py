"""The fold: whatever order, repetition and batches events come in, the tables are the same; a contradiction is a fork."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.backoffice.projections.values import Event, read_event
from shared.errors import ContractError
from shared.kafka.event_chain import ForkError
from tests.integration.backoffice.story import EUR, Story
from tests.unit.backoffice.fold_tables import Tables


def live(name: str, seed: int, moves: int) -> list[Event]:
    """A player's random life, as the wallet would book it."""
    luck, story = random.Random(seed), Story(name)
    story.deposit(10_000 * EUR)
    standing: list[int] = []
    undos: list[int] = []
    for move in range(moves):
        ref = f"r{luck.randint(0, 3)}"
        match luck.randint(0, 10):
            case 0 | 1 | 2:
                standing.append(
                    story.bet(ref, luck.randint(0, 9) * EUR, external_id=f"b{move}", jackpot_contribution=luck.randint(0, 3))
                )
            case 3 | 4:
                standing.append(story.win(ref, luck.randint(0, 9) * EUR, external_id=f"w{move}", closes_round=luck.random() < 0.5))
            case 5:
                standing.append(story.bet_and_win(f"x{move}", luck.randint(0, 9) * EUR, luck.randint(0, 9) * EUR))
            case 6:
                standing.append(story.free_round(f"f{move}", EUR, luck.randint(0, 5) * EUR))
            case 7:
                standing.append(story.promo(f"p{move}", 5 * EUR, luck.choice(["jackpot", "tournament", "free_rounds"])))
            case 8 if standing:
                undos.append(story.rollback(standing.pop(luck.randrange(len(standing)))))
            case 9 if undos:
                undos.append(story.rollback(undos.pop(luck.randrange(len(undos)))))
            case _:
                story.refused(ref)
    return [read_event(raw) for raw in story.events]


def take_all(batches: list[list[Event]]) -> None:
    tables = Tables()
    for batch in batches:
        tables.take(batch)


def told_once(*lives: list[Event]) -> dict[str, Any]:
    tables = Tables()
    for each in lives:
        tables.take(each)
    assert not tables.waiting
    return tables.content()


@settings(max_examples=60, deadline=None)
@given(data=st.data(), seed=st.integers(0, 10_000))
def test_any_order_of_players_and_any_batches_give_the_same(data: st.DataObject, seed: int) -> None:
    lives = [live(f"player{number}", seed + number, 14) for number in range(3)]
    luck = random.Random(data.draw(st.integers(0, 10_000)))
    streams = [list(each) for each in lives]
    stream: list[Event] = []
    while any(streams):  # as a topic has them: each player's in order, players as it comes
        stream.append(luck.choice([each for each in streams if each]).pop(0))
    tables = Tables()
    while stream:
        cut = luck.randint(1, 12)
        batch, stream = stream[:cut], stream[cut:]
        tables.take(batch)
        if luck.random() < 0.4:  # read again from before
            tables.take(batch[luck.randrange(len(batch)) :])
    assert tables.content() == told_once(*lives)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), seed=st.integers(0, 10_000))
def test_events_in_any_order_with_repetitions_give_the_same(data: st.DataObject, seed: int) -> None:
    lives = [live(f"player{number}", seed + number, 10) for number in range(2)]
    luck = random.Random(data.draw(st.integers(0, 10_000)))
    stream = [event for each in lives for event in each]
    stream += luck.sample(stream, luck.randint(0, len(stream)))
    luck.shuffle(stream)
    tables = Tables()
    while stream:
        cut = luck.randint(1, 9)
        tables.take(stream[:cut])
        stream = stream[cut:]
    assert tables.content() == told_once(*lives)


def test_what_a_day_adds_up_to_is_what_was_moved() -> None:
    """Over many lives the sums are those of the movements themselves, purse by purse."""
    lives = [live(f"player{number}", number, 60) for number in range(20)]
    content = told_once(*lives)
    net = dict.fromkeys(("provider", "free_rounds", "promo", "jackpot"), 0)
    for event in (event for each in lives for event in each):
        for movement in event.movements:
            for account, sign in ((movement.debit_account, -1), (movement.credit_account, 1)):
                purse = account.partition(":")[0]
                if purse in net:
                    net[purse] += sign * movement.amount
    total = {name: sum(day.get(name, 0) for day in content["days"].values()) for name in (
        "stake", "win", "stake_undone", "win_undone", "free_win", "promo_win", "jackpot_win",
    )}  # fmt: skip
    assert total["stake"] - total["stake_undone"] - total["win"] + total["win_undone"] == net["provider"]
    assert (-total["free_win"], -total["promo_win"], -total["jackpot_win"]) == (net["free_rounds"], net["promo"], net["jackpot"])
    assert all(content["balances"][event[-1].player, "EUR"] == event[-1].balance_after for event in lives)


def test_the_squares_are_those_of_the_rounds() -> None:
    lives = [live(f"player{number}", 100 + number, 50) for number in range(10)]
    content = told_once(*lives)
    rounds = content["rounds"].values()
    for name, expected in (
        ("stake2", sum(each.stake**2 for each in rounds)),
        ("stake_win", sum(each.stake * each.win for each in rounds)),
        ("win2", sum(each.win**2 for each in rounds)),
    ):
        assert sum(day.get(name, 0) for day in content["days"].values()) == expected
    assert sum(day.get("rounds", 0) for day in content["days"].values()) == len(rounds)


def test_a_fork_is_seen_wherever_it_comes() -> None:
    one, other = Story("alice"), Story("alice")
    for story, units in ((one, EUR), (other, 2 * EUR)):
        story.deposit(units)
        story.bet("r1")
    ours, theirs = ([read_event(raw) for raw in story.events] for story in (one, other))
    for batches in (
        [ours, theirs[1:2]],  # another event under a known number
        [ours[:2], theirs[2:]],  # one that follows another past
        [[*ours, theirs[1]]],  # within a batch
        [[ours[0], ours[2], theirs[2]]],  # two that are too early
        [[ours[0], ours[2]], [theirs[2]], [ours[1]]],  # in batches of their own
    ):
        with pytest.raises(ForkError, match="has a fork"):
            take_all(batches)


def test_a_failed_batch_leaves_what_is_known_as_it_was() -> None:
    story, other = Story("alice"), Story("alice")
    story.bet_and_win("r1", EUR, 0)
    other.bet_and_win("r2", EUR, EUR)
    tables = Tables()
    tables.take([read_event(raw) for raw in story.events])
    before = repr(tables.content())
    with pytest.raises(ForkError):
        tables.take([read_event(raw) for raw in other.events])
    assert repr(tables.content()) == before


@pytest.mark.parametrize(
    "raw", [b"", b"{}", b"\xff", b'{"player":1}', Story("a").events[0].replace(b'"seq":1', b'"seq":0'), b"null", b"[]"]
)
def test_what_is_no_event(raw: bytes) -> None:
    with pytest.raises(ContractError):
        read_event(raw)
