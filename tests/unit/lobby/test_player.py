"""The demo player: made once, never given a gift twice whatever is repeated or lost, launched with his free rounds."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from services.catalogue.lobby import problems as p
from services.catalogue.lobby.operator import Answer
from services.catalogue.lobby.player import DemoPlayer, Order
from services.catalogue.lobby.settings import LobbySettings
from shared.web.problems import Problem

DAY = date(2026, 11, 22)
ORDER = Order(
    provider_account="mascot", game_id="riot", demo=False, device="mobile", key="k" * 24, return_url="http://lobby.example/"
)


class Operator:
    """Answers as docs/operator-api.md says: one key moves money once, the same key again is answered as a replay."""

    def __init__(self) -> None:
        self.players: dict[str, Mapping[str, Any]] = {}
        self.balance = Decimal("0.00")
        self.deposits: dict[str, str] = {}
        self.grants: list[dict[str, Any]] = []
        self.launches: list[tuple[str, Mapping[str, Any], str]] = []
        self.lose_answers_to = ""
        self.player_exists_otherwise = False

    async def call(self, method: str, path: str, body: Mapping[str, Any] | None = None, *, idempotency_key: str = "") -> Answer:
        await asyncio.sleep(0)  # others have their turn, as with a real request
        answer = self._do(method, path.partition("?")[0], body or {}, idempotency_key)
        await asyncio.sleep(0)
        if self.lose_answers_to and path.endswith(self.lose_answers_to):
            raise Problem(p.OPERATOR_AWAY, "the operator API did not answer")
        return answer

    def _do(self, method: str, path: str, body: Mapping[str, Any], key: str) -> Answer:
        match method, path.removeprefix("/v1/"):
            case "POST", "players":
                if self.player_exists_otherwise:
                    raise Problem(p.OPERATOR_REFUSED, "the player exists with other facts", cause="player-exists")
                self.players[body["player_id"]] = body
                return Answer(201, {}, replayed=False)
            case "GET", "players/demo":
                return Answer(200, {"accounts": [{"currency": "EUR", "balance": str(self.balance)}]}, replayed=False)
            case "POST", "players/demo/deposits":
                replayed = key in self.deposits
                if not replayed:
                    self.balance += Decimal(body["amount"])
                    self.deposits[key] = str(self.balance)
                return Answer(201, {"balance": self.deposits[key]}, replayed)
            case "GET", "players/demo/free-rounds":
                return Answer(200, {"free_rounds": self.grants}, replayed=False)
            case "POST", ("sessions" | "sessions/demo") as kind:
                self.launches.append((kind, body, key))
                return Answer(201, {"launch_url": "http://provider.example/game"}, replayed=False)
        raise AssertionError((method, path))

    def grant(self, grant_id: str, **facts: Any) -> None:
        self.grants.append(
            {
                "grant_id": grant_id,
                "provider_account": "mascot",
                "currency": "EUR",
                "game_ids": ["riot"],
                "remaining": 3,
                "state": "active",
                "expires_at": "2026-12-01T00:00:00Z",
            }
            | facts
        )


def player(operator: Operator, day: date = DAY, **settings: Any) -> DemoPlayer:
    return DemoPlayer(operator, LobbySettings(**settings), today=lambda: day)


@pytest.fixture
def operator() -> Operator:
    return Operator()


async def test_a_new_player_is_a_test_player_with_play_money(operator: Operator) -> None:
    purse = await player(operator).purse()
    assert (purse.player_id, purse.balance, purse.currency) == ("demo", "1000.00", "EUR")
    assert operator.players["demo"]["test"] is True


async def test_who_has_enough_is_given_nothing(operator: Operator) -> None:
    operator.balance = Decimal("20.00")
    assert (await player(operator).purse()).balance == "20.00"
    assert not operator.deposits


async def test_who_is_broke_again_on_one_day_is_given_again(operator: Operator) -> None:
    demo = player(operator)
    await demo.purse()
    operator.balance = Decimal("19.99")
    assert (await demo.purse()).balance == "1019.99"
    assert len(operator.deposits) == 2


async def test_gifts_of_a_day_end_and_the_next_day_has_its_own(operator: Operator) -> None:
    found = []
    for _ in range(4):
        operator.balance = Decimal("0.00")
        found.append((await player(operator, gifts_a_day_max=3).purse()).balance)
    assert found == ["1000.00"] * 3 + ["0.00"]
    assert (await player(operator, date(2026, 11, 23), gifts_a_day_max=3).purse()).balance == "1000.00"


async def test_a_gift_whose_answer_was_lost_is_not_given_twice(operator: Operator) -> None:
    operator.lose_answers_to = "/deposits"
    with pytest.raises(Problem):
        await player(operator).purse()
    operator.lose_answers_to = ""
    assert (await player(operator).purse()).balance == "1000.00"
    assert len(operator.deposits) == 1


async def test_two_lobbies_at_once_give_one_gift(operator: Operator) -> None:
    demos = [player(operator), player(operator)]
    purses = await asyncio.gather(*(demo.purse() for demo in demos for _ in range(5)))
    assert {purse.balance for purse in purses} == {"1000.00"}
    assert len(operator.deposits) == 1


async def test_a_player_that_was_made_otherwise_is_taken_as_he_is(operator: Operator) -> None:
    operator.player_exists_otherwise = True
    assert (await player(operator).purse()).balance == "1000.00"


async def test_a_launch_says_who_plays_what_where_and_leads_back(operator: Operator) -> None:
    opened = await player(operator).open(ORDER)
    assert (opened.launch_url, opened.free_rounds) == ("http://provider.example/game", 0)
    kind, body, key = operator.launches[0]
    assert kind == "sessions"
    assert body == {
        "player_id": "demo",
        "provider_account": "mascot",
        "game_id": "riot",
        "currency": "EUR",
        "language": "en",
        "device": "mobile",
        "return_url": "http://lobby.example/",
    }
    assert "k" * 24 in key


async def test_free_rounds_for_the_game_are_played_those_first_that_end_first(operator: Operator) -> None:
    operator.grant("player.later", expires_at="2026-12-24T00:00:00Z")
    operator.grant("player.first")
    operator.grant("player.other-game", game_ids=["aurora"], expires_at="2026-11-23T00:00:00Z")
    operator.grant("player.other-account", provider_account="second", expires_at="2026-11-23T00:00:00Z")
    operator.grant("player.dollars", currency="USD", expires_at="2026-11-23T00:00:00Z")
    operator.grant("player.used", state="used", expires_at="2026-11-23T00:00:00Z")
    opened = await player(operator).open(ORDER)
    assert operator.launches[0][1]["free_round_grant"] == "player.first"
    assert opened.free_rounds == 3


async def test_a_launch_without_its_free_rounds_is_not_sent_under_the_key_of_one_with_them(operator: Operator) -> None:
    operator.grant("player.first-grant-0001")
    demo = player(operator)
    await demo.open(ORDER)
    operator.grants.clear()
    await demo.open(ORDER)
    first, second = operator.launches
    assert first[2] != second[2]


async def test_a_demo_concerns_no_player(operator: Operator) -> None:
    order = Order(provider_account="mascot", game_id="riot", demo=True, device="desktop", key="k" * 24, return_url="http://l/")
    await player(operator).open(order)
    kind, body, _ = operator.launches[0]
    assert (kind, "player_id" in body) == ("sessions/demo", False)
    assert not operator.players
    assert not operator.deposits
