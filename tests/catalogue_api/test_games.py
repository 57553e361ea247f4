"""The list of games: filters, search with mistakes, orders, pages without gaps, ETags; one game and its past."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.catalogue_api.conftest import MASCOT
from tests.catalogue_api.stand import Stand, facts, wait_for
from tests.operator_api.api import Api


def listed(api: Api, **query: Any) -> list[str]:
    """The ids of the first page."""
    return [game["game_id"] for game in api.get("/v1/games?" + urlencode({"limit": 100} | query, doseq=True))["games"]]


def paged(api: Api, limit: int, **query: Any) -> list[str]:
    """The ids of all pages."""
    found: list[str] = []
    cursor = ""
    while True:
        page = api.get("/v1/games?" + urlencode({"limit": limit, "cursor": cursor} | query))
        found += [game["game_id"] for game in page["games"]]
        cursor = page["next"] or ""
        if not cursor:
            return found


@pytest.mark.usefixtures("running")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"studio": "NetEnt"}, {"starburst"}),
        ({"section": "table"}, {"desktop-only"}),
        ({"tag": "FR"}, {"starburst"}),
        ({"tag": ["FR", "space"]}, {"starburst"}),
        ({"tag": ["FR", "sea"]}, set()),
        ({"language": "es"}, {"canon"}),
        ({"feature": "free_rounds"}, {"starburst"}),
        ({"rtp_min": "96"}, {"starburst", "book-of-dead"}),
        ({"rtp_max": "94.5"}, {"riot"}),
        ({"rtp_min": "95", "rtp_max": "95.5"}, {"riot"}),
        ({"state": "withdrawn"}, set()),
    ],
)
def test_filters(api: Api, query: dict[str, Any], expected: set[str]) -> None:
    assert set(listed(api, provider_account="mascot", **query)) == expected


def test_devices_leave_out_games_for_the_other_one_only(api: Api) -> None:
    everything = set(listed(api, provider_account="mascot"))
    assert everything == {game.game_id for game in MASCOT}
    assert everything - set(listed(api, provider_account="mascot", device="desktop")) == {"mobile-only"}
    assert everything - set(listed(api, provider_account="mascot", device="mobile")) == {"desktop-only"}


@pytest.mark.parametrize(
    ("words", "best"),
    [
        ("starburst", "starburst"),
        ("STARBURST", "starburst"),
        ("starbrust", "starburst"),
        ("starbust", "starburst"),
        ("star", "starburst"),
        ("burst", "starburst"),
        ("canon", "canon"),
        ("cañon del aguila", "canon"),
        ("CAÑÓN", "canon"),
        ("caon del agila", "canon"),
        ("aguilla", "canon"),
        ("book dead", "book-of-dead"),
        ("bok of ded", "book-of-dead"),
        ("netent", "starburst"),
        ("net ent", "starburst"),
        ("space", "starburst"),
        ("riott", "riot"),
        ("play'n go", "book-of-dead"),
        ("100%", "percent"),
        ("wild_card", "percent"),
        ("wildcrad", "percent"),
    ],
)
def test_search_forgives_case_accents_and_mistakes(api: Api, words: str, best: str) -> None:
    assert listed(api, provider_account="mascot", q=words)[0] == best


@pytest.mark.parametrize("words", ["zzzzzzzz", "%%%%", "____", "\\", "' OR TRUE --"])
def test_search_finds_nothing_where_nothing_is_alike(api: Api, words: str) -> None:
    assert listed(api, provider_account="mascot", q=words) == []


def test_search_puts_the_exact_name_first(api: Api, running: Stand) -> None:
    running.sync("moving", facts("aa", name="Gold Rush Deluxe"), facts("zz", name="Gold Rush"), facts("mm", name="Old Rash"))
    assert listed(api, provider_account="moving", q="gold rush")[:2] == ["zz", "aa"]


def test_orders(api: Api) -> None:
    by_name = listed(api, provider_account="mascot", sort="name")
    assert by_name[:4] == ["percent", "formula", "book-of-dead", "canon"]
    assert listed(api, provider_account="mascot", sort="-name") == by_name[::-1]
    assert listed(api, provider_account="mascot", sort="released")[:2] == ["canon", "riot"]
    assert listed(api, provider_account="mascot", sort="-released")[:2] == ["riot", "canon"]
    assert listed(api, provider_account="mascot", sort="-changed") == listed(api, provider_account="mascot", sort="changed")[::-1]


SORTS = ["name", "-name", "changed", "-changed", "released", "-released", "position"]


@settings(max_examples=25, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(sort=st.sampled_from(SORTS), limit=st.integers(1, 40), words=st.sampled_from(["", "twins", "a"]))
def test_pages_have_each_game_once_also_where_names_are_equal(api: Api, sort: str, limit: int, words: str) -> None:
    query = {"provider_account": "mascot", "sort": sort, "q": words}
    assert paged(api, limit, **query) == listed(api, **query)


def test_pages_of_a_search_have_each_game_once(api: Api) -> None:
    whole = listed(api, provider_account="mascot", q="twins")
    assert len(whole) == 25
    assert paged(api, 7, provider_account="mascot", q="twins") == whole


def test_pages_keep_their_place_while_games_come(api: Api, running: Stand) -> None:
    first = [facts(f"p-{number}", name=f"Page {number:03}") for number in range(0, 20, 2)]
    running.sync("moving", *first)
    page = api.get("/v1/games?provider_account=moving&state=live&limit=5")
    between = [facts(f"p-{number}", name=f"Page {number:03}") for number in range(1, 20, 2)]
    running.sync("moving", *first, *between)
    rest = api.get(f"/v1/games?provider_account=moving&state=live&limit=100&cursor={page['next']}")
    names = [game["name"] for game in page["games"] + rest["games"]]
    assert names == sorted(set(names))
    assert {game.name for game in first} <= set(names)


def test_very_long_names_have_their_place_too(api: Api, running: Stand) -> None:
    long = [facts(f"long-{number}", name="\uff2cong ß " * 500 + str(number)) for number in range(5)]
    running.sync("moving", *long)
    assert sorted(paged(api, 2, provider_account="moving", state="live")) == [game.game_id for game in long]
    assert len(paged(api, 2, provider_account="moving", state="live", sort="position")) == len(long)


@pytest.mark.parametrize("cursor", ["x", "AAAA", "bm8", "W10", "WzFd", "bnVsbA", "eyJhIjoxfQ"])
def test_cursors_that_are_none(api: Api, cursor: str) -> None:
    answer = api.call("GET", f"/v1/games?cursor={cursor}")
    assert (answer.status, answer.problem) == (422, "cursor-invalid")


@pytest.mark.parametrize("other", ["sort=-name", "studio=Mascot", "q=twins", "state=live", "tag=FR", "sort=changed"])
def test_cursors_hold_for_their_own_list_only(api: Api, other: str) -> None:
    cursor = api.get("/v1/games?provider_account=mascot&limit=3")["next"]
    assert api.call("GET", f"/v1/games?provider_account=mascot&limit=9&cursor={cursor}").status == 200
    answer = api.call("GET", f"/v1/games?provider_account=mascot&limit=3&cursor={cursor}&{other}")
    assert (answer.status, answer.problem) == (422, "cursor-invalid")


def test_a_cursor_is_no_use_to_another_brand(api: Api, running: Stand) -> None:
    cursor = api.get("/v1/games?provider_account=mascot&limit=3")["next"]
    answer = running.api("read", brand="second").call("GET", f"/v1/games?provider_account=mascot&limit=3&cursor={cursor}")
    assert answer.problem == "cursor-invalid"


def test_misspelled_filters_are_refused(api: Api) -> None:
    answer = api.call("GET", "/v1/games?langauge=en")
    assert (answer.status, answer.problem) == (422, "invalid-request")
    assert "langauge" in answer.text


def test_other_brands_accounts_are_not_there(api: Api, running: Stand) -> None:
    assert "hidden" not in listed(api)
    assert api.call("GET", "/v1/games?provider_account=elsewhere").problem == "provider-account-not-found"
    assert api.call("GET", "/v1/games/elsewhere/hidden").problem == "provider-account-not-found"
    other = running.api("read", brand="second")
    assert "hidden" in listed(other)
    assert "buck" not in listed(other)
    assert api.call("GET", "/v1/games?collection=none").problem == "collection-not-found"


def test_an_unchanged_list_is_not_sent_again(api: Api, running: Stand) -> None:
    path = "/v1/games?provider_account=moving&state=live"
    running.sync("moving", facts("same", name="Same"))
    answer = api.call("GET", path)
    etag = answer.headers["etag"]
    for sent in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        again = api.call("GET", path, If_None_Match=sent)
        assert (again.status, again.text, again.headers["etag"]) == (304, "", etag)
    assert api.call("GET", path, If_None_Match='"other"').text == answer.text
    assert api.call("GET", path + "&limit=9", If_None_Match=etag).status == 200
    running.sync("moving", facts("same", name="Other"))
    changed = api.call("GET", path, If_None_Match=etag)
    assert (changed.status, changed.json["games"][0]["name"]) == (200, "Other")


def test_a_game(api: Api) -> None:
    game = api.get("/v1/games/mascot/euro-only")
    assert game["bet_limits"] == [{"currency": "EUR", "lowest": "0.20", "highest": None}]
    assert (game["state"], game["overlay"], game["position"]) == ("live", None, None)
    assert api.get("/v1/games/mascot/riot")["rtp"] == ["95.1", "94.0"]
    assert api.call("GET", "/v1/games/mascot/none").problem == "game-not-found"
    assert api.call("GET", "/v1/games/none/riot").problem == "provider-account-not-found"


def test_history_and_what_a_game_was(api: Api, running: Stand) -> None:
    running.sync("moving", facts("old", name="First", lines="5"))
    first = api.get("/v1/games/moving/old")
    running.sync("moving", facts("old", name="Second", lines="5"))
    second = api.get("/v1/games/moving/old")
    api.call("PUT", "/v1/games/moving/old/overlay", {"name": "Ours"})
    third = wait_for(lambda: api.get("/v1/games/moving/old"), lambda game: game["name"] == "Ours")
    assert running.sync("moving", facts("new", name="New"), facts("newer"))["result"] == "confirmed"
    entries = api.get("/v1/games/moving/old/history")["entries"]
    assert [entry["change"] for entry in entries] == ["withdrawn", "changed", "added"]
    assert (entries[1]["before"], entries[1]["after"]) == ({"name": "First"}, {"name": "Second"})
    page = api.get("/v1/games/moving/old/history?limit=2")
    assert page["entries"] == entries[:2]
    assert api.get(f"/v1/games/moving/old/history?limit=2&cursor={page['next']}")["entries"] == entries[2:]

    def then(moment: str) -> Any:
        return api.get(f"/v1/games/moving/old?at={quote(moment)}")

    assert (then(first["changed_at"])["name"], then(first["changed_at"])["overlay"]) == ("First", None)
    assert (then(second["changed_at"])["name"], then(second["changed_at"])["state"]) == ("Second", "live")
    laid = then(third["overlay"]["changed_at"])
    assert (laid["name"], laid["provider_name"], laid["state"]) == ("Ours", "Second", "live")
    assert (then("2999-01-01T00:00:00Z")["state"], then("2999-01-01T00:00:00Z")["name"]) == ("withdrawn", "Ours")
    assert api.call("GET", "/v1/games/moving/old?at=2001-01-01T00:00:00Z").problem == "game-not-found"
    for wrong in ("2001-01-01T00:00:00", "yesterday", "0001-01-01T00:00:00%2B14:00"):
        assert api.call("GET", f"/v1/games/moving/old?at={wrong}").problem == "invalid-request", wrong
