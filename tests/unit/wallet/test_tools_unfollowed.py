"""Pairing UNKNOWNs with what the provider did later: what counts as a follow-up, and what does not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from services.wallet.decisions.model import Movement, Operation
from services.wallet.tools import unfollowed
from services.wallet.tools.unfollowed import Cases, Report, TooManyError
from shared.contracts import Bet, CallbackRecord, Command, GetBalance, Rollback, Win, codec
from shared.contracts.keys import keys_of

HEAD: dict[str, Any] = {"player": "p", "provider_account": "a", "namespace": "tx"}
BET = Bet(command_id="c1", external_id="1", stake=5, currency="EUR", **HEAD)
UNDO = Rollback(
    command_id="c3",
    external_id="1",
    target_namespace="tx",
    target_external_id="1",
    player="p",
    provider_account="a",
    namespace="undo",
)


def record(command: Command | None, verdict: str, at_ms: int, **fields: Any) -> CallbackRecord:
    known = (
        {"player": command.player, "command_id": command.command_id, "kind": command.kind, "keys": keys_of(command)}
        if command
        else {}
    )
    return CallbackRecord(
        **{
            "request_id": "r", "provider_account": "a", "dialect": "mascot", "received_at_ms": at_ms, "remote_address": "", "request_headers": {},
            "request_body": "", "response_status": 200, "response_body": "", "verdict": verdict, "method": "m", **known, **fields,
        }
    )  # fmt: skip


def stored(command: Command, status: str = "applied", *, stake: int = 5, win: int = 0) -> Operation:
    moved = Movement(debit_account="player", credit_account="provider:a", amount=5, currency="EUR", balance_after=0)
    return Operation(
        player=command.player, seq=7, provider_account=command.provider_account, namespace=command.namespace, external_id=command.external_id,
        kind=command.kind, status=status, occurred_at_ms=1_500, gaming_day="2026-11-22", brand="main", currency="EUR", stake=stake, win=win,
        movements=(moved,) if status == "applied" and stake + win else (),
    )  # fmt: skip


def report(
    records: list[CallbackRecord], operations: list[tuple[Operation, int]], commands: list[tuple[Command, int]] | None = None
) -> Report:
    """As the command does: the archive twice, the ledger, the commands."""
    cases = Cases()
    for each in records:
        cases.take_unknown(each)
    for each in records:
        cases.take_answer(each)
    by_key = {(o.player, o.provider_account, o.namespace, o.external_id): (o, undone) for o, undone in operations}
    cases.take_stored({key: found for key, found in by_key.items() if key in cases.cases})
    for command, at_ms in commands or []:
        cases.take_command(codec.encode(command), at_ms)
    return cases.report(0, 61_000)


def counts(found: Report) -> tuple[int, int, int, int]:
    return found.unknown, found.not_applied, found.followed_up, found.found


def test_applied_and_never_heard_of_again() -> None:
    found = report([record(BET, "unknown", 1_000)], [(stored(BET), 0)], [(BET, 1_001)])
    assert counts(found) == (1, 0, 0, 1)
    (line,) = found.unfollowed
    assert (line.player, line.external_id, line.seq, line.amount, line.currency) == ("p", "1", 7, -5, "EUR")
    assert (line.answered_unknown_at_ms, line.applied_at_ms, line.age_s, line.times) == (1_000, 1_500, 60, 1)


def test_a_later_repetition_that_was_answered_is_a_follow_up() -> None:
    again = replace(BET, command_id="c2")
    assert counts(report([record(BET, "unknown", 1_000), record(again, "answered", 2_000)], [(stored(BET), 0)])) == (1, 0, 1, 0)


def test_the_archive_s_order_does_not_matter_only_the_times_do() -> None:
    again = replace(BET, command_id="c2")
    assert counts(report([record(again, "answered", 2_000), record(BET, "unknown", 1_000)], [(stored(BET), 0)])) == (1, 0, 1, 0)
    assert counts(report([record(again, "answered", 900), record(BET, "unknown", 1_000)], [(stored(BET), 0)])) == (1, 0, 0, 1)


def test_a_repetition_that_was_unknown_too_is_none() -> None:
    again = replace(BET, command_id="c2")
    records = [record(BET, "unknown", 1_000), record(again, "unknown", 3_000)]
    found = report(records, [(stored(BET), 0)], [(BET, 1_001), (again, 3_001)])
    assert (counts(found), found.callbacks, found.unfollowed[0].times) == ((1, 0, 0, 1), 2, 2)
    assert found.unfollowed[0].answered_unknown_at_ms == 3_000


def test_an_answer_between_two_unknowns_does_not_settle_the_second() -> None:
    heard, again = replace(BET, command_id="c2"), replace(BET, command_id="c3")
    records = [record(BET, "unknown", 1_000), record(heard, "answered", 2_000), record(again, "unknown", 3_000)]
    assert counts(report(records, [(stored(BET), 0)])) == (1, 0, 0, 1)


def test_a_rollback_of_it_is_a_follow_up_by_archive_by_ledger_and_by_commands() -> None:
    first = record(BET, "unknown", 1_000)
    assert counts(report([first, record(UNDO, "answered", 2_000)], [(stored(BET), 0)])) == (1, 0, 1, 0)
    assert counts(report([first], [(stored(BET), 8)])) == (1, 0, 1, 0)
    assert counts(report([first], [(stored(BET), 0)], [(UNDO, 2_000)])) == (1, 0, 1, 0)


def test_a_rollback_that_was_unknown_too_is_a_case_of_its_own() -> None:
    records = [record(BET, "unknown", 1_000), record(UNDO, "unknown", 2_000)]
    bet, undo = (stored(BET), 8), (stored(UNDO, win=5, stake=0), 0)
    found = report(records, [bet, undo], [(BET, 1_001), (UNDO, 2_001)])
    assert counts(found) == (2, 0, 1, 1)
    assert (found.unfollowed[0].kind, found.unfollowed[0].amount) == ("rollback", 5)
    # It was not applied: nobody has taken the bet back, and nobody was told.
    assert counts(report(records, [(stored(BET), 0)], [(BET, 1_001), (UNDO, 2_001)])) == (2, 1, 0, 1)


def test_a_success_that_sampling_left_out_shows_among_the_commands() -> None:
    again = replace(BET, command_id="c2")
    assert counts(report([record(BET, "unknown", 1_000)], [(stored(BET), 0)], [(BET, 1_001), (again, 2_000)])) == (1, 0, 1, 0)


@pytest.mark.parametrize("status", ["refused", "void", "tombstone"])
def test_what_moved_nothing_is_not_applied(status: str) -> None:
    assert counts(report([record(BET, "unknown", 1_000)], [(stored(BET, status), 0)])) == (1, 1, 0, 0)
    assert counts(report([record(BET, "unknown", 1_000)], [(stored(BET, stake=0), 0)])) == (1, 1, 0, 0)
    assert counts(report([record(BET, "unknown", 1_000)], [])) == (1, 1, 0, 0)


def test_the_same_id_elsewhere_is_another_transaction() -> None:
    for other in (
        replace(BET, player="q"),
        replace(BET, provider_account="b"),
        replace(BET, namespace="x"),
        replace(BET, external_id="2"),
    ):
        again = replace(other, command_id="c2")
        answered = record(again, "answered", 2_000, provider_account=again.provider_account)
        assert counts(report([record(BET, "unknown", 1_000), answered], [(stored(BET), 0)], [(again, 2_000)])) == (1, 0, 0, 1)


def test_what_carried_no_money_or_cannot_be_paired_is_counted_apart() -> None:
    query = GetBalance(command_id="q", external_id="", **HEAD)
    found = report([record(query, "unknown", 1), record(None, "unknown", 2), record(BET, "refused", 3)], [])
    assert (found.callbacks, found.unknown, found.unpaired) == (0, 0, 1)
    assert report([], []) == Report(since_ms=0)


def test_each_id_is_judged_for_itself_oldest_first() -> None:
    wins = [Win(command_id=f"w{number}", external_id=f"w{number}", win=5, **HEAD) for number in range(5)]
    records = [record(each, "unknown", 5_000 - number) for number, each in enumerate(wins)]
    found = report(records, [(stored(each, stake=0, win=5), 0) for each in wins[:3]], [(replace(wins[0], command_id="x"), 9_000)])
    assert counts(found) == (5, 2, 1, 2)
    assert [line.external_id for line in found.unfollowed] == ["w2", "w1"]


def test_there_is_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unfollowed, "KEYS_MAX", 2)
    records = [record(replace(BET, external_id=str(number)), "unknown", 1_000) for number in range(3)]
    assert report(records[:2], []).unknown == 2
    with pytest.raises(TooManyError, match="--since"):
        report(records, [])


def test_records_of_an_older_gateway_are_read() -> None:
    old = codec.encode(record(BET, "unknown", 1_000)).replace(b',"command_id":"c1"', b"").replace(b'"kind":"bet"', b'"kind":""', 1)
    assert report([codec.decode_callback(old)], []).unpaired == 1
