"""Adjust: a correction by hand, with an author and a reason. Never asked for status, session, game or limits."""

from __future__ import annotations

from typing import Any, Final

from services.wallet.decisions.common import (
    AUTHOR_CHARS_MAX,
    REASON_CHARS_MAX,
    as_details,
    foreign_player,
    replay_or_conflict,
    wrong_currency,
)
from services.wallet.decisions.model import ACCOUNT_PLAYER, APPLIED, REFUSED, Decision, Entry, Operation, View, answer
from shared.contracts import Adjust, Result

ADJUSTMENTS: Final = "adjustments"
"""The house account of corrections."""

_AMOUNT_MAX: Final = 2**63 - 1


def decide_adjust(command: Adjust, view: View) -> Decision:
    """Money to the player (amount above 0) or from him. What is not there is refused, or overdrawn where that is asked for."""
    amount = command.amount
    if foreign_player(command, view):
        return answer(Result.PLAYER_NOT_FOUND)
    if view.stored is not None:
        return replay_or_conflict(view.stored, same=_same(view.stored, command), undone=view.stored_undone)
    if not 0 < abs(amount) <= _AMOUNT_MAX:
        return answer(Result.BAD_REQUEST, detail="an amount above or below zero is expected, of at most 63 bits")
    if not command.reason or not command.author:
        return answer(Result.BAD_REQUEST, detail="a reason and an author are expected")
    if wrong_currency(command, view):
        return answer(Result.WRONG_CURRENCY)
    gives, takes = max(amount, 0), max(-amount, 0)
    short = takes > 0 and takes > (view.balance or 0)
    refused = short and command.overspent == "refuse"
    entry = Entry(ADJUSTMENTS, ACCOUNT_PLAYER, gives) if gives else Entry(ACCOUNT_PLAYER, ADJUSTMENTS, takes)
    return Decision(
        result=Result.INSUFFICIENT_FUNDS if refused else Result.OK,
        status=REFUSED if refused else APPLIED,
        currency=command.currency,
        stake=takes,
        win=gives,
        round_id=command.round_id,
        game_id=command.game_id,
        entries=() if refused else (entry,),
        details=_details(command, overdraft=short and not refused),
    )


def _details(command: Adjust, *, overdraft: bool) -> str:
    facts: dict[str, Any] = {"reason": command.reason[:REASON_CHARS_MAX], "author": command.author[:AUTHOR_CHARS_MAX]}
    return as_details(**facts, overdraft=True) if overdraft else as_details(**facts)


def _same(stored: Operation, command: Adjust) -> bool:
    return (
        stored.kind == command.kind
        and stored.currency == command.currency
        and stored.win - stored.stake == command.amount
        and stored.round_id == command.round_id
    )
