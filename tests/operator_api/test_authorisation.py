"""Who may call what: every route with every scope, without a key, and with keys that are good for nothing."""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.operator_api.api import Api
from tests.operator_api.stand import Stand

KEYED = "aaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaa"
SCOPES = ("play", "money", "read", "admin")
ROUTES: dict[tuple[str, str], str] = {
    ("post", "/v1/players"): "play",
    ("get", "/v1/players/{player_id}"): "read",
    ("get", "/v1/players/{player_id}/operations"): "read",
    ("get", "/v1/players/{player_id}/sessions"): "read",
    ("get", "/v1/players/{player_id}/free-rounds"): "read",
    ("post", "/v1/players/{player_id}/block"): "admin",
    ("post", "/v1/players/{player_id}/unblock"): "admin",
    ("post", "/v1/players/{player_id}/erase"): "admin",
    ("put", "/v1/players/{player_id}/switch"): "admin",
    ("post", "/v1/players/{player_id}/deposits"): "money",
    ("post", "/v1/players/{player_id}/withdrawals"): "money",
    ("get", "/v1/players/{player_id}/limits"): "read",
    ("put", "/v1/players/{player_id}/limits"): "play",
    ("post", "/v1/players/{player_id}/exclusion"): "play",
    ("post", "/v1/players/{player_id}/exclusion/lift"): "admin",
    ("post", "/v1/players/{player_id}/close"): "admin",
    ("post", "/v1/players/{player_id}/adjustments"): "admin",
    ("post", "/v1/players/{player_id}/promotions"): "money",
    ("get", "/v1/players/{player_id}/rounds/{provider_account}/{round_id}"): "read",
    ("post", "/v1/players/{player_id}/rounds/{provider_account}/{round_id}/void"): "admin",
    ("post", "/v1/players/{player_id}/rounds/{provider_account}/{round_id}/settle"): "admin",
    ("get", "/v1/player-keys/{player_key}"): "read",
    ("get", "/v1/ledger/{player_key}/events"): "read",
    ("post", "/v1/sessions"): "play",
    ("post", "/v1/sessions/demo"): "play",
    ("get", "/v1/sessions/{session_id}"): "read",
    ("delete", "/v1/sessions/{session_id}"): "play",
    ("post", "/v1/sessions/{session_id}/history-link"): "admin",
    ("post", "/v1/free-rounds"): "money",
    ("get", "/v1/free-rounds/{grant_id}"): "read",
    ("delete", "/v1/free-rounds/{grant_id}"): "money",
    ("get", "/v1/brands"): "read",
    ("get", "/v1/provider-accounts"): "read",
    ("get", "/v1/provider-accounts/{provider_account}"): "read",
    ("post", "/v1/provider-accounts/{provider_account}/diagnosis"): "admin",
    ("get", "/v1/switches"): "read",
    ("put", "/v1/brands/{brand}/switch"): "admin",
    ("put", "/v1/provider-accounts/{provider_account}/switch"): "admin",
    ("put", "/v1/provider-accounts/{provider_account}/games/{game_id}/switch"): "admin",
    ("get", "/v1/audit"): "admin",
}
"""The scope that each route asks for."""


@pytest.fixture(scope="module")
def by_scope(running: Stand) -> dict[str, Api]:
    return {scope: running.api(scope) for scope in SCOPES}


def _filled(path: str) -> str:
    values = {
        "{player_id}": "nobody", "{session_id}": KEYED, "{grant_id}": KEYED, "{provider_account}": "none", "{game_id}": "none", "{brand}": "main",
        "{round_id}": "none", "{player_key}": "aaaaaaaaaaaaaaaa",
    }  # fmt: skip
    for name, value in values.items():
        path = path.replace(name, value)
    return path


def test_the_table_names_all_routes(running: Stand) -> None:
    document = Api(running.ports["operator-api"]).get("/openapi.json")
    assert document["openapi"].startswith("3.1")
    found = {(method, path) for path, methods in document["paths"].items() for method in methods}
    assert found == set(ROUTES)
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation["security"] == [{"HTTPBearer": []}], (method, path)


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
    port = running.ports["operator-api"]
    for token in (None, "sw_" + secrets.token_urlsafe(32)):
        answer = Api(port, token).call(method, path, body)
        assert (answer.status, answer.problem) == (401, "unauthenticated")
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic YTpi", "bearer\t", "Bearer \u00e9"])
def test_headers_that_are_no_key(running: Stand, header: str) -> None:
    answer = Api(running.ports["operator-api"]).call("GET", "/v1/brands", Authorization=header)
    assert (answer.status, answer.problem) == (401, "unauthenticated")


def test_expired_and_revoked_keys(running: Stand) -> None:
    port = running.ports["operator-api"]
    expiring = running.key(("read",), expires_at=datetime.now(UTC) + timedelta(seconds=2))
    api = Api(port, expiring.token)
    assert api.call("GET", "/v1/brands").status in (200, 401)
    until = time.monotonic() + 60
    while api.call("GET", "/v1/brands").status != 401:
        assert time.monotonic() < until
        time.sleep(0.2)
    assert api.call("GET", "/v1/brands").problem == "unauthenticated"


def test_money_in_a_launch_needs_the_scope_of_money(by_scope: dict[str, Api]) -> None:
    body = {"player_id": "nobody", "currency": "EUR", "provider_account": "mascot", "game_id": "riot", "transfer_in": "5"}
    answer = by_scope["play"].call("POST", "/v1/sessions", body, key="k")
    assert (answer.status, answer.problem) == (403, "scope-missing")
    answer = by_scope["play"].call("DELETE", f"/v1/sessions/{KEYED}?transfer_out=all")
    assert (answer.status, answer.problem) == (403, "scope-missing")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("adjustments", {"amount": "5", "currency": "EUR", "reason": "a test"}),
        ("rounds/mascot/none/void", {"reason": "a test"}),
        ("rounds/mascot/none/settle", {"win": "5", "reason": "a test"}),
    ],
)
def test_corrections_move_money_and_need_its_scope_besides(by_scope: dict[str, Api], path: str, body: dict[str, str]) -> None:
    answer = by_scope["admin"].call("POST", f"/v1/players/nobody/{path}", body, key="k")
    assert (answer.status, answer.problem) == (403, "scope-missing")
    assert "money" in answer.json["detail"]


def test_other_brands_things_are_not_there(running: Stand, api: Api) -> None:
    other = running.api(brand="second")
    player_id = api.player(money="10")
    body = {"player_id": player_id, "currency": "EUR", "provider_account": "mascot", "game_id": "riot"}
    session = api.post("/v1/sessions", body)
    assert other.call("GET", f"/v1/sessions/{session['session_id']}").status == 404
    assert other.call("DELETE", f"/v1/sessions/{session['session_id']}").status == 404
    assert api.get(f"/v1/sessions/{session['session_id']}")["status"] == "active"
    assert other.call("GET", "/v1/provider-accounts/impatient").problem == "provider-account-not-found"
    assert other.call("PUT", "/v1/brands/main/switch", {"state": "off", "reason": "mischief"}).problem == "brand-forbidden"
    assert [each["brand"] for each in other.get("/v1/brands")["brands"]] == ["second"]
    assert {each["provider_account"] for each in other.get("/v1/provider-accounts")["provider_accounts"]} == {"mascot", "elsewhere"}


def test_what_needs_no_key(running: Stand) -> None:
    public = Api(running.ports["operator-api"])
    for path, kind in (
        ("/docs", "text/html"),
        ("/openapi.json", "application/json"),
        ("/problems/insufficient-funds", "text/html"),
        ("/assets/swagger-ui/swagger-ui.css", "text/css"),
        ("/health/live", "application/json"),
        ("/health/ready", "application/json"),
        ("/metrics", "text/plain"),
    ):
        answer = public.call("GET", path)
        assert answer.status == 200, path
        assert answer.headers["content-type"].startswith(kind), path
    assert public.call("GET", "/problems/none").problem == "not-found"
    assert public.call("GET", "/nothing").problem == "not-found"
    assert public.call("POST", "/health/live").problem == "method-not-allowed"
