"""The board: the strictest of all switches that match, and what it means for a command."""

from __future__ import annotations

import random
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.switches import SwitchBoard, SwitchKey, key_of
from services.gateway.switches.board import GAMES_KEPT_MAX
from shared.contracts import SwitchSet, SwitchState, codec
from shared.errors import ContractError

STRICTNESS = {"live": 0, "drain": 1, "off": 2}
NAMES = ("", "a", "b")
KEYS = [SwitchKey(*parts) for parts in product(NAMES, NAMES, NAMES)]


def switch(state: SwitchState, brand: str = "", account: str = "", game: str = "", version: int = 1, reason: str = "") -> SwitchSet:
    return SwitchSet(
        state=state, version=version, changed_at_ms=0, brand=brand, provider_account=account, game_id=game, reason=reason
    )


def board(*switches: SwitchSet) -> SwitchBoard:
    filled = SwitchBoard()
    for each in switches:
        filled.apply(each)
    return filled


@pytest.mark.parametrize("state", ["live", "drain", "off"])
@pytest.mark.parametrize("key", [SwitchKey(*parts) for parts in product(("", "main"), ("", "mascot"), ("", "riot"))], ids=str)
def test_each_switch_that_matches_counts(key: SwitchKey, state: SwitchState) -> None:
    filled = board(switch(state, *key))
    assert filled.state_of("main", "mascot", "riot") == state
    closed = filled.why_closed("main", "mascot", "riot")
    assert (None if closed is None else key_of(closed)) == (None if state == "live" else key)


@pytest.mark.parametrize(
    "key", [SwitchKey("blue"), SwitchKey("", "other"), SwitchKey("", "", "venga"), SwitchKey("main", "mascot", "venga")], ids=str
)
def test_a_switch_of_something_else_does_not(key: SwitchKey) -> None:
    assert board(switch("off", *key)).state_of("main", "mascot", "riot") == "live"


@pytest.mark.parametrize(
    ("brand", "account", "game", "expected"),
    [
        ("live", "live", "live", "live"),
        ("drain", "live", "live", "drain"),
        ("live", "drain", "off", "off"),
        ("off", "drain", "live", "off"),
        ("drain", "drain", "drain", "drain"),
        ("live", "off", "live", "off"),
    ],
)
def test_live_on_one_never_opens_what_another_closes(
    brand: SwitchState, account: SwitchState, game: SwitchState, expected: SwitchState
) -> None:
    filled = board(switch(brand, "main"), switch(account, "", "mascot"), switch(game, "", "mascot", "riot"))
    assert filled.state_of("main", "mascot", "riot") == expected


def test_a_wider_question_is_not_answered_by_a_narrower_switch() -> None:
    filled = board(switch("off", "main", "mascot", "riot"), switch("drain", "main", "mascot"))
    assert filled.state_of("main", "mascot", "") == "drain"
    assert filled.state_of("main", "", "") == "live"


def test_an_older_version_changes_nothing_whenever_it_comes() -> None:
    filled = board(switch("off", "main", version=7))
    revision = filled.revision
    assert not filled.apply(switch("live", "main", version=6))
    assert not filled.apply(switch("live", "main", version=7))
    assert (filled.state_of("main", "x", "y"), filled.revision) == ("off", revision)
    assert filled.apply(switch("live", "main", version=8))
    assert (filled.state_of("main", "x", "y"), filled.version_of(SwitchKey("main"))) == ("live", 8)


@pytest.mark.parametrize(
    ("configured", "for_all", "for_main", "expected"),
    [
        # what the configuration says, the switch of the game for everybody, the same for one brand -> state, by brand
        ("", "live", "live", ("unknown", {})),
        ("live", "live", "live", ("live", {})),
        ("off", "live", "live", ("off", {})),
        ("live", "drain", "live", ("off", {})),
        ("", "drain", "live", ("off", {})),
        ("live", "off", "live", ("stopped", {})),
        ("off", "off", "live", ("stopped", {})),
        ("off", "drain", "live", ("off", {})),
        ("live", "live", "drain", ("live", {"main": "off"})),
        ("", "live", "off", ("unknown", {"main": "stopped"})),
        ("live", "drain", "off", ("off", {"main": "stopped"})),
        ("live", "drain", "drain", ("off", {})),
        ("live", "off", "drain", ("stopped", {})),
        ("off", "live", "drain", ("off", {})),
        ("off", "live", "off", ("off", {"main": "stopped"})),
    ],
)
def test_what_a_command_carries(
    configured: str, for_all: SwitchState, for_main: SwitchState, expected: tuple[str, dict[str, str]]
) -> None:
    filled = board(switch(for_all, "", "mascot", "riot"), switch(for_main, "main", "mascot", "riot"))
    games = filled.game_states("mascot", ("main", "blue"), {"riot": configured} if configured else {})
    assert games.of("riot") == expected


def test_commands_follow_the_board_and_brands_that_are_not_the_accounts_are_left_out() -> None:
    filled = SwitchBoard()
    games = filled.game_states("mascot", ("main",), {"riot": "live"})
    assert games.of("riot") == ("live", {})
    filled.apply(switch("off", "blue"))
    filled.apply(switch("off", "main", "other"))
    assert games.of("riot") == ("live", {})
    filled.apply(switch("drain", "main"))
    assert games.of("riot") == ("live", {"main": "off"})
    assert games.of("never-heard-of") == ("unknown", {"main": "off"})
    assert games.of("") == ("unknown", {"main": "off"})
    filled.apply(switch("live", "main", version=2))
    assert games.of("riot") == ("live", {})


def test_memory_of_games_is_bounded() -> None:
    games = SwitchBoard().game_states("mascot", ("main",))
    for number in range(GAMES_KEPT_MAX * 2):
        assert games.of(f"game-{number}") == ("unknown", {})
    assert len(games._ready) <= GAMES_KEPT_MAX


switches = st.lists(st.tuples(st.sampled_from(KEYS), st.sampled_from(["live", "drain", "off"])), max_size=30)


@given(switches, st.sampled_from(("a", "b")), st.sampled_from(NAMES), st.sampled_from(NAMES))
def test_the_strictest_of_the_newest_states_counts(
    history: list[tuple[SwitchKey, SwitchState]], brand: str, account: str, game: str
) -> None:
    filled, newest = SwitchBoard(), {}
    for version, (key, state) in enumerate(history, 1):
        filled.apply(switch(state, *key, version=version))
        newest[key] = state
    matching = [
        state
        for key, state in newest.items()
        if key.brand in ("", brand) and key.provider_account in ("", account) and key.game_id in ("", game)
    ]
    expected = max(matching, key=STRICTNESS.__getitem__, default="live")
    assert filled.state_of(brand, account, game) == expected
    closed = filled.why_closed(brand, account, game)
    assert ("live" if closed is None else closed.state) == expected


@given(switches, st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(history: list[tuple[SwitchKey, SwitchState]], chance: random.Random) -> None:
    changes = [switch(state, *key, version=version) for version, (key, state) in enumerate(history, 1)]
    shuffled = list(changes)
    chance.shuffle(shuffled)
    assert {key_of(each): each for each in board(*changes)} == {key_of(each): each for each in board(*shuffled, *shuffled)}


@given(switches)
def test_what_a_command_carries_is_what_the_board_says(history: list[tuple[SwitchKey, SwitchState]]) -> None:
    filled = board(*(switch(state, *key, version=version) for version, (key, state) in enumerate(history, 1)))
    meaning = {"live": "unknown", "drain": "off", "off": "stopped"}
    for_all, by_brand = filled.game_states("a", ("a", "b")).of("a")
    for brand in ("a", "b"):
        assert by_brand.get(brand, for_all) == meaning[filled.state_of(brand, "a", "a")]


def test_the_record_key_and_the_record() -> None:
    change = switch("drain", "main", "mascot-demo", "x|y", version=9, reason="später")
    assert str(key_of(change)) == "main|mascot-demo|x|y"
    assert codec.decode_switch(codec.encode(change)) == change
    with pytest.raises(ContractError):
        codec.decode_switch(b'{"state": "open", "version": 1, "changed_at_ms": 0}')
