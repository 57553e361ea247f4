"""Rollback: undoes a stored operation by its stored amounts, or keeps the slot of one that has not arrived."""

from __future__ import annotations

import json
from typing import Any

from msgspec.structs import replace

from services.wallet.decisions.common import ROUND_SETTLED, as_details, foreign_player, replay_or_conflict
from services.wallet.decisions.limits import COUNTED_KINDS, undo_counts
from services.wallet.decisions.model import (
    ACCOUNT_PLAYER,
    APPLIED,
    REFUSED,
    VOID,
    Decision,
    Entry,
    Grant,
    Movement,
    Operation,
    Round,
    View,
    answer,
)
from services.wallet.decisions.rounds import SETTLED, VOID_NAMESPACE, VOIDED, is_round
from shared.contracts import Result, Rollback

NOT_FOUND = "original_not_found"
WAS_REFUSED = "original_refused"
WAS_VOID = "original_void"
WAS_UNDONE = "original_undone"
ROUND_VOIDED = "round_voided"


def decide_rollback(command: Rollback, view: View) -> Decision:
    """Never asks for status, session, game or limits. A success that moves nothing says why in `detail`.

    It is booked with its movements turned round, credits to the player first, so that a bet of 100 with a win of 50
    on a balance of 0 ends at 50 and is never at -50 in between (behaviour rule 5).
    """
    if foreign_player(command, view):
        return answer(Result.PLAYER_NOT_FOUND)
    if view.stored is not None:
        return _again(view.stored, command, view.target)
    target = view.target
    if target is None or target.status == "tombstone":
        return _void(command, NOT_FOUND, tombstone=target is None)
    restores = target.kind == "rollback" and not _restores(target)
    stays = _stays(command, view, target, restores=restores)
    if stays is not None:
        return stays
    entries = _turned(view.target_movements)
    paid_back = sum(entry.amount for entry in entries if entry.credit_account == ACCOUNT_PLAYER)
    taken_back = sum(entry.amount for entry in entries if entry.debit_account == ACCOUNT_PLAYER)
    short = taken_back > paid_back and (view.balance or 0) + paid_back - taken_back < 0
    if short and command.overspent == "refuse":
        return answer(Result.INSUFFICIENT_FUNDS, detail="the won money is already spent", currency=target.currency)
    charged = target.free_rounds_charged
    undo_charge = charged if restores else -charged
    grant = _grant_after(view.grant, target, undo_charge)
    counts = undo_counts(target)
    return Decision(
        result=Result.OK,
        status=APPLIED,
        currency=target.currency,
        stake=taken_back,
        win=paid_back,
        free_rounds_charged=charged,
        free_rounds_left=_left(grant),
        session_id=target.session_id,
        round_id=target.round_id,
        game_id=target.game_id,
        grant_id=target.grant_id,
        target_seq=target.seq,
        entries=entries,
        round=_round_after(view.round, target, undo_charge, restores=restores),
        grant=grant,
        details=_details(
            overdraft=short,
            restores=restores,
            counts_on=counts.gaming_day if counts is not None and counts.gaming_day != view.gaming_day else "",
            uncounted=_is_uncounted(target),
            bet=_hidden_bet(target, charged=charged, restores=restores, moved=taken_back if restores else paid_back),
        ),
        counts=counts,
    )


def _stays(command: Rollback, view: View, target: Operation, *, restores: bool) -> Decision | None:
    """What is answered where the original is left as it is, None where it is undone."""
    if target.status != APPLIED:
        return _void(command, WAS_REFUSED if target.status == "refused" else WAS_VOID, target=target)
    if view.target_undone:
        return _void(command, WAS_UNDONE, target=target)
    if is_round(view.round, SETTLED) and command.namespace != VOID_NAMESPACE:
        return _too_late(command, target)
    if is_round(view.round, VOIDED) and restores:
        # The undo of an undo would bring back what was voided.
        return _void(command, ROUND_VOIDED, target=target)
    return None


def _again(stored: Operation, command: Rollback, target: Operation | None) -> Decision:
    """The same undo again. Its slot is also one where another kind of operation may stand (one namespace for all)."""
    if stored.status == "tombstone":
        return _void(command, NOT_FOUND, store=False)
    if stored.kind != "rollback":
        return replay_or_conflict(stored, same=False)
    facts: dict[str, Any] = json.loads(stored.details) if stored.details else {}
    # An undo with an id of its own may come again with the name of another original.
    if stored.target_seq:
        same_target = target is not None and target.seq == stored.target_seq
    else:
        same_target = facts.get("original", stored.external_id) == command.target_external_id
    return replace(replay_or_conflict(stored, same=same_target), detail=facts.get("reason", ""))


def _void(
    command: Rollback, reason: str, *, tombstone: bool = False, target: Operation | None = None, store: bool = True
) -> Decision:
    return Decision(
        result=Result.OK,
        status=VOID if store else "",
        detail=reason,
        currency=target.currency if target else command.currency,
        round_id=command.round_id or (target.round_id if target else ""),
        game_id=command.game_id or (target.game_id if target else ""),
        details=_unmoved(command, reason),
        tombstone=tombstone,
    )


def _unmoved(command: Rollback, reason: str) -> str:
    """Why nothing was moved, and what was to be undone where the undo's own id does not tell."""
    original = command.target_external_id if command.target_external_id != command.external_id else ""
    return _details(reason=reason, original=original)


def _too_late(command: Rollback, target: Operation) -> Decision:
    """What was settled by hand is undone by hand (VoidRound), not by the provider any more."""
    return Decision(
        result=Result.ORIGINAL_SETTLED,
        status=REFUSED,
        detail=ROUND_SETTLED,
        currency=target.currency,
        round_id=target.round_id,
        game_id=command.game_id or target.game_id,
        details=_unmoved(command, ROUND_SETTLED),
    )


def _turned(movements: tuple[Movement, ...]) -> tuple[Entry, ...]:
    turned = [Entry(item.credit_account, item.debit_account, item.amount) for item in movements]
    return tuple(sorted(turned, key=lambda entry: entry.credit_account != ACCOUNT_PLAYER))


def _grant_after(grant: Grant | None, target: Operation, charge: int) -> Grant | None:
    """The counter restored (or charged again, when a rollback is undone); also of an expired grant."""
    if grant is None or not charge or grant.grant_id != target.grant_id:
        return None
    return replace(grant, remaining=max(0, min(grant.count, grant.remaining - charge)))


def _left(grant: Grant | None) -> int:
    """What the counter says, 0 of a grant that was cancelled: none of it can be played any more."""
    if grant is None:
        return -1
    return 0 if grant.cancelled_at_ms else grant.remaining


def _details(**facts: bool | str) -> str:
    told = {name: fact for name, fact in facts.items() if fact}
    return as_details(**told) if told else ""


def _is_uncounted(target: Operation) -> bool:
    """Whether an operation, or the one that an undo goes back to, counts neither in a round nor for a limit."""
    if target.kind == "rollback":
        return '"uncounted":true' in target.details
    return target.kind not in COUNTED_KINDS


def _restores(operation: Operation) -> bool:
    """Whether an operation is the undo of an undo: it has the effect of the original again."""
    return operation.kind == "rollback" and '"restores":true' in operation.details


def _round_after(before: Round | None, target: Operation, charge: int, *, restores: bool) -> Round | None:
    """The round without what is undone (with it again, when a rollback is undone)."""
    if before is None or before.round_id != target.round_id or _is_uncounted(target):
        return None
    sign = 1 if restores else -1
    # A rollback stores what the player paid back as `stake` and what he got back as `win`.
    stake, win = (target.win, target.stake) if restores else (target.stake, target.win)
    free_step = (1 if charge > 0 else -1) if charge else 0
    return replace(
        before,
        stake=max(0, before.stake + sign * stake),
        win=max(0, before.win + sign * win),
        bets=max(0, before.bets + (sign if _counts_as_bet(target, restores=restores) else 0)),
        free_charged=max(0, before.free_charged + free_step),
    )


def _counts_as_bet(target: Operation, *, restores: bool) -> bool:
    """Whether the round counts the target as a bet (of a rollback: whether it took one out of the count)."""
    if target.kind == "rollback":
        return target.free_rounds_charged > 0 or (target.win if restores else target.stake) > 0 or '"bet":true' in target.details
    asked = target.stake + target.nominal_stake + target.free_rounds_asked
    return target.kind == "bet" or (target.kind == "bet_and_win" and asked > 0)


def _hidden_bet(target: Operation, *, charged: int, restores: bool, moved: int) -> bool:
    """Whether an undo changes the count of bets and neither money nor free rounds show it: of a stake that cost nothing."""
    return not charged and not moved and not _is_uncounted(target) and _counts_as_bet(target, restores=restores)
