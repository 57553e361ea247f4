"""Whatever is asked, in whatever order and in whatever batches: the books agree, and one key has one effect."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import fields
from itertools import chain
from typing import Any

from hypothesis import HealthCheck, given, settings

from services.wallet.decisions.model import Operation
from services.wallet.working_set import transaction_id
from shared.contracts import MoneyCommand, Reply, Result
from tests.unit.wallet.chain_rule import check_chain
from tests.unit.wallet.histories import NOW, PLAYERS, History, Story, cut, sizes, stories
from tests.unit.wallet.memory import MemoryLedger

PLENTY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def play(history: History, sizes_: list[int]) -> tuple[MemoryLedger, list[Reply]]:
    ledger = MemoryLedger()
    return ledger, list(chain.from_iterable(ledger.apply(batch, NOW) for batch in cut(history, sizes_)))


def by_seq(ledger: MemoryLedger, player: str) -> list[Operation]:
    return sorted((item for item in ledger.operations.values() if item.player == player), key=lambda item: item.seq)


def answer(reply: Reply) -> dict[str, Any]:
    """What of a reply is the same for a repetition."""
    return {field.name: getattr(reply, field.name) for field in fields(reply) if field.name not in {"replayed", "balance_now"}}


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
        assert operation.kind == "rollback"
        assert "overdraft" in operation.details


@PLENTY
@given(stories, sizes)
def test_one_key_has_one_effect_and_one_answer(story: Story, sizes_: list[int]) -> None:
    ledger, replies = play(story.history, sizes_)
    answers: dict[str, dict[str, Any]] = {}
    first: set[str] = set()
    for (command, _), reply in zip(story.history, replies, strict=True):
        if not reply.transaction_id:
            continue
        stored = ledger.operations[command.player, command.provider_account, command.namespace, command.external_id]
        assert reply.transaction_id == transaction_id(stored)
        assert answers.setdefault(reply.transaction_id, answer(reply)) == answer(reply)
        assert reply.replayed == (reply.transaction_id in first)
        first.add(reply.transaction_id)
    told = {transaction_id(item) for item in ledger.operations.values() if item.kind != "tombstone"}
    assert told == set(answers)


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
            stored = ledger.operations[command.player, command.provider_account, command.namespace, command.external_id]
            assert stored.kind == "tombstone" or (stored.player, stored.seq) in undone


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
        if item.kind in {"bet", "win", "bet_and_win"} and item.status == "applied" and stands(item)
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
    assert [answer(reply) for reply in replies_doubled[1::2]] == [answer(reply) for reply in replies]


@PLENTY
@given(stories, sizes)
def test_a_stream_read_again_from_its_start_repeats_what_is_stored(story: Story, sizes_: list[int]) -> None:
    """As a wallet does below its position: only commands whose slot is taken are decided again."""
    ledger, replies = play(story.history, sizes_)
    before = ledger.tables()
    known = [
        (command, reply)
        for (command, _), reply in zip(story.history, replies, strict=True)
        if (command.player, command.provider_account, command.namespace, command.external_id) in ledger.operations
    ]
    for batch in cut([(command, False) for command, _ in known], sizes_):
        ledger.apply(batch, NOW)
    assert ledger.tables() == before
    undone = {f"{item.player}-{item.target_seq}" for item in ledger.operations.values() if item.target_seq}
    for command, reply in known:
        (again,) = ledger.apply([(command, False)], NOW)
        if isinstance(command, MoneyCommand) and reply.transaction_id in undone:
            # What was given back since is not told to be a success again.
            assert (again.result, again.transaction_id) == (Result.ORIGINAL_CANCELLED, "")
        elif reply.transaction_id:
            assert answer(again) == answer(reply)
            assert again.replayed


@PLENTY
@given(stories, sizes)
def test_no_stake_is_taken_against_the_players_status(story: Story, sizes_: list[int]) -> None:
    ledger, _ = play(story.history, sizes_)
    for player in PLAYERS:
        status, rounds = "active", set()
        for item in by_seq(ledger, player):
            round_ = (item.provider_account, item.round_id)
            if item.kind in {"set_player_status", "erase_player"}:
                told = json.loads(item.details)
                assert told["from"] == status
                status = told["to"]
            elif item.status == "applied" and _is_stake(item):
                assert status == "active" or (status == "draining" and round_ in rounds)
            elif item.status == "applied" and item.kind in {"open_session", "deposit"}:
                assert status in {"open_session": {"active"}, "deposit": {"active", "draining"}}[item.kind]
            if item.status == "applied" and item.round_id and item.kind in {"bet", "win", "bet_and_win"}:
                rounds.add(round_)
        if player in ledger.players:
            assert ledger.players[player].status == status
            assert (player in ledger.profiles) == (status != "closed")


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
