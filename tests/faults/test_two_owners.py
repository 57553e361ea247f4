"""Two wallets believe they own a partition, the topic is read again from 0, a deadlock is made on purpose."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import asyncpg

from services.wallet.audit.verify import verify
from shared.contracts import Result
from tests.faults.story import assert_balances, tell
from tests.integration.wallet.books import assert_books
from tests.integration.wallet.line import EUR, Line, bet
from tests.integration.wallet.stand import WalletStand

QUICK: dict[str, Any] = {"wallet_session_timeout_ms": 6_000}


async def dump(line: Line) -> list[asyncpg.Record]:
    """Everything that a replay might change."""
    rows: list[asyncpg.Record] = await line.pool.fetch(
        "SELECT o.player, o.seq, o.hash, b.balance FROM operations o JOIN balances b USING (player) ORDER BY 1, 2"
    )
    return rows


async def test_a_zombie_comes_back(stand: WalletStand, line: Line) -> None:
    """Frozen with commands in hand, expelled by Kafka, thawed: its batch is rolled back by the position."""
    stand.start("first", **QUICK)
    before, during = await tell(line, 3), await tell(line, 3)
    playing = [asyncio.create_task(story.play(line)) for story in before]
    await asyncio.wait(playing, return_when=asyncio.FIRST_COMPLETED, timeout=1.0)
    stand.freeze("first")
    try:
        await asyncio.to_thread(partial(stand.start, "second", **QUICK))
        await asyncio.gather(*playing, *(story.play(line) for story in during))
    finally:
        stand.thaw("first")
    after = await tell(line, 3)
    await asyncio.gather(*(story.play(line) for story in after))
    stories = before + during + after
    for story in stories:
        await story.again(line)
    await assert_balances(line, stories)
    for name in ("first", "second"):
        await asyncio.to_thread(stand.stop, name)
    await assert_books(stand.database_url, stand.kafka_bootstrap_servers, stand.names)
    report = await verify(stand.database_url)
    assert report.agree, report.problems


async def test_the_topic_read_again_from_0_changes_nothing(stand: WalletStand, line: Line) -> None:
    """Another group has no offsets: all that is retained comes again, and is only answered."""
    stand.start("first", **QUICK)
    stories = await tell(line, 4)
    await asyncio.gather(*(story.play(line) for story in stories))
    await asyncio.to_thread(stand.stop, "first")
    stored = await dump(line)
    stand.start("replaying", wallet_group="another-group", **QUICK)
    for story in stories:
        await story.again(line)
    assert await dump(line) == stored
    await assert_balances(line, stories)
    await asyncio.to_thread(stand.stop, "replaying")
    await assert_books(stand.database_url, stand.kafka_bootstrap_servers, stand.names)


async def _somebody_waits(line: Line) -> None:
    async with asyncio.timeout(60):
        waiting = 0
        while not waiting:
            waiting = await line.pool.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted")


async def test_a_deadlock_made_on_purpose(stand: WalletStand, line: Line) -> None:
    """Somebody locks two players against the wallet's order: one of the two is rolled back, and both commands are done."""
    stand.start("patient", wallet_lock_timeout_ms=30_000, wallet_statement_timeout_ms=60_000, **QUICK)
    low, high = sorted([await line.new_player(partition=1), await line.new_player(partition=1)])
    connection = await asyncpg.connect(stand.database_url)
    try:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute("SELECT FROM players WHERE player = $1 FOR UPDATE", high)
        refs = {player: line.names.ref() for player in (low, high)}
        await line.send(*(bet(player, ref) for player, ref in refs.items()))
        await _somebody_waits(line)
        try:
            await connection.execute("SELECT FROM players WHERE player = $1 FOR UPDATE", low)
        except asyncpg.DeadlockDetectedError:
            await transaction.rollback()
        else:
            await transaction.commit()
    finally:
        await connection.close()
    for player, ref in refs.items():
        reply = await line.known(bet(player, ref))
        assert reply.result == Result.OK
        assert await line.balance(player) == 99 * EUR
    await asyncio.to_thread(stand.stop, "patient")
    await assert_books(stand.database_url, stand.kafka_bootstrap_servers, stand.names)
