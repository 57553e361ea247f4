"""What a list changes: every game in one place, and the stored games are the list's afterwards."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.catalogue.sync.diff import Diff, Held, compare, former_values, why_doubtful
from shared.contracts import BetLimits
from shared.providers.facts import GameFacts

ids = st.sampled_from([f"g{number}" for number in range(12)])
hashes = st.sampled_from(["a", "b"])
stored = st.dictionaries(ids, st.builds(Held, st.sampled_from(["live", "withdrawn"]), hashes))
lists = st.dictionaries(ids, hashes)
bad = st.frozensets(ids)


def apply(held: dict[str, Held], listed: dict[str, str], diff: Diff) -> dict[str, Held]:
    """The stored games after a diff."""
    after = dict(held)
    for game_id in (*diff.added, *diff.changed, *diff.returned):
        after[game_id] = Held("live", listed[game_id])
    for game_id in diff.withdrawn:
        after[game_id] = Held("withdrawn", held[game_id].source_hash)
    return after


@given(stored, lists, bad)
def test_every_game_is_in_one_place(held: dict[str, Held], listed: dict[str, str], unreadable: frozenset[str]) -> None:
    diff = compare(held, listed, unreadable)
    named = [*diff.added, *diff.changed, *diff.returned, *diff.withdrawn]
    assert len(named) == len(set(named))
    assert set(diff.added) == listed.keys() - held.keys()
    assert set(diff.returned) == {each for each in listed if each in held and held[each].state == "withdrawn"}
    assert len(diff.added) + len(diff.changed) + len(diff.returned) + diff.unchanged == len(listed)
    live = sum(each.state == "live" for each in held.values())
    assert len(diff.changed) + diff.unchanged + len(diff.withdrawn) + diff.kept == live


@given(stored, lists, bad)
def test_afterwards_the_live_games_are_those_of_the_list(
    held: dict[str, Held], listed: dict[str, str], unreadable: frozenset[str]
) -> None:
    after = apply(held, listed, compare(held, listed, unreadable))
    live = {game_id: each.source_hash for game_id, each in after.items() if each.state == "live"}
    kept = {game_id for game_id in unreadable - listed.keys() if game_id in held and held[game_id].state == "live"}
    assert live.keys() == listed.keys() | kept
    assert {game_id: live[game_id] for game_id in listed} == listed
    assert after.keys() == held.keys() | listed.keys(), "no game is ever lost"


@given(stored, lists, bad)
def test_the_same_list_again_changes_nothing(held: dict[str, Held], listed: dict[str, str], unreadable: frozenset[str]) -> None:
    after = apply(held, listed, compare(held, listed, unreadable))
    assert compare(after, listed, unreadable).empty


@given(stored, lists, lists)
def test_lists_one_after_the_other_are_the_last_one(held: dict[str, Held], first: dict[str, str], last: dict[str, str]) -> None:
    between = apply(held, first, compare(held, first))
    after = apply(between, last, compare(between, last))
    direct = apply(held, last, compare(held, last))
    assert {each: after[each] for each in last} == {each: direct[each] for each in last}
    assert {each for each in after if after[each].state == "live"} == last.keys()


@given(stored, lists, bad, st.floats(0, 1))
def test_a_list_is_doubtful_where_it_lacks_too_many(
    held: dict[str, Held], listed: dict[str, str], unreadable: frozenset[str], share: float
) -> None:
    diff = compare(held, listed, unreadable)
    size = len(listed.keys() | unreadable)
    live = sum(each.state == "live" for each in held.values())
    doubt = why_doubtful(diff, listed=size, shrink_share_max=share)
    assert bool(doubt) == (size == 0 or len(diff.withdrawn) > live * share)


@pytest.mark.parametrize(("gone", "doubtful"), [(0, False), (3, False), (4, True), (10, True)])
def test_up_to_three_of_ten_are_withdrawn_without_asking(gone: int, doubtful: bool) -> None:  # noqa: FBT001  # a table
    held = {f"g{number}": Held("live", "a") for number in range(10)}
    listed = dict.fromkeys(list(held)[gone:], "a") | {"new": "a"}
    diff = compare(held, listed)
    assert bool(why_doubtful(diff, listed=len(listed), shrink_share_max=0.3)) is doubtful


def test_an_empty_list_is_doubtful_even_where_there_was_nothing() -> None:
    assert why_doubtful(compare({}, {}), listed=0, shrink_share_max=1.0) == "the list is empty"


def test_former_values_name_what_differs() -> None:
    before = GameFacts(game_id="riot", name="Riot", lines="25", bet_limits=(BetLimits(currency="EUR", lowest=1),))
    after = GameFacts(game_id="riot", name="Riot II", lines="25", features=("demo",))
    assert former_values(before, after) == {"name": "Riot", "bet_limits": (BetLimits(currency="EUR", lowest=1),), "features": ()}
    assert former_values(after, after) == {}
