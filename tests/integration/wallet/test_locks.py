"""Somebody else holds a player: the batch that waits sees what he commits, and nobody else waits for long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from services.wallet.batch import Published
from services.wallet.chain import seal
from services.wallet.decisions.model import Operation
from services.wallet.intake import now_ms
from services.wallet.ledger.store import PositionMovedError
from shared.contracts import Command, Result, codec
from tests.integration.wallet.bench import Bench, addressed, open_bench, replies
from tests.integration.wallet.line import ACCOUNT, EUR, bet, create, deposit, get_balance, rollback, win

HOLD = "SELECT seq, encode(chain_head, 'hex') AS head FROM players WHERE player = $1 FOR UPDATE"


@asynccontextmanager
async def held(bench: Bench, *players: str) -> AsyncIterator[asyncpg.Connection]:
    """Another party that has locked players; what it wrote is committed at the end."""
    async with bench.owner.acquire() as other, other.transaction():
        for player in players:
            await other.fetchrow(HOLD, player)
        yield other


async def entomb(other: asyncpg.Connection, player: str, ref: str) -> None:
    """What a wallet writes for a rollback whose original is unknown, without the undo's own row."""
    row = await other.fetchrow(HOLD, player)
    assert row is not None
    tombstone = Operation(
        player=player, seq=row["seq"] + 1, provider_account=ACCOUNT, namespace="tx", external_id=ref, kind="tombstone",
        status="tombstone", occurred_at_ms=now_ms(), gaming_day="2026-11-22", brand="main", result=Result.ORIGINAL_CANCELLED,
    )  # fmt: skip
    digest, _ = seal(row["head"], tombstone)
    await other.execute(
        "INSERT INTO operations (player, seq, provider_account, namespace, external_id, kind, status, result, brand, test, stake, win,"
        " closes_round, free_round, balance_after, gaming_day, occurred_at, schema, hash) VALUES ($1, $2, $3, 'tx', $4, 'tombstone',"
        " 'tombstone', 'ORIGINAL_CANCELLED', 'main', false, 0, 0, false, false, 0, '2026-11-22',"
        " 'epoch'::timestamptz + $5 * interval '1 millisecond', 1, decode($6, 'hex'))",
        player, tombstone.seq, ACCOUNT, ref, tombstone.occurred_at_ms, digest,
    )  # fmt: skip
    await other.execute("UPDATE players SET seq = seq + 1, chain_head = decode($2, 'hex') WHERE player = $1", player, digest)


async def start_waiting(bench: Bench, command: Command) -> asyncio.Task[Published]:
    """A batch of one command that stands before the lock."""
    task = asyncio.create_task(bench.apply(bench.take(addressed(command))))
    async with asyncio.timeout(60):
        while not await bench.waiting():
            assert not task.done(), "the batch did not wait for the lock"
            await asyncio.sleep(0.01)
    return task


async def test_a_waiting_batch_sees_the_tombstone_that_the_holder_commits(bench: Bench) -> None:
    player, ref = await bench.new_player(), bench.names.ref()
    async with held(bench, player) as other:
        task = await start_waiting(bench, bet(player, ref))
        await entomb(other, player, ref)
    assert [(reply.result, reply.balance) for reply in replies(await task)] == [(Result.ORIGINAL_CANCELLED, 100 * EUR)]
    assert await bench.balance(player) == 100 * EUR
    rows = await bench.owner.fetch("SELECT kind, seq FROM operations WHERE player = $1 ORDER BY seq", player)
    assert [(row["kind"], row["seq"]) for row in rows] == [("create_player", 1), ("deposit", 2), ("tombstone", 3)]


async def test_two_wallets_race_for_a_players_last_unit(bench: Bench) -> None:
    """Commands of one player on two partitions, as if somebody had sent them wrongly: the player's row decides."""
    async with open_bench(bench.url, partition=1) as other:
        for _ in range(15):
            player = await bench.new_player(4 * EUR)
            one, two = await asyncio.gather(bench.ask(bet(player, "a", 3 * EUR)), other.ask(bet(player, "b", 3 * EUR)))
            assert sorted(reply.result for reply in one + two) == [Result.INSUFFICIENT_FUNDS, Result.OK]
            assert await bench.balance(player) == EUR
            rows = await bench.owner.fetch("SELECT seq, balance_after FROM operations WHERE player = $1 ORDER BY seq", player)
            assert [(row["seq"], row["balance_after"]) for row in rows] == [(1, 0), (2, 4 * EUR), (3, EUR), (4, EUR)]


async def test_a_bet_and_its_rollback_race_between_two_wallets(bench: Bench) -> None:
    async with open_bench(bench.url, partition=1) as other:
        for _ in range(15):
            player, ref = await bench.new_player(), bench.names.ref()
            (stake,), (undo,) = await asyncio.gather(bench.ask(bet(player, ref)), other.ask(rollback(player, ref)))
            assert (stake.result, undo.result, undo.detail) in {
                (Result.OK, Result.OK, ""),
                (Result.ORIGINAL_CANCELLED, Result.OK, "original_not_found"),
            }
            assert await bench.balance(player) == 100 * EUR


@pytest.fixture
async def hasty(ledger_url: str) -> AsyncIterator[Bench]:
    """A wallet that waits for a lock no longer than a moment."""
    async with open_bench(ledger_url, wallet_lock_timeout_ms=50) as opened:
        yield opened


async def test_a_held_player_holds_up_nobody_else(hasty: Bench) -> None:
    one, other = await hasty.new_player(), await hasty.new_player()
    async with held(hasty, one):
        answered = await hasty.ask(bet(one, "a"), bet(other, "b"), win(one, "c"), bet(other, "d"))
        assert [(each.command_id, each.result) for each in answered] == [("c1", Result.OK), ("c3", Result.OK)]
        assert await hasty.balance(other) == 98 * EUR
        # His later commands wait behind the first, without waiting for the lock again; the position passes them.
        assert await hasty.ask(bet(one, "e"), get_balance(one)) == []
        assert await hasty.stored_position() == hasty.next_offset
        assert await hasty.balance(one) == 100 * EUR
    released = replies(await hasty.apply([]))
    assert [(each.command_id, each.result, each.balance) for each in released] == [
        ("c0", Result.OK, 99 * EUR), ("c2", Result.OK, 100 * EUR), ("c0", Result.OK, 99 * EUR), ("c1", Result.OK, 99 * EUR),
    ]  # fmt: skip
    assert await hasty.balance(one) == 99 * EUR
    assert (hasty.applier.deferred, hasty.letters) == ({}, [])


async def test_what_waited_goes_before_what_comes_with_the_release(hasty: Bench) -> None:
    player = await hasty.new_player(EUR)
    async with held(hasty, player):
        assert await hasty.ask(bet(player, "first")) == []
    answered = await hasty.ask(bet(player, "second"))
    assert [(each.result, each.balance) for each in answered] == [(Result.OK, 0), (Result.INSUFFICIENT_FUNDS, 0)]


async def test_a_stake_that_waited_past_its_callers_deadline_is_not_done(hasty: Bench) -> None:
    player = await hasty.new_player()
    async with held(hasty, player):
        stale = bet(player, "late", deadline_ms=1_000)
        assert await hasty.ask(stale, win(player, "owed", deadline_ms=1_000), age_ms=60_000) == []
    assert [each.result for each in replies(await hasty.apply([]))] == [Result.NOT_DONE, Result.OK]
    assert await hasty.balance(player) == 101 * EUR


async def test_commands_of_a_player_held_past_the_limit_go_to_the_dead_letters(ledger_url: str) -> None:
    async with open_bench(ledger_url, wallet_lock_timeout_ms=50, wallet_defer_limit_ms=100) as bench:
        one, other = await bench.new_player(), await bench.new_player()
        async with held(bench, one):
            first = bench.next_offset
            assert [each.command_id for each in await bench.ask(bet(one, "a"), win(one, "b"), bet(other, "c"))] == ["c2"]
            published = Published()
            async with asyncio.timeout(60):
                while bench.applier.deferred:
                    await asyncio.sleep(0.02)
                    await bench.applier.give_up_deferred(published)
        assert [(each.command_id, each.result) for each in replies(published)] == [("c0", Result.UNKNOWN), ("c1", Result.UNKNOWN)]
        assert [(letter.offset, letter.cause) for letter in bench.letters] == [(first, "player held"), (first + 1, "player held")]
        assert await bench.balance(one) == 100 * EUR
        # The same ids may come again.
        assert [each.result for each in await bench.ask(bet(one, "a"))] == [Result.OK]


async def test_a_player_who_does_not_exist_is_held_by_nobody(hasty: Bench) -> None:
    held_one, name = await hasty.new_player(), hasty.names.operators_id()
    async with held(hasty, held_one):
        answered = await hasty.ask(
            bet(held_one, "a"), create(name), bet(create(name).player, "b"), deposit(create(name).player, EUR)
        )
    assert [(each.command_id, each.result) for each in answered] == [
        ("c1", Result.OK), ("c2", Result.INSUFFICIENT_FUNDS), ("c3", Result.OK),
    ]  # fmt: skip


async def test_a_lock_on_the_positions_is_waited_for_and_loses_nothing(hasty: Bench) -> None:
    """The lock of another owner of the partition who has not committed yet."""
    player = await hasty.new_player()
    async with hasty.owner.acquire() as other, other.transaction():
        await other.execute("UPDATE partition_position SET next_offset = next_offset WHERE partition = 0")
        task = await start_waiting(hasty, bet(player, "a"))
    assert [each.result for each in replies(await task)] == [Result.OK]
    assert await hasty.balance(player) == 99 * EUR
    assert hasty.applier.deferred == {}


async def test_what_waits_is_known_by_its_place_until_it_has_had_its_turn(hasty: Bench) -> None:
    """A next owner must not begin to read behind it: its event may be what the last one did not get to publish."""
    one, other = await hasty.new_player(), await hasty.new_player()
    async with held(hasty, one):
        first = hasty.next_offset + 1
        await hasty.ask(bet(other, "a"), bet(one, "b"), bet(one, "c"))
        assert hasty.applier.waiting() == {0: first}
    await hasty.apply([])
    assert hasty.applier.waiting() == {}


async def moved(bench: Bench) -> None:
    """Another owner of the partition went on by one record."""
    await bench.owner.execute("UPDATE partition_position SET next_offset = next_offset + 1 WHERE partition = 0")


async def test_what_waited_is_not_lost_when_the_position_moves_under_its_batch(hasty: Bench) -> None:
    one, other = await hasty.new_player(), await hasty.new_player()
    async with held(hasty, one):
        assert await hasty.ask(bet(one, "a"), win(one, "b")) == []
    await moved(hasty)
    with pytest.raises(PositionMovedError):
        await hasty.ask(bet(other, "c"))
    assert await hasty.balance(one) == 100 * EUR
    published = await hasty.apply([])
    assert [(each.result, each.balance) for each in replies(published)] == [(Result.OK, 99 * EUR), (Result.OK, 100 * EUR)]
    assert [codec.decode_event(event).external_id for _, event in published.events[0]] == ["a", "b"]
    assert hasty.applier.deferred == {}


async def test_what_was_committed_without_our_hearing_it_is_told_all_the_same(hasty: Bench) -> None:
    """Between deferral and turn somebody applied it, our own lost commit among others: its event still has to go out."""
    one, other = await hasty.new_player(), await hasty.new_player()
    waiting = bet(one, "a")
    async with held(hasty, one):
        assert await hasty.ask(waiting) == []
    await moved(hasty)
    with pytest.raises(PositionMovedError):
        await hasty.ask(bet(other, "c"))
    async with open_bench(hasty.url, partition=1) as double:
        assert [each.result for each in await double.ask(waiting)] == [Result.OK]
    published = await hasty.apply([])
    events = [codec.decode_event(raw) for _, raw in published.events[0]]
    assert [(event.external_id, event.seq) for event in events] == [("a", 3)]
    assert {(each.result, each.balance, each.replayed) for each in replies(published)} == {(Result.OK, 99 * EUR, True)}
    assert await hasty.balance(one) == 99 * EUR
