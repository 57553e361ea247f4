"""A ledger that was made by the version before, and a wallet of the version before on the ledger of this one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest

from services.wallet.audit.verify import verify
from services.wallet.decisions.model import Grant, Operation, Player, Profile, Round, Session
from services.wallet.ledger import migrate, store
from services.wallet.working_set import Loaded, WorkingSet
from shared.contracts import FOR_EVER_MS, Command, Result, Rollback
from shared.database.migrate import upgrade
from tests.integration.wallet.bench import open_bench
from tests.integration.wallet.line import (
    EUR,
    bet,
    cancel,
    create,
    deposit,
    erase,
    exclude,
    grant,
    open_session,
    play,
    rollback,
    set_limits,
    set_status,
    win,
)
from tests.servers import Servers
from tests.unit.wallet.histories import NOW
from tests.unit.wallet.memory import DAYS

BEFORE = ("0001_ledger", "0002_batch_functions")
BEFORE_LIMITS = (*BEFORE, "0003_operators_commands")
NEW_OF_GRANTS = "cancelled_at_ms"
LOAD = "SELECT * FROM load_batch($1, $2, $3, $4, $5, $6, $7, $8, $9)"
SAVE = "SELECT save_batch($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
"""The statements of wallets up to ledger version 0003."""


@pytest.fixture(params=[BEFORE, BEFORE_LIMITS], ids=lambda names: names[-1])
def old_ledger_url(request: pytest.FixtureRequest, servers: Servers, tmp_path: Path) -> Iterator[str]:
    """The address of an empty ledger of a version before."""
    versions = Path(migrate.__file__).parent / "migrations" / "versions"
    (tmp_path / "versions").mkdir()
    for name in request.param:
        for suffix in (".py", ".sql"):
            shutil.copy(versions / f"{name}{suffix}", tmp_path / "versions")
    url = servers.new_database()
    upgrade(url, tmp_path, version_table=migrate.VERSION_TABLE, lock=migrate.LOCK)
    yield url
    servers.drop_database(url)


async def load_as_before(connection: asyncpg.Connection, commands: Sequence[Command]) -> Loaded:
    """What a wallet of the version before reads."""
    row = await connection.fetchrow(LOAD, *store._references(commands)[:9])
    players, balances, operations, undone, rounds, sessions, grants, profiles = (json.loads(text or "[]") for text in row)
    return Loaded(
        players=msgspec.convert(players, list[Player]),
        balances={(each["player"], each["currency"]): each["balance"] for each in balances},
        operations=msgspec.convert(operations, list[Operation]),
        undone={(each["player"], each["target_seq"]) for each in undone},
        rounds=msgspec.convert(rounds, list[Round]),
        sessions=msgspec.convert(sessions, list[Session]),
        grants=msgspec.convert(grants, list[Grant]),
        profiles=msgspec.convert(profiles, list[Profile]),
        limits=[],
        usage=[],
        counting=set(),
    )


async def apply_as_before(connection: asyncpg.Connection, *commands: Command) -> list[str]:
    """One batch as a wallet of the version before saves it; the results."""
    async with connection.transaction():
        picture = WorkingSet(await load_as_before(connection, commands), NOW, DAYS)
        results = [picture.step(command, expired=False).result for command in commands]
        balances = [
            {"player": player, "currency": currency, "balance": picture.balances[player, currency]}
            for player, currency in picture.changed_balances
        ]
        await connection.execute(
            SAVE, "[]", 1, f"[{b','.join(picture.events).decode()}]",
            _rows(picture.changed_players.values()), _rows(balances), _rows(picture.changed_rounds.values()),
            _rows(picture.changed_sessions.values()), _rows(picture.changed_grants.values(), without=NEW_OF_GRANTS),
            _rows(picture.new_players.values()), _rows(picture.new_profiles),
        )  # fmt: skip
    return results


def _rows(values: Any, without: str = "") -> str | None:
    rows = [{name: each for name, each in msgspec.to_builtins(value).items() if name != without} for value in values]
    return json.dumps(rows) if rows else None


async def test_a_ledger_of_the_version_before_is_brought_up_to_date_and_goes_on(old_ledger_url: str) -> None:
    connection = await asyncpg.connect(old_ledger_url)
    try:
        player = create("somebody").player
        made = [create("somebody"), deposit(player, 10 * EUR), grant(player, "g"), open_session(player, "s"), bet(player, "a")]
        assert set(await apply_as_before(connection, *made)) == {Result.OK}
    finally:
        await connection.close()
    migrate.upgrade(old_ledger_url)
    async with open_bench(old_ledger_url) as bench:
        commands = [bet(player, "a"), set_status(player, "draining"), cancel(player, "g"), bet(player, "b"), erase(player)]
        answered = await bench.ask(*commands)
        assert [each.result for each in answered] == [
            Result.OK, Result.OK, Result.OK, Result.PLAYER_BLOCKED, Result.OK,
        ]  # fmt: skip
        assert answered[0].replayed
    report = await verify(old_ledger_url)
    assert (report.operations, report.problems) == (9, [])


async def test_a_wallet_of_the_version_before_takes_nothing_back(ledger_url: str) -> None:
    """During a rolling upgrade both work on one ledger, each command by whoever owns its partition then."""
    async with open_bench(ledger_url) as bench:
        player, erased = await bench.new_player(), await bench.new_player()
        await bench.ask(grant(player, "g"), bet(player, "a", grant_id="g", charge_free_rounds=1))
        await bench.ask(cancel(player, "g"), set_status(player, "draining"), bet(player, "b"), erase(erased))
        async with bench.pool.acquire() as connection:
            # A bet in the open round changes player, balance, round and, as that wallet knows no cancellation, the grant.
            grants = await connection.fetch("SELECT * FROM grants")
            assert [row["cancelled_at_ms"] > 0 for row in grants] == [True]
            assert await apply_as_before(connection, bet(player, "c", round_id="a")) == [Result.OK]
            old = {name: value for name, value in dict(grants[0]).items() if name != NEW_OF_GRANTS}
            await connection.execute(
                SAVE,
                "[]",
                1,
                None,
                None,
                None,
                None,
                None,
                json.dumps([{**old, "remaining": 2}]),
                None,
                None,
            )
        row = await bench.owner.fetchrow("SELECT remaining, cancelled_at_ms > 0 AS cancelled FROM grants")
        assert row is not None
        assert (row["remaining"], row["cancelled"]) == (2, True)
        assert await bench.owner.fetchval("SELECT status FROM players WHERE player = $1", player) == "draining"
        assert await bench.owner.fetchval("SELECT count(*) FROM profiles WHERE player = $1", erased) == 0


async def test_a_batch_that_says_nothing_of_a_players_status_leaves_it(ledger_url: str) -> None:
    async with open_bench(ledger_url) as bench:
        player = await bench.new_player()
        await bench.ask(set_status(player, "blocked"))
        async with bench.pool.acquire() as connection, connection.transaction():
            picture = WorkingSet(await load_as_before(connection, [bet(player, "a")]), NOW, DAYS)
            assert picture.step(bet(player, "a"), expired=False).result == Result.PLAYER_BLOCKED
            await connection.execute(
                SAVE, "[]", 1, f"[{picture.events[0].decode()}]",
                _rows(picture.changed_players.values(), without="status"), None, None, None, None, None, None,
            )  # fmt: skip
        assert await bench.owner.fetchval("SELECT status || seq FROM players WHERE player = $1", player) == "blocked4"


@pytest.mark.parametrize("status", ["open", "", "Active", "erased"])
async def test_the_ledger_knows_no_other_status(status: str, ledger_url: str) -> None:
    async with open_bench(ledger_url) as bench:
        await bench.new_player()
        with pytest.raises(asyncpg.CheckViolationError):
            await bench.owner.execute("UPDATE players SET status = $1", status)


async def test_pages_of_sessions_are_no_way_to_a_session_by_its_id(ledger_url: str) -> None:
    """The indexes of pages must not be taken for look-ups by id, neither when a table is empty nor later."""
    look_ups = (
        "SELECT * FROM sessions WHERE player = 'p' AND session_id = 's'",
        "SELECT * FROM grants WHERE player = 'p' AND grant_id = 'g'",
        "SELECT * FROM sessions WHERE player = 'p' AND provider_account = 'a' AND status = 'active' ORDER BY opened_at_ms DESC",
    )
    async with open_bench(ledger_url) as bench, bench.pool.acquire() as connection:
        for look_up in look_ups:
            plan = "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN {look_up}"))
            assert "_page" not in plan


async def test_a_first_limit_counts_what_wallets_of_the_version_before_have_written(old_ledger_url: str) -> None:
    connection = await asyncpg.connect(old_ledger_url)
    try:
        player = create("somebody").player
        made: list[Command] = [create("somebody"), deposit(player, 100 * EUR)]
        made += [bet(player, ref, 10 * EUR) for ref in ("a", "b", "c")]
        made += [
            win(player, "won", 5 * EUR),
            rollback(player, "a", external_id="undo a"),
            rollback(player, "b", external_id="undo b"),
        ]
        made.append(Rollback(**play(player, "again b", namespace="undo"), target_namespace="undo", target_external_id="undo b"))
        assert set(await apply_as_before(connection, *made)) == {Result.OK}
    finally:
        await connection.close()
    migrate.upgrade(old_ledger_url)
    async with open_bench(old_ledger_url) as bench, bench.pool.acquire() as connection:
        commands = [set_limits(player), bet(player, "too much", 81 * EUR), bet(player, "just so", 80 * EUR)]
        async with connection.transaction():
            picture = WorkingSet(await store.load(connection, commands, NOW), NOW, DAYS)
            assert [picture.step(command, expired=False).limit for command in commands] == ["", "wager_day", ""]
            await store.save(connection, picture, [], 1)
        row = await bench.owner.fetchrow("SELECT * FROM usage")
    assert row is not None
    assert (row["player"], row["currency"], row["gaming_day"].isoformat()) == (player, "EUR", "2027-01-15")
    assert (row["staked"], row["won"], row["deposited"]) == (100 * EUR, 5 * EUR, 100 * EUR)


async def test_a_wallet_of_before_limits_takes_no_limit_and_no_exclusion_back(ledger_url: str) -> None:
    async with open_bench(ledger_url) as bench:
        player = await bench.new_player()
        await bench.ask(set_limits(player), bet(player, "a"), exclude(player))
        kept = "SELECT (SELECT json_agg(l) FROM limits l)::text, (SELECT json_agg(u) FROM usage u)::text, excluded_until_ms FROM players"
        before = await bench.owner.fetchrow(kept)
        async with bench.pool.acquire() as connection:
            assert await apply_as_before(connection, bet(player, "b"), deposit(player, EUR, "more")) == [Result.OK] * 2
        assert await bench.owner.fetchrow(kept) == before
        assert before is not None
        assert before["excluded_until_ms"] == FOR_EVER_MS
        (reply,) = await bench.ask(bet(player, "c"))
        assert (reply.result, reply.limit) == (Result.PLAYER_BLOCKED, "exclusion")
