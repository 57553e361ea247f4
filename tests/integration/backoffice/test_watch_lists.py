"""The watch lists: what is on them, what is not, pages, filters; and that they stay quick among many rows."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from services.backoffice.findings import watch as watch_module
from services.backoffice.findings.watch import LISTS, CursorInvalid, Line, Watch, WatchFilter
from tests.integration.backoffice.stand import ACCOUNT, EUR, Seed, Story, callback

NOW = datetime.now(UTC)
ALL = WatchFilter()


@pytest.fixture
def watch(backoffice_pool: asyncpg.Pool) -> Watch:
    return Watch(backoffice_pool, stuck_after_h=24, tombstone_after_h=24)


def story(name: str, hours_ago: float, **facts: Any) -> Story:
    found = Story(name, at=NOW - timedelta(hours=hours_ago), step=timedelta(seconds=1), **facts)
    found.deposit()
    return found


async def lines(watch: Watch, name: str, wanted: WatchFilter = ALL) -> list[Line]:
    return (await watch.page(name, wanted)).lines


async def test_rounds_that_are_open_for_long_are_stuck_the_oldest_first(watch: Watch, seed: Seed) -> None:
    older, newer, fresh, tester = story("older", 60), story("newer", 30), story("fresh", 2), story("tester", 60, test=True)
    older.bet("r1", 3 * EUR)
    older.bet_and_win("r2", EUR, 0)
    newer.bet("n1", EUR)
    newer.bet("n2", EUR)
    newer.void_round("n2")
    fresh.bet("f1", EUR)
    tester.bet("t1", EUR)
    await seed.stories(older, newer, fresh, tester)
    found = await lines(watch, "stuck-rounds")
    assert [(line.player, line.round_id, line.stake, line.seq) for line in found] == [
        (older.player, "r1", 3 * EUR, 3),
        (newer.player, "n1", EUR, 3),
    ]
    assert [line.player for line in await lines(watch, "stuck-rounds", WatchFilter(test=True))] == [
        *sorted([older.player, tester.player]),
        newer.player,
    ]
    assert await lines(watch, "stuck-rounds", WatchFilter(account="another")) == []
    assert await lines(watch, "stuck-rounds", WatchFilter(brand="another")) == []
    assert await watch.stuck() == {ACCOUNT: 2}


async def test_a_rollback_of_the_unknown_is_on_two_lists_until_its_bet_comes(watch: Watch, seed: Seed) -> None:
    lost, late, young = story("lost", 48), story("late", 48), story("young", 1)
    for each in (lost, late, young):
        each.tombstone("b1")
    await seed.stories(lost, late, young)
    came = NOW - timedelta(hours=40)
    await seed.callbacks(
        callback(came, player=late.player, external_id="b1", kind="bet_and_win", result="ORIGINAL_CANCELLED"),
        callback(came, player=lost.player, external_id="b1", kind="rollback", result="OK"),
        callback(came, player=lost.player, external_id="b2", kind="bet_and_win", result="OK"),
    )
    assert {line.player for line in await lines(watch, "unknown-rollbacks")} == {lost.player, late.player, young.player}
    assert [(line.player, line.external_id) for line in await lines(watch, "tombstones")] == [(lost.player, "b1")]


async def test_overdrafts_name_the_operation_that_took_the_player_below_zero(watch: Watch, seed: Seed) -> None:
    fine = story("fine", 5)
    spent = story("spent", 5)
    bet = spent.bet_and_win("r1", EUR, 50 * EUR)
    spent.withdraw(149 * EUR)
    taken_back = overdrawing(spent, bet)
    await seed.stories(fine, spent)
    assert [(line.player, line.balance, line.seq, line.provider_account) for line in await lines(watch, "overdrafts")] == [
        (spent.player, -49 * EUR, taken_back, ACCOUNT)
    ]
    assert await lines(watch, "overdrafts", WatchFilter(account="another")) == []
    spent.deposit(49 * EUR)
    await seed.stories(spent)
    assert await lines(watch, "overdrafts") == []


def overdrawing(player: Story, target: int) -> int:
    """Takes a bet with its win back although the win is spent: booked as the wallet does, with the flag in its details."""
    original = player.operation(target)
    return player._add(
        "rollback",
        "undo-it",
        (f"provider:{ACCOUNT}", "player", original.stake),
        ("player", f"provider:{ACCOUNT}", original.win),
        namespace="undo",
        stake=original.win,
        win=original.stake,
        target_seq=target,
        round_id=original.round_id,
        game_id=original.game_id,
        details={"overdraft": True},
    )


async def test_limits_and_exclusions_are_apart(watch: Watch, seed: Seed) -> None:
    limited, gone, back = story("limited", 3), story("gone", 3), story("back", 3)
    limited.refused("r1", 5 * EUR, result="LIMIT_EXCEEDED", limit="loss_day")
    limited.refused("r2", 5 * EUR)
    gone.exclude(int((NOW + timedelta(days=9)).timestamp() * 1_000))
    gone.refused("r3", 7 * EUR, result="PLAYER_BLOCKED", limit="exclusion")
    back.exclude(int((NOW - timedelta(hours=1)).timestamp() * 1_000))
    for_ever = story("for-ever", 3)
    for_ever.exclude(253_402_300_799_999)
    await seed.stories(limited, gone, back, for_ever)
    assert [(line.player, line.limit_name, line.stake) for line in await lines(watch, "limits")] == [
        (limited.player, "loss_day", 5 * EUR)
    ]
    assert [(line.player, line.round_id) for line in await lines(watch, "excluded-stakes")] == [(gone.player, "r3")]
    assert [line.player for line in await lines(watch, "exclusions")] == [gone.player, for_ever.player]


def keys(*ids: str, **facts: str) -> list[dict[str, str]]:
    known = {"kind": "bet_and_win", "namespace": "tx", "target_namespace": "", "target_external_id": ""}
    return [{**known, "external_id": each, **facts} for each in ids]


async def test_applied_but_unknown_is_listed_until_somebody_follows_up(watch: Watch, seed: Seed) -> None:
    players = [story(name, 3) for name in ("open", "repeated", "undone", "cancelled", "refused", "recent", "batch")]
    opened, repeated, undone, cancelled, refused, recent, batch = players
    for each in players:
        if each is not refused:
            each.bet("x1", EUR)
    refused.refused("x1", EUR)
    undone.rollback(3, "x1")
    batch.bet("x%2_", EUR)
    await seed.stories(*players)
    at = NOW - timedelta(hours=2)
    unknown = {"verdict": "unknown", "result": "UNKNOWN", "kind": "bet_and_win"}
    await seed.callbacks(
        *(callback(at, player=each.player, external_id="x1", keys=keys("x1"), **unknown) for each in players[:5]),
        callback(datetime.now(UTC), player=recent.player, external_id="x1", keys=keys("x1"), **unknown),
        callback(at, player=batch.player, external_id="", keys=keys("x1", "x%2_"), **unknown),
        # A repetition with the same answer is no follow-up; an answered one is, and so is an answered rollback.
        callback(at + timedelta(minutes=1), player=opened.player, external_id="x1", keys=keys("x1"), request_id="last", **unknown),
        callback(at + timedelta(minutes=1), player=repeated.player, external_id="x1", keys=keys("x1")),
        callback(
            at + timedelta(minutes=1),
            player=cancelled.player,
            external_id="u1",
            keys=keys("u1", kind="rollback", namespace="undo", target_namespace="tx", target_external_id="x1"),
        ),
        callback(at + timedelta(minutes=1), player=batch.player, external_id="", keys=keys("x1")),
        callback(at + timedelta(minutes=2), player=batch.player, external_id="", keys=keys("xA2B")),
        callback(at, player=opened.player, external_id="nul", keys=keys("a\0b"), **unknown),
        callback(at, player="", external_id="", keys=[], **unknown),
    )
    found = await lines(watch, "unfollowed")
    assert sorted((line.player, line.external_id) for line in found) == sorted([(opened.player, "x1"), (batch.player, "x%2_")])
    assert next(line for line in found if line.player == opened.player).request_id == "last"


async def test_lists_go_on_where_a_page_ended(watch: Watch, seed: Seed) -> None:
    players = [story(f"p{number}", 100 - number % 3) for number in range(7)]
    for each in players:
        each.bet("r1", EUR)
        each.bet("r2", EUR)
    await seed.stories(*players)
    seen: list[tuple[str, str]] = []
    cursor, pages = "", 0
    while cursor or not pages:
        page = await watch.page("stuck-rounds", ALL, cursor=cursor, limit=4)
        seen += [(line.player, line.round_id) for line in page.lines]
        cursor, pages = page.next, pages + 1
    assert pages == 4
    assert sorted(seen) == sorted((each.player, ref) for each in players for ref in ("r1", "r2"))


@pytest.mark.parametrize("name", LISTS)
async def test_every_list_is_there_when_it_is_empty_and_pages_with_a_key(watch: Watch, name: str) -> None:
    key = base64.urlsafe_b64encode(json.dumps([NOW.isoformat(), "k" * 16, 3]).encode()).decode()
    for cursor in ("", key):
        page = await watch.page(name, ALL, cursor=cursor)
        assert (page.lines, page.next) == ([], "")


@pytest.mark.parametrize(
    "cursor", ["x", "é", "!!!!", "e30", base64.urlsafe_b64encode(b'["2026-01-01T00:00:00", "a", 1]').decode(), "A" * 5_000,
               base64.urlsafe_b64encode(b'["2026-01-01T00:00:00+00:00", "a\\u0000", 1]').decode(),
               base64.urlsafe_b64encode(b'["2026-01-01T00:00:00+00:00", "a", 99999999999999999999]').decode()]
)  # fmt: skip
async def test_a_key_that_is_not_ours_is_refused(watch: Watch, cursor: str) -> None:
    with pytest.raises(CursorInvalid):
        await watch.page("limits", ALL, cursor=cursor)


async def test_lists_are_read_by_their_indexes_among_many_rows(watch: Watch, backoffice_pool: asyncpg.Pool) -> None:
    await backoffice_pool.execute(MANY)
    await backoffice_pool.execute("ANALYZE projections.operations, projections.rounds, projections.callbacks")
    for name in LISTS:
        query = watch_module.QUERIES[name.replace("-", "_")]
        values = (None, None, None, "", False, "", 51, *watch._times(name))
        # Planned with the values, as the server does for a statement's first runs.
        async with backoffice_pool.acquire() as connection, connection.transaction():
            await connection.execute("SET LOCAL plan_cache_mode = force_custom_plan")
            statement = f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {query}"
            plan = json.loads((await connection.fetch(statement, *values))[0][0])[0]
        read = list(nodes(plan["Plan"]))
        scans = [each for each in read if each["Node Type"] == "Seq Scan" and each["Relation Name"] in {"operations", "rounds"}]
        assert not scans, f"{name}: {scans}"
        assert max(each["Actual Rows"] * each["Actual Loops"] for each in read) < 5_000, name


MANY = """
INSERT INTO projections.operations
SELECT 'p' || (n % 500), n, 'mascot-demo', 'tx', 'x' || n, 'bet', CASE WHEN n % 1000 = 0 THEN 'refused' ELSE 'applied' END, 'OK',
       CASE WHEN n % 1000 = 0 THEN CASE WHEN n % 2000 = 0 THEN 'loss_day' ELSE 'exclusion' END ELSE '' END, 'main', false, 'EUR',
       100000, 0, 0, 0, '', 'r' || n, false, 'riot', '', '', false, 0, 0, '', current_date, now() - make_interval(secs => n), '\\x00', '[]'
FROM generate_series(1, 60000) AS n;
INSERT INTO projections.rounds
SELECT 'p' || (n % 500), 'mascot-demo', 'r' || n, 'main', false, 'riot', '', 'EUR', CASE WHEN n % 500 = 0 THEN 'open' ELSE 'closed' END,
       1, 1, 100000, 0, 0, 0, n, n, now() - make_interval(days => 3, secs => n), now()
FROM generate_series(1, 60000) AS n;
"""


def nodes(plan: dict[str, Any]) -> Any:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes(inner)
