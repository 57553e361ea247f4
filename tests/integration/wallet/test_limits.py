"""Limits and exclusion on a real ledger: what is counted from the past, cut into batches, read and kept."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import asyncpg
import msgspec
import pytest

from services.wallet.decisions.model import Usage
from services.wallet.ledger import store
from services.wallet.working_set import WorkingSet
from shared.contracts import FOR_EVER_MS, Command, Reply, Result, VoidRound
from tests.integration.wallet.bench import Bench
from tests.integration.wallet.line import (
    ACCOUNT,
    EUR,
    bet,
    deposit,
    erase,
    exclude,
    lift_exclusion,
    open_session,
    operators,
    rollback,
    win,
)
from tests.integration.wallet.line import set_limits as limits
from tests.integration.wallet.test_store import stored, wallets_connection
from tests.unit.wallet.builders import KEY, create_player, limit, set_limits
from tests.unit.wallet.builders import deposit as builders_deposit
from tests.unit.wallet.counted import BALANCE, DAYS, Counted, ms, told
from tests.unit.wallet.memory import MemoryLedger
from tests.unit.wallet.recount import Play, random_actions

DAY_MS = 86_400_000


async def apply(connection: asyncpg.Connection, commands: list[Command], now_ms: int) -> list[Reply]:
    """One batch in one transaction at a given time, with the gaming days of the count by hand."""
    async with connection.transaction():
        picture = WorkingSet(await store.load(connection, commands, now_ms), now_ms, DAYS.at(now_ms))
        replies = [picture.step(command, expired=False) for command in commands]
        await store.save(connection, picture, [], 1)
    return replies


class Told(msgspec.Struct):
    """A history with its times: commands of one batch each, and the answers by hand."""

    batches: list[tuple[int, list[Command]]]
    expected: list[str]


def history(seed: int, length: int, size: int) -> Told:
    """A random history, cut into batches of at most `size` commands of one time."""
    play = Play()
    start_ms = Counted().now_ms
    batches: list[tuple[int, list[Command]]] = [
        (start_ms - 60 * DAY_MS, [create_player(currencies=("EUR", "USD"), external_id="create")])
    ]
    batches[0][1].extend(builders_deposit(BALANCE, currency=each, external_id=f"money-{each}") for each in ("EUR", "USD"))
    expected = ["OK", "OK", "OK"]
    for number, action in enumerate(random_actions(seed, length)):
        made = play.command(number, action)
        if made is None:
            continue
        now_ms = round(play.moment.timestamp() * 1_000)
        if batches[-1][0] != now_ms or len(batches[-1][1]) >= size:
            batches.append((now_ms, []))
        batches[-1][1].append(made[0])
        expected.append(made[1])
    return Told(batches, expected)


@pytest.mark.parametrize(("seed", "size"), [(1, 1), (1, 4), (2, 100), (3, 3), (4, 100)])
async def test_a_history_with_limits_is_answered_as_counted_by_hand_and_kept_as_in_memory(
    seed: int, size: int, ledger_url: str
) -> None:
    played, memory = history(seed, 200, size), MemoryLedger(DAYS)
    answered: list[str] = []
    async with wallets_connection(ledger_url) as connection:
        for now_ms, commands in played.batches:
            replies = await apply(connection, commands, now_ms)
            assert replies == memory.apply([(command, False) for command in commands], now_ms)
            answered += [told(reply) for reply in replies]
        found = await stored(connection)
    assert answered == played.expected
    assert answered.count("OK") < len(answered), "some of it was stopped by limits"
    tables = memory.tables()
    assert found["limits"] == tables["limits"]
    assert found["usage"] == tables["usage"]
    assert found["operations"] == tables["operations"]


@pytest.mark.parametrize("seed", [11, 12, 13])
async def test_what_is_counted_from_the_past_is_what_would_have_been_kept(seed: int, ledger_url: str) -> None:
    """One history without limits, for two players: the one has a limit from the beginning, the other gets one at the end."""
    actions = [action for action in random_actions(seed, 260) if action[0] != "limit"]
    generous = limit(BALANCE, "loss", "month")
    play = Play()
    async with wallets_connection(ledger_url) as connection:
        now_ms = Counted().now_ms
        for name in ("early", "late"):
            await apply(connection, [as_player(create_player(currencies=("EUR", "USD"), external_id="create"), name)], now_ms)
            for currency in ("EUR", "USD"):
                paid = builders_deposit(BALANCE, currency=currency, external_id=f"money-{currency}")
                await apply(connection, [as_player(paid, name)], now_ms)
        await apply(connection, [as_player(set_limits(generous, external_id="limits"), "early")], now_ms)
        for number, action in enumerate(actions):
            made = play.command(number, action)
            now_ms = round(play.moment.timestamp() * 1_000)
            if made is not None:
                await apply(connection, [as_player(made[0], "early"), as_player(made[0], "late")], now_ms)
        await apply(connection, [as_player(set_limits(generous, external_id="limits"), "late")], now_ms)
        since = store.usage_since(now_ms)[1].isoformat()
        kept, counted = await usage_of(connection, "early", since), await usage_of(connection, "late", since)
        assert kept == counted
        assert len(kept) > 20, "days of both currencies"
        spread = "SELECT count(*) FROM operations WHERE details LIKE '%counts_on%' AND player = 'early'"
        assert await connection.fetchval(spread) > 5, "undos on other days than their originals"


def as_player(command: Command, name: str) -> Command:
    """The command about another player."""
    return replace(command, player=name)


def void(player: str, round_id: str) -> VoidRound:
    header = {**operators(player, f"void {round_id}"), "provider_account": ACCOUNT}
    return VoidRound(**header, round_id=round_id, reason="never ended", author="key-1")


@asynccontextmanager
async def owners_connection(url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the database's owner."""
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


async def usage_of(connection: asyncpg.Connection, player: str, since: str) -> dict[Any, tuple[int, int, int]]:
    """What is kept of a player since a gaming day, without days on which nothing is left."""
    text = await connection.fetchval("SELECT json_agg(u) FROM usage u WHERE player = $1", player)
    rows = msgspec.json.decode(text or "[]", type=list[Usage])
    amounts = {(row.currency, row.gaming_day): (row.staked, row.won, row.deposited) for row in rows if row.gaming_day >= since}
    return {place: each for place, each in amounts.items() if any(each)}


async def test_a_first_limit_reads_the_days_that_count_and_no_older_ones(ledger_url: str) -> None:
    """Also by plans that were made, and kept, on an empty ledger. The player has an operation an hour for 200 days."""
    now_ms = ms("2027-06-15T12:00:00+00:00")
    async with wallets_connection(ledger_url) as connection, owners_connection(ledger_url) as owner:
        for number in range(7):
            await in_vain(connection, [limits("nobody", limit(EUR), key=f"l{number}"), void("nobody", f"r{number}")], now_ms)
        await owner.execute("ALTER TABLE operations SET (autovacuum_enabled = off)")
        await owner.execute(HOURLY.format(hours=200 * 24), now_ms // 1_000)
        read = await in_vain(connection, [limits("p", limit(EUR, "loss", "month"))], now_ms)
        assert (read["seq_scan"], 42 * 24 <= read["idx_tup_fetch"] <= 44 * 24) == (0, True), read
        read = await in_vain(connection, [void("p", "r4795")], now_ms)
        assert (read["seq_scan"], read["idx_tup_fetch"] <= 100) == (0, True), read


HOURLY = """
    WITH moments AS (SELECT o, to_timestamp($1 - ({hours} - o) * 3600) AS at FROM generate_series(1, {hours}) o),
        player AS (INSERT INTO players (player, brand, seq, chain_head) VALUES ('p', 'main', {hours}, decode(repeat('00', 32), 'hex'))),
        account AS (INSERT INTO balances VALUES ('p', 'EUR', 0)),
        round AS (INSERT INTO rounds SELECT 'p', 'mascot-demo', 'r' || o, 'riot', '', 'EUR', 'open', 1, 100000, 0, 0, '',
            extract(epoch FROM at) * 1000, 0 FROM moments)
    INSERT INTO operations (player, seq, provider_account, namespace, external_id, kind, status, result, brand, test, currency, stake,
            win, closes_round, free_round, balance_after, round_id, gaming_day, occurred_at, schema, hash)
        SELECT 'p', o, 'mascot-demo', 'tx', 't' || o, 'bet', 'applied', 'OK', 'main', false, 'EUR', 100000, 0, false, false, 0,
            'r' || o, at::date, at, 1, decode(repeat('00', 32), 'hex') FROM moments
"""


async def in_vain(connection: asyncpg.Connection, commands: list[Command], now_ms: int) -> dict[str, int]:
    """Loads a batch and takes it back; how operations were read."""
    counts = "SELECT seq_scan, idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'operations'"
    transaction = connection.transaction()
    await transaction.start()
    before = await connection.fetchrow(counts)
    await store.load(connection, commands, now_ms)
    after = await connection.fetchrow(counts)
    await transaction.rollback()
    return {name: after[name] - before[name] for name in ("seq_scan", "idx_tup_fetch")}


async def test_an_exclusion_closes_the_sessions_at_all_provider_accounts(bench: Bench) -> None:
    player, other = await bench.new_player(), await bench.new_player()
    await bench.ask(
        open_session(player, f"{player}.one"),
        open_session(player, f"{player}.two", provider_account="slotegrator-demo"),
        open_session(other, f"{other}.one"),
    )
    (reply,) = await bench.ask(exclude(player))
    assert reply.result == Result.OK
    rows = await bench.owner.fetch("SELECT player, status, close_reason FROM sessions")
    assert {(row["player"], row["status"], row["close_reason"]) for row in rows} == {
        (player, "closed", "excluded"), (other, "pending", ""),
    }  # fmt: skip
    assert await bench.owner.fetchval("SELECT excluded_until_ms FROM players WHERE player = $1", player) == FOR_EVER_MS
    answers = await bench.ask(
        bet(player, "a"), win(player, "b"), deposit(player, EUR, "more"), open_session(player, f"{player}.three"), bet(other, "a")
    )
    assert [told(each) for each in answers] == ["exclusion", "OK", "exclusion", "exclusion", "OK"]
    answers = await bench.ask(lift_exclusion(player), bet(player, "c"), bet(player, "a"))
    assert [told(each) for each in answers] == ["OK", "OK", "exclusion"]


async def test_erasing_an_excluded_player_keeps_his_exclusion(bench: Bench) -> None:
    player = await bench.new_player()
    await bench.ask(exclude(player))
    await bench.ask(erase(player))
    row = await bench.owner.fetchrow("SELECT status, excluded_until_ms FROM players WHERE player = $1", player)
    assert row is not None
    assert tuple(row) == ("closed", FOR_EVER_MS)


async def test_limits_hold_from_batch_to_batch_and_undos_free_them(bench: Bench) -> None:
    player = await bench.new_player()
    day = limit(10 * EUR, "wager", "day")
    assert [told(each) for each in await bench.ask(bet(player, "a", 4 * EUR), limits(player, day), bet(player, "b", 6 * EUR))] == [
        "OK", "OK", "OK",
    ]  # fmt: skip
    assert [told(each) for each in await bench.ask(bet(player, "c"))] == ["wager_day"]
    assert [told(each) for each in await bench.ask(rollback(player, "a", external_id="undo a"))] == ["OK"]
    assert [told(each) for each in await bench.ask(bet(player, "d", 5 * EUR), bet(player, "e"), bet(player, "c"))] == [
        "wager_day", "OK", "wager_day",
    ]  # fmt: skip
    row = await bench.owner.fetchrow("SELECT staked, won, deposited FROM usage WHERE player = $1", player)
    assert row is not None
    assert tuple(row) == (7 * EUR, 0, 100 * EUR)


async def test_the_memory_of_a_limit_outlives_it(ledger_url: str) -> None:
    """Who had a limit once is counted on, so that a new one needs nothing of the past."""
    async with wallets_connection(ledger_url) as connection:
        now_ms = Counted().now_ms
        await apply(connection, [create_player(external_id="create"), builders_deposit(external_id="money")], now_ms)
        await apply(connection, [set_limits(limit(0, "loss", "day"), external_id="l1")], now_ms)
        await apply(connection, [set_limits(limit(-1, "loss", "day"), external_id="l2")], now_ms)
        late = now_ms + 2 * DAY_MS
        (reply,) = await apply(connection, [bet(KEY, "a", 3 * EUR)], late)
        assert reply.result == Result.OK
        assert await usage_of(connection, KEY, DAYS.at(late)["main"]) == {("EUR", DAYS.at(late)["main"]): (3 * EUR, 0, 0)}
