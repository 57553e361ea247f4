"""The sentences of `wallet explain`, from what was found to what it means."""

from __future__ import annotations

from typing import Any

import pytest

from services.wallet.decisions.model import Movement, Operation
from services.wallet.tools.conclusions import conclude
from services.wallet.tools.story import CallbackSeen, CommandSeen, OperationSeen, Story, balance_before, told_money, told_time

EUR = 100_000
T = 1_800_000_000_000


def operation(seq: int = 3, kind: str = "bet", status: str = "applied", **fields: Any) -> Operation:
    return Operation(
        **{
            "player": "p", "seq": seq, "provider_account": "a", "namespace": "tx", "external_id": "1", "kind": kind, "status": status,
            "occurred_at_ms": T + seq * 1_000, "gaming_day": "2027-01-15", "brand": "main", "currency": "EUR", **fields,
        }
    )  # fmt: skip


def moved(debit: str, credit: str, amount: int, after: int) -> Movement:
    return Movement(debit_account=debit, credit_account=credit, amount=amount, currency="EUR", balance_after=after)


STAKE = operation(stake=5 * EUR, balance_after=95 * EUR, movements=(moved("player", "provider:a", 5 * EUR, 95 * EUR),))


def seen(each: Operation, **fields: Any) -> OperationSeen:
    return OperationSeen(operation=each, balance_before=balance_before(each), **fields)


def command(offset: int, at_ms: int, kind: str = "bet", **fields: Any) -> CommandSeen:
    return CommandSeen(
        **{
            "partition": 1, "offset": offset, "at_ms": at_ms, "kind": kind, "player": "p", "provider_account": "a", "namespace": "tx",
            "external_id": "1", "command_id": f"c{offset}", "deadline_ms": 2_500, "names_it": False, "expires": kind == "bet", "content": {},
            **fields,
        }
    )  # fmt: skip


def callback(verdict: str, result: str, at_ms: int, diagnosis: str = "") -> CallbackSeen:
    return CallbackSeen(
        at_ms=at_ms, provider_account="a", method="m", player="p", external_id="1", command_id="", verdict=verdict, result=result,
        diagnosis=diagnosis, status=200, total_ms=1.0, request="", answer="",
    )  # fmt: skip


def told(
    *operations: OperationSeen, commands: list[CommandSeen] | None = None, callbacks: list[CallbackSeen] | None = None
) -> Story:
    story = Story(external_id="1", operations=list(operations), commands=commands or [], callbacks=callbacks or [])
    conclude(story)
    return story


def test_an_applied_bet_and_its_chain() -> None:
    story = told(seen(STAKE), commands=[command(1, T + 2_900)])
    assert story.conclusion == [
        "The bet was applied at 2027-01-15 08:00:03.000Z as operation 3: 5.00 EUR from the player, balance 100.00 EUR -> 95.00 EUR.",
        "The hash chain fits around operation 3.",
    ]
    assert story.commands[0].fate == "stored as operation 3, applied"


def test_rolled_back_and_copies_before_and_after_it() -> None:
    undo = operation(4, "rollback", namespace="undo", balance_after=100 * EUR, target_seq=3)
    story = told(
        seen(STAKE, undone_by=undo),
        seen(undo, undoes=STAKE),
        commands=[
            command(1, T + 2_900),
            command(2, T + 3_500, same=True),
            command(3, T + 3_600, same=False),
            command(4, T + 3_900, "rollback", namespace="undo"),
            command(5, T + 9_000, same=True),
        ],
    )
    assert [each.fate for each in story.commands] == [
        "stored as operation 3, applied",
        "a copy, answered again from operation 3: nothing moved again",
        "the same id with other content, refused DUPLICATE_DIFFERENT: nothing moved",
        "stored as operation 4, applied",
        "a late copy, refused ORIGINAL_CANCELLED: it had been rolled back by then, nothing moved",
    ]
    assert story.conclusion[1].startswith("It was taken back at 2027-01-15 08:00:04.000Z by operation 4 (rollback, id 1)")
    assert len([each for each in story.conclusion if "operation 4" in each]) == 1


def test_the_first_copy_was_too_late_and_the_repetition_became_the_operation() -> None:
    late = command(1, STAKE.occurred_at_ms - 3_001)
    in_time = command(2, STAKE.occurred_at_ms - 2_000)
    story = told(seen(STAKE), commands=[late, in_time])
    assert late.fate == "nothing of it is stored: it came too late, or was refused without being kept"
    assert in_time.fate == "stored as operation 3, applied"
    assert any(each.startswith("A bet arrived at") for each in story.conclusion)


def test_a_win_is_never_too_late() -> None:
    win = operation(kind="win", win=EUR, balance_after=EUR, movements=(moved("provider:a", "player", EUR, EUR),))
    first = command(1, win.occurred_at_ms - 3_600_000, "win")
    told(seen(win), commands=[command(2, win.occurred_at_ms, "win", same=True), first])
    assert first.fate == "stored as operation 3, applied"


def test_a_tombstone_and_its_late_bet() -> None:
    void = operation(3, "rollback", "void", namespace="undo", details='{"reason":"original_not_found"}')
    tomb = operation(4, "tombstone", "tombstone")
    story = told(seen(void), seen(tomb, entombed_by=void), commands=[command(9, T + 60_000)])
    assert "was rolled back at 2027-01-15 08:00:04.000Z by operation 3 before it had arrived" in story.conclusion[0]
    assert "late, refused ORIGINAL_CANCELLED: it had been rolled back before it arrived" in story.commands[0].fate
    assert len(story.conclusion) == 3


def test_a_refusal_and_a_void_rollback() -> None:
    story = told(seen(operation(status="refused", result="LIMIT_EXCEEDED", limit="loss:day", stake=EUR)))
    assert (
        "was refused at 2027-01-15 08:00:03.000Z with LIMIT_EXCEEDED (loss:day) (operation 3); no money moved"
        in story.conclusion[0]
    )
    story = told(seen(operation(kind="rollback", status="void", details='{"reason":"original_refused"}')))
    assert "succeeded without moving anything (operation 3: original refused)" in story.conclusion[0]


def test_a_known_answer_counts_more_than_what_is_worked_out() -> None:
    story = told(seen(STAKE), commands=[command(1, T + 2_900), command(2, T + 3_100, same=True, result="TOKEN_EXPIRED")])
    assert story.commands[1].fate == "answered TOKEN_EXPIRED"
    story = told(seen(STAKE), commands=[command(1, T + 2_900), command(2, T + 3_100, same=True, result="OK (a repetition)")])
    assert story.commands[1].fate == "a copy, answered again from operation 3: nothing moved again"
    story = told(seen(STAKE), commands=[command(1, T + 2_900), command(2, T + 3_100, same=False, result="OK")])
    assert story.commands[1].fate == "answered OK"


def test_a_dead_letter_and_nothing_stored() -> None:
    story = told(commands=[command(1, T, "win", letter="2-17")])
    assert story.conclusion == [
        "Nothing is stored in the ledger under this id: no money moved.",
        f"A win arrived at {told_time(T)}: it could not be applied and is dead letter 2-17.",
    ]


def test_a_broken_chain_is_the_last_and_loudest_word() -> None:
    story = told(seen(STAKE, chain_problems=["operation 4 does not follow from operation 3"]))
    assert story.conclusion[-1].startswith("THE CHAIN DOES NOT FIT: operation 4 does not follow")


def test_unknown_to_the_provider_then_and_later() -> None:
    story = told(seen(STAKE), callbacks=[callback("unknown", "UNKNOWN", T, "no reply"), callback("answered", "OK", T + 5)])
    assert story.conclusion[1] == f"The provider was told UNKNOWN once (last {told_time(T)}: no reply); he heard OK later."
    story = told(
        seen(STAKE),
        callbacks=[callback("answered", "OK", T - 5), callback("unknown", "UNKNOWN", T), callback("unknown", "UNKNOWN", T + 1)],
    )
    assert "told UNKNOWN 2 times" in story.conclusion[1]
    assert "no later callback of his was answered" in story.conclusion[1]


def test_refused_before_the_wallet() -> None:
    story = told(callbacks=[callback("refused", "refused_authentication", T, "signature is wrong")])
    assert story.conclusion[0].startswith("Nothing is stored")
    assert "before the wallet: refused authentication, signature is wrong." in story.conclusion[1]


def test_nothing_known_gives_reasons() -> None:
    story = told()
    assert story.conclusion[0] == "Nothing is known of it. Possible reasons:"
    assert any("dead-letters list" in each for each in story.conclusion)


@pytest.mark.parametrize(
    ("units", "currency", "text"),
    [
        (5 * EUR, "EUR", "5.00 EUR"),
        (1, "EUR", "0.00001 EUR"),
        (-150_000, "EUR", "-1.50 EUR"),
        (10**8 + 1, "BTC", "1.00000001 BTC"),
        (0, "", "0"),
    ],
)
def test_money_as_people_write_it(units: int, currency: str, text: str) -> None:
    assert told_money(units, currency) == text


def test_balance_before() -> None:
    both = operation(movements=(moved("player", "provider:a", 5, 95), moved("provider:a", "player", 7, 102)), balance_after=102)
    assert balance_before(both) == 100
    assert balance_before(operation(balance_after=42)) == 42
