"""Limits of time at the database: a statement, a lock and an idle transaction of the wallet's each end by themselves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import asyncpg
import psycopg
import pytest

from services.wallet.failpoints import Failpoint
from services.wallet.ledger.store import connection_settings
from shared.contracts import Result, VoidRound
from tests.integration.wallet.bench import Bench, addressed, open_bench, replies
from tests.integration.wallet.line import ACCOUNT, EUR, bet, operators, win
from tests.waiting import wait_until

SLOW_INSERTS = """
    CREATE TABLE slow (seconds double precision);
    GRANT SELECT ON slow TO stakewire_wallet;
    CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_sleep(seconds) FROM slow;
        RETURN NEW;
    END $$;
    CREATE TRIGGER dawdle BEFORE INSERT ON operations FOR EACH ROW EXECUTE FUNCTION dawdle();
"""
"""A database that takes long to write: as long as the rows of `slow` say."""


def void_round(player: str, round_id: str) -> VoidRound:
    header = {**operators(player, "void"), "provider_account": ACCOUNT}
    return VoidRound(**header, round_id=round_id, reason="a broken game", author="key-1")


@pytest.fixture
async def hurried(ledger_url: str) -> AsyncIterator[Bench]:
    """A wallet whose statements may take a moment only."""
    async with open_bench(ledger_url, wallet_lock_timeout_ms=100, wallet_statement_timeout_ms=400) as opened:
        yield opened


async def test_the_limits_hold_on_every_connection(ledger_url: str) -> None:
    async with asyncpg.create_pool(
        ledger_url, min_size=2, max_size=2, server_settings=connection_settings(lock_timeout_ms=250, statement_timeout_ms=1_500)
    ) as pool:
        connections = [await pool.acquire(), await pool.acquire()]
        for connection in connections:
            found = {
                name: await connection.fetchval(f"SHOW {name}")
                for name in ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout", "role")
            }
            assert found == {
                "lock_timeout": "250ms",
                "statement_timeout": "1500ms",
                "idle_in_transaction_session_timeout": "3s",
                "role": "stakewire_wallet",
            }
            await pool.release(connection)


async def test_a_statement_past_its_limit_is_given_up_and_done_once_later(hurried: Bench) -> None:
    player = await hurried.new_player()
    await hurried.owner.execute(SLOW_INSERTS)
    await hurried.owner.execute("INSERT INTO slow VALUES (5)")
    began = hurried.next_offset
    task = asyncio.create_task(hurried.apply(hurried.take(addressed(bet(player, "a"), "bet"), addressed(win(player, "b"), "win"))))
    async with asyncio.timeout(60):
        while not await hurried.owner.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
        ):
            assert not task.done(), "the batch was not slow"
            await asyncio.sleep(0.01)
    assert await hurried.stored_position() == began
    await hurried.owner.execute("DELETE FROM slow")
    assert [(each.command_id, each.result) for each in replies(await task)] == [("bet", Result.OK), ("win", Result.OK)]
    assert await hurried.balance(player) == 100 * EUR
    assert await hurried.owner.fetchval("SELECT count(*) FROM operations WHERE player = $1", player) == 4
    assert (await hurried.stored_position(), hurried.letters) == (hurried.next_offset, [])


async def test_one_command_that_never_ends_in_time_holds_up_nobody(hurried: Bench) -> None:
    """Undoing an enormous round by hand, for example: it goes to the dead letters, and moves nothing."""
    one, other = await hurried.new_player(), await hurried.new_player()
    assert [each.result for each in await hurried.ask(bet(one, "a"), bet(one, "b", round_id="a"))] == [Result.OK] * 2
    await hurried.owner.execute(SLOW_INSERTS)
    await hurried.owner.execute("INSERT INTO slow VALUES (30)")
    await hurried.owner.execute("""
        DROP TRIGGER dawdle ON operations;
        CREATE TRIGGER dawdle BEFORE INSERT ON operations FOR EACH ROW WHEN (NEW.kind = 'void_round') EXECUTE FUNCTION dawdle();
    """)
    at = hurried.next_offset + 1
    answered = await hurried.ask(bet(other, "c"), void_round(one, "a"), win(one, "w"), bet(other, "d"))
    assert sorted((each.command_id, each.result) for each in answered) == [
        ("c0", Result.OK),
        ("c1", Result.UNKNOWN),
        ("c2", Result.OK),
        ("c3", Result.OK),
    ]
    assert [(letter.offset, letter.cause) for letter in hurried.letters] == [(at, "not applicable")]
    assert (await hurried.balance(one), await hurried.balance(other)) == (99 * EUR, 98 * EUR)
    assert await hurried.stored_position() == hurried.next_offset
    # On a database that is quick again the same command is taken.
    await hurried.owner.execute("DELETE FROM slow")
    assert [each.result for each in await hurried.ask(void_round(one, "a"))] == [Result.OK]
    assert await hurried.balance(one) == 101 * EUR


async def test_a_lock_on_a_table_is_waited_for_in_pieces_and_loses_nothing(hurried: Bench) -> None:
    player = await hurried.new_player()
    async with hurried.owner.acquire() as other, other.transaction():
        await other.execute("LOCK TABLE balances IN ACCESS EXCLUSIVE MODE")
        task = asyncio.create_task(hurried.apply(hurried.take(addressed(bet(player, "a")))))
        async with asyncio.timeout(60):
            while not await hurried.waiting():
                assert not task.done(), "the batch did not wait for the table"
                await asyncio.sleep(0.01)
    assert [each.result for each in replies(await task)] == [Result.OK]
    assert await hurried.balance(player) == 99 * EUR


async def test_a_wallet_that_hangs_in_a_transaction_loses_its_locks(ledger_url: str) -> None:
    async with open_bench(ledger_url) as bench:
        player = await bench.new_player()
        settings = connection_settings(lock_timeout_ms=100, statement_timeout_ms=200)
        hanging = await asyncpg.connect(ledger_url, server_settings=settings)
        try:
            await hanging.execute("BEGIN")
            await hanging.execute("SELECT 1 FROM players WHERE player = $1 FOR UPDATE", player)
            # The other owner waits for the lock and gets it when the server has ended the idle transaction.
            began = time.monotonic()
            assert [each.result for each in await bench.ask(bet(player, "a"))] == [Result.OK]
            assert time.monotonic() - began < 60
            with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, ConnectionError)):
                await hanging.execute("UPDATE players SET status = status WHERE player = $1", player)
        finally:
            hanging.terminate()
        assert await bench.balance(player) == 99 * EUR


class LastWord(Failpoint):
    """Ends the wallet's connection right behind the answer to its save: both reach the wallet at once, before it commits."""

    def __init__(self, url: str) -> None:
        super().__init__("")
        self._url = url
        self.armed = False

    def passed(self, step: str) -> None:
        if step == "decided" and self.armed:
            self.armed = False
            # In the loop's next turn the save is on its way; nothing is read until this has returned.
            asyncio.get_running_loop().call_soon(self._end)

    def _end(self) -> None:
        saved = (
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'stakewire-wallet'"
            " AND state = 'idle in transaction' AND query LIKE '%save%'"
        )
        with psycopg.connect(self._url, autocommit=True) as owner:
            found: list[int] = []

            def ended() -> bool:
                found.extend(pid for (pid,) in owner.execute(saved).fetchall())
                return bool(found)

            wait_until(ended, "the save is answered")
            owner.execute("SELECT pg_terminate_backend(%s)", (found[0],))
            gone = "SELECT 1 FROM pg_stat_activity WHERE pid = %s"
            wait_until(lambda: owner.execute(gone, (found[0],)).fetchone() is None, "the connection has ended")


async def test_a_server_that_goes_right_behind_its_answer_is_a_server_that_is_away(ledger_url: str) -> None:
    """The driver has a word of its own for it at the commit: the wallet ended by it instead of trying again."""
    async with open_bench(ledger_url) as bench:
        player = await bench.new_player()
        point = LastWord(ledger_url)
        bench.applier._failpoint = point
        # Once before, so that the statements are prepared on the connection.
        assert [each.result for each in await bench.ask(bet(player, "a"))] == [Result.OK]
        point.armed = True
        assert [each.result for each in await bench.ask(bet(player, "b"))] == [Result.OK]
        assert not point.armed
        assert await bench.balance(player) == 98 * EUR
        assert (await bench.stored_position(), bench.letters) == (bench.next_offset, [])
