"""The operator's own commands about a player: creating him, money in and out."""

from __future__ import annotations

import json

from services.wallet.decisions.common import replay_or_conflict
from services.wallet.decisions.model import (
    ACCOUNT_CASH,
    ACCOUNT_PLAYER,
    APPLIED,
    REFUSED,
    Decision,
    Entry,
    Player,
    Profile,
    View,
    answer,
)
from shared.contracts import CreatePlayer, Deposit, Result, Withdraw


def decide_create_player(command: CreatePlayer, view: View) -> Decision:
    """A new player with an account in each currency. One that exists alike is a success, one that differs a conflict."""
    if view.stored is not None:
        return replay_or_conflict(view.stored, same=view.stored.kind == command.kind and _alike(command, view))
    if not command.currencies or not command.operator_player_id:
        return answer(Result.BAD_REQUEST, detail="a player needs an id and at least one currency")
    if view.player is not None:
        if _alike(command, view):
            return answer(Result.OK, detail="exists")
        return answer(Result.DUPLICATE_DIFFERENT, detail="the player exists with other data")
    return Decision(
        result=Result.OK,
        status=APPLIED,
        new_player=Player(player=command.player, brand=command.brand, test=command.test),
        new_currencies=tuple(sorted(set(command.currencies))),
        profile=Profile(
            player=command.player,
            operator_player_id=command.operator_player_id,
            country=command.country,
            language=command.language,
        ),
        details=json.dumps({"currencies": sorted(set(command.currencies)), "test": command.test}, separators=(",", ":")),
    )


def _alike(command: CreatePlayer, view: View) -> bool:
    player, profile = view.player, view.profile
    return (
        player is not None
        and player.brand == command.brand
        and player.test == command.test
        and set(command.currencies) == set(view.currencies)
        and (
            profile is None  # erased: nothing to compare with any more
            or (profile.operator_player_id, profile.country, profile.language)
            == (command.operator_player_id, command.country, command.language)
        )
    )


def decide_deposit(command: Deposit, view: View) -> Decision:
    """Money in. Never expires: a late deposit is still the player's money."""
    return _transfer(command, view, incoming=True)


def decide_withdraw(command: Withdraw, view: View) -> Decision:
    """Money out, with the funds for it only."""
    return _transfer(command, view, incoming=False)


def _transfer(command: Deposit | Withdraw, view: View, *, incoming: bool) -> Decision:
    player, stored, amount = view.player, view.stored, command.amount
    if player is None or (command.brands and player.brand not in command.brands):
        return answer(Result.PLAYER_NOT_FOUND)
    if stored is not None:
        same = stored.kind == command.kind and stored.currency == command.currency and (stored.stake + stored.win) == amount
        return replay_or_conflict(stored, same=same)
    if view.expired and not incoming:
        return answer(Result.NOT_DONE, detail="it arrived after its caller had given up")
    if amount <= 0:
        return answer(Result.BAD_REQUEST, detail="an amount above zero is expected")
    if view.balance is None:
        return answer(Result.WRONG_CURRENCY)
    stake, win = (0, amount) if incoming else (amount, 0)
    refusal = ""
    if incoming and player.status != "active":
        refusal = Result.PLAYER_BLOCKED
    elif not incoming and view.balance < amount:
        refusal = Result.INSUFFICIENT_FUNDS
    if refusal:
        return Decision(result=refusal, status=REFUSED, currency=command.currency, stake=stake, win=win)
    entry = Entry(ACCOUNT_CASH, ACCOUNT_PLAYER, amount) if incoming else Entry(ACCOUNT_PLAYER, ACCOUNT_CASH, amount)
    return Decision(result=Result.OK, status=APPLIED, currency=command.currency, stake=stake, win=win, entries=(entry,))
