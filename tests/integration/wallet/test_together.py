"""Many callers at once, and answers that were given before: one effect, one answer."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from shared.contracts import ActivateSession, CloseSession, Command, OpenSession, Reply, Result
from shared.identity import new_keyed_id
from shared.requester import Requester
from tests.integration.wallet.books import assert_books
from tests.integration.wallet.line import (
    ACCOUNT,
    EUR,
    Line,
    bet,
    bet_and_win,
    get_balance,
    grant,
    operators,
    rollback,
    set_status,
    win,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def all_at_once(line: Line, *commands: Command) -> list[Reply]:
    return list(await asyncio.gather(*(line.ask(command) for command in commands)))


def told(reply: Reply) -> tuple[Any, ...]:
    """What a provider is told."""
    return reply.result, reply.balance, reply.transaction_id, reply.currency


@pytest.mark.parametrize("build", [bet, win, bet_and_win])
async def test_ten_copies_at_once_have_one_effect_and_equal_answers(build: Any, line: Line) -> None:
    player, ref = await line.new_player(), line.names.ref()
    replies = await all_at_once(line, *[build(player, ref)] * 10)
    assert {told(reply) for reply in replies} == {told(replies[0])}
    assert replies[0].result == Result.OK
    assert sum(not reply.replayed for reply in replies) == 1
    assert len(await line.operations(player)) == 3
    assert await line.balance(player) == {bet: 99, win: 101, bet_and_win: 100}[build] * EUR


async def test_ten_different_bets_at_once_end_at_the_exact_balance(line: Line) -> None:
    player = await line.new_player()
    replies = await all_at_once(line, *(bet(player, line.names.ref(), stake) for stake in range(1, 11)))
    assert {reply.result for reply in replies} == {Result.OK}
    assert await line.balance(player) == 100 * EUR - sum(range(1, 11))


async def test_bets_race_for_the_last_unit(line: Line) -> None:
    player = await line.new_player(3)
    replies = await all_at_once(line, *(bet(player, line.names.ref(), 1) for _ in range(20)))
    assert sorted(reply.result for reply in replies) == [Result.INSUFFICIENT_FUNDS] * 17 + [Result.OK] * 3
    assert min(reply.balance for reply in replies) == 0
    assert await line.balance(player) == 0


async def test_wins_do_not_finance_bets_that_came_before_them(line: Line) -> None:
    player = await line.new_player(0)
    replies = await all_at_once(line, bet(player, line.names.ref()), win(player, line.names.ref()), bet(player, line.names.ref()))
    assert [reply.result for reply in replies] == [Result.INSUFFICIENT_FUNDS, Result.OK, Result.OK]


async def test_a_bet_before_its_rollback_is_undone(line: Line) -> None:
    player, ref = await line.new_player(), line.names.ref()
    stake, undo = await all_at_once(line, bet(player, ref), rollback(player, ref))
    assert (stake.result, undo.result, undo.detail) == (Result.OK, Result.OK, "")
    assert [row["status"] for row in await line.operations(player)][2:] == ["applied", "applied"]
    assert await line.balance(player) == 100 * EUR


async def test_a_bet_behind_its_rollback_does_not_debit(line: Line) -> None:
    player, ref = await line.new_player(), line.names.ref()
    undo, stake, again = await all_at_once(line, rollback(player, ref), bet(player, ref), rollback(player, ref))
    assert (undo.result, undo.detail, stake.result) == (Result.OK, "original_not_found", Result.ORIGINAL_CANCELLED)
    assert told(again) == told(undo)
    assert [(row["kind"], row["status"]) for row in await line.operations(player)][2:] == [
        ("rollback", "void"),
        ("tombstone", "tombstone"),
    ]
    assert await line.balance(player) == 100 * EUR


async def test_a_bet_and_its_rollback_through_two_gateways(line: Line) -> None:
    """Two callers with a producer each: either may come first, and the money is the same."""
    other = Requester(line.stand.kafka_bootstrap_servers, line.stand.names, instance_id="another")
    await other.start()
    try:
        player = await line.new_player()
        for turn in range(20):
            ref = line.names.ref()
            calls = [line.ask(bet(player, ref)), other.ask(rollback(player, ref))]
            answers = await asyncio.gather(*(calls if turn % 2 else reversed(calls)))
            stake, undo = answers if turn % 2 else reversed(answers)
            assert (stake.result, undo.result, undo.detail) in {
                (Result.OK, Result.OK, ""),
                (Result.ORIGINAL_CANCELLED, Result.OK, "original_not_found"),
            }
            assert await line.balance(player) == 100 * EUR
    finally:
        await other.stop()


async def test_the_same_id_at_two_players_applies_to_both(line: Line) -> None:
    one, other, ref = await line.new_player(), await line.new_player(), line.names.ref()
    replies = await all_at_once(line, bet(one, ref), bet(other, ref))
    assert [reply.result for reply in replies] == [Result.OK, Result.OK]
    assert (await line.balance(one), await line.balance(other)) == (99 * EUR, 99 * EUR)


async def test_the_stored_answer_wins_over_a_block(line: Line) -> None:
    player, ref = await line.new_player(), line.names.ref()
    first = await line.done(bet(player, ref))
    await line.done(set_status(player, "blocked"))
    again, fresh = await all_at_once(line, bet(player, ref), bet(player, line.names.ref()))
    assert (told(again), again.replayed) == (told(first), True)
    assert fresh.result == Result.PLAYER_BLOCKED
    assert (await line.ask(win(player, line.names.ref()))).result == Result.OK
    assert (await line.ask(rollback(player, ref))).result == Result.OK


async def test_a_stored_refusal_wins_over_later_funds(line: Line) -> None:
    player, ref = await line.new_player(0), line.names.ref()
    first = await line.ask(bet(player, ref))
    await line.done(win(player, line.names.ref(), 10 * EUR))
    again = await line.ask(bet(player, ref))
    assert (first.result, told(again), again.replayed) == (Result.INSUFFICIENT_FUNDS, told(first), True)
    assert again.balance_now == 10 * EUR
    undo = await line.ask(rollback(player, ref))
    assert (undo.result, undo.detail) == (Result.OK, "original_refused")


async def test_the_stored_answer_wins_over_an_ended_session(line: Line) -> None:
    player, ref = await line.new_player(), line.names.ref()
    session = new_keyed_id(player)
    header = {**operators(player, "s"), "provider_account": ACCOUNT, "session_id": session}
    await line.done(OpenSession(**{**header, "external_id": "open"}, currency="EUR", game_id="riot"))
    await line.done(ActivateSession(**{**header, "external_id": "activate"}, provider_session_id="ps"))
    first = await line.done(bet(player, ref, session_id=session))
    await line.done(CloseSession(**{**header, "external_id": "close"}))
    again, fresh = await all_at_once(line, bet(player, ref, session_id=session), bet(player, line.names.ref(), session_id=session))
    assert (told(again), again.replayed) == (told(first), True)
    assert fresh.result == Result.TOKEN_EXPIRED


async def test_the_stored_answer_wins_over_an_exhausted_grant(line: Line) -> None:
    player, refs = await line.new_player(), [line.names.ref() for _ in range(3)]
    name = new_keyed_id(player)
    await line.done(grant(player, name, 2))
    charge: dict[str, Any] = {"grant_id": name, "charge_free_rounds": 1, "free_round_exhausted": "refuse"}
    first = [await line.done(bet(player, ref, **charge)) for ref in refs[:2]]
    assert [reply.free_rounds_left for reply in first] == [1, 0]
    again, fresh = await all_at_once(line, bet(player, refs[0], **charge), bet(player, refs[2], **charge))
    assert (told(again), again.free_rounds_left, again.free_rounds_charged) == (told(first[0]), 1, 1)
    assert (fresh.result, fresh.limit) == (Result.INSUFFICIENT_FUNDS, "free_rounds")
    undo = await line.done(rollback(player, refs[1]))
    assert (undo.free_rounds_left, await line.balance(player)) == (1, 100 * EUR)


async def test_an_expired_stake_is_not_applied_and_not_stored_and_a_win_is(line: Line) -> None:
    player, ref = await line.new_player(), line.names.ref()
    stale = replace(bet(player, ref), deadline_ms=1_000)
    await line.send(stale, replace(win(player, f"{ref}-w"), deadline_ms=1_000), age_ms=60_000)
    # Behind them on the same partition: when this is answered, they were decided.
    assert (await line.done(get_balance(player))).balance == 101 * EUR
    assert [row["external_id"] for row in await line.operations(player)][2:] == [f"{ref}-w"]
    # The provider comes again with the same id.
    assert (await line.done(bet(player, ref))).balance == 100 * EUR


async def test_the_books_agree_after_all_this(line: Line) -> None:
    stand = line.stand
    books = await assert_books(stand.database_url, stand.kafka_bootstrap_servers, stand.names)
    assert sum(map(len, books.events.values())) > 50
    assert stand.trouble() == []
