"""The callbacks application over a settings file, with a requester that is not connected: everything but the wallet."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from services.gateway.callbacks.accounts import Account, open_accounts
from services.gateway.callbacks.app import CallbacksApp
from services.gateway.callbacks.connection import Request
from shared.providers.mascot import signature
from shared.requester import Requester
from shared.settings import load_accounts_file

SETTINGS = """
[brands.main]
currencies = ["EUR"]

[provider_accounts.mascot-demo]
dialect = "mascot"
[provider_accounts.mascot-demo.settings]
casino_id = 7
{settings}
[provider_accounts.mascot-demo.keys]
main = "file:main.key"
[provider_accounts.mascot-demo.currency_map.EUR]
currency = "EUR"
"""
KEY = signature.MacKey("main", b"demo-key-1")
PLAYER = "k5x2mdp7q3ra4zte"


@pytest.fixture
def accounts(tmp_path: Path) -> Callable[..., dict[str, Account]]:
    def make(settings: str = "") -> dict[str, Account]:
        (tmp_path / "main.key").write_bytes(b"demo-key-1\n")
        path = tmp_path / "stakewire.toml"
        path.write_text(SETTINGS.format(settings=settings), encoding="utf-8")
        return open_accounts(load_accounts_file(path), nonces_max=1_000)

    return make


@pytest.fixture
def app(accounts: Callable[..., dict[str, Account]]) -> CallbacksApp:
    return CallbacksApp(accounts(), unconnected(), None)


def unconnected() -> Requester:
    """A requester that was never started: it sheds every command."""
    return Requester("127.0.0.1:1", instance_id="test")


def money_body(request_id: object = 1, **params: Any) -> bytes:
    common = {
        "callerId": 7,
        "playerName": f"{PLAYER}_EUR",
        "withdraw": 400,
        "deposit": 0,
        "currency": "EUR",
        "transactionRef": "t1",
    }
    return json.dumps({"jsonrpc": "2.0", "method": "withdrawAndDeposit", "id": request_id, "params": common | params}).encode()


def request(
    body: bytes | None = None,
    *,
    target: bytes = b"/callbacks/mascot-demo",
    method: bytes = b"POST",
    nonce: int = 1,
    timestamp: int | None = None,
    peer: str = "192.0.2.1",
    headers: dict[bytes, bytes] | None = None,
    signed: bool = True,
) -> Request:
    content = money_body() if body is None else body
    shown = {b"content-type": b"application/json"}
    if signed:
        at = int(time.time()) if timestamp is None else timestamp
        shown |= dict(signature.sign(KEY, b"casino:7", nonce, at, content))
    return Request(method, target, shown | (headers or {}), content, peer, keep_alive=True)
