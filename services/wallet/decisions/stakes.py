"""Bet and BetAndWin: the only commands that are asked for status, session, game, limits and funds.

Order (behaviour.md): stored key, tombstone (of the call, or of its whole round: rounds.py), expired, player's status,
session, currency, game, limits, free round, funds.
"""

from __future__ import annotations

from msgspec.structs import replace

from services.wallet.decisions.common import (
    EXCLUSION,
    entries_of,
    excluded,
    foreign_player,
    left_of,
    named_session,
    refuse,
    replay_or_conflict,
    round_after,
    same_money,
    seen,
    session_refusal,
    state_of_game,
    wrong_currency,
)
from services.wallet.decisions.limits import counts, stake_stopped_by
from services.wallet.decisions.model import ACTIVE, APPLIED, DRAINING, Decision, Grant, Player, Round, Session, View, answer
from services.wallet.decisions.rounds import late_call
from shared.contracts import Bet, BetAndWin, MoneyCommand, Result


def decide_bet(command: Bet, view: View) -> Decision:
    """A stake."""
    return _decide(command, view, command.stake, 0, is_stake=True)


def decide_bet_and_win(command: BetAndWin, view: View) -> Decision:
    """A stake and a win of one call. With neither stake nor charge it is a marker of a round and always passes."""
    is_stake = command.stake > 0 or command.charge_free_rounds > 0
    return _decide(command, view, command.stake, command.win, is_stake=is_stake)


def _decide(command: MoneyCommand, view: View, stake: int, win: int, *, is_stake: bool) -> Decision:
    player = view.player
    if foreign_player(command, view) or player is None:
        return answer(Result.PLAYER_NOT_FOUND)
    if view.stored is not None:
        return replay_or_conflict(view.stored, same=same_money(view.stored, command, stake, win), undone=view.stored_undone)
    late = late_call(command, view, stake=stake, win=win, is_stake=is_stake)
    if late is not None:
        return late
    if view.expired and is_stake:
        return answer(Result.NOT_DONE, detail="it arrived after its caller had given up")
    if is_stake:
        refusal = _refusal(command, view, player, stake, win)
        if refusal is not None:
            return refusal
    elif wrong_currency(command, view):
        return answer(Result.WRONG_CURRENCY)
    charge = _charge(command, view)
    free = charge is not None or _free_already(command, view)
    debit = 0 if free else stake
    session = named_session(command, view)
    stopped = _stopped(command, view, charge, debit, session) if is_stake else None
    if stopped is not None:
        result, limit = stopped
        return refuse(command, view, result, stake=stake, win=win, limit=limit)
    session_id = session.session_id if session else ""
    charged = command.charge_free_rounds if charge is not None else 0
    return Decision(
        result=Result.OK,
        status=APPLIED,
        currency=command.currency,
        stake=debit,
        win=win,
        nominal_stake=stake - debit,
        free_rounds_charged=charged,
        free_rounds_left=charge.remaining if charge is not None else left_of(view),
        session_id=session_id,
        round_id=command.round_id,
        game_id=command.game_id,
        grant_id=command.grant_id,
        entries=entries_of(debit, win, command.provider_account, free=free, promo_class=command.promo_class),
        sessions=seen(session, command, view.now_ms) if is_stake else (),
        round=round_after(
            command, view, bets=int(is_stake), stake=debit, win=win, free_charged=int(charged > 0), session_id=session_id
        ),
        grant=charge,
        counts=counts(view, command.currency, staked=debit, won=win),
    )


def _stopped(
    command: MoneyCommand, view: View, charge: Grant | None, debit: int, session: Session | None
) -> tuple[str, str] | None:
    """The result and the limit by which limits, free rounds or funds stop a stake, None if nothing does."""
    # Where a free round is demanded and none is left, nothing would be debited: there is nothing for limits to count.
    refused = charge is None and bool(command.charge_free_rounds) and command.free_round_exhausted == "refuse"
    if view.limits:
        limit = stake_stopped_by(view, command.currency, 0 if refused else debit, session)
        if limit:
            return Result.LIMIT_EXCEEDED, limit
    if refused:
        return Result.INSUFFICIENT_FUNDS, "free_rounds"
    if debit and (view.balance or 0) < debit:
        return Result.INSUFFICIENT_FUNDS, ""
    return None


def _refusal(command: MoneyCommand, view: View, player: Player, stake: int, win: int) -> Decision | None:
    """What stops a stake before limits and funds are looked at, None if nothing does."""
    if excluded(player, view.now_ms):
        return refuse(command, view, Result.PLAYER_BLOCKED, stake=stake, win=win, limit=EXCLUSION)
    if player.status != ACTIVE and not (player.status == DRAINING and _is_open(view.round)):
        return refuse(command, view, Result.PLAYER_BLOCKED, stake=stake, win=win)
    by_session = session_refusal(command, view)
    if by_session:
        # Not stored (behaviour rule 8): an unknown session may become known, an ended one gives the same answer again.
        return answer(by_session, detail="session", currency=command.currency)
    if wrong_currency(command, view):
        return answer(Result.WRONG_CURRENCY)
    state = state_of_game(command, player.brand)
    if state == "stopped" or (state == "off" and view.round is None):
        return refuse(command, view, Result.GAME_FORBIDDEN, stake=stake, win=win)
    return None


def _is_open(round_: Round | None) -> bool:
    return round_ is not None and round_.status == "open"


def _charge(command: MoneyCommand, view: View) -> Grant | None:
    """The named grant with its counter lowered, None where it does not pay for this call."""
    wanted, grant = command.charge_free_rounds, view.grant
    if (
        wanted <= 0
        or grant is None
        or grant.remaining < wanted
        or grant.cancelled_at_ms
        or view.now_ms > grant.expires_at_ms
        or grant.provider_account != command.provider_account
        or grant.currency != command.currency
        or (grant.game_ids and command.game_id not in grant.game_ids)
    ):
        return None
    return replace(grant, remaining=grant.remaining - wanted)


def _free_already(command: MoneyCommand, view: View) -> bool:
    """Whether a call belongs to a free round that was paid before, or its contract says the stake is nominal."""
    if not command.free_round:
        return False
    return (view.round is not None and view.round.free_charged > 0) or command.free_round_stake == "nominal"
