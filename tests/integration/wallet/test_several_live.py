"""Several operations by one command through Kafka: callers with a running wallet, and its books at the end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from shared.contracts import Adjust, BatchItem, Command, PromoWin, Reply, Result
from tests.integration.wallet.books import assert_books
from tests.integration.wallet.line import EUR, Line, batch, bet, by_hand, item, play, rollback, rollbacks, settle, void, win

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def all_at_once(line: Line, *commands: Command) -> list[Reply]:
    return list(await asyncio.gather(*(line.ask(command) for command in commands)))


async def test_ten_copies_of_a_batch_at_once_have_one_effect_and_equal_answers(line: Line) -> None:
    player = await line.new_player()
    whole = batch(player, item("bet", "a", stake=9 * EUR), item("win", "b", win=2 * EUR))
    replies = await all_at_once(line, *[whole] * 10)
    assert {(reply.result, reply.balance, reply.transaction_id) for reply in replies} == {(Result.OK, 93 * EUR, f"{player}-4")}
    assert sum(not reply.replayed for reply in replies) == 1
    assert {tuple(each.transaction_id for each in reply.items) for reply in replies} == {(f"{player}-3", f"{player}-4")}
    assert await line.balance(player) == 93 * EUR


async def test_batches_race_for_the_last_money_and_each_is_whole_or_not_there(line: Line) -> None:
    player = await line.new_player(10)

    def two(number: int) -> list[BatchItem]:
        return [item("bet", f"{number}-a", stake=2), item("bet", f"{number}-b", stake=2)]

    replies = await all_at_once(line, *(batch(player, *two(number)) for number in range(8)))
    assert sorted(reply.result for reply in replies) == [Result.INSUFFICIENT_FUNDS] * 6 + [Result.OK] * 2
    assert await line.balance(player) == 2
    applied = [row["external_id"] for row in await line.operations(player) if row["kind"] == "bet" and row["status"] == "applied"]
    assert sorted(applied) == sorted(each.external_id for reply in replies if reply.result == Result.OK for each in reply.items)


@pytest.mark.parametrize("first", ["list", "batch"])
async def test_a_batch_and_the_rollback_of_its_items(line: Line, first: str) -> None:
    player = await line.new_player()
    whole, undo = batch(player, item("bet", "a", stake=9 * EUR), item("win", "b", win=2 * EUR)), rollbacks(player, "b", "a")
    replies = await all_at_once(line, *((undo, whole) if first == "list" else (whole, undo)))
    assert [reply.result for reply in replies] == (
        [Result.OK, Result.ORIGINAL_CANCELLED] if first == "list" else [Result.OK, Result.OK]
    )
    assert await line.balance(player) == 100 * EUR
    assert (await line.ask(whole)).result == Result.ORIGINAL_CANCELLED
    assert await line.balance(player) == 100 * EUR


async def test_prizes_corrections_and_rounds_by_hand(line: Line) -> None:
    player = await line.new_player()
    prize: dict[str, Any] = {"win": 3 * EUR, "promo_class": "tournament"}
    await line.done(PromoWin(**play(player, "p"), **prize))
    await line.done(PromoWin(**play(player, "note"), **prize, informational=True))
    await line.done(Adjust(**by_hand(player, "adjust"), currency="EUR", amount=-2 * EUR))
    await line.done(bet(player, "a", 10 * EUR, round_id="r1"))
    await line.done(bet(player, "b", 5 * EUR, round_id="r2"))
    await line.done(settle(player, 7 * EUR, "r2"))
    await line.done(win(player, "w", 30 * EUR, round_id="r1"))
    assert (await line.done(void(player))).balance == 103 * EUR
    late = await all_at_once(
        line, win(player, "x", round_id="r1"), win(player, "y", round_id="r2"), rollback(player, "b"), rollback(player, "a")
    )
    assert [reply.result for reply in late] == [Result.ORIGINAL_CANCELLED, Result.OK, Result.ORIGINAL_SETTLED, Result.OK]
    assert await line.balance(player) == 103 * EUR
    await line.done(Adjust(**by_hand(player, "overdraw"), currency="EUR", amount=-200 * EUR, overspent="overdraft"))
    assert await line.balance(player) == -97 * EUR


async def test_the_books_agree_after_all_this(line: Line) -> None:
    stand = line.stand
    books = await assert_books(stand.database_url, stand.kafka_bootstrap_servers, stand.names)
    assert sum(map(len, books.events.values())) > 30
    assert stand.trouble() == []
