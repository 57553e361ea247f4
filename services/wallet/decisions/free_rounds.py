"""GrantFreeRounds and CancelFreeRounds. Charging and restoring the counter belongs to the stakes and their rollbacks."""

from __future__ import annotations

from msgspec.structs import replace

from services.wallet.decisions.common import (
    EXCLUSION,
    REASON_CHARS_MAX,
    as_details,
    excluded,
    foreign_player,
    replay_or_conflict,
)
from services.wallet.decisions.model import APPLIED, Decision, Grant, View, answer
from shared.contracts import CancelFreeRounds, GrantFreeRounds, Result

COUNT_MAX = 10_000


def decide_grant_free_rounds(command: GrantFreeRounds, view: View) -> Decision:
    """Gives free rounds at one provider account."""
    if foreign_player(command, view):
        return answer(Result.PLAYER_NOT_FOUND)
    stored = view.stored
    if stored is not None:
        same = (stored.kind, stored.grant_id, stored.currency) == (command.kind, command.grant_id, command.currency)
        return replay_or_conflict(stored, same=same and stored.details == _details(command))
    if not 0 < command.count <= COUNT_MAX or command.stake < 0:
        return answer(Result.BAD_REQUEST, detail=f"1 to {COUNT_MAX} free rounds are expected")
    if view.player is not None and excluded(view.player, view.now_ms):
        # Not stored: it may be given once the exclusion is over.
        return Decision(result=Result.PLAYER_BLOCKED, limit=EXCLUSION, currency=command.currency)
    if view.grant is not None:
        return answer(Result.DUPLICATE_DIFFERENT, detail="a grant with this id exists")
    if view.balance is None:
        return answer(Result.WRONG_CURRENCY)
    return Decision(
        result=Result.OK,
        status=APPLIED,
        currency=command.currency,
        grant_id=command.grant_id,
        free_rounds_left=command.count,
        details=_details(command),
        grant=Grant(
            player=command.player,
            grant_id=command.grant_id,
            provider_account=command.provider_account,
            currency=command.currency,
            count=command.count,
            remaining=command.count,
            expires_at_ms=command.expires_at_ms,
            game_ids=command.game_ids,
            stake=command.stake,
        ),
    )


def decide_cancel_free_rounds(command: CancelFreeRounds, view: View) -> Decision:
    """Ends a grant; ending it again changes nothing. The counter stays, so that undos find what they restore."""
    if foreign_player(command, view):
        return answer(Result.PLAYER_NOT_FOUND)
    grant, stored = view.grant, view.stored
    if stored is not None:
        return replay_or_conflict(stored, same=(stored.kind, stored.grant_id) == (command.kind, command.grant_id))
    if grant is None:
        # Not stored: it may be on its way.
        return answer(Result.ORIGINAL_NOT_FOUND, detail="no grant with this id is known")
    changes = not grant.cancelled_at_ms
    return Decision(
        result=Result.OK,
        status=APPLIED,
        currency=grant.currency,
        grant_id=grant.grant_id,
        free_rounds_left=0,
        details=as_details(reason=command.reason[:REASON_CHARS_MAX], cancelled=changes, remaining=grant.remaining),
        grant=replace(grant, cancelled_at_ms=view.now_ms) if changes else None,
    )


def _details(command: GrantFreeRounds) -> str:
    return as_details(
        count=command.count, expires_at_ms=command.expires_at_ms, game_ids=list(command.game_ids), stake=command.stake
    )
