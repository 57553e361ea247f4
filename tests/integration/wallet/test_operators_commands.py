"""The operator's commands about a player through a running wallet: status, erasing, grants, launches, all his money."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from services.wallet.audit.verify import verify
from shared.contracts import ActivateSession, Command, Reply, Result
from shared.identity import new_keyed_id
from tests.integration.wallet.books import assert_books
from tests.integration.wallet.line import (
    ACCOUNT,
    EUR,
    Line,
    bet,
    bet_and_win,
    cancel,
    create,
    deposit,
    erase,
    grant,
    open_session,
    operators,
    rollback,
    set_status,
    win,
    withdraw,
    withdraw_everything,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def all_at_once(line: Line, *commands: Command) -> list[Reply]:
    return list(await asyncio.gather(*(line.ask(command) for command in commands)))


async def twice(line: Line, command: Command) -> Reply:
    """A command that must succeed, sent again under its key: one effect, the stored answer."""
    before = len(await line.operations(command.player))
    first = await line.done(command)
    again = await line.done(command)
    assert (again.replayed, again.transaction_id, again.balance) == (True, first.transaction_id, first.balance)
    assert len(await line.operations(command.player)) == before + 1
    return first


async def status(line: Line, player: str) -> str:
    found: str = await line.pool.fetchval("SELECT status FROM players WHERE player = $1", player)
    return found


async def details(line: Line, player: str) -> dict[str, Any]:
    """The details of the newest operation."""
    found: dict[str, Any] = json.loads((await line.operations(player))[-1]["details"])
    return found


async def test_a_player_is_blocked_and_unblocked(line: Line) -> None:
    player = await line.new_player()
    await twice(line, set_status(player, "blocked", "s1"))
    assert await status(line, player) == "blocked"
    assert await details(line, player) == {"from": "active", "to": "blocked", "reason": "asked for it", "author": "key-1"}
    refused = await line.ask(bet(player, "a"))
    assert (refused.result, refused.balance) == (Result.PLAYER_BLOCKED, 100 * EUR)
    assert (await line.ask(deposit(player, EUR, "more"))).result == Result.PLAYER_BLOCKED
    assert (await line.ask(open_session(player, new_keyed_id(player)))).result == Result.PLAYER_BLOCKED
    assert (await line.done(win(player, "w"))).balance == 101 * EUR
    await twice(line, set_status(player, "active", "s2"))
    # A refusal is final under its id; a new stake passes.
    assert (await line.ask(bet(player, "a"))).result == Result.PLAYER_BLOCKED
    assert (await line.done(bet(player, "b"))).balance == 100 * EUR
    # The first command again is answered as it was and blocks nobody.
    assert (await line.done(set_status(player, "blocked", "s1"))).replayed
    assert await status(line, player) == "active"


async def test_another_status_under_a_used_key_is_a_conflict(line: Line) -> None:
    player = await line.new_player()
    await line.done(set_status(player, "blocked"))
    assert (await line.ask(set_status(player, "active"))).result == Result.DUPLICATE_DIFFERENT
    assert await status(line, player) == "blocked"


async def test_the_same_status_again_is_a_success_on_the_record(line: Line) -> None:
    player = await line.new_player()
    await line.done(set_status(player, "blocked", "s1"))
    await twice(line, set_status(player, "blocked", "s2"))
    assert (await details(line, player))["from"] == "blocked"


async def test_a_draining_player_finishes_his_round_and_begins_none(line: Line) -> None:
    player = await line.new_player()
    await line.done(bet(player, "a", round_id="r1"))
    await twice(line, set_status(player, "draining"))
    assert (await line.done(bet(player, "b", round_id="r1"))).balance == 98 * EUR
    assert (await line.ask(bet(player, "c", round_id="r2"))).result == Result.PLAYER_BLOCKED
    assert (await line.ask(open_session(player, new_keyed_id(player)))).result == Result.PLAYER_BLOCKED
    assert (await line.done(bet_and_win(player, "d", EUR, 3 * EUR, round_id="r1", closes_round=True))).balance == 100 * EUR
    assert (await line.ask(bet(player, "e", round_id="r1"))).result == Result.PLAYER_BLOCKED
    assert (await line.done(rollback(player, "b"))).balance == 101 * EUR
    assert (await line.done(deposit(player, EUR, "more"))).balance == 102 * EUR


async def test_a_block_and_a_bet_at_once_go_in_their_order(line: Line) -> None:
    player = await line.new_player()
    before, _, after, undo = await all_at_once(
        line, bet(player, "a"), set_status(player, "blocked"), bet(player, "b"), rollback(player, "a")
    )
    assert (before.result, after.result, undo.result) == (Result.OK, Result.PLAYER_BLOCKED, Result.OK)
    assert await line.balance(player) == 100 * EUR


async def test_ten_ways_to_block_at_once_are_one_under_one_key(line: Line) -> None:
    player = await line.new_player()
    replies = await all_at_once(line, *[set_status(player, "blocked")] * 10)
    assert {reply.transaction_id for reply in replies} == {f"{player}-3"}
    assert sum(not reply.replayed for reply in replies) == 1


async def profile(line: Line, player: str) -> Any:
    return await line.pool.fetchrow("SELECT * FROM profiles WHERE player = $1", player)


async def test_an_erased_player_has_no_profile_and_keeps_ledger_and_money(line: Line) -> None:
    name = line.names.operators_id()
    player = create(name).player
    await line.done(create(name))
    await line.done(deposit(player, 10 * EUR))
    await line.done(bet(player, "a"))
    before = [tuple(row) for row in await line.operations(player)]
    assert await profile(line, player) is not None
    await twice(line, erase(player))
    assert (await profile(line, player), await status(line, player)) == (None, "closed")
    assert [tuple(row) for row in await line.operations(player)][:3] == before
    gone = {"from": "active", "to": "closed", "reason": "GDPR", "author": "key-1", "sessions": []}
    assert await details(line, player) == gone
    # Nothing in and no stakes; what he won or has is his.
    assert (await line.ask(deposit(player, EUR, "more"))).result == Result.PLAYER_BLOCKED
    assert (await line.ask(bet(player, "b", round_id="a"))).result == Result.PLAYER_BLOCKED
    assert (await line.done(win(player, "w"))).balance == 10 * EUR
    assert (await line.done(withdraw(player, EUR))).balance == 9 * EUR
    # Closed for good: not opened again, erased again without effect, created again as the same.
    for target in ("active", "draining", "blocked"):
        refused = await line.ask(set_status(player, target, f"to {target}"))
        assert (refused.result, refused.transaction_id) == (Result.BAD_REQUEST, "")
    await twice(line, erase(player, "erase-2"))
    again = await line.done(create(name))
    assert again.replayed
    assert (await profile(line, player), await status(line, player)) == (None, "closed")


async def test_a_player_is_created_and_erased_by_commands_at_once(line: Line) -> None:
    name = line.names.operators_id()
    player = create(name).player
    replies = await all_at_once(line, create(name), deposit(player, EUR), erase(player), create(name), bet(player, "a"))
    assert [reply.result for reply in replies] == [Result.OK] * 4 + [Result.PLAYER_BLOCKED]
    assert (await profile(line, player), await status(line, player), await line.balance(player)) == (None, "closed", EUR)


async def test_a_cancelled_grant_charges_nothing_more(line: Line) -> None:
    player = await line.new_player()
    name = new_keyed_id(player)
    charge: dict[str, Any] = {"grant_id": name, "charge_free_rounds": 1, "free_round_exhausted": "refuse"}
    await line.done(grant(player, name, 3))
    await line.done(bet(player, "a", **charge))
    cancelled = await twice(line, cancel(player, name))
    assert cancelled.free_rounds_left == 0
    assert await details(line, player) == {"reason": "a mistake", "cancelled": True, "remaining": 2}
    refused = await line.ask(bet(player, "b", **charge))
    assert (refused.result, refused.limit, refused.free_rounds_left) == (Result.INSUFFICIENT_FUNDS, "free_rounds", 0)
    undo = await line.done(rollback(player, "a"))
    assert undo.free_rounds_left == 0
    row = await line.pool.fetchrow("SELECT remaining, cancelled_at_ms > 0 AS cancelled FROM grants WHERE grant_id = $1", name)
    assert row is not None
    assert (row["remaining"], row["cancelled"]) == (3, True)
    await twice(line, cancel(player, name, "cancel-2"))
    assert (await details(line, player))["cancelled"] is False
    assert (await line.ask(grant(player, name, 3))).replayed
    assert await line.balance(player) == 100 * EUR


async def test_a_grant_that_is_not_known_is_not_cancelled_and_may_come_later(line: Line) -> None:
    player = await line.new_player()
    name = new_keyed_id(player)
    assert (await line.ask(cancel(player, name))).result == Result.ORIGINAL_NOT_FOUND
    await line.done(grant(player, name))
    await twice(line, cancel(player, name))


async def test_everything_is_withdrawn_once(line: Line) -> None:
    player = await line.new_player()
    await line.done(bet(player, "a", 30 * EUR))
    assert (await twice(line, withdraw_everything(player))).balance == 0
    await line.done(win(player, "w", 5 * EUR))
    # The key has had its effect: the money that came since stays.
    again = await line.done(withdraw_everything(player))
    assert (again.replayed, again.balance, again.balance_now) == (True, 0, 5 * EUR)
    for other in (withdraw(player, 70 * EUR), withdraw(player, 5 * EUR)):
        assert (await line.ask(other)).result == Result.DUPLICATE_DIFFERENT
    assert await line.balance(player) == 5 * EUR


async def test_everything_where_nothing_is_stays_nothing(line: Line) -> None:
    player = await line.new_player(0)
    await twice(line, withdraw_everything(player))
    row = (await line.operations(player))[-1]
    assert (row["status"], row["result"], row["stake"]) == ("void", "OK", 0)
    await line.done(win(player, "w"))
    assert (await line.done(withdraw_everything(player))).replayed
    assert await line.balance(player) == EUR


async def test_stakes_race_with_the_withdrawal_of_everything(line: Line) -> None:
    player = await line.new_player(10 * EUR)
    *stakes, out = await all_at_once(line, *(bet(player, f"b{n}", EUR) for n in range(5)), withdraw_everything(player))
    late = await all_at_once(line, *(bet(player, f"c{n}", EUR) for n in range(5)))
    assert {reply.result for reply in (*stakes, out)} == {Result.OK}
    assert {reply.result for reply in late} == {Result.INSUFFICIENT_FUNDS}
    assert (await line.operations(player))[7]["stake"] == 5 * EUR
    assert await line.balance(player) == 0


def activate(player: str, session: str) -> ActivateSession:
    header = {**operators(player, f"activate {session}"), "provider_account": ACCOUNT}
    return ActivateSession(**header, session_id=session, provider_session_id=f"ps-{session}")


async def test_of_two_launches_the_newer_one_plays_whatever_the_order_of_the_providers_answers(line: Line) -> None:
    player = await line.new_player()
    old, new = (new_keyed_id(player) for _ in range(2))
    await line.done(open_session(player, old))
    await line.pool.execute("UPDATE sessions SET opened_at_ms = opened_at_ms - 10 WHERE session_id = $1", old)
    await line.done(open_session(player, new))
    await line.done(activate(player, new))
    overtaken = await line.ask(activate(player, old))
    assert (overtaken.result, overtaken.transaction_id) == (Result.TOKEN_EXPIRED, "")
    assert "overtaken" in overtaken.detail
    rows = await line.pool.fetch("SELECT session_id, status FROM sessions WHERE player = $1", player)
    assert {row["session_id"]: row["status"] for row in rows} == {old: "pending", new: "active"}
    assert (await line.done(activate(player, new))).replayed


async def test_the_state_of_a_game_for_the_brand_counts_where_it_is_stricter(line: Line) -> None:
    player = await line.new_player()
    await line.done(bet(player, "a", round_id="r1", brand_states={"other": "stopped"}))
    off: dict[str, Any] = {"brand_states": {"main": "off"}}
    assert (await line.done(bet(player, "b", round_id="r1", **off))).balance == 98 * EUR
    assert (await line.ask(bet(player, "c", round_id="r2", **off))).result == Result.GAME_FORBIDDEN
    stopped: dict[str, Any] = {"brand_states": {"main": "stopped"}}
    assert (await line.ask(bet(player, "d", round_id="r1", **stopped))).result == Result.GAME_FORBIDDEN
    assert (await line.ask(open_session(player, new_keyed_id(player), **off))).result == Result.GAME_FORBIDDEN
    assert (await line.done(win(player, "w", round_id="r1", **stopped))).balance == 99 * EUR
    states = [row["game_state"] for row in await line.operations(player) if row["kind"] in {"bet", "win"}]
    assert states == ["live", "off", "off", "stopped", "stopped"]


async def test_the_books_agree_after_all_this(line: Line) -> None:
    stand = line.stand
    await assert_books(stand.database_url, stand.kafka_bootstrap_servers, stand.names)
    report = await verify(stand.database_url)
    assert (report.agree, report.problems) == (True, [])
    assert stand.trouble() == []
