"""PromoWin: a prize outside of the ordinary game. Never asked for status, session, game or limits, and counts for none."""

from __future__ import annotations

from typing import Final, get_args

from services.wallet.decisions.common import as_details, foreign_player, named_session, replay_or_conflict, wrong_currency
from services.wallet.decisions.model import ACCOUNT_PLAYER, APPLIED, VOID, Decision, Entry, Operation, View, answer
from shared.contracts import PromoClass, PromoWin, Result

_CLASSES: Final = frozenset(get_args(PromoClass))


def decide_promo_win(command: PromoWin, view: View) -> Decision:
    """A prize. One that came by other calls already (`informational`) is kept as void, with its amount.

    The round stays as it is: a prize is no part of what the game paid.
    """
    if foreign_player(command, view):
        return answer(Result.PLAYER_NOT_FOUND)
    if view.stored is not None:
        return replay_or_conflict(view.stored, same=_same(view.stored, command), undone=view.stored_undone)
    if command.promo_class not in _CLASSES or command.win < 0:
        known = ", ".join(sorted(_CLASSES))
        return answer(Result.BAD_REQUEST, detail=f"a prize of 0 or more is expected, of one of: {known}")
    if wrong_currency(command, view):
        return answer(Result.WRONG_CURRENCY)
    session = named_session(command, view)
    pays = command.win > 0 and not command.informational
    source = prize_account(command.provider_account, command.promo_class)
    return Decision(
        result=Result.OK,
        status=VOID if command.informational else APPLIED,
        currency=command.currency,
        win=command.win,
        session_id=session.session_id if session else "",
        round_id=command.round_id,
        game_id=command.game_id,
        grant_id=command.grant_id,
        entries=(Entry(source, ACCOUNT_PLAYER, command.win),) if pays else (),
        details=as_details(campaign=command.campaign_id) if command.campaign_id else "",
    )


def prize_account(provider_account: str, promo_class: str) -> str:
    """The house account that pays a prize."""
    purse = promo_class if promo_class in {"jackpot", "free_rounds"} else "promo"
    return f"{purse}:{provider_account}"


def _same(stored: Operation, command: PromoWin) -> bool:
    return (
        stored.kind == command.kind
        and stored.currency == command.currency
        and stored.win == command.win
        and stored.promo_class == command.promo_class
        and (stored.status == VOID) == command.informational
    )
