"""The book of games: what callbacks and launches are told of a game, whatever order its records come in."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.games import GameBook
from services.gateway.games import book as book_module
from services.gateway.games.reader import GameReader
from services.gateway.switches import SwitchBoard
from shared.contracts import GameState, SwitchSet, codec
from shared.contracts.games import CatalogueState, GameRecord, OffRule
from shared.errors import ContractError
from shared.kafka.topics import TopicNames
from tests.catalogue_games import game, key_of


def book(*records: GameRecord) -> GameBook:
    filled = GameBook()
    for each in records:
        filled.apply(each)
    return filled


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, ("live", {})),
        ({"state": "withdrawn"}, ("off", {})),
        ({"off": (OffRule(),)}, ("off", {})),
        ({"off": (OffRule(brand="main"),)}, ("live", {"main": "off"})),
        ({"off": (OffRule(brand="main"), OffRule(brand="blue"))}, ("live", {"main": "off", "blue": "off"})),
        ({"off": (OffRule(brand="main"), OffRule())}, ("off", {})),
        ({"off": (OffRule(country="MT"), OffRule(currency="EUR"), OffRule(brand="main", country="MT"))}, ("live", {})),
        ({"state": "withdrawn", "off": (OffRule(brand="main"),)}, ("off", {})),
        ({"forbidden_countries": ("MT",)}, ("live", {})),
    ],
)
def test_what_a_command_is_told(facts: dict[str, object], expected: tuple[str, dict[str, str]]) -> None:
    """A rule of a country or a currency refuses launches only: rounds that are under way there go on."""
    assert book(game("a", "riot", **facts)).states_of("a", "riot") == expected


def test_an_account_s_games_are_its_own() -> None:
    filled = book(game("a", "riot", state="withdrawn"), game("b", "riot"))
    assert [filled.states_of(account, "riot")[0] for account in ("a", "b", "c")] == ["off", "live", "unknown"]
    assert filled.states_of("a", "venga") == ("unknown", {})
    assert [filled.listed(account) for account in ("a", "b", "c")] == [0, 1, 0]
    assert len(filled) == 2


@pytest.mark.parametrize(
    ("configured", "listed", "switched", "expected"),
    [
        # the configuration, the catalogue (None: it does not know the game), the switch of the game -> what a command carries
        ("", None, "live", "unknown"),
        ("live", None, "live", "live"),
        ("off", None, "live", "off"),
        ("", "live", "live", "live"),
        ("off", "live", "live", "off"),
        ("live", "withdrawn", "live", "off"),
        ("", "withdrawn", "live", "off"),
        ("", "withdrawn", "drain", "off"),
        ("", "withdrawn", "off", "stopped"),
        ("", "live", "drain", "off"),
        ("live", "live", "off", "stopped"),
    ],
)
def test_the_strictest_of_configuration_catalogue_and_switches(
    configured: str, listed: CatalogueState | None, switched: str, expected: GameState
) -> None:
    board, filled = SwitchBoard(), book()
    if listed is not None:
        filled.apply(game("a", "riot", state=listed))
    board.apply(SwitchSet(state=switched, version=1, changed_at_ms=0, game_id="riot"))  # type: ignore[arg-type]  # of the table
    games = board.game_states("a", ("main",), {"riot": configured} if configured else {}, filled)
    assert games.of("riot") == (expected, {})


def test_brands_by_rule_and_by_switch_in_one_answer() -> None:
    board, filled = SwitchBoard(), book(game("a", "riot", off=(OffRule(brand="main"), OffRule(brand="blue"), OffRule(brand="x"))))
    board.apply(SwitchSet(state="off", version=1, changed_at_ms=0, brand="blue"))
    board.apply(SwitchSet(state="drain", version=1, changed_at_ms=0, brand="red"))
    games = board.game_states("a", ("main", "blue", "red", "green"), {}, filled)
    assert games.of("riot") == ("live", {"main": "off", "blue": "stopped", "red": "off"})


def test_commands_follow_the_book() -> None:
    board, filled = SwitchBoard(), GameBook()
    games = board.game_states("a", ("main",), {}, filled)
    seen = [games.of("riot")[0]]
    for record in (game("a", "riot"), game("a", "riot", state="withdrawn"), game("a", "riot")):
        filled.apply(record)
        seen.append(games.of("riot")[0])
    assert filled.purge("a", "riot")
    seen.append(games.of("riot")[0])
    assert seen == ["unknown", "live", "off", "live", "unknown"]


@pytest.mark.parametrize(
    ("facts", "brand", "currency", "country", "expected"),
    [
        ({}, "main", "EUR", "MT", None),
        ({"state": "withdrawn"}, "main", "EUR", "MT", "withdrawn"),
        ({"off": (OffRule(),)}, "main", "EUR", "", "off"),
        ({"off": (OffRule(brand="main"),)}, "main", "EUR", "MT", "off"),
        ({"off": (OffRule(brand="blue"),)}, "main", "EUR", "MT", None),
        ({"off": (OffRule(country="MT"),)}, "main", "EUR", "MT", "off"),
        ({"off": (OffRule(country="MT"),)}, "main", "EUR", "SE", None),
        ({"off": (OffRule(country="MT"),)}, "main", "EUR", "", None),
        ({"off": (OffRule(currency="EUR"),)}, "main", "EUR", "", "off"),
        ({"off": (OffRule(currency="EUR"),)}, "main", "USD", "MT", None),
        ({"off": (OffRule(brand="main", country="MT", currency="EUR"),)}, "main", "EUR", "MT", "off"),
        ({"off": (OffRule(brand="main", country="MT", currency="EUR"),)}, "main", "USD", "MT", None),
        ({"off": (OffRule(brand="blue"), OffRule(currency="EUR"))}, "main", "EUR", "MT", "off"),
        ({"forbidden_countries": ("SE", "MT")}, "main", "EUR", "MT", "forbidden-country"),
        ({"forbidden_countries": ("SE",)}, "main", "EUR", "MT", None),
        ({"forbidden_countries": ("SE",)}, "main", "EUR", "", None),
    ],
)
def test_who_may_launch(facts: dict[str, object], brand: str, currency: str, country: str, expected: str | None) -> None:
    found = book(game("a", "riot", **facts)).find("a", "riot")
    assert found is not None
    closed = found.why_closed(brand=brand, currency=currency, country=country)
    assert (None if closed is None else closed.by) == expected
    assert closed is None or closed.words


@pytest.mark.parametrize(
    ("facts", "asked", "suits"),
    [
        ({}, {"device": "mobile", "free_rounds": True}, True),
        ({"devices": ("desktop",)}, {"device": "desktop"}, True),
        ({"devices": ("desktop",)}, {"device": "mobile"}, False),
        ({"devices": ("desktop",)}, {"device": ""}, True),
        ({"devices": ()}, {"device": "mobile"}, True),
        ({"features": ("demo",)}, {"free_rounds": True}, False),
        ({"features": ("free_rounds",)}, {"demo": True}, False),
        ({"features": ()}, {}, True),
    ],
)
def test_what_a_game_is_made_for(facts: dict[str, object], asked: dict[str, object], *, suits: bool) -> None:
    found = book(game("a", "riot", **facts)).find("a", "riot")
    assert found is not None
    assert (found.why_not(**asked) == "") is suits  # type: ignore[arg-type]  # of the table


def test_an_older_record_changes_nothing_whenever_it_comes() -> None:
    old, new = game("a", "riot"), game("a", "riot", state="withdrawn")
    filled = book(new)
    revision = filled.revision
    assert not filled.apply(old)
    assert not filled.apply(replace(new, state="live"))
    assert (filled.states_of("a", "riot")[0], filled.revision, filled.version_of("a", "riot")) == ("off", revision, new.version)


def test_a_new_name_or_image_unsettles_nobody() -> None:
    """Callbacks work their answers out anew at each revision: a sync that changes texts must not make them."""
    filled = book(game("a", "riot", name="Riot"))
    revision, renamed = filled.revision, game("a", "riot", name="Riot II", images={"cover": "x"})
    assert not filled.apply(renamed)
    assert (filled.revision, filled.version_of("a", "riot")) == (revision, renamed.version)


def test_a_purged_game_is_unknown_and_may_come_back_under_any_version() -> None:
    first = game("a", "riot")
    filled = book(game("a", "riot"))
    assert filled.purge("a", "riot")
    assert not filled.purge("a", "riot")
    assert not filled.purge("b", "riot")
    assert (filled.find("a", "riot"), len(filled)) == (None, 0)
    assert filled.apply(first)


def test_a_full_book_leaves_new_games_out_and_follows_those_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(book_module, "GAMES_MAX", 2)
    filled = book(game("a", "one"), game("a", "two"), game("a", "three"))
    assert (len(filled), filled.left_out, filled.states_of("a", "three")[0]) == (2, 1, "unknown")
    assert filled.apply(game("a", "one", state="withdrawn"))
    assert filled.purge("a", "two")
    assert filled.apply(game("a", "three"))


def test_what_games_have_in_common_is_kept_once(monkeypatch: pytest.MonkeyPatch) -> None:
    filled = book(*(codec.decode_game(codec.encode(game("a", f"g{number}", off=(OffRule(brand="x"),)))) for number in range(3)))
    first, second = filled.find("a", "g0"), filled.find("a", "g1")
    assert first is not None
    assert second is not None
    assert first.devices is second.devices
    assert first.off is second.off
    monkeypatch.setattr(book_module, "SHARED_MAX", 5)
    for number in range(100):
        filled.apply(game("a", f"h{number}", off=(OffRule(brand=f"b{number}"),)))
        assert len(filled._shared) <= 6
    assert filled.states_of("a", "h50") == ("live", {"b50": "off"})


rules = st.lists(st.builds(OffRule, brand=st.sampled_from(("", "main")), country=st.sampled_from(("", "MT"))), max_size=2)
histories = st.lists(st.tuples(st.sampled_from(("x", "y")), st.sampled_from(("live", "withdrawn")), rules), max_size=12)


@given(histories, st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(
    history: list[tuple[str, CatalogueState, list[OffRule]]], chance: random.Random
) -> None:
    records = [
        game("a", game_id, state=state, off=tuple(off), version=version) for version, (game_id, state, off) in enumerate(history, 1)
    ]
    shuffled = records * 2
    chance.shuffle(shuffled)
    assert book(*records)._accounts == book(*shuffled)._accounts


# --- from bytes ----------------------------------------------------------------------------------------------------------


def test_records_keys_and_purges() -> None:
    filled = GameBook()
    reader = GameReader("127.0.0.1:1", TopicNames(), filled)
    odd = game("a", "x|y")
    reader.take(key_of(odd), codec.encode(odd))
    assert filled.states_of("a", "x|y") == ("live", {})
    reader.take(key_of(odd), None)
    reader.take(b"a|never-heard-of", None)
    assert len(filled) == 0


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (b"", codec.encode(game("a", "riot"))),
        (b"a", None),
        (b"a|", None),
        (b"|riot", None),
        (b"\xff|riot", None),
        (b"a|riot", b""),
        (b"a|riot", b"{}"),
        (b"b|riot", codec.encode(game("a", "riot"))),
        (b"a|riot", codec.encode(game("a", "riot")).replace(b'"live"', b'"sleeping"')),
    ],
)
def test_what_is_no_record_is_refused(key: bytes, value: bytes | None) -> None:
    filled = book(game("a", "riot"))
    with pytest.raises(ContractError):
        GameReader("127.0.0.1:1", TopicNames(), filled).take(key, value)
    assert filled.states_of("a", "riot") == ("live", {})


def test_fields_of_a_later_version_are_ignored() -> None:
    filled = GameBook()
    later = codec.encode(game("a", "riot"))[:-1] + b',"colour":"red"}'
    GameReader("127.0.0.1:1", TopicNames(), filled).take(b"a|riot", later)
    assert filled.states_of("a", "riot") == ("live", {})
