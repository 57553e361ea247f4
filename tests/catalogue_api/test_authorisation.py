"""Who may call what: every route with every scope, without a key, and with a key of another brand."""

from __future__ import annotations

import secrets

import pytest

from tests.catalogue_api.stand import Stand
from tests.operator_api.api import Api

SCOPES = ("play", "money", "read", "admin")
ROUTES: dict[tuple[str, str], str] = {
    ("get", "/v1/games"): "read",
    ("get", "/v1/games.csv"): "read",
    ("get", "/v1/games/{provider_account}/{game_id}"): "read",
    ("get", "/v1/games/{provider_account}/{game_id}/history"): "read",
    ("put", "/v1/games/{provider_account}/{game_id}/overlay"): "admin",
    ("get", "/v1/collections"): "read",
    ("get", "/v1/collections/{collection_id}"): "read",
    ("put", "/v1/collections/{collection_id}"): "admin",
    ("delete", "/v1/collections/{collection_id}"): "admin",
    ("post", "/v1/syncs"): "admin",
    ("get", "/v1/syncs"): "read",
    ("get", "/v1/syncs/{sync_id}"): "read",
    ("post", "/v1/syncs/{sync_id}/confirm"): "admin",
    ("get", "/v1/lobby"): "read",
}
"""The scope that each route asks for."""


@pytest.fixture(scope="module")
def by_scope(running: Stand) -> dict[str, Api]:
    return {scope: running.api(scope) for scope in SCOPES}


def _filled(path: str) -> str:
    values = {"{provider_account}": "none", "{game_id}": "none", "{collection_id}": "none", "{sync_id}": "4000000000"}
    for name, value in values.items():
        path = path.replace(name, value)
    return path


def test_the_table_names_all_routes(running: Stand) -> None:
    document = Api(running.port).get("/openapi.json")
    assert document["openapi"].startswith("3.1")
    found = {(method, path) for path, methods in document["paths"].items() for method in methods}
    assert found == set(ROUTES)
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation["security"] == [{"HTTPBearer": []}], (method, path)
            assert operation["summary"], (method, path)
            assert "401" in operation["responses"], (method, path)


@pytest.mark.parametrize(("route", "scope"), ROUTES.items(), ids=[f"{method} {path}" for method, path in ROUTES])
def test_each_route_asks_for_its_scope(running: Stand, by_scope: dict[str, Api], route: tuple[str, str], scope: str) -> None:
    method, path = route[0].upper(), _filled(route[1])
    body: object = {} if method in ("POST", "PUT") else None
    for has, api in by_scope.items():
        answer = api.call(method, path, body)
        assert (answer.status == 403) == (has != scope), (has, answer)
        if has != scope:
            assert answer.problem == "scope-missing"
            assert scope in answer.json["detail"]
    for token in (None, "sw_" + secrets.token_urlsafe(32)):
        answer = Api(running.port, token).call(method, path, body)
        assert (answer.status, answer.problem) == (401, "unauthenticated")


def test_a_key_of_a_brand_that_is_no_more(running: Stand) -> None:
    lost = running.api("read", "admin", brand="gone")
    for path in ("/v1/games", "/v1/games.csv", "/v1/games/mascot/riot", "/v1/collections", "/v1/syncs", "/v1/lobby?currency=EUR"):
        answer = lost.call("GET", path)
        assert (answer.status, answer.problem) == (403, "brand-forbidden"), path


def test_what_needs_no_key(running: Stand) -> None:
    public = Api(running.port)
    for path in ("/docs", "/openapi.json", "/problems/game-not-found", "/problems/cursor-invalid", "/health/live", "/metrics"):
        assert public.call("GET", path).status == 200, path
    assert public.call("GET", "/v1/nothing").problem == "unauthenticated"
