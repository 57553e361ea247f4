"""Queries of players on a real ledger: what they find, page by page, and that they hold up nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import pytest

from services.wallet.batch import Published
from services.wallet.ledger.reads import PAGE_BYTES_MAX
from services.wallet.queries import WAITING_MAX, QueryDesk
from shared.contracts import (
    AccountView,
    Authenticate,
    GetGrant,
    GetLimits,
    GetPlayer,
    GetRound,
    GetSession,
    GrantPage,
    GrantView,
    ListGrants,
    ListOperations,
    ListSessions,
    OperationPage,
    OperationRecorded,
    PlayerQuery,
    PlayerView,
    Reply,
    Result,
    SessionPage,
    SessionView,
    codec,
)
from shared.gaming_day import GamingDays
from shared.identity import new_keyed_id
from tests.integration.wallet.bench import Bench, addressed, replies
from tests.integration.wallet.line import (
    ACCOUNT,
    EUR,
    FAR_AWAY_MS,
    bet,
    create,
    deposit,
    erase,
    get_balance,
    grant,
    open_session,
    query,
    set_status,
    win,
)
from tests.waiting import wait_until

T = TypeVar("T")


async def found(bench: Bench, command: PlayerQuery, view: type[T]) -> T:
    """What a query that must succeed finds."""
    (reply,) = await bench.ask(command)
    assert reply.result == Result.OK, f"{command.kind} was answered {reply.result}: {reply.detail}"
    return codec.decode_view(view, reply)


def one_of_each(player: str, **fields: Any) -> Iterator[PlayerQuery]:
    header = query(player, **fields)
    yield GetPlayer(**header)
    yield GetSession(**header, session_id=f"{player}.s")
    yield ListSessions(**header)
    yield GetGrant(**header, grant_id=f"{player}.g")
    yield ListGrants(**header)
    yield ListOperations(**header)
    yield GetLimits(**header)
    yield GetRound(**header, round_id="r")
    yield Authenticate(**header, token_sha256="0" * 64)


async def test_a_player_with_his_accounts_and_without_his_profile_once_it_is_erased(bench: Bench) -> None:
    name = bench.names.operators_id()
    made = replace(create(name, ("USD", "EUR")), country="MT", language="en", test=True)
    player = made.player
    await bench.ask(made, deposit(player, 7))
    view = await found(bench, GetPlayer(**query(player)), PlayerView)
    row = await bench.owner.fetchrow("SELECT extract(epoch FROM created_at) * 1000 AS ms FROM players WHERE player = $1", player)
    assert row is not None
    assert view == PlayerView(
        player=player,
        brand="main",
        status="active",
        test=True,
        seq=2,
        created_at_ms=round(row["ms"]),
        accounts=(AccountView(currency="EUR", balance=7), AccountView(currency="USD", balance=0)),
        operator_player_id=name,
        country="MT",
        language="en",
    )
    await bench.ask(set_status(player, "draining"))
    assert (await found(bench, GetPlayer(**query(player)), PlayerView)).status == "draining"
    await bench.ask(erase(player))
    erased = replace(view, status="closed", seq=4, operator_player_id="", country="", language="")
    assert await found(bench, GetPlayer(**query(player)), PlayerView) == erased


async def test_nobody_finds_a_player_who_is_not_there_or_not_his(bench: Bench) -> None:
    player = await bench.new_player()
    strangers = [*one_of_each(bench.names.player()), *one_of_each(player, brands=("other",))]
    answered = await bench.ask(*strangers)
    assert [(each.result, each.data) for each in answered] == [(Result.PLAYER_NOT_FOUND, "")] * len(strangers)
    owned = await bench.ask(*one_of_each(player, brands=("other", "main")))
    assert [each.result for each in owned] == [
        Result.OK, Result.TOKEN_UNKNOWN, Result.OK, Result.ORIGINAL_NOT_FOUND, Result.OK, Result.OK, Result.OK,
        Result.ORIGINAL_NOT_FOUND, Result.TOKEN_UNKNOWN,
    ]  # fmt: skip


async def test_a_session_and_a_grant_by_their_ids_and_their_player(bench: Bench) -> None:
    player, other = await bench.new_player(), await bench.new_player()
    session, name = new_keyed_id(player), new_keyed_id(player)
    opened = replace(open_session(player, session), device="mobile", language="de", grant_id=name, idle_timeout_s=60)
    given = replace(grant(player, name, 3), game_ids=("riot", "venga"), stake=5)
    charge: dict[str, Any] = {"grant_id": name, "charge_free_rounds": 1, "session_id": session}
    await bench.ask(opened, given, bet(player, "a", **charge))
    view = await found(bench, GetSession(**query(player), session_id=session), SessionView)
    assert view == SessionView(
        session_id=session,
        provider_account=ACCOUNT,
        currency="EUR",
        game_id="riot",
        status="active",
        opened_at_ms=view.opened_at_ms,
        last_seen_ms=view.opened_at_ms,
        idle_timeout_s=60,
        absolute_timeout_s=86_400,
        grant_id=name,
        device="mobile",
        language="de",
        bets=1,
        staked=0,  # a free round paid it
        won=0,
    )
    assert await found(bench, GetGrant(**query(player), grant_id=name), GrantView) == GrantView(
        grant_id=name,
        provider_account=ACCOUNT,
        currency="EUR",
        count=3,
        remaining=2,
        expires_at_ms=FAR_AWAY_MS,
        game_ids=("riot", "venga"),
        stake=5,
    )
    foreign = await bench.ask(GetSession(**query(other), session_id=session), GetGrant(**query(other), grant_id=name))
    assert [each.result for each in foreign] == [Result.TOKEN_UNKNOWN, Result.ORIGINAL_NOT_FOUND]


async def operations(bench: Bench, player: str, limit: int, *, between: bool = False) -> list[list[OperationRecorded]]:
    """All pages; `between`: an operation more before each page."""
    pages, before = [], 0
    while True:
        page = await found(bench, ListOperations(**query(player), before=before, limit=limit), OperationPage)
        pages.append(list(page.operations))
        if not page.next:
            return pages
        before = page.next
        if between:
            await bench.ask(bet(player, bench.names.ref(), 1))


async def test_all_operations_page_by_page_as_they_were_published(bench: Bench) -> None:
    player = await bench.new_player()
    published = await bench.apply(
        bench.take(*(bet(player, f"b{n}", 1) for n in range(100)), *(win(player, f"w{n}", 1) for n in range(30)))
    )
    events = [codec.decode_event(event) for _, event in published.events[0]]
    pages = await operations(bench, player, 100)
    assert [len(page) for page in pages] == [100, 32]
    told = [each for page in pages for each in page]
    assert [each.seq for each in told] == list(range(132, 0, -1))
    assert told[:130] == events[::-1]


async def test_pages_have_no_gap_and_no_repetition_while_more_is_booked(bench: Bench) -> None:
    player = await bench.new_player()
    await bench.ask(*(bet(player, f"b{n}", 1) for n in range(48)))
    pages = await operations(bench, player, 7, between=True)
    assert [each.seq for page in pages for each in page] == list(range(50, 0, -1))
    assert {len(page) for page in pages[:-1]} == {7}


@pytest.mark.parametrize(("limit", "rows"), [(-1, 1), (0, 1), (1, 1), (100, 100), (101, 100), (10**30, 100)])
async def test_a_page_has_one_to_a_hundred_rows(limit: int, rows: int, bench: Bench) -> None:
    player = await bench.new_player()
    await bench.ask(*(bet(player, f"b{n}", 1) for n in range(110)))
    page = await found(bench, ListOperations(**query(player), limit=limit), OperationPage)
    assert (len(page.operations), page.next) == (rows, 113 - rows)


async def test_the_last_page_says_that_it_is_the_last(bench: Bench) -> None:
    player = await bench.new_player()
    page = await found(bench, ListOperations(**query(player), limit=2), OperationPage)
    assert ([each.kind for each in page.operations], page.next) == (["deposit", "create_player"], 0)
    assert await found(bench, ListOperations(**query(player), before=1), OperationPage) == OperationPage(operations=())
    assert await found(bench, ListSessions(**query(player)), SessionPage) == SessionPage(sessions=())
    assert await found(bench, ListGrants(**query(player)), GrantPage) == GrantPage(grants=())


async def test_sessions_newest_first_also_those_of_one_moment(bench: Bench) -> None:
    player, other = await bench.new_player(), await bench.new_player()
    names = [new_keyed_id(player) for _ in range(23)]
    for part in (names[:10], names[10:]):
        await bench.ask(*(open_session(player, each) for each in part), open_session(other, new_keyed_id(other)))
    expected = [
        row["session_id"]
        for row in await bench.owner.fetch(
            "SELECT session_id FROM sessions WHERE player = $1 ORDER BY opened_at_ms DESC, session_id DESC", player
        )
    ]
    told, before = [], ""
    while True:
        page = await found(bench, ListSessions(**query(player), before=before, limit=5), SessionPage)
        told += [each.session_id for each in page.sessions]
        before = page.next
        if not before:
            break
    assert told == expected
    assert set(told) == set(names)


async def test_grants_newest_expiry_first_and_no_more_bytes_than_fit(bench: Bench) -> None:
    player = await bench.new_player()
    games = tuple(f"game-{number:05d}" for number in range(4_000))
    names = [new_keyed_id(player) for _ in range(15)]
    for number, name in enumerate(names):
        await bench.ask(replace(grant(player, name), game_ids=games, expires_at_ms=FAR_AWAY_MS + number // 4))
    told: list[GrantView] = []
    before, pages = "", 0
    while True:
        (reply,) = await bench.ask(ListGrants(**query(player), before=before))
        assert len(reply.data) <= PAGE_BYTES_MAX + 1_000
        page = codec.decode_view(GrantPage, reply)
        told, before, pages = [*told, *page.grants], page.next, pages + 1
        if not before:
            break
    assert pages > 2
    assert [each.grant_id for each in told] == sorted(names, key=lambda name: (names.index(name) // 4, name), reverse=True)
    assert {each.game_ids for each in told} == {games}


PLACES = [
    "0",
    ":",
    "x:y",
    "12",
    "12:",
    ":s",
    "1.5:s",
    " 1:s",
    "+1:s",
    "1" * 20 + ":s",
    f"{2**63}:s",
    "1:s\x00",
    "\u0661:s",
    "1:" + "x" * 513,
]


@pytest.mark.parametrize("before", PLACES)
async def test_a_place_that_is_none_is_refused(before: str, bench: Bench) -> None:
    player = await bench.new_player()
    answered = await bench.ask(ListSessions(**query(player), before=before), ListGrants(**query(player), before=before))
    assert [(each.result, "next" in each.detail) for each in answered] == [(Result.BAD_REQUEST, True)] * 2


async def test_numbers_that_are_no_place_of_an_operation(bench: Bench) -> None:
    player = await bench.new_player()
    (refused,) = await bench.ask(ListOperations(**query(player), before=-1))
    assert refused.result == Result.BAD_REQUEST
    page = await found(bench, ListOperations(**query(player), before=2**63 - 1), OperationPage)
    assert len(page.operations) == 2


async def test_ids_that_the_database_cannot_hold_are_nobodys(bench: Bench) -> None:
    player = await bench.new_player()
    odd = ["'; DROP TABLE sessions", "\x00", "ж" * 300, ""]
    answered = await bench.ask(*(GetSession(**query(player), session_id=each) for each in odd))
    assert [each.result for each in answered] == [
        Result.TOKEN_UNKNOWN,
        Result.BAD_REQUEST,
        Result.TOKEN_UNKNOWN,
        Result.TOKEN_UNKNOWN,
    ]


async def test_a_query_that_nobody_waits_for_any_more_is_not_done(bench: Bench) -> None:
    player = await bench.new_player()
    late = [replace(each, deadline_ms=1_000) for each in one_of_each(player)]
    answered = await bench.ask(*late, age_ms=60_000)
    assert {each.result for each in answered} == {Result.NOT_DONE}
    # Where the clocks disagree, nothing is late.
    published = await bench.apply(bench.take(*map(addressed, late), age_ms=60_000))
    told = [await bench.desk.answer(item, item.command, expire=False) for item in published.queries if item.command]
    assert Result.NOT_DONE not in {each.result for each in told}


async def test_queries_alone_move_no_position_and_among_others_they_are_passed(bench: Bench) -> None:
    player = await bench.new_player()
    stood = await bench.stored_position()
    await bench.ask(*one_of_each(player), get_balance(player))
    assert await bench.stored_position() == stood
    await bench.ask(*one_of_each(player), bet(player, "a"), *one_of_each(player))
    assert await bench.stored_position() == bench.next_offset
    assert bench.letters == []


async def test_a_query_sees_what_its_batch_did(bench: Bench) -> None:
    player = await bench.new_player()
    stake, *answered = await bench.ask(GetPlayer(**query(player)), bet(player, "a"), ListOperations(**query(player)))
    views = {each.command_id: each for each in answered}
    assert (stake.result, stake.command_id) == (Result.OK, "c1")
    assert codec.decode_view(PlayerView, views["c0"]).accounts == (AccountView(currency="EUR", balance=99 * EUR),)
    assert codec.decode_view(OperationPage, views["c2"]).operations[0].external_id == "a"


async def test_below_the_position_queries_are_ignored_even_under_the_key_of_an_operation(bench: Bench) -> None:
    player = await bench.new_player()
    stake = bet(player, "a")
    disguised = GetPlayer(**query(player, provider_account=ACCOUNT, namespace="tx", external_id="a"))
    records = [codec.encode(addressed(each)) for each in (stake, disguised, *one_of_each(player))]
    first = bench.take(stake, *records)
    await bench.apply(first)
    seen = bench.next_offset
    bench.next_offset = first[0].offset
    again = await bench.apply(bench.take(stake, *records))
    assert (bench.next_offset, again.queries) == (seen, [])
    assert [each.replayed for each in replies(again)] == [True]
    assert await bench.balance(player) == 99 * EUR


async def test_a_query_of_a_held_player_waits_for_nobody(bench: Bench) -> None:
    player = await bench.new_player()
    async with bench.owner.acquire() as other, other.transaction():
        await other.execute("SELECT FROM players WHERE player = $1 FOR UPDATE", player)
        async with asyncio.timeout(30):
            answered = await bench.ask(*one_of_each(player))
    assert [each.result for each in answered][0::2] == [Result.OK] * 4 + [Result.TOKEN_UNKNOWN]
    assert bench.applier.deferred == {}


async def test_a_read_that_fails_is_unknown_and_harms_no_other(bench: Bench) -> None:
    player = await bench.new_player()
    await bench.owner.execute("REVOKE SELECT ON profiles, grants FROM stakewire_wallet")
    stake, *answered = await bench.ask(*one_of_each(player), bet(player, "a"))
    assert stake.result == Result.OK
    assert [each.result for each in answered] == [
        Result.UNKNOWN, Result.TOKEN_UNKNOWN, Result.OK, Result.UNKNOWN, Result.UNKNOWN, Result.OK, Result.OK,
        Result.ORIGINAL_NOT_FOUND, Result.UNKNOWN,
    ]  # fmt: skip
    assert await bench.stored_position() == bench.next_offset


async def test_in_a_batch_with_a_command_that_fits_nowhere_queries_are_answered_once(bench: Bench) -> None:
    """The batch is halved; what it buries takes no query with it."""
    player = await bench.new_player()
    poison = bet(player, "\x00")
    commands = [GetPlayer(**query(player)), poison, bet(player, "a"), ListOperations(**query(player))]
    published = await bench.apply(bench.take(*(addressed(each, f"c{number}") for number, each in enumerate(commands))))
    assert [each.command_id for each in replies(published)] == ["c1", "c2"]
    answered = await bench.look(published)
    assert [(each.command_id, each.result) for each in answered] == [("c0", Result.OK), ("c3", Result.OK)]
    assert [letter.offset for letter in bench.letters] == [bench.next_offset - 3]


async def test_the_desk_answers_in_turn_and_survives_what_cannot_be_sent(bench: Bench) -> None:
    player = await bench.new_player()
    published = await bench.apply(bench.take(*(addressed(each, "again") for each in one_of_each(player))))
    told: list[Reply] = []

    async def say(said: Published) -> None:
        told.extend(replies(said))
        if len(told) == len(published.queries):
            raise RuntimeError("nobody takes it")

    desk = QueryDesk(bench.pool, 500, say, GamingDays({}))
    running = asyncio.create_task(desk.run())
    try:
        for answers in (9, 18):
            desk.take(published.queries, expire=True)
            await asyncio.to_thread(wait_until, partial(_has, told, answers), "all are answered")
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert [each.result for each in told[:9]] == [each.result for each in told[9:]]


async def test_of_too_many_queries_the_oldest_are_dropped(bench: Bench) -> None:
    player = await bench.new_player()
    batch = bench.take(*(addressed(GetPlayer(**query(player)), f"c{number}") for number in range(WAITING_MAX + 5)))
    told: list[Reply] = []

    async def say(said: Published) -> None:
        told.extend(replies(said))

    desk = QueryDesk(bench.pool, 60_000, say, GamingDays({}))
    desk.take((await bench.apply(batch)).queries, expire=True)
    running = asyncio.create_task(desk.run())
    try:
        await asyncio.to_thread(wait_until, partial(_has, told, WAITING_MAX), "all are answered")
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert [each.command_id for each in told] == [f"c{number}" for number in range(5, WAITING_MAX + 5)]


def _has(told: list[Reply], answers: int) -> bool:
    return len(told) >= answers


MANY = """
    INSERT INTO sessions (player, session_id, provider_account, currency, game_id, status, opened_at_ms, last_seen_ms,
            idle_timeout_s, absolute_timeout_s)
        SELECT $1, $1 || '.' || n, 'mascot-demo', 'EUR', 'riot', 'closed', n, n, 1, 1 FROM generate_series(1, 3000) n;
"""
MANY_GRANTS = """
    INSERT INTO grants SELECT $1, $1 || '.' || n, 'mascot-demo', 'EUR', '{}', 0, 5, 5, n FROM generate_series(1, 3000) n
"""


async def test_a_page_reads_its_own_rows_and_no_others(bench: Bench) -> None:
    """Also by plans that were made when there was next to nothing, on tables that were never analysed."""
    player = await bench.new_player()
    place: dict[str, Any] = {"before": "1500:x", "limit": 10}
    pages: list[PlayerQuery] = [ListSessions(**query(player), **place), ListGrants(**query(player), **place)]
    for _ in range(8):
        await bench.ask(*pages)
    await bench.owner.execute(MANY.replace("$1", f"'{player}'"))
    await bench.owner.execute(MANY_GRANTS.replace("$1", f"'{player}'"))
    for name, command in zip(("sessions", "grants"), pages, strict=True):
        before = await _rows_read(bench, name)
        (reply,) = await bench.ask(command)
        assert len(json.loads(reply.data)[name]) == 10
        # The page, and one to know whether there is more.
        assert await _rows_read(bench, name) - before == 11


async def _rows_read(bench: Bench, table: str) -> int:
    """Rows of a table that any plan has fetched so far."""
    assert bench.pool.get_size() == 1, "what another connection has read may not be counted yet"
    async with bench.pool.acquire() as connection:
        await connection.execute("SELECT pg_stat_force_next_flush()")
    value = await bench.owner.fetchval(
        "SELECT seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_user_tables WHERE relname = $1", table
    )
    return int(value)
