"""The replies to commands: what was booked now, what was stored before, what stores nothing, and several of these in one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from services.wallet.decisions.model import Decision, Operation
from shared.contracts import Command, ItemReply, Reply, Result


def transaction_id(operation: Operation) -> str:
    """Our id of an operation, as told to providers."""
    return f"{operation.player}-{operation.seq}"


def booked_reply(command: Command, decision: Decision, operation: Operation) -> Reply:
    """The answer that is stored now."""
    return Reply(
        command_id=command.command_id,
        caller=command.caller,
        result=decision.result,
        limit=decision.limit,
        detail=decision.detail,
        currency=operation.currency,
        balance=operation.balance_after,
        balance_now=operation.balance_after,
        transaction_id=transaction_id(operation),
        free_rounds_left=decision.free_rounds_left,
        free_rounds_charged=decision.free_rounds_charged,
    )


def replayed_reply(command: Command, stored: Operation, balance_now: int, detail: str = "") -> Reply:
    """The stored answer again."""
    return Reply(
        command_id=command.command_id,
        caller=command.caller,
        result=stored.result,
        limit=stored.limit,
        detail=detail,
        currency=stored.currency,
        balance=stored.balance_after,
        balance_now=balance_now,
        transaction_id=transaction_id(stored),
        replayed=True,
        free_rounds_left=stored.free_rounds_left,
        free_rounds_charged=stored.free_rounds_charged,
    )


def unstored_reply(command: Command, decision: Decision, currency: str, balance: int) -> Reply:
    """An answer that may come out otherwise next time. `balance` in units of `currency`."""
    return Reply(
        command_id=command.command_id,
        caller=command.caller,
        result=decision.result,
        limit=decision.limit,
        detail=decision.detail,
        currency=currency,
        balance=balance,
        balance_now=balance,
        free_rounds_left=decision.free_rounds_left,
    )


def reply_of_all(parts: Sequence[Command], replies: Sequence[Reply]) -> Reply:
    """The answer to a command whose parts were all done: a replay where none of them stored anything new.

    Its balance is that of the newest operation, which is the same whenever it is asked.
    """
    last = replies[-1]
    stored = [reply for reply in replies if reply.transaction_id]
    newest = max(stored, key=_age, default=last)
    left = [reply.free_rounds_left for reply in replies if reply.free_rounds_left >= 0]
    return Reply(
        command_id=last.command_id,
        caller=last.caller,
        result=Result.OK,
        currency=newest.currency,
        balance=newest.balance,
        balance_now=newest.balance_now,
        transaction_id=stored[-1].transaction_id if stored else "",
        replayed=bool(stored) and all(reply.replayed for reply in stored),
        free_rounds_left=left[-1] if left else -1,
        free_rounds_charged=sum(reply.free_rounds_charged for reply in replies),
        items=tuple(_item(part, reply) for part, reply in zip(parts, replies, strict=True)),
    )


def reply_of_refused(parts: Sequence[Command], at: int, refusal: Reply) -> Reply:
    """The answer to a command of which part number `at` was refused, and so all: the refusal, and NOT_DONE for the others."""
    items = [ItemReply(external_id=part.external_id, result=Result.NOT_DONE) for part in parts]
    items[at] = _item(parts[at], refusal)
    return replace(refusal, items=tuple(items))


def _age(reply: Reply) -> int:
    return int(reply.transaction_id.rpartition("-")[2])


def _item(part: Command, reply: Reply) -> ItemReply:
    return ItemReply(
        external_id=part.external_id,
        result=reply.result,
        transaction_id=reply.transaction_id,
        replayed=reply.replayed,
        limit=reply.limit,
        detail=reply.detail,
    )
