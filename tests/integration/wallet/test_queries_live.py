"""Queries through Kafka and a running wallet: found, page by page, while bets go on."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from shared.contracts import (
    GetPlayer,
    GetSession,
    ListOperations,
    ListSessions,
    OperationPage,
    OperationRecorded,
    PlayerView,
    Reply,
    Result,
    SessionPage,
    codec,
)
from shared.identity import new_keyed_id
from tests.integration.wallet.books import assert_books
from tests.integration.wallet.line import EUR, Line, bet, erase, open_session, query, set_status
from tests.integration.wallet.topics import read_events, read_replies

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def all_operations(line: Line, player: str) -> list[OperationRecorded]:
    told: list[OperationRecorded] = []
    before = 0
    while True:
        reply = await line.done(ListOperations(**query(player), before=before, limit=100))
        page = codec.decode_view(OperationPage, reply)
        told += page.operations
        before = page.next
        if not before:
            return told


async def test_the_operations_of_a_player_are_his_events(line: Line) -> None:
    player = await line.new_player()
    await asyncio.gather(*(line.ask(bet(player, line.names.ref(), 1)) for _ in range(250)))
    told = await all_operations(line, player)
    assert [each.seq for each in told] == list(range(252, 0, -1))
    records = await asyncio.to_thread(read_events, line.stand.kafka_bootstrap_servers, line.stand.names)
    assert told[::-1] == [codec.decode_event(record.value) for record in records if record.key == player]


async def test_what_was_answered_before_is_found(line: Line) -> None:
    """Each query is sent when the reply before it is there, so it must see what that one did."""
    player = await line.new_player(5 * EUR)
    session = new_keyed_id(player)
    await line.done(open_session(player, session))
    listed = codec.decode_view(SessionPage, await line.done(ListSessions(**query(player))))
    assert [(each.session_id, each.status) for each in listed.sessions] == [(session, "pending")]
    for turn, expected in enumerate(("blocked", "draining", "active")):
        await line.done(set_status(player, expected, f"s{turn}"))  # type: ignore[arg-type]  # one of them
        found = codec.decode_view(PlayerView, await line.done(GetPlayer(**query(player))))
        assert (found.status, found.accounts[0].balance) == (expected, 5 * EUR)
    await line.done(erase(player))
    found = codec.decode_view(PlayerView, await line.done(GetPlayer(**query(player))))
    assert (found.status, found.operator_player_id) == ("closed", "")


async def test_many_long_pages_at_once_all_arrive_and_bets_with_them(line: Line) -> None:
    player = await line.new_player()
    await asyncio.gather(*(line.ask(bet(player, line.names.ref(), 1)) for _ in range(120)))
    pages = [line.ask(ListOperations(**query(player), limit=100)) for _ in range(40)]
    stakes = [line.ask(bet(player, line.names.ref(), 1)) for _ in range(40)]
    answered = await asyncio.gather(*(each for pair in zip(pages, stakes, strict=True) for each in pair))
    assert {each.result for each in answered} == {Result.OK}
    assert [len(codec.decode_view(OperationPage, each).operations) for each in answered[::2]] == [100] * 40
    # More than one record can hold.
    assert sum(len(each.data) for each in answered) > 2_000_000


async def test_nobody_is_found_where_nobody_is(line: Line) -> None:
    player = line.names.player()
    answered = [
        await line.ask(each)
        for each in (GetPlayer(**query(player)), GetSession(**query(player), session_id="s"), ListOperations(**query(player)))
    ]
    assert [each.result for each in answered] == [Result.PLAYER_NOT_FOUND] * 3


async def test_a_wallet_that_comes_back_finds_late_queries_not_done(line: Line) -> None:
    player = await line.new_player()
    line.stand.stop()
    late = replace(GetPlayer(**query(player)), deadline_ms=1_000)
    await line.send(line.addressed(late, "late"), line.addressed(bet(player, line.names.ref()), "owed"), age_ms=30_000)
    line.stand.start()
    await line.done(GetPlayer(**query(player)))
    told = {each.command_id: each for each in await _replies(line)}
    assert (told["late"].result, told["late"].data, told["owed"].result) == (Result.NOT_DONE, "", Result.OK)


async def _replies(line: Line) -> list[Reply]:
    return await asyncio.to_thread(read_replies, line.stand.kafka_bootstrap_servers, line.stand.names)


async def test_the_books_agree_after_all_this(line: Line) -> None:
    stand = line.stand
    await assert_books(stand.database_url, stand.kafka_bootstrap_servers, stand.names)
    assert stand.trouble() == []
