"""Our Mascot client against the simulator's studio: two readings of one protocol, written apart, must agree."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from shared.providers.client import (
    DemoRequest,
    LaunchRequest,
    ProviderAnswerInvalid,
    ProviderRefused,
    ProviderTimeout,
    ProviderUnreachable,
)
from shared.providers.mascot.client import MascotClient
from tests.unit.simulator.desk import PUBLIC_URL, SIGNED, Desk, accounts, desk_at
from tests.unit.simulator.operator import ACCOUNT


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk_at(tmp_path) as running:
        yield running


@pytest.fixture
async def client(desk: Desk) -> AsyncIterator[MascotClient]:
    opened = client_of(desk)
    await opened.start()
    yield opened
    await opened.close()


def client_of(desk: Desk, path: str = SIGNED, **more: Any) -> MascotClient:
    account = accounts()[ACCOUNT]
    limits = {"operator_api_timeout_s": 1.0, "operator_api_deadline_s": 5.0}
    settings = {**account.settings, "operator_api_url": f"{base(desk)}{path}", **limits, **more}
    return MascotClient(replace(account, settings=settings))


def base(desk: Desk) -> str:
    return str(desk.http._base_url).rstrip("/")


def launch(**more: Any) -> LaunchRequest:
    given = {
        "session_id": "abcdefgh.1",
        "provider_player_id": "abcdefgh_EUR",
        "brand": "main",
        "currency": "EUR",
        "game_id": "riot",
    }
    return LaunchRequest(**{**given, **more})


async def test_a_launch_opens_a_session_there(client: MascotClient) -> None:
    launched = await client.launch(launch(language="de", ip="203.0.113.9", return_url="https://casino.example/"))
    assert launched.launch_url.startswith(f"{PUBLIC_URL}/mascot/launch/{launched.provider_session_id}")
    session = await client.get_session(launched.provider_session_id)
    assert {"abcdefgh.1", "abcdefgh_EUR", "riot", "main_EUR"} <= {str(value) for value in session.values()}
    listed = await client.list_sessions(
        created_from_s=int(time.time()) - 60, status="Open", player_ids=("abcdefgh_EUR",), bank_groups=("main_EUR",)
    )
    assert [each["SessionId"] for each in listed] == [launched.provider_session_id]


async def test_a_second_launch_and_closing(client: MascotClient) -> None:
    first = await client.launch(launch())
    second = await client.launch(launch(session_id="abcdefgh.2"))
    assert first.provider_session_id != second.provider_session_id
    await client.close_session(second.provider_session_id)
    await client.close_session(second.provider_session_id)
    assert await client.list_sessions(status="Open") == []


async def test_free_rounds_demo_history_and_bonuses(client: MascotClient) -> None:
    await client.launch(launch(bonus_id="abcdefgh.b", free_round_stake=20_000))
    demo = await client.demo(DemoRequest(brand="main", currency="BTC", game_id="riot", start_balance=100_000))
    assert demo.launch_url
    assert await client.history_token(demo.provider_session_id, 60)
    assert await client.pending_bonus_transactions() == []


async def test_the_list_of_games_with_and_without_a_bank_group(client: MascotClient) -> None:
    games = await client.games()
    assert {game.game_id for game in games} == {game.game_id for game in await client.games("main", "EUR")}
    assert {game.free_rounds for game in games} == {game.demo for game in games} == {True, False}
    assert {game.devices for game in games} == {("desktop", "mobile"), ("desktop",), ("mobile",)}


async def test_the_plain_address(desk: Desk) -> None:
    plain = client_of(desk, path="/mascot/v1/")
    await plain.start()
    try:
        assert (await plain.launch(launch())).provider_session_id
    finally:
        await plain.close()


async def test_refusals_come_in_the_studios_words(client: MascotClient) -> None:
    with pytest.raises(ProviderRefused, match="GAME_ID_INVALID") as caught:
        await client.launch(launch(game_id="no such game"))
    assert not caught.value.may_have_happened


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("down", ProviderUnreachable),
        ("rubbish", ProviderAnswerInvalid),
        ("empty", ProviderAnswerInvalid),
        ("wrong_signature", ProviderAnswerInvalid),
        ("wrong_id", ProviderAnswerInvalid),
    ],
)
async def test_a_session_whose_answer_is_bad_is_created_at_most_once(
    desk: Desk, client: MascotClient, fault: str, kind: type[Exception]
) -> None:
    await desk.fault("Session.Create", fault)
    with pytest.raises(kind) as caught:
        await client.launch(launch())
    assert getattr(caught.value, "may_have_happened", False)
    assert len(await client.list_sessions()) == (1 if fault.startswith("wrong") else 0)


async def test_an_answer_after_our_time_limit(desk: Desk, client: MascotClient) -> None:
    await desk.fault("Session.Create", "late", delay_s=3)
    with pytest.raises(ProviderTimeout) as caught:
        await client.launch(launch())
    assert caught.value.may_have_happened
    assert len(await client.list_sessions(status="Open")) == 1
    await client.launch(launch(session_id="abcdefgh.2"))
    assert len(await client.list_sessions(status="Open")) == 1


@pytest.mark.parametrize("fault", ["down", "slow"])
async def test_what_is_safe_is_repeated_until_it_succeeds(desk: Desk, client: MascotClient, fault: str) -> None:
    await desk.fault("Player.Set", fault, **({"delay_s": 1.5} if fault == "slow" else {}))
    assert (await client.launch(launch())).provider_session_id
