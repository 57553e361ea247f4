"""The lobby: who sees what, in which order, and that it follows each change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from shared.contracts import BetLimits
from tests.catalogue_api.stand import Stand, facts, wait_for
from tests.operator_api.api import Api


def lobby(api: Api, **place: Any) -> Any:
    return api.get("/v1/lobby?" + urlencode({"currency": "EUR"} | place))


def ids(view: Any) -> list[str]:
    return [game["game_id"] for game in view["games"]]


def moving(api: Api, **place: Any) -> list[str]:
    """The games of the account whose lists the tests change."""
    return [game["game_id"] for game in lobby(api, **place)["games"] if game["provider_account"] == "moving"]


def put(api: Api, game_id: str, **overlay: Any) -> None:
    assert api.call("PUT", f"/v1/games/moving/{game_id}/overlay", overlay).status == 200


@pytest.fixture(autouse=True)
def three_games(running: Stand, api: Api) -> Iterator[None]:
    games = [facts("l-a", name="Beta"), facts("l-b", name="Alpha"), facts("l-c", name="Gamma")]
    running.sync("moving", *games)
    wait_for(lambda: moving(api), lambda found: found == ["l-b", "l-a", "l-c"])
    yield
    for game in ("l-a", "l-b", "l-c"):
        put(api, game)


def test_who_sees_what(api: Api, running: Stand) -> None:
    german = set(ids(lobby(api, country="DE")))
    assert "not-in-de" not in german
    assert "not-in-de" in ids(lobby(api, country="MT"))
    assert "not-in-de" in ids(lobby(api))
    assert "desktop-only" not in ids(lobby(api, device="mobile"))
    assert "mobile-only" not in ids(lobby(api, device="desktop"))
    assert "buck" not in ids(lobby(api)), "its account knows no euros"
    dollars = ids(lobby(api, currency="USD"))
    assert "buck" in dollars
    assert "euro-only" not in dollars
    other = ids(lobby(running.api("read", brand="second")))
    assert "hidden" in other
    assert "l-a" not in other


def test_a_game_and_the_head(api: Api, running: Stand) -> None:
    told = facts(
        "l-a",
        name="Beta",
        studio="Mascot",
        languages=("en", "de"),
        features=("demo", "free_rounds"),
        images={"cover": "https://p.example/b.png"},
        bet_limits=(BetLimits(currency="EUR", lowest=10_000, highest=10_000_000),),
        rtp=("96.5",),
    )
    running.sync("moving", told, facts("l-b"), facts("l-c"))
    put(api, "l-a", tags=["hot"])

    def look(**place: Any) -> Any:
        return next(game for game in lobby(api, **place)["games"] if game["game_id"] == "l-a")

    game = wait_for(look, lambda found: found["studio"] == "Mascot")
    assert (game["lowest_bet"], game["highest_bet"], game["rtp"]) == ("0.10", "100.00", ["96.5"])
    assert (game["image"], game["features"]) == ("https://p.example/b.png", ["demo", "free_rounds"])
    assert game["badges"] == ["hot"], "games that came with the account's first ones are no news"
    assert (game["language"], look(language="de-AT")["language"], look(language="sv")["language"]) == ("en", "de", "en")
    assert (look(currency="USD")["lowest_bet"], look(currency="USD")["highest_bet"]) == (None, None)
    view = lobby(api, country="MT", device="mobile", language="de")
    head = {name: view[name] for name in ("brand", "country", "currency", "device", "language")}
    assert head == {"brand": "main", "country": "MT", "currency": "EUR", "device": "mobile", "language": "de"}
    assert view["total"] == len(view["games"])


def test_the_operator_s_order_then_names(api: Api) -> None:
    put(api, "l-c", position=1)
    assert moving(api) == ["l-c", "l-b", "l-a"]
    assert ids(lobby(api))[0] == "l-c"
    put(api, "l-a", position=0)
    assert moving(api) == ["l-a", "l-c", "l-b"]
    put(api, "l-a", name="Aaa")
    assert moving(api) == ["l-c", "l-a", "l-b"]


@pytest.mark.parametrize(
    ("off", "seen"),
    [
        ([{}], set()),
        ([{"country": "DE"}], {("MT", "EUR"), ("MT", "USD"), ("", "EUR")}),
        ([{"currency": "EUR"}], {("DE", "USD"), ("MT", "USD")}),
        ([{"country": "DE", "currency": "EUR"}], {("DE", "USD"), ("MT", "EUR"), ("MT", "USD"), ("", "EUR")}),
    ],
)
def test_games_that_are_off_somewhere(api: Api, off: list[dict[str, str]], seen: set[tuple[str, str]]) -> None:
    put(api, "l-a", off=off)
    places = [("DE", "EUR"), ("DE", "USD"), ("MT", "EUR"), ("MT", "USD"), ("", "EUR")]
    found = {place for place in places if "l-a" in moving(api, country=place[0], currency=place[1])}
    assert found == seen


def test_withdrawn_games_go_and_come_back(api: Api, running: Stand) -> None:
    running.sync("moving", facts("l-b"), facts("l-c"))
    wait_for(lambda: moving(api), lambda found: "l-a" not in found)
    running.sync("moving", facts("l-a"), facts("l-b"), facts("l-c"))
    wait_for(lambda: moving(api), lambda found: "l-a" in found)


def test_collections_hold_what_the_player_may_see(api: Api) -> None:
    games = [("moving", "l-c"), ("mascot", "mobile-only"), ("moving", "l-a")]
    body = {"title": "Mine", "games": [{"provider_account": account, "game_id": game} for account, game in games]}
    assert api.call("PUT", "/v1/collections/mine", body).status == 201
    only = {"title": "Phones", "position": 1, "games": [{"provider_account": "mascot", "game_id": "mobile-only"}]}
    assert api.call("PUT", "/v1/collections/phones", only).status == 201
    found = lobby(api)["collections"]
    assert [(each["collection_id"], ids(each)) for each in found] == [("mine", ["l-c", "l-a"])]
    found = lobby(api, device="mobile")["collections"]
    assert [(each["title"], ids(each)) for each in found] == [("Mine", ["l-c", "mobile-only", "l-a"]), ("Phones", ["mobile-only"])]
    for name in ("mine", "phones"):
        assert api.call("DELETE", f"/v1/collections/{name}").status == 204
    assert lobby(api)["collections"] == []


def test_pages(api: Api) -> None:
    whole = lobby(api)
    found, cursor = [], ""
    while True:
        page = lobby(api, limit=7, cursor=cursor)
        found += ids(page)
        assert page["total"] == whole["total"]
        cursor = page["next"] or ""
        if not cursor:
            break
    assert found == ids(whole)
    page = lobby(api, limit=7)
    other = api.call("GET", f"/v1/lobby?currency=USD&cursor={page['next']}")
    assert (other.status, other.problem) == (422, "cursor-invalid")
    assert api.call("GET", "/v1/lobby?currency=EUR&cursor=AAAA").problem == "cursor-invalid"


def test_an_unchanged_lobby_is_not_sent_again(api: Api) -> None:
    path = "/v1/lobby?currency=EUR&country=MT"
    answer = api.call("GET", path)
    etag = answer.headers["etag"]
    assert api.call("GET", path, If_None_Match=etag).status == 304
    assert api.call("GET", path + "&device=mobile", If_None_Match=etag).status == 200
    put(api, "l-a", name="Changed")
    again = api.call("GET", path, If_None_Match=etag)
    assert (again.status, "Changed" in again.text) == (200, True)


def test_what_cannot_be_asked(api: Api) -> None:
    assert api.call("GET", "/v1/lobby?currency=CHF").problem == "wrong-currency"
    for wrong in ("", "?currency=eur", "?currency=EUR&country=Malta", "?currency=EUR&device=tv", "?currency=EUR&limit=1001"):
        assert api.call("GET", f"/v1/lobby{wrong}").problem == "invalid-request", wrong
