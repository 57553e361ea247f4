"""The live board's numbers from the projections, and one look a second for all who watch."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from services.backoffice.live import hub as hub_module
from services.backoffice.live.board import Board, Look
from services.backoffice.live.hub import QUEUE_MAX, Hub, TooManyViewers, Viewer
from tests.integration.backoffice.stand import EUR, Seed, Story, callback, game

HELD = b"h" * 32


class Counted:
    """Passes looks on and counts them; `away` makes the database's failure of them."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.looks = self.checks = 0
        self.away = False
        self.holding = {HELD}

    async def look(self) -> Look:
        self.looks += 1
        if self.away:
            raise ConnectionRefusedError("no database")
        return await self.board.look()

    def whole(self, look: Look) -> Look:
        return self.board.whole(look)

    async def signed_in(self, tokens: Any) -> set[bytes]:
        self.checks += 1
        return self.holding & set(tokens)


@pytest.fixture
def board(backoffice_pool: asyncpg.Pool) -> Board:
    return Board(backoffice_pool, lambda: {"wallet.events": 7})


@pytest_asyncio.fixture
async def counted(board: Board) -> Counted:
    return Counted(board)


@pytest_asyncio.fixture
async def hub(counted: Counted) -> AsyncIterator[Hub]:
    hub = Hub(counted, counted.signed_in, every_s=0.05, viewers_max=30)
    yield hub
    await hub.stop()


async def events(viewer: Viewer, wanted: int) -> list[tuple[str, dict[str, Any]]]:
    found: list[tuple[str, dict[str, Any]]] = []
    async with asyncio.timeout(30):
        while len(found) < wanted:
            raw, last = await viewer.take()
            lines = dict(line.split(": ", 1) for line in raw.decode().splitlines() if ": " in line)
            if "event" in lines:
                found.append((lines["event"], json.loads(lines["data"])))
            if last:
                break
    return found


async def test_callbacks_are_told_by_how_they_ended_with_their_latencies(board: Board, seed: Seed) -> None:
    at = datetime.now(UTC) - timedelta(seconds=3)
    await seed.callbacks(
        callback(at, kept_share=0.25, total_us=4_000),
        callback(at, result="INSUFFICIENT_FUNDS", total_us=30_000),
        callback(at, result="refused_authentication", verdict="refused", total_us=1_000),
        callback(at, result="UNKNOWN", verdict="unknown", total_us=2_600_000),
    )
    look = await board.look()
    second = look.seconds[-1]
    assert second.second == int(at.timestamp())
    assert (second.ok, second.refused, second.rejected, second.unknown) == (4, 1, 1, 1)
    assert second.p50 is not None
    assert second.p99 is not None
    assert second.p50 < 5
    assert 2_500 < second.p99 <= 2_600
    assert {(each.result, each.count) for each in look.results} == {
        ("OK", 4), ("INSUFFICIENT_FUNDS", 1), ("refused_authentication", 1), ("UNKNOWN", 1),
    }  # fmt: skip
    assert look.newest_callback_s is not None
    assert 2 <= look.newest_callback_s < 60
    assert [(lag.topic, lag.behind) for lag in look.lag] == [("wallet.events", 7)]


async def test_games_and_wins_of_the_last_hour_are_found_piece_by_piece(board: Board, seed: Seed) -> None:
    now = datetime.now(UTC)
    early = Story("early", at=now - timedelta(minutes=50), step=timedelta(seconds=1))
    early.deposit(9_000 * EUR)
    early.bet("e1", 30 * EUR)
    early.win("e1", 600 * EUR)
    late = Story("late", at=now - timedelta(minutes=3), step=timedelta(seconds=1))
    late.deposit(9_000 * EUR)
    late.bet_and_win("l1", 2 * EUR, 500 * EUR)
    late.bet("l2", 5 * EUR, game_id="aurora")
    tester = Story("tester", test=True, at=now - timedelta(minutes=3), step=timedelta(seconds=1))
    tester.deposit(90_000 * EUR)
    tester.bet_and_win("t1", 5_000 * EUR, 9_000 * EUR)
    await seed.games(game("riot"), game("aurora"))
    await seed.stories(early, late, tester)
    first = await board.look()
    assert first.plays is not None
    assert [(each.name, each.stake) for each in first.plays.quarter] == [("Aurora", 5 * EUR), ("Riot", 2 * EUR)]
    assert [(each.player, each.multiple) for each in first.plays.wins] == [(late.player, 25_000)]
    assert first.plays.since_s <= 360
    look = first
    for _ in range(13):
        look = await board.look()
    whole = board.whole(look).plays
    assert whole is not None
    assert whole.since_s == 3_600
    assert [(each.name, each.stake) for each in whole.hour] == [("Riot", 32 * EUR), ("Aurora", 5 * EUR)]
    assert [(each.player, each.stake, each.multiple) for each in whole.wins] == [
        (late.player, 2 * EUR, 25_000),
        (early.player, 30 * EUR, 2_000),
    ]


async def test_plays_that_the_ingest_reads_late_still_come_into_their_minutes(backoffice_pool: asyncpg.Pool, seed: Seed) -> None:
    now = time.time()
    clock = [now]
    board = Board(backoffice_pool, dict, clock=lambda: clock[0])
    behind = Story("behind", at=datetime.fromtimestamp(now - 240, UTC), step=timedelta(seconds=1))
    behind.deposit()
    behind.bet("a", EUR)
    await seed.stories(behind)
    await board.look()
    behind.at = datetime.fromtimestamp(now - 180, UTC)
    behind.bet("b", 2 * EUR)
    await seed.stories(behind)
    clock[0] += 6
    look = await board.look()
    assert look.plays is not None
    assert [each.stake for each in look.plays.quarter] == [3 * EUR]


async def test_twenty_viewers_cost_no_more_looks_than_one(hub: Hub, counted: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "CHECK_EVERY_S", 0.2)
    alone = hub.join(HELD)
    before = counted.looks
    first = await events(alone, 6)
    looks_for_one = counted.looks - before
    others = [hub.join(HELD if number < 5 else bytes([number]) * 32) for number in range(9)]
    others += [hub.join(bytes([number]) * 32) for number in range(100, 110)]
    counted.holding |= {viewer.token_sha256 for viewer in others}
    before, checks = counted.looks, counted.checks
    found = await asyncio.gather(*(events(viewer, 6) for viewer in (alone, *others)))
    # Each got six frames (one more is under way at most), and nobody asked for them but the one poller.
    assert counted.looks - before <= looks_for_one + 3
    assert counted.checks - checks <= 3
    assert all([name for name, _ in got] == ["whole", "more", "more", "more", "more", "more"] for got in found[1:])
    assert [name for name, _ in first][:2] == ["whole", "more"]


async def test_nobody_watching_nothing_is_asked(hub: Hub, counted: Counted) -> None:
    viewer = hub.join(HELD)
    await events(viewer, 2)
    hub.leave(viewer)
    looks = counted.looks
    await asyncio.sleep(0.3)  # six periods of the hub: the absence of looks is what is waited for
    assert counted.looks == looks
    again = hub.join(HELD)
    assert (await events(again, 1))[0][0] == "whole"


async def test_a_slow_viewer_loses_frames_and_gets_the_whole_board_next(hub: Hub, counted: Counted) -> None:
    slow, quick = hub.join(HELD), hub.join(HELD)
    await events(quick, 1)
    seen = counted.looks
    async with asyncio.timeout(30):
        while not slow.needs_whole or counted.looks < seen + QUEUE_MAX:
            await events(quick, 1)
    names = [name for name, _ in await events(slow, 2)]
    assert "whole" in names
    assert len(slow._frames) <= QUEUE_MAX


async def test_a_sign_in_that_ended_ends_its_streams_and_no_others(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "CHECK_EVERY_S", 0.0)
    stranger, known = hub.join(b"x" * 32), hub.join(HELD)
    names = [(name, data) for name, data in await events(stranger, 50)]
    assert names[-1] == ("over", {"why": "signed-out"})
    assert {name for name, _ in await events(known, 4)} <= {"whole", "more"}


async def test_trouble_is_told_and_ends_with_the_whole_board(hub: Hub, counted: Counted) -> None:
    viewer = hub.join(HELD)
    await events(viewer, 1)
    counted.away = True
    async with asyncio.timeout(30):
        while (got := (await events(viewer, 1))[0])[0] != "trouble":
            pass
    assert "database does not answer" in got[1]["words"]
    counted.away = False
    async with asyncio.timeout(30):
        while (await events(viewer, 1))[0][0] == "trouble":
            pass
    assert viewer.needs_whole is False


async def test_viewers_are_limited_and_a_stop_ends_them(hub: Hub) -> None:
    viewers = [hub.join(bytes([number]) * 32) for number in range(30)]
    with pytest.raises(TooManyViewers, match="30 pages"):
        hub.join(HELD)
    hub.leave(viewers.pop())
    for _ in range(2):
        hub.leave(viewers.pop())
    same = viewers[0].token_sha256
    mine = [hub.join(same) for _ in range(3)]
    hub.end_all()
    got = await asyncio.gather(*(events(viewer, 20) for viewer in (*viewers[:2], *mine)))
    assert all(each[-1] == ("over", {"why": "stopped"}) for each in got)
    with pytest.raises(TooManyViewers):
        hub.join(HELD)


async def test_one_sign_in_has_no_more_than_ten_streams(hub: Hub) -> None:
    for _ in range(10):
        hub.join(HELD)
    with pytest.raises(TooManyViewers, match="you have 10 pages"):
        hub.join(HELD)


async def test_which_sign_ins_hold_is_one_question(board: Board, backoffice_pool: asyncpg.Pool) -> None:
    tokens = {name: name.encode().ljust(32, b".") for name in ("held", "idle", "old", "barred", "never")}
    await backoffice_pool.execute(
        "INSERT INTO office.users (login, name, role, disabled) VALUES ('anna', '', 'viewer', false), ('ben', '', 'viewer', true)"
    )
    await backoffice_pool.executemany(
        "INSERT INTO office.sign_ins (token_sha256, login, csrf, seen_at, expires_at, address) VALUES ($1, $2, '', now() - $3::interval, now() + $4::interval, '')",
        [
            (tokens["held"], "anna", timedelta(0), timedelta(hours=1)),
            (tokens["idle"], "anna", timedelta(hours=1), timedelta(hours=1)),
            (tokens["old"], "anna", timedelta(0), timedelta(hours=-1)),
            (tokens["barred"], "ben", timedelta(0), timedelta(hours=1)),
        ],
    )
    assert await board.still_signed_in(tokens.values(), 1_800) == {tokens["held"]}
