"""Positions move with the effects: one owner a partition whatever Kafka believes, and nothing is applied twice."""

from __future__ import annotations

import asyncpg
import pytest

from services.wallet.batch import Published
from services.wallet.intake import Taken
from services.wallet.ledger.positions import EpochError, current_epoch, open_epoch, read_positions
from services.wallet.ledger.store import PositionMovedError
from shared.contracts import Result, codec
from tests.integration.wallet.bench import Bench, addressed, open_bench, replies
from tests.integration.wallet.line import EUR, bet, create, deposit, get_balance, rollback, win
from tests.unit.wallet.chain_rule import check_chain

LEDGER = ("players", "balances", "operations", "movements", "rounds", "sessions", "grants", "partition_position")


async def everything(bench: Bench) -> dict[str, list[str]]:
    """All rows of the ledger, as text."""
    tables = {}
    for table in LEDGER:
        rows = await bench.owner.fetch(f"SELECT t::text FROM {table} t")  # noqa: S608  # names of this module
        tables[table] = sorted(row[0] for row in rows)
    return tables


def events(published: Published) -> list[bytes]:
    return [event for per_partition in published.events.values() for _, event in per_partition]


async def test_the_batch_of_a_zombie_is_rolled_back(bench: Bench) -> None:
    """Another owner took the partition over and went on; what the old one had in hand has no effect."""
    player = await bench.new_player()
    async with open_bench(bench.url) as zombie:
        zombie.next_offset = bench.next_offset
        in_hand = zombie.take(addressed(bet(player, "a"), "zombie's"), addressed(win(player, "b")))
        assert [each.result for each in await bench.ask(bet(player, "a"))] == [Result.OK]
        before = await everything(bench)
        with pytest.raises(PositionMovedError, match="0 of 1 partitions were where this owner believed them"):
            await zombie.apply(in_hand)
        assert await everything(bench) == before
        # It reads the positions again and gives the same batch once more: stored ones are answered, the rest is applied.
        async with zombie.pool.acquire() as connection:
            zombie.positions.update(await read_positions(connection, [0], 1))
        answered = replies(await zombie.apply(in_hand))
    assert [(each.command_id, each.result, each.replayed) for each in answered] == [
        ("zombie's", Result.OK, True),
        ("c", Result.OK, False),
    ]
    assert await bench.balance(player) == 100 * EUR


async def test_a_position_of_another_epoch_is_nobodys(bench: Bench) -> None:
    player = await bench.new_player()
    await bench.owner.execute("UPDATE partition_position SET epoch = 2")
    before = await everything(bench)
    with pytest.raises(PositionMovedError):
        await bench.apply(bench.take(bet(player, "a")))
    assert await everything(bench) == before


async def test_what_was_applied_is_answered_again_and_told_again_word_for_word(bench: Bench) -> None:
    player = await bench.new_player()
    commands = [
        bet(player, "a"),
        win(player, "b"),
        rollback(player, "b"),
        rollback(player, "late"),
        bet(player, "late"),
        bet(player, "x", 10**12),
    ]
    batch = bench.take(*(addressed(each, f"c{number}") for number, each in enumerate(commands)))
    first = await bench.apply(batch)
    before = await everything(bench)
    again = await bench.apply([_fresh(item) for item in batch])
    assert await everything(bench) == before
    assert events(again) == events(first)
    told, told_again = replies(first), replies(again)
    # The win was rolled back since: it is not told to be a success again.
    assert [each.result for each in told_again] == [
        Result.OK, Result.ORIGINAL_CANCELLED, Result.OK, Result.OK, Result.ORIGINAL_CANCELLED, Result.INSUFFICIENT_FUNDS,
    ]  # fmt: skip
    for one, other in zip(told, told_again, strict=True):
        assert one.command_id == other.command_id
        if one.result == other.result:
            assert (one.balance, one.transaction_id, one.detail) == (other.balance, other.transaction_id, other.detail)


async def test_what_was_not_stored_is_ignored_below_the_position(bench: Bench) -> None:
    player = await bench.new_player()
    stale = bench.take(addressed(bet(player, "late", deadline_ms=1_000)), age_ms=60_000)
    assert [each.result for each in replies(await bench.apply(stale))] == [Result.NOT_DONE]
    again = await bench.apply([_fresh(item) for item in stale])
    assert (replies(again), events(again)) == ([], [])
    assert await bench.balance(player) == 100 * EUR


async def test_a_batch_may_hold_old_and_new_commands(bench: Bench) -> None:
    player = await bench.new_player()
    old = bench.take(addressed(bet(player, "a"), "old"))
    first = await bench.apply(old)
    new = bench.take(addressed(bet(player, "b"), "new"), addressed(bet(player, "a"), "copy"))
    published = await bench.apply([_fresh(item) for item in old] + new)
    assert [(each.command_id, each.replayed) for each in replies(published)] == [("old", True), ("new", False), ("copy", True)]
    assert events(published)[0] == events(first)[0]
    assert codec.decode_event(events(published)[1]).external_id == "b"
    assert await bench.balance(player) == 98 * EUR


async def test_the_events_of_a_player_are_a_chain_from_the_first_on(bench: Bench) -> None:
    name = bench.names.operators_id()
    player = create(name).player
    told = events(await bench.apply(bench.take(create(name), deposit(player, EUR))))
    for turn in range(5):
        commands = [bet(player, f"b{turn}"), win(player, f"w{turn}"), rollback(player, f"b{turn}"), rollback(player, f"none{turn}")]
        told += events(await bench.apply(bench.take(*commands)))
    chain = check_chain(told)
    rows = await bench.owner.fetch("SELECT encode(hash, 'hex') AS hash FROM operations WHERE player = $1 ORDER BY seq", player)
    assert [event["hash"] for event in chain] == [row["hash"] for row in rows]
    assert len(chain) == 2 + 5 * 5


async def test_queries_alone_move_no_position(bench: Bench) -> None:
    player = await bench.new_player()
    before = await everything(bench)
    assert [each.balance for each in await bench.ask(get_balance(player), get_balance(player))] == [100 * EUR] * 2
    assert await everything(bench) == before
    assert [each.result for each in await bench.ask(bet(player, "a"))] == [Result.OK]
    assert await bench.stored_position() == bench.next_offset


async def test_partitions_begin_at_zero_and_an_epoch_is_opened_by_hand(ledger_url: str) -> None:
    connection = await asyncpg.connect(ledger_url)
    try:
        assert await current_epoch(connection, "t.wallet.commands", "id-1") == 1
        assert await current_epoch(connection, "t.wallet.commands", "id-1") == 1
        assert await read_positions(connection, [0, 7], 1) == {0: 0, 7: 0}
        await connection.execute("UPDATE partition_position SET next_offset = 42 WHERE partition = 7")
        assert await read_positions(connection, [7, 8], 1) == {7: 42, 8: 0}
        with pytest.raises(
            EpochError, match=r"t\.wallet\.commands has id id-2, .* belong to .*id-1.*: .*stakewire wallet new-epoch"
        ):
            await current_epoch(connection, "t.wallet.commands", "id-2")
        with pytest.raises(EpochError, match=r"is the one in service \(epoch 1\); there is nothing to do"):
            await open_epoch(connection, "t.wallet.commands", "id-1")
        assert await open_epoch(connection, "t.wallet.commands", "id-2") == 2
        assert await read_positions(connection, [0, 7], 2) == {0: 0, 7: 0}
        with pytest.raises(EpochError, match="is in epoch 2, this wallet in 1; start the wallet again"):
            await read_positions(connection, [7], 1)
    finally:
        await connection.close()


async def test_a_topic_of_another_name_is_another_topic(ledger_url: str) -> None:
    """Its offsets begin at 0 below the ledger's positions: taken for granted, its first commands would be ignored."""
    connection = await asyncpg.connect(ledger_url)
    try:
        assert await current_epoch(connection, "old.wallet.commands", "id-1") == 1
        await read_positions(connection, [0], 1)
        await connection.execute("UPDATE partition_position SET next_offset = 42")
        with pytest.raises(EpochError, match=r"new\.wallet\.commands has id id-2, .* belong to old\.wallet\.commands"):
            await current_epoch(connection, "new.wallet.commands", "id-2")
        assert await open_epoch(connection, "new.wallet.commands", "id-2") == 2
        assert await current_epoch(connection, "new.wallet.commands", "id-2") == 2
        assert await read_positions(connection, [0], 2) == {0: 0}
        with pytest.raises(EpochError):
            await current_epoch(connection, "old.wallet.commands", "id-1")
    finally:
        await connection.close()


def _fresh(item: Taken) -> Taken:
    """The same record, read again."""
    return Taken(
        partition=item.partition,
        offset=item.offset,
        timestamp_ms=item.timestamp_ms,
        key=item.key,
        raw=item.raw,
        command=item.command,
    )
