"""Loading and saving a batch: the same as the ledger in memory, without reading whole tables, and with few rights."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import msgspec
import pytest

from services.wallet.chain import event_of
from services.wallet.decisions.model import Grant, Limit, Operation, Player, Profile, Round, Session, Usage
from services.wallet.ledger import store
from services.wallet.working_set import WorkingSet, key_of
from shared.contracts import ActivateSession, CloseSession, Command, OpenSession
from tests.integration.wallet.line import (
    ACCOUNT,
    bet,
    bet_and_win,
    cancel,
    close_account,
    create,
    deposit,
    end_round,
    erase,
    exclude,
    get_balance,
    grant,
    operators,
    rollback,
    set_limits,
    set_status,
    win,
    withdraw_everything,
)
from tests.unit.wallet.histories import NOW, Story, cut
from tests.unit.wallet.memory import DAYS, MemoryLedger

SETTINGS = store.connection_settings(lock_timeout_ms=10_000, statement_timeout_ms=60_000)
OWN_TABLES = (
    "players", "profiles", "balances", "operations", "movements", "sessions", "rounds", "grants", "partition_position",
    "limits", "usage",
)  # fmt: skip


@asynccontextmanager
async def wallets_connection(url: str, **settings: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection with the role and the limits of the wallet."""
    connection = await asyncpg.connect(url, server_settings={**SETTINGS, **settings})
    try:
        yield connection
    finally:
        await connection.close()


async def apply(connection: asyncpg.Connection, batch: list[tuple[Command, bool]]) -> list[Any]:
    """One batch in one transaction, at the time of the histories."""
    async with connection.transaction():
        picture = WorkingSet(await store.load(connection, [command for command, _ in batch], NOW), NOW, DAYS)
        replies = [picture.step(command, expired=expired) for command, expired in batch]
        await store.save(connection, picture, [], 1)
    return replies


@pytest.mark.parametrize(("seed", "sizes"), [(1, [1]), (2, [3, 1, 7]), (3, [20]), (4, [5, 11]), (5, [158])])
async def test_a_history_gives_the_same_as_in_memory(seed: int, sizes: list[int], ledger_url: str) -> None:
    history, memory = Story(seed, 150).history, MemoryLedger()
    async with wallets_connection(ledger_url) as connection:
        for batch in cut(history, sizes):
            assert await apply(connection, batch) == memory.apply(batch, NOW)
        found = await stored(connection)
        assert found == {name: rows for name, rows in memory.tables().items() if name != "events"}
        again = [event_of(operation) for operation in found["operations"].values()]
    assert sorted(again) == sorted(event for events in memory.events.values() for event in events)


async def stored(connection: asyncpg.Connection) -> dict[str, dict[Any, Any]]:
    """The tables as the ledger in memory holds them."""

    async def rows(query: str, cls: Any) -> list[Any]:
        return msgspec.json.decode(await connection.fetchval(query) or "[]", type=list[cls])

    def all_of(table: str) -> str:
        return f"SELECT json_agg(t) FROM {table} t"  # noqa: S608  # names of this module

    players = (
        "SELECT json_agg(t) FROM (SELECT player, brand, status, test, seq, encode(chain_head, 'hex') AS chain_head,"
        " excluded_until_ms FROM players) t"
    )
    operations = await rows("SELECT json_agg(operation_json(o)) FROM operations o", Operation)
    return {
        "players": {each.player: each for each in await rows(players, Player)},
        "balances": {(row["player"], row["currency"]): row["balance"] for row in await connection.fetch("SELECT * FROM balances")},
        "operations": {key_of(each): each for each in operations},
        "rounds": {(each.player, each.provider_account, each.round_id): each for each in await rows(all_of("rounds"), Round)},
        "sessions": {(each.player, each.session_id): each for each in await rows(all_of("sessions"), Session)},
        "grants": {(each.player, each.grant_id): each for each in await rows(all_of("grants"), Grant)},
        "profiles": {each.player: each for each in await rows(all_of("profiles"), Profile)},
        "limits": {
            (each.player, each.currency, each.kind, each.window): each
            for each in await rows('SELECT json_agg(t) FROM (SELECT *, window_name AS "window" FROM limits) t', Limit)
        },
        "usage": {(each.player, each.currency, each.gaming_day): each for each in await rows(all_of("usage"), Usage)},
    }


FILL = """
    INSERT INTO players (player, brand, seq, chain_head) SELECT 'p' || p, 'main', {ops}, decode(repeat('00', 32), 'hex')
        FROM generate_series({first}, {last}) p;
    INSERT INTO profiles SELECT 'p' || p, 'operators-' || p FROM generate_series({first}, {last}) p;
    INSERT INTO balances SELECT 'p' || p, 'EUR', 10000000 FROM generate_series({first}, {last}) p;
    INSERT INTO operations (player, seq, provider_account, namespace, external_id, kind, status, result, brand, test, currency, stake,
            win, closes_round, free_round, balance_after, gaming_day, occurred_at, schema, hash)
        SELECT 'p' || p, o, 'mascot-demo', 'tx', 't' || o, 'bet', 'applied', 'OK', 'main', false, 'EUR', 100000, 0, false, false, 0,
            '2026-11-22', now(), 1, decode(repeat('00', 32), 'hex')
        FROM generate_series({first}, {last}) p, generate_series(1, {ops}) o;
    INSERT INTO movements SELECT 'p' || p, o, 1, 'player', 'provider:mascot-demo', 100000, 'EUR', 10000000
        FROM generate_series({first}, {last}) p, generate_series(1, {ops}) o;
    INSERT INTO rounds SELECT 'p' || p, 'mascot-demo', 't' || o, 'riot', '', 'EUR', 'open', 1, 100000, 0, 0, '', 0, 0
        FROM generate_series({first}, {last}) p, generate_series(1, {ops}) o;
    INSERT INTO sessions (player, session_id, provider_account, provider_session_id, currency, game_id, status, opened_at_ms,
            last_seen_ms, idle_timeout_s, absolute_timeout_s)
        SELECT 'p' || p, 's' || o, 'mascot-demo', 'ps' || o, 'EUR', 'riot', 'closed', o, o, 1, 1
        FROM generate_series({first}, {last}) p, generate_series(1, {ops}) o;
    INSERT INTO grants SELECT 'p' || p, 'g' || o, 'mascot-demo', 'EUR', '{{}}', 0, 5, 5, 4000000000000
        FROM generate_series({first}, {last}) p, generate_series(1, {ops}) o;
    INSERT INTO limits SELECT 'p' || p, 'EUR', kind, 'day', 1000000000000, -1, 0
        FROM generate_series({first}, {last}) p, unnest(ARRAY['loss', 'wager', 'deposit']) kind WHERE p % 2 = 0;
    INSERT INTO usage SELECT 'p' || p, 'EUR', '2026-01-01'::date + o, 0, 0, 0
        FROM generate_series({first}, {last}) p, generate_series(1, {ops}) o WHERE p % 2 = 0;
    INSERT INTO partition_position SELECT p, 0, 1 FROM generate_series(0, 23) p ON CONFLICT DO NOTHING;
"""
SMALL, LARGE = {"players": 40, "ops": 50}, {"players": 800, "ops": 50}
BATCH_PLAYERS = 20
BATCH_ROWS_MAX = dict.fromkeys(OWN_TABLES, BATCH_PLAYERS * 10)
"""A player of the batch has nineteen commands; none of his tables has to be read more often than that."""


async def fill(url: str, *, players: int, ops: int, first: int = 1) -> None:
    """Rows of players from number `first` on as a ledger of some age has them, never analysed."""
    connection = await asyncpg.connect(url)
    try:
        if first == 1:
            for table in OWN_TABLES:
                await connection.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
        await connection.execute(FILL.format(first=first, last=first + players - 1, ops=ops))
        analysed = await connection.fetch("SELECT relname FROM pg_class WHERE relname = ANY ($1) AND reltuples >= 0", OWN_TABLES)
        assert not analysed, "nothing is known about these tables"
    finally:
        await connection.close()


def everything() -> list[Command]:
    """A batch with every kind of command, for players who have a past."""
    batch: list[Command] = []
    for number in range(2, 2 + BATCH_PLAYERS):
        player = f"p{number}"
        at_provider = {**operators(player, "x"), "provider_account": ACCOUNT}
        batch += [
            bet(player, "new", round_id="t5"),
            bet(player, "t3"),
            win(player, "new-win", round_id="t4", provider_session_id="ps3"),
            bet_and_win(player, "both", session_id="s2", grant_id="g1", charge_free_rounds=1),
            rollback(player, "t1"),
            rollback(player, "nobody's"),
            get_balance(player, provider_session_id="ps2", grant_id="g2"),
            end_round(player, "end", round_id="t6"),
            deposit(player, 1, "more"),
            grant(player, "new-grant"),
            OpenSession(**{**at_provider, "external_id": "open"}, session_id="fresh", currency="EUR", game_id="riot"),
            ActivateSession(**{**at_provider, "external_id": "activate"}, session_id="fresh", provider_session_id="ps-fresh"),
            CloseSession(**{**at_provider, "external_id": "close"}, session_id="s1"),
            withdraw_everything(player),
            cancel(player, "g3"),
            set_status(player, "draining"),
            set_limits(player) if number % 2 == 0 else exclude(player),
            close_account(player),
            erase(player),
        ]
    return [*batch, create("somebody new")]


async def play_one(connection: asyncpg.Connection) -> dict[str, dict[str, int]]:
    """One batch, rolled back, and how the tables were read in its transaction."""
    counts = "SELECT relname, seq_scan, seq_tup_read, idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = ANY ($1)"
    transaction = connection.transaction()
    await transaction.start()
    before = {row["relname"]: row for row in await connection.fetch(counts, OWN_TABLES)}
    picture = WorkingSet(await store.load(connection, everything(), NOW), NOW, DAYS)
    for command in everything():
        picture.step(command, expired=False)
    await store.save(connection, picture, [(number, 0, 5) for number in range(24)], 1)
    after = {row["relname"]: row for row in await connection.fetch(counts, OWN_TABLES)}
    await transaction.rollback()
    columns = ("seq_scan", "seq_tup_read", "idx_tup_fetch")
    return {name: {column: row[column] - before[name][column] for column in columns} for name, row in after.items()}


async def blocks_of_load(connection: asyncpg.Connection) -> int:
    """How many blocks the load statement touches."""
    async with connection.transaction():
        plan = await connection.fetchval(
            f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {store.QUERIES['load_batch']}",
            *store._references(everything()),
            *store.usage_since(NOW),
        )
    top = json.loads(plan)[0]["Plan"]
    return int(top["Shared Hit Blocks"]) + int(top["Shared Read Blocks"])


async def test_a_database_that_was_never_analysed_is_not_read_whole(ledger_url: str) -> None:
    await fill(ledger_url, **LARGE)
    async with wallets_connection(ledger_url) as connection:
        # Plans are kept from the sixth time on: neither the first nor the later ones may scan.
        for _ in range(8):
            read = await play_one(connection)
            assert {name: table["seq_scan"] for name, table in read.items()} == dict.fromkeys(OWN_TABLES, 0)


async def test_a_batch_reads_as_much_from_a_large_ledger_as_from_a_small_one(ledger_url: str) -> None:
    """Also by plans that were made, and kept, when there was next to nothing to read."""
    await fill(ledger_url, players=1, ops=1)
    async with wallets_connection(ledger_url) as old:
        for _ in range(8):
            await play_one(old)
        await fill(ledger_url, first=2, **SMALL)
        small, blocks_small = await play_one(old), await blocks_of_load(old)
        await fill(ledger_url, first=2 + SMALL["players"], **LARGE)
        large, blocks_large = await play_one(old), await blocks_of_load(old)
        async with wallets_connection(ledger_url) as young:
            afresh = await play_one(young)
    for table in OWN_TABLES:
        rows = [read[table]["idx_tup_fetch"] for read in (small, large, afresh)]
        assert max(rows) <= BATCH_ROWS_MAX[table], f"{table} is read by {rows} rows: at first, when large, by new plans"
    # A look-up goes down a tree that grows a level when rows grow a hundredfold.
    assert blocks_large < 2 * blocks_small


FORBIDDEN = [
    *(f"{verb} {table}" for table in ("operations", "movements") for verb in ("DELETE FROM", "TRUNCATE")),
    "UPDATE operations SET stake = 0",
    "UPDATE operations SET external_id = 'x'",
    "UPDATE movements SET amount = 1",
    "DELETE FROM players",
    "DELETE FROM balances",
    "TRUNCATE balances",
    "DELETE FROM partition_position",
    "UPDATE topic_epochs SET topic_id = 'x'",
    "DROP TABLE movements",
    "ALTER TABLE operations DISABLE TRIGGER ALL",
    "CREATE TABLE mine (a int)",
    "CREATE OR REPLACE FUNCTION load_batch() RETURNS void LANGUAGE sql AS ''",
]


@pytest.mark.parametrize("statement", FORBIDDEN)
async def test_the_wallets_role_may_add_to_the_ledger_and_not_change_it(statement: str, migrated_url: str) -> None:
    async with wallets_connection(migrated_url) as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)


async def test_the_wallets_role_may_do_what_a_batch_needs(ledger_url: str) -> None:
    async with wallets_connection(ledger_url) as connection:
        assert await connection.fetchval("SELECT current_user") == "stakewire_wallet"
        name = "somebody"
        history: list[tuple[Command, bool]] = [(create(name), False), (deposit(create(name).player, 5), False)]
        assert [reply.result for reply in await apply(connection, history)] == ["OK", "OK"]
