"""The ledger's events by player key: byte for byte what the chain is made of, in order, for keys of the player's brand only."""

from __future__ import annotations

from typing import Any

import pytest

from shared.identity import player_key
from tests.operator_api.api import Api
from tests.operator_api.stand import Stand
from tests.unit.wallet.chain_rule import GENESIS


@pytest.fixture(scope="module")
def player(running: Stand) -> str:
    """A player with a dozen operations; his key."""
    api = running.api("play", "money", "read", "admin")
    player_id = api.player(money="5")
    for number in range(10):
        api.deposit(player_id, f"{number + 1}.00")
    return player_key("main", player_id)


def pages(api: Api, player: str, limit: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while page := api.get(f"/v1/ledger/{player}/events?after={len(found)}&limit={limit}")["events"]:
        assert len(page) <= limit
        found += page
    return found


@pytest.mark.parametrize("limit", [1, 5, 100])
def test_all_events_oldest_first(api: Api, player: str, limit: int) -> None:
    events = pages(api, player, limit)
    assert [each["seq"] for each in events] == list(range(1, 13))
    assert [each["previous_hash"] for each in events] == [GENESIS, *(each["hash"] for each in events[:-1])]
    assert {each["player"] for each in events} == {player}
    assert events[-1]["movements"] == [
        {"debit_account": "cash", "credit_account": "player", "amount": 1_000_000, "currency": "EUR", "balance_after": 6_000_000}
    ]


def test_beyond_the_last_there_are_none(api: Api, player: str) -> None:
    assert api.get(f"/v1/ledger/{player}/events?after=12")["events"] == []
    assert api.get(f"/v1/ledger/{player}/events?after={10**18}")["events"] == []


def test_for_keys_of_the_brand_only(running: Stand, api: Api, player: str) -> None:
    other = running.api("read", brand="second").call("GET", f"/v1/ledger/{player}/events")
    assert (other.status, other.problem) == (404, "player-not-found")
    assert api.call("GET", f"/v1/ledger/{'a' * 16}/events").status == 404


@pytest.mark.parametrize("query", ["after=-1", "after=x", "limit=0", "limit=101", f"after={10**19}"])
def test_what_is_no_page(api: Api, player: str, query: str) -> None:
    assert api.call("GET", f"/v1/ledger/{player}/events?{query}").status == 422
