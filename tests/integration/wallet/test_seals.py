"""Sealing a real ledger: the root by its document, its chain, one at a time, beside a wallet, refused over broken books."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
import pytest_asyncio
from msgspec.structs import replace

from services.wallet.audit import seals
from services.wallet.audit.canonical import Seal, with_root
from services.wallet.audit.seals import BrokenBooksError, BusyError, compare, last_seal, make_seal
from services.wallet.audit.verify import verify
from tests.integration.wallet.history import History
from tests.integration.wallet.line import EUR

AT = datetime(2026, 3, 1, 12, 0, 0, 123_999, tzinfo=UTC)
ROOT = """
    SELECT encode(sha256(convert_to(
        E'stakewire seal 1\\nnumber ' || number || E'\\nsealed_at ' || to_char(sealed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
        || E'\\nplayers ' || players || E'\\noperations ' || operations || E'\\nheads ' || (
            SELECT encode(sha256(convert_to(coalesce(string_agg(player || ' ' || seq || ' ' || encode(hash, 'hex') || ' ' || balances
                || E'\\n', '' ORDER BY player COLLATE "C"), ''), 'UTF8')), 'hex') FROM sealed_heads)
        || E'\\naccounts ' || (
            SELECT encode(sha256(convert_to(coalesce(string_agg(account || ' ' || brand || ' ' || currency || ' ' || units || E'\\n', ''
                ORDER BY account COLLATE "C", brand COLLATE "C", currency COLLATE "C"), ''), 'UTF8')), 'hex')
            FROM sealed_accounts WHERE seal = number)
        || E'\\nprevious ' || encode(previous_root, 'hex') || E'\\n', 'UTF8')), 'hex')
    FROM seals ORDER BY number DESC LIMIT 1
"""
"""The root of the last seal as docs/books.md says it is computed, by the database itself."""


@pytest_asyncio.fixture
async def owner(ledger_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(ledger_url)
    yield connection
    await connection.close()


async def test_the_root_is_the_one_of_the_document(ledger_url: str, owner: asyncpg.Connection) -> None:
    z = await History("z7", AT).create("USD", "EUR").deposit(5 * EUR).bet("a").save(owner)
    a = await History("a2", AT, brand="other").create().deposit(7, currency="EUR").save(owner)
    made = await make_seal(ledger_url, AT)
    assert (made.seal, made.players, made.operations, made.previous_root) == (1, 2, 5, "0" * 64)
    assert made.sealed_at == "2026-03-01T12:00:00.123Z"
    heads = f"a2 2 {a.head} EUR=7\nz7 3 {z.head} EUR={4 * EUR},USD=0\n"
    accounts = (
        f"cash main EUR {-5 * EUR}\ncash other EUR -7\nplayer main EUR {4 * EUR}\nplayer other EUR 7\n"
        f"provider:mascot-demo main EUR {EUR}\n"
    )
    text = (
        f"stakewire seal 1\nnumber 1\nsealed_at 2026-03-01T12:00:00.123Z\nplayers 2\noperations 5\n"
        f"heads {hashlib.sha256(heads.encode()).hexdigest()}\naccounts {hashlib.sha256(accounts.encode()).hexdigest()}\n"
        f"previous {'0' * 64}\n"
    )
    assert made.root == hashlib.sha256(text.encode()).hexdigest()
    assert await owner.fetchval(ROOT) == made.root
    await z.bet("b").save(owner)
    await History("m", AT).create().save(owner)
    second = await make_seal(ledger_url, AT + timedelta(days=1))
    assert await owner.fetchval(ROOT) == second.root
    assert (second.seal, second.players, second.operations, second.previous_root) == (2, 3, 7, made.root)
    assert await last_seal(ledger_url) == second


async def test_a_day_on_which_nothing_happened_is_sealed_too(ledger_url: str) -> None:
    assert await last_seal(ledger_url) is None
    first, second = [await make_seal(ledger_url, AT + timedelta(days=day)) for day in (0, 1)]
    assert (first.players, second.players, second.previous_root) == (0, 0, first.root)
    assert (first.heads, first.accounts) == (second.heads, second.accounts)
    assert first.root != second.root
    assert (await verify(ledger_url)).seals == 2


async def test_only_the_heads_that_moved_are_written(ledger_url: str, owner: asyncpg.Connection) -> None:
    still, moves = History("still", AT).create().deposit(), History("moves", AT).create().deposit()
    for each in (still, moves):
        await each.save(owner)
    await make_seal(ledger_url, AT)
    await moves.bet("a").save(owner)
    await make_seal(ledger_url, AT)
    rows = await owner.fetch("SELECT player, seq, seal, encode(hash, 'hex') AS hash FROM sealed_heads ORDER BY player")
    assert [tuple(row) for row in rows] == [("moves", 3, 2, moves.head), ("still", 2, 1, still.head)]


HELD = """
    SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'advisory' AND granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


async def wait_until_held(owner: asyncpg.Connection) -> None:
    """Until somebody holds the lock of seals."""
    for _ in range(3_000):
        if await owner.fetchval(HELD):
            return
        await asyncio.sleep(0.01)
    raise AssertionError("nobody took the lock")


async def test_two_seals_at_once_are_one_and_a_refusal(ledger_url: str, owner: asyncpg.Connection) -> None:
    await History("p", AT).create().save(owner)
    async with owner.transaction():
        # The first to come stands before the table of seals; the other one must not wait behind it.
        await owner.execute("LOCK TABLE sealed_heads IN ACCESS EXCLUSIVE MODE")
        first = asyncio.create_task(make_seal(ledger_url, AT))
        await wait_until_held(owner)
        with pytest.raises(BusyError, match="wait for its end"):
            await make_seal(ledger_url, AT)
    assert (await first).seal == 1
    assert (await make_seal(ledger_url, AT)).seal == 2


async def test_a_seal_waits_for_no_wallet_and_no_wallet_for_a_seal(
    ledger_url: str, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    player = await History("p", AT).create().deposit().save(owner)
    async with owner.transaction():
        await owner.execute("SELECT 1 FROM players FOR UPDATE")
        assert (await make_seal(ledger_url, AT)).operations == 2
    # A batch commits in the middle of a seal: it is not in this one, and nothing of it is lost.
    read_accounts = seals.read_accounts

    async def and_a_batch_commits(connection: asyncpg.Connection, seal: int) -> object:
        await asyncio.wait_for(player.bet("a").save(owner), 30)
        return await read_accounts(connection, seal)

    with monkeypatch.context() as patch:
        patch.setattr(seals, "read_accounts", and_a_batch_commits)
        assert (await make_seal(ledger_url, AT)).operations == 2
    assert (await verify(ledger_url)).problems == []
    assert (await make_seal(ledger_url, AT)).operations == 3
    assert (await verify(ledger_url, full=True)).problems == []


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE players SET chain_head = sha256('x')",
        "UPDATE players SET seq = seq - 1",
        "UPDATE operations SET hash = sha256('x') WHERE seq = 3",
        "UPDATE operations SET hash = sha256('x') WHERE seq = 2",
        "UPDATE sealed_heads SET hash = sha256('x')",
        "DELETE FROM operations",
    ],
)
async def test_what_does_not_continue_its_seal_is_not_sealed_over(damage: str, ledger_url: str, owner: asyncpg.Connection) -> None:
    player = await History("p", AT).create().deposit().save(owner)
    first = await make_seal(ledger_url, AT)
    await player.bet("a").save(owner)
    await owner.execute(damage)
    with pytest.raises(BrokenBooksError, match=r"p \(operation .*stakewire verify"):
        await make_seal(ledger_url, AT)
    assert await last_seal(ledger_url) == first


async def test_a_balance_that_moved_by_itself_is_not_sealed_over(ledger_url: str, owner: asyncpg.Connection) -> None:
    await History("p", AT).create().deposit().save(owner)
    await make_seal(ledger_url, AT)
    await owner.execute("UPDATE balances SET balance = balance + 1")
    with pytest.raises(BrokenBooksError):
        await make_seal(ledger_url, AT)


async def test_roots_that_were_handed_out_are_compared(ledger_url: str, owner: asyncpg.Connection) -> None:
    await History("p", AT).create().save(owner)
    handed_out: list[Seal] = [await make_seal(ledger_url, AT + timedelta(days=day)) for day in range(3)]
    assert await compare(ledger_url, handed_out[1:]) == (3, [])
    changed = replace(handed_out[0], operations=2)
    of_another = with_root(changed)
    unknown = with_root(replace(handed_out[2], seal=4))
    for told, text in ((changed, "the file was changed"), (of_another, "the database has"), (unknown, "does not have it")):
        count, differences = await compare(ledger_url, [*handed_out, told])
        assert count == 3
        assert len(differences) == 1
        assert text in differences[0]
    # Everything in the database made anew, seals too: only what was handed out can tell.
    await owner.execute(
        "DELETE FROM seals; DELETE FROM sealed_heads; DELETE FROM sealed_accounts; DELETE FROM operations; DELETE FROM players; DELETE FROM balances"
    )
    await History("p", AT).create("USD").save(owner)
    for day in range(3):
        await make_seal(ledger_url, AT + timedelta(days=day))
    assert (await verify(ledger_url, full=True)).agree
    assert len((await compare(ledger_url, handed_out))[1]) == 3
