"""The operator's own money: into the player's account from his cash, and back."""

from __future__ import annotations

from typing import Final

from services.wallet.decisions.common import EXCLUSION, as_details, excluded, foreign_player, replay_or_conflict
from services.wallet.decisions.limits import counts, deposit_stopped_by
from services.wallet.decisions.model import (
    ACCOUNT_CASH,
    ACCOUNT_PLAYER,
    ACTIVE,
    APPLIED,
    DRAINING,
    REFUSED,
    VOID,
    Decision,
    Entry,
    Operation,
    Player,
    View,
    answer,
)
from shared.contracts import Deposit, Result, Withdraw

_EVERYTHING: Final = as_details(everything=True)


def decide_deposit(command: Deposit, view: View) -> Decision:
    """Money in. Never expires: a late deposit is still the player's money.

    A blocked, closed or excluded player takes none, nor one who has reached a limit of deposits.
    """
    player, stored, amount = view.player, view.stored, command.amount
    if foreign_player(command, view) or player is None:
        return answer(Result.PLAYER_NOT_FOUND)
    if stored is not None:
        return replay_or_conflict(stored, same=_same_transfer(stored, command) and stored.win == amount)
    if amount <= 0:
        return answer(Result.BAD_REQUEST, detail="an amount above zero is expected")
    if view.balance is None:
        return answer(Result.WRONG_CURRENCY)
    refusal, limit = _deposit_refusal(command, view, player)
    if refusal:
        return Decision(result=refusal, status=REFUSED, limit=limit, currency=command.currency, win=amount)
    return Decision(
        result=Result.OK,
        status=APPLIED,
        currency=command.currency,
        win=amount,
        entries=(Entry(ACCOUNT_CASH, ACCOUNT_PLAYER, amount),),
        counts=counts(view, command.currency, deposited=amount),
    )


def _deposit_refusal(command: Deposit, view: View, player: Player) -> tuple[str, str]:
    """What stops a deposit, and which limit; empty if nothing does."""
    if excluded(player, view.now_ms):
        return Result.PLAYER_BLOCKED, EXCLUSION
    if player.status not in {ACTIVE, DRAINING}:
        return Result.PLAYER_BLOCKED, ""
    limit = deposit_stopped_by(view, command.currency, command.amount) if view.limits else ""
    return (Result.LIMIT_EXCEEDED, limit) if limit else ("", "")


def decide_withdraw(command: Withdraw, view: View) -> Decision:
    """Money out, with the funds for it only; whatever the player's status, it is his.

    `everything` takes what is there now. Where nothing is there it is a success that moves nothing, and stays one.
    """
    stored, details = view.stored, _EVERYTHING if command.everything else ""
    if foreign_player(command, view):
        return answer(Result.PLAYER_NOT_FOUND)
    if stored is not None:
        amount = 0 if command.everything else stored.stake
        same = _same_transfer(stored, command) and stored.details == details and command.amount == amount
        return replay_or_conflict(stored, same=same)
    if view.expired:
        return answer(Result.NOT_DONE, detail="it arrived after its caller had given up")
    if command.everything and command.amount:
        return answer(Result.BAD_REQUEST, detail="everything or an amount is expected, not both")
    if not command.everything and command.amount <= 0:
        return answer(Result.BAD_REQUEST, detail="an amount above zero is expected")
    if view.balance is None:
        return answer(Result.WRONG_CURRENCY)
    if command.everything and view.balance <= 0:
        return Decision(result=Result.OK, status=VOID, currency=command.currency, details=details)
    amount = view.balance if command.everything else command.amount
    if view.balance < amount:
        return Decision(result=Result.INSUFFICIENT_FUNDS, status=REFUSED, currency=command.currency, stake=amount)
    entry = Entry(ACCOUNT_PLAYER, ACCOUNT_CASH, amount)
    return Decision(result=Result.OK, status=APPLIED, currency=command.currency, stake=amount, entries=(entry,), details=details)


def _same_transfer(stored: Operation, command: Deposit | Withdraw) -> bool:
    return stored.kind == command.kind and stored.currency == command.currency
