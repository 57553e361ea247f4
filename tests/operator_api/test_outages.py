"""The wallet or the operator API's own records are away: what was asked for is done once when they are back, or not at all."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg

from tests.operator_api.api import Api
from tests.operator_api.stand import Stand
from tests.waiting import wait_until


def test_the_wallet_is_away(running: Stand, api: Api) -> None:
    player_id = api.player(money="10")
    body = {"amount": "5", "currency": "EUR"}
    deposit, withdrawal = f"/v1/players/{player_id}/deposits", f"/v1/players/{player_id}/withdrawals"
    session = {"player_id": player_id, "currency": "EUR", "provider_account": "mascot", "game_id": "riot"}
    running.processes.stop("wallet")
    try:
        with ThreadPoolExecutor() as pool:
            # Meanwhile: each call waits until its deadline.
            shown = pool.submit(api.call, "GET", f"/v1/players/{player_id}")
            launched = pool.submit(api.call, "POST", "/v1/sessions", session)
            for path in (deposit, withdrawal):
                answer = api.call("POST", path, body, key="away")
                assert (answer.status, answer.problem) == (503, "outcome-unknown")
                assert "retry-after" in answer.headers
        assert (shown.result().status, shown.result().problem) == (503, "unavailable")
        assert launched.result().status == 503
    finally:
        running.start("wallet")
        running.wait_ready("wallet")
    wait_until(lambda: api.call("POST", deposit, body, key="away").status == 201, "the deposit is answered")
    # The same key for money in and out: the ledger has it for the deposit.
    assert api.call("POST", withdrawal, body, key="away").problem == "idempotency-conflict"
    assert api.balance(player_id) == "15.00"
    assert [each["kind"] for each in api.operations(player_id)].count("deposit") == 2


@contextmanager
def records_away(running: Stand) -> Iterator[None]:
    """The schema has another name for a while: every statement on it fails."""
    with psycopg.connect(running.database_url, autocommit=True) as connection:
        connection.execute("ALTER SCHEMA operator RENAME TO operator_away")
        try:
            yield
        finally:
            connection.execute("ALTER SCHEMA operator_away RENAME TO operator")


def test_the_records_are_away(running: Stand, api: Api) -> None:
    player_id = api.player(money="10")
    body = {"player_id": player_id, "currency": "EUR", "provider_account": "mascot", "game_id": "riot", "transfer_in": "5"}
    key = secrets.token_hex(8)
    with records_away(running):
        launch = api.call("POST", "/v1/sessions", body, key=key)
        assert (launch.status, launch.problem) == (503, "outcome-unknown")
        assert api.call("GET", "/v1/audit").problem == "unavailable"
        switched = api.call("PUT", "/v1/provider-accounts/mascot/switch", {"state": "off", "reason": "cannot be kept"})
        assert switched.problem == "outcome-unknown"
        # Keys that were seen lately go on, and money needs none of these records.
        assert api.deposit(player_id, "1")["balance"] == "11.00"
        unknown = Api(api.port, secrets.token_urlsafe(32)).call("GET", "/v1/brands")
        assert (unknown.status, unknown.problem) == (503, "unavailable")
    assert api.get("/v1/provider-accounts/mascot")["state"] == "live"
    api.post("/v1/sessions", body, key=key)
    assert api.balance(player_id) == "16.00"
