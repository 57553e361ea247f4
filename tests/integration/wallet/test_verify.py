"""`stakewire verify` on a real ledger that was damaged in each way: what it must find, since the last seal and in full."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import asyncpg
import pytest
import pytest_asyncio

from services.wallet.audit import verify as module
from services.wallet.audit.player import Problem
from services.wallet.audit.seals import make_seal
from services.wallet.audit.verify import Report, verify
from tests.integration.wallet.history import History
from tests.integration.wallet.line import EUR

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
HIT, OTHER = "hit", "other"
SEALED = 9
"""Operations of each player at the seal; 10.. came later."""
PLAIN = """
    ALTER TABLE operations DROP CONSTRAINT operations_key;
    ALTER TABLE operations DROP CONSTRAINT operations_pkey;
    ALTER TABLE movements DROP CONSTRAINT movements_pkey;
    ALTER TABLE movements DROP CONSTRAINT movements_amount_check;
    ALTER TABLE movements DROP CONSTRAINT movements_check;
    DROP INDEX operations_target;
"""
"""An owner of the schema can take the guards away first."""


@pytest_asyncio.fixture
async def owner(ledger_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(ledger_url)
    yield connection
    await connection.close()


def life(player: str) -> History:
    """Up to the seal: 1 create, 2 deposit, 3 bet, 4 win, 5 undo of 3, 6 void undo and 7 tombstone, 8 refused, 9 bet."""
    return History(player, AT).create().deposit().bet("a").win("b").undo("a", 3).tombstone("late").refused("much").bet("c")


def goes_on(history: History) -> History:
    """After it: 10 bet, 11 win, 12 undo of 9, 13 void undo and 14 tombstone, 15 refused, 16 bet."""
    return history.bet("d", 2 * EUR).win("e").undo("c", 9).tombstone("too-late").refused("more").bet("f")


async def sealed_ledger(url: str, owner: asyncpg.Connection) -> History:
    """Two players; returns the one to be damaged."""
    hit = life(HIT)
    for each in (hit, life(OTHER)):
        await each.save(owner)
    await make_seal(url, AT)
    await goes_on(hit).save(owner)
    await owner.execute(PLAIN)
    return hit


async def both(url: str) -> tuple[Report, Report]:
    return await verify(url), await verify(url, full=True)


def found(report: Report, invariant: str) -> list[Problem]:
    return [each for each in report.problems if each.invariant == invariant]


LATER = [
    ("I1", "UPDATE movements SET amount = amount + 1 WHERE player = 'hit' AND seq = 10"),
    ("I1", "UPDATE movements SET amount = -amount WHERE player = 'hit' AND seq = 10"),
    ("I1", "UPDATE movements SET debit_account = 'cash' WHERE player = 'hit' AND seq = 10"),
    ("I1", "UPDATE movements SET credit_account = 'player' WHERE player = 'hit' AND seq = 10"),
    ("I1", "UPDATE movements SET currency = 'USD' WHERE player = 'hit' AND seq = 10"),
    ("I1", "DELETE FROM movements WHERE player = 'hit' AND seq = 10"),
    ("I1", "INSERT INTO movements SELECT player, seq, 2, debit_account, credit_account, amount, currency, balance_after FROM movements WHERE seq = 10"),
    ("I1", "DELETE FROM operations WHERE player = 'hit' AND seq = 10"),
    ("I1", "INSERT INTO movements VALUES ('hit', 99, 1, 'player', 'cash', 1, 'EUR', 0)"),
    ("I1", "INSERT INTO movements VALUES ('nobody', 1, 1, 'player', 'cash', 1, 'EUR', 0)"),
    ("I1", "INSERT INTO movements VALUES ('zzz-last', 1, 1, 'player', 'cash', 1, 'EUR', 0)"),
    ("I1", "INSERT INTO balances VALUES ('nobody', 'EUR', 1)"),
    ("I1", "UPDATE operations SET player = 'nobody' WHERE player = 'hit' AND seq = 15"),
    ("I1", "UPDATE operations SET stake = stake - 1 WHERE player = 'hit' AND seq = 10"),
    ("I1", "UPDATE operations SET target_seq = 2 WHERE player = 'hit' AND seq = 12"),
    ("I2", "UPDATE balances SET balance = balance + 1 WHERE player = 'hit'"),
    ("I2", "UPDATE balances SET balance = balance + 1 WHERE player = 'other'"),
    ("I2", "DELETE FROM balances WHERE player = 'hit'"),
    ("I2", "INSERT INTO balances VALUES ('hit', 'USD', 5)"),
    ("I2", "UPDATE movements SET balance_after = balance_after + 1 WHERE player = 'hit' AND seq = 10"),
    ("I2", "UPDATE operations SET balance_after = balance_after + 1 WHERE player = 'hit' AND seq = 15"),
    ("I3", "DELETE FROM operations WHERE player = 'hit' AND seq = 15"),
    ("I3", "DELETE FROM operations WHERE player = 'hit' AND seq = 16; DELETE FROM movements WHERE player = 'hit' AND seq = 16"),
    ("I3", "UPDATE players SET seq = seq + 1 WHERE player = 'hit'"),
    ("I3", "UPDATE players SET seq = seq - 1 WHERE player = 'hit'"),
    ("I3", "UPDATE operations SET seq = 17 WHERE player = 'hit' AND seq = 15"),
    ("I5", "UPDATE operations SET external_id = 'd' WHERE player = 'hit' AND seq = 16"),
    ("I5", "UPDATE operations SET external_id = 'a' WHERE player = 'hit' AND seq = 16"),
    ("I5", "UPDATE operations SET target_seq = 9 WHERE player = 'hit' AND seq = 16"),
    ("I5", "UPDATE operations SET target_seq = 3 WHERE player = 'hit' AND seq = 12"),
    ("I5", "UPDATE operations SET status = 'refused' WHERE player = 'hit' AND seq = 10"),
    ("I7", "UPDATE operations SET status = 'tombstone' WHERE player = 'hit' AND seq = 10"),
    ("I7", "UPDATE operations SET external_id = 'too-late' WHERE player = 'hit' AND seq = 16"),
    ("I7", "UPDATE operations SET external_id = 'late' WHERE player = 'hit' AND seq = 16"),
    ("I11", "UPDATE operations SET game_id = 'other' WHERE player = 'hit' AND seq = 15"),
    ("I11", "UPDATE operations SET occurred_at = occurred_at - interval '1 day' WHERE player = 'hit' AND seq = 10"),
    ("I11", "UPDATE operations SET hash = sha256('x') WHERE player = 'hit' AND seq = 10"),
    ("I11", "UPDATE players SET chain_head = sha256('x') WHERE player = 'hit'"),
    ("seal", "DELETE FROM operations WHERE player = 'hit' AND seq = 9"),
    ("seal", "UPDATE operations SET hash = sha256('x') WHERE player = 'other' AND seq = 9"),
    ("seal", "DELETE FROM players WHERE player = 'other'"),
    ("seal", "UPDATE sealed_heads SET hash = sha256('x') WHERE player = 'hit'"),
    ("seal", "UPDATE sealed_heads SET balances = 'EUR=1' WHERE player = 'hit'"),
    ("seal", "DELETE FROM sealed_heads WHERE player = 'hit'"),
    ("seal", "UPDATE sealed_accounts SET units = units + 1 WHERE account = 'cash'"),
    ("seal", "UPDATE seals SET operations = operations + 1"),
    ("seal", "UPDATE seals SET root = sha256('x')"),
    ("seal", "UPDATE seals SET number = 2"),
    ("seal", "DELETE FROM seals"),
]  # fmt: skip
EARLIER = [
    ("I1", "UPDATE movements SET amount = amount + 1 WHERE player = 'other' AND seq = 3"),
    ("I5", "INSERT INTO movements VALUES ('other', 8, 1, 'player', 'cash', 1, 'EUR', 0)"),
    ("I3", "DELETE FROM operations WHERE player = 'other' AND seq = 8"),
    ("I5", "UPDATE operations SET target_seq = 3 WHERE player = 'other' AND seq = 9"),
    ("I7", "UPDATE operations SET external_id = 'late' WHERE player = 'other' AND seq = 9"),
    ("I11", "UPDATE operations SET game_id = 'other' WHERE player = 'other' AND seq = 3"),
    ("seal", "UPDATE movements SET amount = amount + 1 WHERE player = 'other' AND seq = 2"),
]


@pytest.mark.parametrize(("invariant", "damage"), LATER)
async def test_damage_after_the_seal_is_found_by_both_ways(
    invariant: str, damage: str, ledger_url: str, owner: asyncpg.Connection
) -> None:
    await sealed_ledger(ledger_url, owner)
    whole = await both(ledger_url)
    assert [each.problems for each in whole] == [[], []]
    await owner.execute(damage)
    incremental, full = await both(ledger_url)
    assert found(incremental, invariant), incremental.problems
    assert found(full, invariant), full.problems
    assert not incremental.agree
    assert incremental.problems_found >= len(incremental.problems)


@pytest.mark.parametrize(("invariant", "damage"), EARLIER)
async def test_damage_before_the_seal_is_found_in_full(
    invariant: str, damage: str, ledger_url: str, owner: asyncpg.Connection
) -> None:
    await sealed_ledger(ledger_url, owner)
    await owner.execute(damage)
    report = await verify(ledger_url, full=True)
    assert found(report, invariant), report.problems


async def test_an_overdraft_must_be_booked_as_one(ledger_url: str, owner: asyncpg.Connection) -> None:
    spent = History("spent", AT).create().deposit(EUR).win("w", 5 * EUR).bet("all", 6 * EUR)
    await spent.undo("w", 3).adjust("by-hand", -EUR, '{"author":"o","reason":"chargeback","overdraft":true}').save(owner)
    assert spent.balances["EUR"] == -6 * EUR
    assert (await verify(ledger_url)).problems == []
    for player, last in {
        "a-bet": History("a-bet", AT).create().bet("x"),
        "unbooked": History("unbooked", AT).create().adjust("k", -1, '{"reason":"\\"overdraft\\":true"}'),
        "said-no": History("said-no", AT).create().adjust("k", -1, '{"overdraft":false}'),
    }.items():
        await last.save(owner)
        assert [(each.invariant, each.player) for each in (await verify(ledger_url)).problems] == [("I4", player)]
        await owner.execute(
            f"DELETE FROM operations WHERE player = '{player}'; DELETE FROM movements WHERE player = '{player}'; "  # noqa: S608
            f"DELETE FROM balances WHERE player = '{player}'; DELETE FROM players WHERE player = '{player}'"
        )


async def replace_by(owner: asyncpg.Connection, forged: History) -> None:
    """Another life in the place of a player's own, with everything that belongs to it."""
    for table in ("operations", "movements", "balances", "players"):
        await owner.execute(f"DELETE FROM {table} WHERE player = $1", forged.player)  # noqa: S608
    await forged.save(owner)


async def test_a_chain_made_anew_as_a_whole_is_found_by_the_seal(ledger_url: str, owner: asyncpg.Connection) -> None:
    """Every hash in it is right, every sum fits: nothing but the seal can tell."""
    await sealed_ledger(ledger_url, owner)
    forged = (
        History(HIT, AT).create().deposit(1_000 * EUR).bet("a").win("b").undo("a", 3).tombstone("late").refused("much").bet("c")
    )
    await replace_by(owner, goes_on(forged))
    incremental, full = await both(ledger_url)
    assert found(incremental, "seal")[0].player == found(full, "seal")[0].player == HIT
    assert {each.invariant for each in full.problems} == {"seal"}
    # Without the seal it is a ledger like any other.
    await owner.execute("DELETE FROM seals; DELETE FROM sealed_heads; DELETE FROM sealed_accounts")
    assert (await verify(ledger_url)).agree


async def test_a_chain_cut_back_before_its_seal_is_found(ledger_url: str, owner: asyncpg.Connection) -> None:
    await sealed_ledger(ledger_url, owner)
    await replace_by(owner, History(OTHER, AT).create().deposit().bet("a"))
    for report in await both(ledger_url):
        assert found(report, "seal")


async def test_only_what_came_after_the_seal_is_read_again(ledger_url: str, owner: asyncpg.Connection) -> None:
    hit = await sealed_ledger(ledger_url, owner)
    incremental, full = await both(ledger_url)
    assert (incremental.mode, incremental.since_seal, incremental.operations) == ("incremental", 1, hit.seq - SEALED)
    assert (full.mode, full.since_seal, full.operations) == ("full", 1, hit.seq + SEALED)
    assert (incremental.players, full.players, full.to_read) == (2, 2, hit.seq + SEALED)
    # What the seal holds and what came later is together what the whole ledger says.
    assert incremental.accounts == full.accounts
    assert full.accounts["player EUR"] == hit.balances["EUR"] + life(OTHER).balances["EUR"]
    await make_seal(ledger_url, AT)
    again = await verify(ledger_url)
    assert (again.since_seal, again.operations, again.accounts, again.problems) == (2, 0, full.accounts, [])


async def test_several_processes_find_what_one_finds(
    ledger_url: str, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(7):
        await life(f"p{number}").save(owner)
    await owner.execute("UPDATE operations SET stake = stake + 1 WHERE seq = 3 AND player IN ('p0', 'p3', 'p6')")
    told: list[int] = []
    one = await verify(ledger_url)
    monkeypatch.setattr(module, "OPERATIONS_A_SPAN", 2 * SEALED)
    several = await verify(ledger_url, lambda report: told.append(report.operations), jobs=2)
    assert (one.jobs, several.jobs) == (1, 2)
    order = sorted(several.problems, key=lambda each: (each.player, each.seq))
    assert order == one.problems
    assert {each.player for each in order} == {"p0", "p3", "p6"}
    assert (several.operations, several.movements, several.accounts) == (one.operations, one.movements, one.accounts)
    assert told == sorted(told)
    assert told[-1] == several.to_read == 7 * SEALED


async def test_an_empty_ledger_agrees(ledger_url: str) -> None:
    report = await verify(ledger_url, full=True, jobs=4)
    assert (report.agree, report.players, report.jobs, report.mode) == (True, 0, 1, "full")


async def test_verify_takes_no_lock_that_a_wallet_waits_for(ledger_url: str, owner: asyncpg.Connection) -> None:
    """And none that it would wait for: somebody holds every player."""
    await sealed_ledger(ledger_url, owner)
    async with owner.transaction():
        await owner.execute("SELECT 1 FROM players FOR UPDATE")
        assert (await verify(ledger_url, full=True)).agree
