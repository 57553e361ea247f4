"""Win and EndRound: never asked for status, session, game or limits. Money that was won must be paid."""

from __future__ import annotations

from msgspec.structs import replace

from services.wallet.decisions.common import (
    entries_of,
    foreign_player,
    left_of,
    named_session,
    replay_or_conflict,
    round_after,
    same_money,
    wrong_currency,
)
from services.wallet.decisions.limits import counts
from services.wallet.decisions.model import APPLIED, Decision, Operation, Round, View, answer
from services.wallet.decisions.rounds import late_call
from shared.contracts import EndRound, Result, Win


def decide_win(command: Win, view: View) -> Decision:
    """A win. Without a bet in its round it is paid all the same, unless the dialect demands one."""
    if foreign_player(command, view):
        return answer(Result.PLAYER_NOT_FOUND)
    if view.stored is not None:
        return replay_or_conflict(view.stored, same=same_money(view.stored, command, 0, command.win), undone=view.stored_undone)
    late = late_call(command, view, stake=0, win=command.win, is_stake=False)
    if late is not None:
        return late
    if wrong_currency(command, view):
        return answer(Result.WRONG_CURRENCY)
    if command.bet_required and (view.round is None or view.round.bets == 0):
        # Not stored: the bet may still be on its way.
        return answer(Result.ORIGINAL_NOT_FOUND, detail="no bet of this round is known", currency=command.currency)
    session = named_session(command, view)
    session_id = session.session_id if session else ""
    free = command.free_round or (view.round is not None and view.round.free_charged > 0)
    return Decision(
        result=Result.OK,
        status=APPLIED,
        currency=command.currency,
        win=command.win,
        free_rounds_left=left_of(view),
        session_id=session_id,
        round_id=command.round_id,
        game_id=command.game_id,
        grant_id=command.grant_id,
        entries=entries_of(0, command.win, command.provider_account, free=free, promo_class=command.promo_class),
        round=round_after(command, view, bets=0, stake=0, win=command.win, free_charged=0, session_id=session_id),
        counts=counts(view, command.currency, won=command.win),
    )


def decide_end_round(command: EndRound, view: View) -> Decision:
    """Closes a round; closing it again or closing an unknown one is a success that changes nothing."""
    if foreign_player(command, view):
        return answer(Result.PLAYER_NOT_FOUND)
    if view.stored is not None:
        return replay_or_conflict(view.stored, same=_ends_alike(view.stored, command))
    before = view.round
    closed: Round | None = None
    if before is not None and before.status == "open":
        closed = replace(before, status="closed", closed_at_ms=view.now_ms)
    return Decision(
        result=Result.OK,
        status=APPLIED,
        currency=command.currency,
        round_id=command.round_id,
        game_id=command.game_id,
        round=closed,
    )


def _ends_alike(stored: Operation, command: EndRound) -> bool:
    return stored.kind == command.kind and (stored.round_id, stored.currency) == (command.round_id, command.currency)
