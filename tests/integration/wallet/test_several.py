"""Several operations by one command, in the database: all or none, one dead letter, the same answer after a crash."""

from __future__ import annotations

import asyncio
import json
import secrets
from dataclasses import replace
from typing import Any

import pytest

from services.wallet.batch import Published
from services.wallet.intake import Taken
from services.wallet.portions import portions
from shared.contracts import (
    Adjust,
    BatchItem,
    Command,
    PromoWin,
    Result,
    codec,
)
from tests.integration.wallet.bench import Bench, addressed, open_bench, replies
from tests.integration.wallet.line import (
    EUR,
    batch,
    bet,
    by_hand,
    deposit,
    grant,
    item,
    play,
    rollback,
    rollbacks,
    settle,
    void,
    win,
    withdraw,
)
from tests.unit.wallet.chain_rule import check_link


def again(items: list[Taken]) -> list[Taken]:
    """The same records, read once more."""
    return [
        Taken(
            partition=each.partition, offset=each.offset, timestamp_ms=each.timestamp_ms, key=each.key, raw=each.raw,
            command=codec.decode_command(each.raw),
        )
        for each in items
    ]  # fmt: skip


def events(published: Published) -> list[bytes]:
    return [event for per_partition in published.events.values() for _, event in per_partition]


async def told(bench: Bench, player: str) -> list[tuple[str, str, str]]:
    rows = await bench.owner.fetch(
        "SELECT kind, external_id, status FROM operations WHERE player = $1 AND seq > 2 ORDER BY seq", player
    )
    return [tuple(row) for row in rows]


async def test_all_items_or_the_refused_one_alone(bench: Bench) -> None:
    player = await bench.new_player()
    good = batch(player, item("bet", "a", stake=60 * EUR), item("win", "b", win=5 * EUR))
    bad = batch(player, item("win", "c", win=EUR), item("bet", "d", stake=60 * EUR), item("win", "e", win=90 * EUR))
    applied, refused = await bench.ask(good, bad)
    assert (applied.result, refused.result, refused.balance) == (Result.OK, Result.INSUFFICIENT_FUNDS, 45 * EUR)
    assert [each.result for each in refused.items] == [Result.NOT_DONE, Result.INSUFFICIENT_FUNDS, Result.NOT_DONE]
    assert await told(bench, player) == [("bet", "a", "applied"), ("win", "b", "applied"), ("bet", "d", "refused")]
    assert await bench.balance(player) == 45 * EUR
    # From the database it is the same as from memory.
    for command, first in ((good, applied), (bad, refused)):
        (reply,) = await bench.ask(command)
        assert (reply.result, reply.replayed, reply.transaction_id, reply.balance) == (
            first.result, True, first.transaction_id, first.balance,
        )  # fmt: skip
        assert [replace(each, replayed=False) for each in reply.items] == [replace(each, replayed=False) for each in first.items]


async def test_after_a_crash_the_same_answers_and_all_events_come_again(bench: Bench) -> None:
    """The records were committed and nothing was said: they are read again below the position."""
    player, other = await bench.new_player(), await bench.new_player()
    name = f"{player}.grant"
    await bench.ask(grant(player, name, 3))
    free: dict[str, Any] = {"charge_free_rounds": 1, "free_round": True}
    commands: list[Command] = [
        batch(
            player,
            item("bet", "a", stake=9 * EUR, **free),
            item("bet", "b", stake=3 * EUR),
            item("win", "c", win=EUR),
            grant_id=name,
        ),
        batch(player, item("win", "d", win=EUR), item("bet", "e", stake=900 * EUR)),
        rollbacks(player, "c", "never"),
        PromoWin(**play(player, "p"), win=2 * EUR, promo_class="jackpot", campaign_id="spring"),
        Adjust(**by_hand(player, "adjust"), currency="EUR", amount=-EUR),
        bet(player, "x", round_id="r2"),
        settle(player, 4 * EUR, "r2"),
        win(player, "late", round_id="r2"),
        void(player),
        win(player, "lost", round_id="r1"),
        bet(other, "o"),
    ]
    records = bench.take(*(addressed(each, f"c{number}") for number, each in enumerate(commands)))
    first = await bench.apply(records)
    assert [reply.result for reply in replies(first)] == [
        Result.OK, Result.INSUFFICIENT_FUNDS, *[Result.OK] * 7, Result.ORIGINAL_CANCELLED, Result.OK,
    ]  # fmt: skip
    before = await told(bench, player)
    assert [each[:2] for each in before[-4:-1]] == [("rollback", "void:5"), ("rollback", "void:4"), ("void_round", "void")]
    repeated = await bench.apply(again(records))
    assert await told(bench, player) == before
    assert sorted(events(repeated)) == sorted(events(first))
    mine = [event for event in events(repeated) if json.loads(event)["player"] == player]
    assert [json.loads(event)["seq"] for event in mine] == list(range(4, 4 + len(mine)))
    # What was given back by the void is not told to be a success again.
    assert [reply.result for reply in replies(repeated)] == [
        Result.ORIGINAL_CANCELLED, Result.INSUFFICIENT_FUNDS, *[Result.OK] * 7, Result.ORIGINAL_CANCELLED, Result.OK,
    ]  # fmt: skip
    for one, same in list(zip(replies(first), replies(repeated), strict=True))[1:]:
        assert (one.command_id, one.result, one.transaction_id, one.detail) == (
            same.command_id, same.result, same.transaction_id, same.detail,
        )  # fmt: skip


async def test_below_the_position_nothing_of_a_list_is_applied(bench: Bench) -> None:
    player = await bench.new_player()
    records = bench.take(addressed(batch(player, item("bet", "a", stake=500 * EUR), item("win", "b", win=EUR))))
    assert [reply.result for reply in replies(await bench.apply(records))] == [Result.INSUFFICIENT_FUNDS]
    await bench.ask(rollback(player, "a"))
    late = bench.take(addressed(batch(player, item("win", "w", win=EUR), item("win", "v", win=EUR)), "late"))
    bench.positions[bench.partition] += 1
    await bench.owner.execute("UPDATE partition_position SET next_offset = next_offset + 1 WHERE partition = $1", bench.partition)
    await bench.ask(win(player, "v", round_id="r1"))
    published = await bench.apply(again(late))
    # One of its items came by itself: its event is told again, the list has no answer and no effect.
    assert replies(published) == []
    assert [codec.decode_event(event).external_id for event in events(published)] == ["v"]
    assert await bench.balance(player) == 101 * EUR


@pytest.mark.parametrize(
    "poison",
    [
        item("win", "nul\0", win=1), item("win", secrets.token_hex(4_000), win=1), item("win", "z", win=2**63), item("bet", "z", stake=-1),
        item("win", "z", win=1, jackpot_contribution=10**30),
    ],
    ids=["NUL", "an id that fits no index", "beyond 64 bit", "a negative stake", "a contribution beyond 64 bit"],
)  # fmt: skip
async def test_a_poisoned_item_is_one_dead_letter_of_the_whole(bench: Bench, poison: BatchItem) -> None:
    player = await bench.new_player()
    whole = batch(player, item("bet", "b", stake=EUR), poison, item("win", "c", win=5 * EUR))
    records = bench.take(addressed(bet(player, "a"), "a"), addressed(whole, "whole"), addressed(win(player, "d"), "d"))
    async with asyncio.timeout(60):
        answered = {reply.command_id: reply.result for reply in replies(await bench.apply(records))}
    assert answered == {"a": Result.OK, "whole": Result.UNKNOWN, "d": Result.OK}
    assert [(letter.offset, letter.cause) for letter in bench.letters] == [(records[1].offset, "not applicable")]
    assert await told(bench, player) == [("bet", "a", "applied"), ("win", "d", "applied")]
    assert await bench.balance(player) == 100 * EUR
    assert await bench.stored_position() == bench.next_offset


async def test_a_list_of_a_held_player_waits_as_one(bench: Bench) -> None:
    async with open_bench(bench.url, wallet_lock_timeout_ms=100) as hasty:
        player, other = await hasty.new_player(), await hasty.new_player()
        whole = batch(player, item("bet", "a", stake=EUR), item("win", "b", win=3 * EUR))
        async with hasty.owner.acquire() as holder, holder.transaction():
            await holder.fetchrow("SELECT 1 FROM players WHERE player = $1 FOR UPDATE", player)
            (reply,) = await hasty.ask(whole, bet(other, "o"))
            assert (reply.command_id, reply.result) == ("c1", Result.OK)
        (late,) = await hasty.ask()
    assert (late.result, late.balance, len(late.items)) == (Result.OK, 102 * EUR, 2)
    assert await told(bench, player) == [("bet", "a", "applied"), ("win", "b", "applied")]


async def test_a_stale_batch_is_not_done_unless_its_stakes_are_stored(bench: Bench) -> None:
    player = await bench.new_player()
    whole = replace(batch(player, item("bet", "a", stake=EUR), item("win", "b", win=3 * EUR)), deadline_ms=1_000)
    assert [reply.result for reply in await bench.ask(whole, age_ms=60_000)] == [Result.NOT_DONE]
    await bench.ask(bet(player, "a", EUR, round_id="r1"))
    assert [reply.result for reply in await bench.ask(whole, age_ms=60_000)] == [Result.OK]
    assert await bench.balance(player) == 102 * EUR


async def test_a_round_is_voided_from_what_is_stored(bench: Bench) -> None:
    """Played in batches of the wallet long gone: bets, wins, a free round, an undone bet, and an undo undone."""
    player = await bench.new_player()
    name = f"{player}.grant"
    await bench.ask(grant(player, name, 3), bet(player, "before", 5 * EUR))
    undo = replace(rollback(player, "c"), external_id="again", target_namespace="undo")
    for command in (
        bet(player, "a", 10 * EUR, round_id="r1"), bet(player, "f", EUR, round_id="r1", grant_id=name, charge_free_rounds=2),
        win(player, "w", 25 * EUR, round_id="r1"), bet(player, "b", EUR, round_id="r1"), rollback(player, "b"),
        bet(player, "c", 2 * EUR, round_id="r1"), rollback(player, "c"), undo, bet(player, "other", 7 * EUR, round_id="r2"),
        withdraw(player, 90 * EUR),
    ):  # fmt: skip
        assert [reply.result for reply in await bench.ask(command)] == [Result.OK]
    assert await bench.balance(player) == (100 - 5 - 10 + 25 - 2 - 7 - 90) * EUR
    (reply,) = await bench.ask(void(player))
    assert (reply.result, reply.balance) == (Result.OK, (100 - 5 - 7 - 90) * EUR)
    assert await bench.owner.fetchval("SELECT remaining FROM grants WHERE player = $1", player) == 3
    row = await bench.owner.fetchrow("SELECT * FROM rounds WHERE player = $1 AND round_id = 'r1'", player)
    assert row is not None
    assert (row["status"], row["stake"], row["win"], row["bets"], row["free_charged"]) == ("voided", 0, 0, 0, 0)
    late = await bench.ask(
        bet(player, "late", round_id="r1"), win(player, "w2", round_id="r1"), win(player, "w", 25 * EUR, round_id="r1"),
        rollback(player, "a"), rollback(player, "w"), void(player, key="void-2"), void(player),
    )  # fmt: skip
    assert [each.result for each in late] == [
        *[Result.ORIGINAL_CANCELLED] * 3, Result.OK, Result.OK, Result.ORIGINAL_CANCELLED, Result.OK,
    ]  # fmt: skip
    assert (late[3].detail, late[-1].replayed) == ("original_undone", True)
    assert await bench.balance(player) == (100 - 5 - 7 - 90) * EUR


async def test_a_round_of_many_operations_is_voided_by_one_command(bench: Bench) -> None:
    player = await bench.new_player()
    await bench.ask(*(bet(player, f"b{number}", 10 + number, round_id="r1") for number in range(300)))
    records = bench.take(addressed(void(player)))
    published = await bench.apply(records)
    assert [(reply.result, reply.balance) for reply in replies(published)] == [(Result.OK, 100 * EUR)]
    assert len(events(published)) == 301
    repeated = await bench.apply(again(records))
    assert (events(repeated), [reply.replayed for reply in replies(repeated)]) == (events(published), [True])
    stored = await bench.owner.fetch("SELECT * FROM operations WHERE player = $1 ORDER BY seq", player)
    assert ([row["seq"] for row in stored], await bench.balance(player)) == (list(range(1, len(stored) + 1)), 100 * EUR)


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one by one"])
@pytest.mark.parametrize("first", ["win", "void"])
async def test_a_win_races_the_void_of_its_round(bench: Bench, first: str, *, together: bool) -> None:
    player = await bench.new_player()
    await bench.ask(bet(player, "a", 10 * EUR, round_id="r1"))
    race: list[Command] = [win(player, "w", 4 * EUR, round_id="r1"), void(player)]
    race = race if first == "win" else race[::-1]
    if together:
        await bench.ask(*race)
    else:
        for command in race:
            await bench.ask(command)
    assert await bench.balance(player) == 100 * EUR
    assert [reply.result for reply in await bench.ask(win(player, "w", 4 * EUR, round_id="r1"))] == [Result.ORIGINAL_CANCELLED]
    assert await bench.balance(player) == 100 * EUR


async def test_a_settled_round_pays_once(bench: Bench) -> None:
    player = await bench.new_player()
    await bench.ask(bet(player, "a", 10 * EUR, round_id="r1"))
    for command, result in (
        (settle(player, 4 * EUR), Result.OK), (settle(player, 4 * EUR), Result.OK), (win(player, "w", 4 * EUR, round_id="r1"), Result.OK),
        (rollback(player, "a"), Result.ORIGINAL_SETTLED), (rollback(player, "a"), Result.ORIGINAL_SETTLED),
        (bet(player, "b", round_id="r1"), Result.ORIGINAL_SETTLED), (settle(player, 4 * EUR, key="other"), Result.ORIGINAL_SETTLED),
    ):  # fmt: skip
        assert [reply.result for reply in await bench.ask(command)] == [result]
    assert await bench.balance(player) == 94 * EUR
    assert await bench.owner.fetchval("SELECT status FROM rounds WHERE player = $1", player) == "settled"


async def test_corrections_reach_both_ends_of_the_ledger(bench: Bench) -> None:
    player = await bench.new_player(0)
    largest = 2**63 - 1

    def adjust(key: str, amount: int, **fields: Any) -> Adjust:
        return Adjust(**by_hand(player, key), currency="EUR", amount=amount, **fields)

    assert [reply.result for reply in await bench.ask(adjust("1", largest), deposit(player, 1))] == [Result.OK, Result.UNKNOWN]
    assert await bench.balance(player) == largest
    overdrawn = [adjust("2", -largest), adjust("3", -largest, overspent="overdraft"), adjust("4", -1, overspent="overdraft")]
    answered = {reply.command_id: reply.result for reply in await bench.ask(*overdrawn)}
    assert answered == {"c0": Result.OK, "c1": Result.OK, "c2": Result.UNKNOWN}
    assert await bench.balance(player) == -largest
    assert [letter.cause for letter in bench.letters] == ["not applicable"] * 2
    rows = await bench.owner.fetch("SELECT details FROM operations WHERE player = $1 AND kind = 'adjust' ORDER BY seq", player)
    assert [json.loads(row["details"]).get("overdraft", False) for row in rows] == [False, False, True]


async def test_the_chain_of_all_this_verifies(bench: Bench) -> None:
    player = await bench.new_player()
    published = [
        await bench.apply(bench.take(each))
        for each in (
            batch(player, item("bet", "a", stake=EUR), item("bet", "b", stake=500 * EUR)),
            batch(player, item("bet", "c", stake=EUR), item("win", "d", win=EUR)),
            rollbacks(player, "c", "e"),
            void(player),
        )
    ]
    rows = await bench.owner.fetch("SELECT seq, encode(hash, 'hex') AS hash FROM operations WHERE player = $1 ORDER BY seq", player)
    head = rows[1]["hash"]
    for row, event in zip(rows[2:], (event for each in published for event in events(each)), strict=True):
        told_event = check_link(event, head)
        assert (told_event["seq"], told_event["hash"]) == (row["seq"], row["hash"])
        head = row["hash"]
    assert await bench.owner.fetchval("SELECT encode(chain_head, 'hex') FROM players WHERE player = $1", player) == head


async def test_many_large_lists_are_applied_in_several_transactions(bench: Bench) -> None:
    player = await bench.new_player()
    lists = [batch(player, *(item("bet", f"{number}-{each}", stake=1) for each in range(50))) for number in range(50)]
    records = bench.take(*(addressed(each, f"c{number}") for number, each in enumerate(lists)))
    assert [len(each) for each in portions(records)] == [40, 10]
    async with asyncio.timeout(120):
        published = await bench.apply(records)
    assert [(reply.command_id, reply.result) for reply in replies(published)] == [(f"c{n}", Result.OK) for n in range(50)]
    assert len(events(published)) == 2_500
    assert (await bench.balance(player), await bench.stored_position()) == (100 * EUR - 2_500, bench.next_offset)
