"""Rounds that a person ended: VoidRound and SettleRound, and what the provider's late calls about such a round get.

What was decided by hand is not decided again by a call that comes too late: a late bet or win moves nothing.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from services.wallet.decisions.common import (
    AUTHOR_CHARS_MAX,
    REASON_CHARS_MAX,
    ROUND_SETTLED,
    as_details,
    foreign_player,
    house_account,
    named_session,
    refuse,
    replay_or_conflict,
)
from services.wallet.decisions.limits import counts
from services.wallet.decisions.model import ACCOUNT_PLAYER, APPLIED, VOID, Decision, Entry, Operation, Round, View, answer
from shared.contracts import Command, MoneyCommand, Result, Rollback, SettleRound, VoidRound

VOIDED: Final = "voided"
SETTLED: Final = "settled"
"""A round's status after VoidRound and SettleRound."""

VOID_NAMESPACE: Final = "void"
"""The namespace of the undos that a VoidRound consists of."""

OPERATIONS_MAX: Final = 1_000

_OF_THE_GAME: Final = frozenset({"bet", "win", "bet_and_win", "settle_round"})


def decide_void_round(command: VoidRound, view: View) -> Decision:
    """Undoes what stands in a round, by rollbacks of its own, and keeps it void.

    What gives money to the player is undone first: the player is never overdrawn on the way to more than he had, and
    `refuse` refuses only where the round as a whole has to be paid back and is spent.
    """
    if foreign_player(command, view):
        return answer(Result.PLAYER_NOT_FOUND)
    round_ = view.round
    if view.stored is not None:
        return replay_or_conflict(view.stored, same=_same(view.stored, command))
    if not command.reason or not command.author:
        return answer(Result.BAD_REQUEST, detail="a reason and an author are expected")
    if round_ is None:
        return answer(Result.ORIGINAL_NOT_FOUND, detail="the round is not known")
    if round_.status == VOIDED:
        return answer(Result.ORIGINAL_CANCELLED, detail="the round is void already", currency=round_.currency)
    if len(view.round_operations) > OPERATIONS_MAX:
        return answer(
            Result.BAD_REQUEST, detail=f"a round of more than {OPERATIONS_MAX} operations is expected to be corrected by Adjust"
        )
    standing = sorted(what_stands(view.round_operations), key=lambda item: (item.stake < item.win, -item.seq))
    seqs = [item.seq for item in standing]
    return Decision(
        result=Result.OK,
        status=APPLIED,
        currency=round_.currency,
        round_id=command.round_id,
        game_id=round_.game_id,
        details=as_details(**_by_hand(command), undone=seqs, parts=len(seqs)),
        parts=tuple(_undo(command, item) for item in standing),
        # As its parts will have left it: nothing stands.
        round=replace(_ended(round_, VOIDED, view.now_ms), bets=0, stake=0, win=0, free_charged=0),
    )


def what_stands(operations: tuple[Operation, ...]) -> list[Operation]:
    """The operations of a round whose effect holds: applied, not undone, and no undo themselves.

    The undo of an undo has the effect of the original again, so it stands in that one's place. Prizes of promotions and
    corrections by hand stand beside the game, whatever round they name: they have undos and corrections of their own.
    """
    undone = {item.target_seq for item in operations if item.target_seq and item.status == APPLIED}
    return [
        item
        for item in operations
        if item.status == APPLIED
        and item.seq not in undone
        and (
            item.kind in _OF_THE_GAME
            or (item.kind == "rollback" and '"restores":true' in item.details and '"uncounted":true' not in item.details)
        )
    ]


def void_key(external_id: str, seq: int) -> str:
    """The external id of the undo of operation `seq`, within the VoidRound of `external_id`."""
    return f"{external_id}:{seq}"


def decide_settle_round(command: SettleRound, view: View) -> Decision:
    """Ends an open round with a win. Pays whatever the player's status: it was won."""
    if foreign_player(command, view):
        return answer(Result.PLAYER_NOT_FOUND)
    stored, round_ = view.stored, view.round
    if stored is not None:
        same = _same(stored, command) and stored.win == command.win
        return replay_or_conflict(stored, same=same, undone=view.stored_undone)
    if not command.reason or not command.author:
        return answer(Result.BAD_REQUEST, detail="a reason and an author are expected")
    if command.win < 0:
        return answer(Result.BAD_REQUEST, detail="a win of 0 or more is expected")
    if round_ is None:
        return answer(Result.ORIGINAL_NOT_FOUND, detail="the round is not known")
    if round_.status == VOIDED:
        return answer(Result.ORIGINAL_CANCELLED, detail="the round is void", currency=round_.currency)
    if round_.status != "open":
        return answer(Result.ORIGINAL_SETTLED, detail="the round is not open any more", currency=round_.currency)
    entry = Entry(house_account(command.provider_account), ACCOUNT_PLAYER, command.win)
    return Decision(
        result=Result.OK,
        status=APPLIED,
        currency=round_.currency,
        win=command.win,
        round_id=command.round_id,
        game_id=round_.game_id,
        entries=(entry,) if command.win else (),
        details=as_details(**_by_hand(command)),
        round=replace(_ended(round_, SETTLED, view.now_ms), win=round_.win + command.win),
        counts=counts(view, round_.currency, won=command.win),
    )


def late_call(command: MoneyCommand, view: View, *, stake: int, win: int, is_stake: bool) -> Decision | None:
    """What a bet or win gets whose round was ended by hand; None where it was not.

    In a void round it is refused like what was rolled back before it arrived. A settled one takes no stakes, and notes
    wins without paying them: they were paid by the settlement.
    """
    status = view.round.status if view.round is not None else ""
    if status == VOIDED:
        return refuse(command, view, Result.ORIGINAL_CANCELLED, stake=stake, win=win)
    if status != SETTLED:
        return None
    if is_stake:
        return refuse(command, view, Result.ORIGINAL_SETTLED, stake=stake, win=win)
    session = named_session(command, view)
    return Decision(
        result=Result.OK,
        status=VOID,
        detail=ROUND_SETTLED,
        currency=command.currency,
        stake=stake,
        win=win,
        session_id=session.session_id if session else "",
        round_id=command.round_id,
        game_id=command.game_id,
        grant_id=command.grant_id,
        details=as_details(reason=ROUND_SETTLED),
    )


def is_round(round_: Round | None, status: str) -> bool:
    """Whether there is a round of that status."""
    return round_ is not None and round_.status == status


def _undo(command: VoidRound, item: Operation) -> Command:
    return Rollback(
        command_id=command.command_id,
        player=command.player,
        provider_account=command.provider_account,
        namespace=VOID_NAMESPACE,
        external_id=void_key(command.external_id, item.seq),
        brands=command.brands,
        deadline_ms=command.deadline_ms,
        caller=command.caller,
        reply_partition=command.reply_partition,
        target_namespace=item.namespace,
        target_external_id=item.external_id,
        overspent=command.overspent,
    )


def _ended(round_: Round, status: str, now_ms: int) -> Round:
    return replace(round_, status=status, closed_at_ms=round_.closed_at_ms or now_ms)


def _same(stored: Operation, command: VoidRound | SettleRound) -> bool:
    return stored.kind == command.kind and stored.round_id == command.round_id


def _by_hand(command: VoidRound | SettleRound) -> dict[str, str]:
    return {"reason": command.reason[:REASON_CHARS_MAX], "author": command.author[:AUTHOR_CHARS_MAX]}
