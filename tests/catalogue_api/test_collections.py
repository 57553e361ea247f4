"""Collections: ordered, each of one brand, recorded; and games listed by them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.catalogue_api.stand import Stand
from tests.operator_api.api import Api

PATH = "/v1/collections/top"


def games(*ids: str) -> list[dict[str, str]]:
    return [{"provider_account": "mascot", "game_id": game_id} for game_id in ids]


def ids(detail: Any) -> list[str]:
    return [game["game_id"] for game in detail["games"]]


@pytest.fixture(autouse=True)
def none_left(api: Api) -> Iterator[None]:
    yield
    for each in api.get("/v1/collections")["collections"]:
        assert api.call("DELETE", f"/v1/collections/{each['collection_id']}").status == 204


def test_made_changed_and_deleted(api: Api) -> None:
    made = api.call("PUT", PATH, {"title": "Top", "position": 2, "games": games("riot", "canon", "starburst")})
    assert (made.status, made.json["title"], made.json["size"]) == (201, "Top", 3)
    assert ids(made.json) == ["riot", "canon", "starburst"]
    assert made.json["games"][1] == {"provider_account": "mascot", "game_id": "canon", "name": "Cañón del Águila", "state": "live"}
    changed = api.call("PUT", PATH, {"title": "Best", "games": games("starburst", "riot")})
    assert (changed.status, changed.json["title"], ids(changed.json)) == (200, "Best", ["starburst", "riot"])
    assert api.get(PATH) == changed.json
    assert api.call("DELETE", PATH).status == 204
    assert api.call("DELETE", PATH).problem == "collection-not-found"
    assert api.call("GET", PATH).problem == "collection-not-found"


def test_listed_in_their_order(api: Api) -> None:
    for name, position in (("c", 1), ("a", 2), ("b", 1)):
        assert api.call("PUT", f"/v1/collections/{name}", {"title": name, "position": position, "games": []}).status == 201
    assert [each["collection_id"] for each in api.get("/v1/collections")["collections"]] == ["b", "c", "a"]


def test_each_change_is_recorded_once(api: Api, running: Stand) -> None:
    subject = "collection:main|recorded"
    path = "/v1/collections/recorded"
    body = {"title": "R", "games": games("riot")}
    assert api.call("PUT", path, {**body, "reason": "new"}).status == 201
    assert api.call("PUT", path, {**body, "reason": "again"}).status == 200
    api.call("PUT", path, {"title": "R", "games": games("riot", "canon")})
    api.call("DELETE", path)
    lines = running.audit(subject)
    assert [(line[0], line[5]) for line in lines] == [("collection.delete", ""), ("collection.set", ""), ("collection.set", "new")]
    before, after = lines[1][3], lines[1][4]
    assert (before["games"], after["games"]) == (["mascot/riot"], ["mascot/riot", "mascot/canon"])
    assert (lines[2][3], lines[0][4]) == (None, None)


def test_games_of_a_collection_in_its_order(api: Api) -> None:
    api.call("PUT", PATH, {"title": "Top", "games": games("starburst", "canon", "riot", "twin-03")})
    found = api.get("/v1/games?collection=top&limit=2")
    rest = api.get(f"/v1/games?collection=top&limit=2&cursor={found['next']}")
    assert ids(found) + ids(rest) == ["starburst", "canon", "riot", "twin-03"]
    assert ids(api.get("/v1/games?collection=top&sort=name")) == ["canon", "riot", "starburst", "twin-03"]
    assert ids(api.get("/v1/games?collection=top&q=starbrust"))[0] == "starburst"


def test_a_collection_belongs_to_one_brand(api: Api, running: Stand) -> None:
    other = running.api(brand="second")
    api.call("PUT", PATH, {"title": "Top", "games": games("riot")})
    assert other.call("GET", PATH).problem == "collection-not-found"
    assert other.call("DELETE", PATH).problem == "collection-not-found"
    assert other.call("GET", "/v1/games?collection=top").problem == "collection-not-found"
    assert other.call("PUT", PATH, {"title": "Theirs", "games": games("canon")}).status == 201
    assert ids(api.get(PATH)) == ["riot"]
    assert other.call("DELETE", PATH).status == 204


def test_collections_that_cannot_be(api: Api) -> None:
    for wrong in (games("riot", "riot"), games("riot", "none")):
        answer = api.call("PUT", PATH, {"title": "Top", "games": wrong})
        assert (answer.status, answer.problem) == (422, "collection-refused")
    foreign = [{"provider_account": "elsewhere", "game_id": "hidden"}]
    assert api.call("PUT", PATH, {"title": "Top", "games": foreign}).problem == "provider-account-not-found"
    bodies: list[dict[str, Any]] = [
        {"title": "Top"},
        {"games": []},
        {"title": " ", "games": []},
        {"title": "T", "games": [], "position": -1},
    ]
    for body in bodies:
        assert api.call("PUT", PATH, body).problem == "invalid-request", body
    assert api.call("PUT", "/v1/collections/Top", {"title": "T", "games": []}).problem == "invalid-request"
    assert api.call("GET", PATH).problem == "collection-not-found"
