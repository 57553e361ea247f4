"""A list as it is compared: the same facts give the same hash, bad records are told of."""

from __future__ import annotations

from services.catalogue.sync.told import tell
from shared.providers.facts import FACTS_BYTES_MAX, GameFacts, Listing, decode_facts, encode_facts


def facts(game_id: str, **fields: object) -> GameFacts:
    return GameFacts(game_id=game_id, name=game_id.title(), **fields)  # type: ignore[arg-type]  # fields of all kinds


def test_the_hash_of_a_list_knows_no_order_but_every_change() -> None:
    riot, desk = facts("riot"), facts("desk")
    told = tell(Listing(games=(riot, desk)))
    assert tell(Listing(games=(desk, riot))).hash == told.hash
    assert tell(Listing(games=(riot,))).hash != told.hash
    assert tell(Listing(games=(riot, desk), unreadable=frozenset({"x"}))).hash != told.hash
    assert tell(Listing(games=(facts("riot", lines="25"), desk))).hash != told.hash


def test_the_hash_of_a_game_knows_no_order_of_its_images() -> None:
    one = tell(Listing(games=(facts("riot", images={"cover": "a", "icon": "b"}),)))
    other = tell(Listing(games=(facts("riot", images={"icon": "b", "cover": "a"}),)))
    assert one.hashes == other.hashes
    assert len(one.hashes["riot"]) == 64


def test_facts_survive_their_text() -> None:
    riot = facts("riot", rtp=("96.5", "94"), images={"cover": "https://x.example/a"}, tags=("é",))
    assert decode_facts(encode_facts(riot)) == riot


def test_large_and_double_games_are_bad_records() -> None:
    large = facts("large", description="é" * FACTS_BYTES_MAX)
    told = tell(Listing(games=(facts("riot"), large, facts("riot", lines="1")), skipped=2, cause="the first cause"))
    assert told.records.keys() == {"riot"}
    assert decode_facts(told.records["riot"]).lines == ""
    assert (told.skipped, told.cause, told.unreadable, told.size) == (4, "the first cause", frozenset({"large"}), 2)
