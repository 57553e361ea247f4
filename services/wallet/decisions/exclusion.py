"""Exclude and LiftExclusion: keeping a player from playing for a time, or for good.

What an exclusion stops is asked where it is stopped (common.excluded): stakes, deposits, launches, new free rounds. Wins,
rollbacks and withdrawals are never asked.
"""

from __future__ import annotations

import json
from typing import Any

from services.wallet.decisions.common import (
    AUTHOR_CHARS_MAX,
    REASON_CHARS_MAX,
    as_details,
    closed_sessions,
    excluded,
    foreign_player,
    names_of,
    replay_or_conflict,
)
from services.wallet.decisions.model import APPLIED, Decision, Operation, View, answer
from shared.contracts import FOR_EVER_MS, Exclude, LiftExclusion, Result


def decide_exclude(command: Exclude, view: View) -> Decision:
    """Excludes a player and closes his sessions. An exclusion that holds is never shortened: the later end stays."""
    player, stored = view.player, view.stored
    if foreign_player(command, view) or player is None:
        return answer(Result.PLAYER_NOT_FOUND)
    if stored is not None:
        return replay_or_conflict(stored, same=stored.kind == command.kind and _asked_before(stored) == command.until_ms)
    if not view.now_ms < command.until_ms <= FOR_EVER_MS:
        return answer(Result.BAD_REQUEST, detail=f"an end in the future is expected, {FOR_EVER_MS} for none")
    until_ms = max(command.until_ms, player.excluded_until_ms)
    facts: dict[str, Any] = {"until": until_ms, **_by_hand(command), "sessions": names_of(view.live)}
    if until_ms != command.until_ms:
        facts["asked"] = command.until_ms
    return Decision(
        result=Result.OK,
        status=APPLIED,
        excluded_until_ms=until_ms,
        sessions=closed_sessions(view, "excluded"),
        details=as_details(**facts),
    )


def _asked_before(stored: Operation) -> int:
    facts = json.loads(stored.details)
    asked: int = facts.get("asked", facts["until"])
    return asked


def decide_lift_exclusion(command: LiftExclusion, view: View) -> Decision:
    """Ends an exclusion at once. For a player who is not excluded it is a success, for the record."""
    player, stored = view.player, view.stored
    if foreign_player(command, view) or player is None:
        return answer(Result.PLAYER_NOT_FOUND)
    if stored is not None:
        return replay_or_conflict(stored, same=stored.kind == command.kind)
    if not command.reason.strip() or not command.author.strip():
        return answer(Result.BAD_REQUEST, detail="a reason and an author are expected")
    lifted_ms = player.excluded_until_ms if excluded(player, view.now_ms) else 0
    return Decision(result=Result.OK, status=APPLIED, excluded_until_ms=0, details=as_details(until=lifted_ms, **_by_hand(command)))


def _by_hand(command: Exclude | LiftExclusion) -> dict[str, str]:
    return {"reason": command.reason[:REASON_CHARS_MAX], "author": command.author[:AUTHOR_CHARS_MAX]}
