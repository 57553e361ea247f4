"""Whatever is asked, in whatever order and in whatever batches: the books agree, and one key has one effect."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import fields, replace
from itertools import chain
from typing import Any

from hypothesis import HealthCheck, given, settings

from services.wallet.decisions.batches import parts_of
from services.wallet.decisions.model import Operation
from services.wallet.replies import transaction_id
from services.wallet.working_set import Key, WorkingSet
from shared.contracts import (
    Adjust,
    Batch,
    Command,
    ItemReply,
    MoneyCommand,
    PromoWin,
    Reply,
    Result,
    Rollback,
    RollbackList,
    SettleRound,
    VoidRound,
)
from tests.unit.wallet.chain_rule import check_chain
from tests.unit.wallet.histories import NOW, PLAYERS, History, Story, cut, sizes, stories
from tests.unit.wallet.memory import DAYS, MemoryLedger

ASK_AGAIN = (MoneyCommand, PromoWin, Adjust, SettleRound)
"""Commands that are not told to be a success again after they were rolled back."""
PLENTY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def play(history: History, sizes_: list[int]) -> tuple[MemoryLedger, list[Reply]]:
    ledger = MemoryLedger()
    return ledger, list(chain.from_iterable(ledger.apply(batch, NOW) for batch in cut(history, sizes_)))


def by_seq(ledger: MemoryLedger, player: str) -> list[Operation]:
    return sorted((item for item in ledger.operations.values() if item.player == player), key=lambda item: item.seq)


def answer(reply: Reply) -> dict[str, Any]:
    """What of a reply is the same for a repetition."""
    told = {field.name: getattr(reply, field.name) for field in fields(reply) if field.name not in {"replayed", "balance_now"}}
    return {**told, "items": [replace(each, replayed=False) for each in reply.items]}


@PLENTY
@given(stories, sizes)
def test_balances_are_the_sum_of_movements_and_numbers_have_no_gap(story: Story, sizes_: list[int]) -> None:
    ledger, _ = play(story.history, sizes_)
    for player in PLAYERS:
        operations = by_seq(ledger, player)
        assert [item.seq for item in operations] == list(range(1, len(operations) + 1))
        events = check_chain(ledger.events.get(player, []))
        balances: Counter[str] = Counter()
        for operation, event in zip(operations, events, strict=True):
            assert (event["seq"], event["hash"], event["external_id"]) == (operation.seq, operation.hash, operation.external_id)
            _check_movements(operation, balances)
        assert {code: units for (key, code), units in ledger.balances.items() if key == player} == {
            code: balances[code] for key, code in ledger.balances if key == player
        }
        if operations:
            assert (ledger.players[player].seq, ledger.players[player].chain_head) == (operations[-1].seq, operations[-1].hash)


def _check_movements(operation: Operation, balances: Counter[str]) -> None:
    before = balances[operation.currency]
    paid = received = 0
    for movement in operation.movements:
        assert movement.amount > 0
        assert movement.currency == operation.currency
        assert [movement.debit_account, movement.credit_account].count("player") == 1
        if movement.credit_account == "player":
            received += movement.amount
        else:
            paid += movement.amount
        assert movement.balance_after == before + received - paid
        # Below zero only by an undo that takes more than it gives, and never on the way to more than there was.
        assert movement.balance_after >= min(before, before + operation.win - operation.stake, 0)
    balances[operation.currency] = before + received - paid
    if operation.status == "applied":
        assert (paid, received) == (operation.stake, operation.win)
    else:
        assert not operation.movements
    if operation.currency:
        assert operation.balance_after == balances[operation.currency]
    after = balances[operation.currency]
    if after < 0 and after < before:
        assert operation.kind in {"rollback", "adjust"}
        assert '"overdraft":true' in operation.details


@PLENTY
@given(stories, sizes)
def test_one_key_has_one_effect_and_one_answer(story: Story, sizes_: list[int]) -> None:
    ledger, replies = play(story.history, sizes_)
    answers: dict[str, Any] = {}
    for (command, _), reply in zip(story.history, replies, strict=True):
        for part, told in told_of_each(command, reply):
            if not told.transaction_id:
                continue
            stored = ledger.operations[key(part)]
            assert told.transaction_id == transaction_id(stored)
            assert told.replayed == (told.transaction_id in answers)
            if isinstance(told, Reply):
                known = answers.setdefault(told.transaction_id, answer(told))
                assert known == (told.result if isinstance(known, str) else answer(told))
            else:
                known = answers.setdefault(told.transaction_id, told.result)
                assert told.result == (known if isinstance(known, str) else known["result"])
    # The undos of a VoidRound are told by its own answer, tombstones by that of their rollback.
    own = {transaction_id(item) for item in ledger.operations.values() if item.kind != "tombstone" and item.namespace != "void"}
    assert own == set(answers)


def told_of_each(command: Command, reply: Reply) -> list[tuple[Command, Reply | ItemReply]]:
    """Each command with its own answer: the items of a list one by one."""
    if not reply.items:
        return [(command, reply)]
    return list(zip(parts_of(command), reply.items, strict=True))


def takes_itself_back(command: Command) -> bool:
    """Whether a batch has a rollback of one of its own items: sent again, that one is cancelled like any that was undone."""
    parts = parts_of(command)
    undone = {part.target_external_id for part in parts if isinstance(part, Rollback)}
    return not undone.isdisjoint(part.external_id for part in parts if not isinstance(part, Rollback))


def key(command: Command) -> Key:
    return command.player, command.provider_account, command.namespace, command.external_id


@PLENTY
@given(stories)
def test_a_list_or_a_void_that_is_refused_leaves_everything_as_it_was(story: Story) -> None:
    """But for the one item that is stored as refused, and the player's head that moves with it."""
    ledger = MemoryLedger()
    for command, expired in story.history:
        before = ledger.tables()
        (reply,) = ledger.apply([(command, expired)], NOW)
        after = ledger.tables()
        if not isinstance(command, Batch | RollbackList | VoidRound) or reply.result == Result.OK:
            continue
        new = [item for name, item in after["operations"].items() if name not in before["operations"]]
        assert [item.status for item in new] in ([], ["refused"])
        if new:
            assert (transaction_id(new[0]), new[0].result) == (reply.transaction_id, reply.result)
        for table in set(before) - {"operations", "events", "players"}:
            assert after[table] == before[table]
        results = [each.result for each in reply.items]
        assert not results or (sorted({*results} - {reply.result, Result.NOT_DONE}), results.count(Result.OK)) == ([], 0)


@PLENTY
@given(stories)
def test_a_list_that_is_applied_is_what_its_items_are_one_by_one(story: Story) -> None:
    ledger = MemoryLedger()
    singly: History = []
    for command, expired in story.history:
        (reply,) = ledger.apply([(command, expired)], NOW)
        parts = parts_of(command) if reply.result == Result.OK else ()
        singly += [(part, expired) for part in parts or (command,)]
    again, _ = play(singly, [1])
    assert again.tables() == ledger.tables()


@PLENTY
@given(stories, sizes)
def test_an_operation_is_undone_once_and_a_tombstone_never_moves_money(story: Story, sizes_: list[int]) -> None:
    ledger, replies = play(story.history, sizes_)
    undone = Counter((item.player, item.target_seq) for item in ledger.operations.values() if item.target_seq)
    assert all(count == 1 for count in undone.values())
    for item in ledger.operations.values():
        if item.kind == "tombstone":
            assert (item.movements, item.stake, item.win, item.status) == ((), 0, 0, "tombstone")
    for (command, _), reply in zip(story.history, replies, strict=True):
        if reply.result == Result.ORIGINAL_CANCELLED:
            parts = parts_of(command) or (command,)
            stored = [ledger.operations[key(part)] for part in parts if key(part) in ledger.operations]
            # Or it is about a round that was voided.
            assert (
                command.kind in {"void_round", "settle_round"}
                or takes_itself_back(command)
                or any(item.kind == "tombstone" or (item.player, item.seq) in undone for item in stored)
                or any(item.result == Result.ORIGINAL_CANCELLED for item in stored)
            )


@PLENTY
@given(stories, sizes)
def test_rounds_and_grants_stand_as_if_what_was_undone_had_not_been(story: Story, sizes_: list[int]) -> None:
    ledger, _ = play(story.history, sizes_)
    standing = _standing(ledger)
    for (player, account, round_id), round_ in ledger.rounds.items():
        here = [item for item in standing if (item.player, item.provider_account, item.round_id) == (player, account, round_id)]
        assert round_.stake == sum(item.stake for item in here)
        assert round_.win == sum(item.win for item in here)
        assert round_.free_charged == sum(item.free_rounds_charged > 0 for item in here)
    for (player, grant_id), grant in ledger.grants.items():
        charged = sum(item.free_rounds_charged for item in standing if (item.player, item.grant_id) == (player, grant_id))
        assert grant.remaining == grant.count - charged >= 0


def _standing(ledger: MemoryLedger) -> list[Operation]:
    """The applied bets and wins that no applied undo has taken back, an undo that was undone itself left out."""
    undo_of = {(item.player, item.target_seq): item for item in ledger.operations.values() if item.target_seq}

    def stands(item: Operation) -> bool:
        undo = undo_of.get((item.player, item.seq))
        return undo is None or not stands(undo)

    return [
        item
        for item in ledger.operations.values()
        if item.kind in {"bet", "win", "bet_and_win", "settle_round"} and item.status == "applied" and stands(item)
    ]


@PLENTY
@given(stories, sizes, sizes)
def test_the_same_stream_in_other_batches_gives_the_same(story: Story, one: list[int], other: list[int]) -> None:
    ledger, replies = play(story.history, one)
    again, replies_again = play(story.history, other)
    assert replies_again == replies
    assert again.tables() == ledger.tables()


@PLENTY
@given(stories, sizes)
def test_every_command_sent_twice_gives_the_same_as_once(story: Story, sizes_: list[int]) -> None:
    ledger, replies = play(story.history, sizes_)
    doubled, replies_doubled = play([each for each in story.history for _ in range(2)], sizes_)
    assert doubled.tables() == ledger.tables()
    assert replies_doubled[::2] == replies
    for (command, _), reply, again in zip(story.history, replies, replies_doubled[1::2], strict=True):
        assert takes_itself_back(command) or answer(again) == answer(reply)


@PLENTY
@given(stories, sizes)
def test_a_stream_read_again_from_its_start_repeats_what_is_stored(story: Story, sizes_: list[int]) -> None:
    """As a wallet does below its position: only commands whose slot is taken are decided again, and nothing is applied."""
    ledger, replies = play(story.history, sizes_)
    undone = {f"{item.player}-{item.target_seq}" for item in ledger.operations.values() if item.target_seq}
    for (command, _), reply in zip(story.history, replies, strict=True):
        if not any(key(part) in ledger.operations for part in parts_of(command) or (command,)):
            continue
        picture = WorkingSet(ledger.load([command], NOW), NOW, DAYS)
        again = picture.repeat(command)
        assert (picture.new_operations, picture.events, picture.changed_players) == ([], [], {})
        given_back = {each.transaction_id for part, each in told_of_each(command, reply) if isinstance(part, ASK_AGAIN)} & undone
        if given_back:
            # What was given back since is not told to be a success again.
            assert again is not None
            assert (again.result, again.transaction_id) == (Result.ORIGINAL_CANCELLED, "")
        elif reply.transaction_id and reply.result == Result.OK:
            assert again is not None
            assert answer(again) == answer(reply)
            assert again.replayed
        elif reply.transaction_id:
            # Of a list, another item may have come by itself since, and stand in its way as well.
            assert again is not None
            assert again.replayed == bool(again.transaction_id)
            assert answer(again) == answer(reply) if not reply.items else again.result != Result.OK


@PLENTY
@given(stories, sizes)
def test_no_stake_is_taken_against_the_players_status(story: Story, sizes_: list[int]) -> None:
    ledger, _ = play(story.history, sizes_)
    for player in PLAYERS:
        status, rounds, erased = "active", set(), False
        for item in by_seq(ledger, player):
            round_ = (item.provider_account, item.round_id)
            if item.kind in {"set_player_status", "erase_player", "close_account"} and item.status == "applied":
                told = json.loads(item.details)
                assert told["from"] == status
                status, erased = told["to"], erased or item.kind == "erase_player"
            elif item.status == "applied" and _is_stake(item):
                assert status == "active" or (status == "draining" and round_ in rounds)
            elif item.status == "applied" and item.kind in {"open_session", "deposit"}:
                assert status in {"open_session": {"active"}, "deposit": {"active", "draining"}}[item.kind]
            if item.status == "applied" and item.round_id and item.kind in {"bet", "win", "bet_and_win"}:
                rounds.add(round_)
        if player in ledger.players:
            assert ledger.players[player].status == status
            assert (player in ledger.profiles) != erased


def _is_stake(item: Operation) -> bool:
    return item.kind == "bet" or (item.kind == "bet_and_win" and item.stake + item.nominal_stake + item.free_rounds_asked > 0)


@PLENTY
@given(stories, sizes)
def test_a_cancelled_grant_is_charged_by_nothing_but_the_undo_of_an_undo(story: Story, sizes_: list[int]) -> None:
    ledger, _ = play(story.history, sizes_)
    for player in PLAYERS:
        cancelled: set[str] = set()
        for item in by_seq(ledger, player):
            if item.kind == "cancel_free_rounds":
                assert json.loads(item.details)["cancelled"] == (item.grant_id not in cancelled)
                cancelled.add(item.grant_id)
            elif item.kind in {"bet", "bet_and_win"} and item.grant_id in cancelled:
                assert (item.free_rounds_charged, max(0, item.free_rounds_left)) == (0, 0)
        for (owner, grant_id), grant in ledger.grants.items():
            if owner == player:
                assert bool(grant.cancelled_at_ms) == (grant_id in cancelled)


@PLENTY
@given(stories, sizes)
def test_everything_leaves_nothing(story: Story, sizes_: list[int]) -> None:
    ledger, _ = play(story.history, sizes_)
    for item in ledger.operations.values():
        if item.kind == "withdraw" and "everything" in item.details:
            assert item.status in {"applied", "void"}
            assert item.balance_after == 0 if item.status == "applied" else item.balance_after <= 0
            assert (item.stake > 0) == (item.status == "applied")
