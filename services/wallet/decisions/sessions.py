"""Sessions: pending at the launch, active when the provider has answered, superseded by the next, closed at the end."""

from __future__ import annotations

from msgspec.structs import replace

from services.wallet.decisions.common import (
    EXCLUSION,
    as_details,
    excluded,
    foreign_player,
    left_of,
    replay_or_conflict,
    session_age,
    session_refusal,
    state_of_game,
    wrong_currency,
)
from services.wallet.decisions.model import ACTIVE, APPLIED, REFUSED, Decision, Session, View, answer
from shared.contracts import ActivateSession, CloseSession, GetBalance, OpenSession, Result


def decide_open_session(command: OpenSession, view: View) -> Decision:
    """A pending session; sessions of before stay until this one is activated."""
    player, stored = view.player, view.stored
    if foreign_player(command, view) or player is None:
        return answer(Result.PLAYER_NOT_FOUND)
    if stored is not None:
        now = (command.kind, command.session_id, command.game_id, command.currency)
        return replay_or_conflict(stored, same=(stored.kind, stored.session_id, stored.game_id, stored.currency) == now)
    if view.expired:
        return answer(Result.NOT_DONE, detail="it arrived after its caller had given up")
    if view.session is not None:
        return answer(Result.DUPLICATE_DIFFERENT, detail="a session with this id exists")
    refusal, limit = "", ""
    if excluded(player, view.now_ms):
        refusal, limit = Result.PLAYER_BLOCKED, EXCLUSION
    elif player.status != ACTIVE:
        refusal = Result.PLAYER_BLOCKED
    elif view.balance is None:
        return answer(Result.WRONG_CURRENCY)
    elif state_of_game(command, player.brand) in {"off", "stopped"}:
        refusal = Result.GAME_FORBIDDEN
    facts = Decision(
        result=refusal or Result.OK,
        status=REFUSED if refusal else APPLIED,
        limit=limit,
        currency=command.currency,
        session_id=command.session_id,
        game_id=command.game_id,
        grant_id=command.grant_id,
    )
    if refusal:
        return facts
    session = Session(
        player=command.player,
        session_id=command.session_id,
        provider_account=command.provider_account,
        currency=command.currency,
        game_id=command.game_id,
        status="pending",
        opened_at_ms=view.now_ms,
        last_seen_ms=view.now_ms,
        idle_timeout_s=command.idle_timeout_s,
        absolute_timeout_s=command.absolute_timeout_s,
        grant_id=command.grant_id,
        token_sha256=command.token_sha256,
        device=command.device,
        language=command.language,
    )
    return replace(facts, sessions=(session,))


def decide_activate_session(command: ActivateSession, view: View) -> Decision:
    """The provider has opened its side: the player's other active sessions there are superseded.

    Of two launches at once the one that was opened later wins, in whatever order the provider's answers come.
    """
    session, stored = view.session, view.stored
    if foreign_player(command, view):
        return answer(Result.PLAYER_NOT_FOUND)
    if stored is not None:
        return replay_or_conflict(stored, same=stored.kind == command.kind and stored.session_id == command.session_id)
    if session is None:
        return answer(Result.TOKEN_UNKNOWN)
    if session.status in {"closed", "superseded"}:
        return answer(Result.TOKEN_EXPIRED, detail=f"the session is {session.status}")
    others = [
        other
        for other in view.active
        if other.session_id != session.session_id and other.provider_account == session.provider_account
    ]
    if any(session_age(other) > session_age(session) for other in others):
        return answer(Result.TOKEN_EXPIRED, detail="overtaken by a newer session")
    changed = [
        replace(
            session,
            status="active",
            last_seen_ms=view.now_ms,
            provider_session_id=command.provider_session_id or session.provider_session_id,
        )
    ]
    changed += [replace(other, status="superseded") for other in others]
    return Decision(
        result=Result.OK,
        status=APPLIED,
        currency=session.currency,
        session_id=session.session_id,
        game_id=session.game_id,
        grant_id=session.grant_id,
        sessions=tuple(changed),
        details=as_details(superseded=[item.session_id for item in others]),
    )


def decide_close_session(command: CloseSession, view: View) -> Decision:
    """Ends a session; ending it again, or a pending-only end of one that became active, changes nothing."""
    session, stored = view.session, view.stored
    if foreign_player(command, view):
        return answer(Result.PLAYER_NOT_FOUND)
    if stored is not None:
        return replay_or_conflict(stored, same=stored.kind == command.kind and stored.session_id == command.session_id)
    if session is None:
        return answer(Result.TOKEN_UNKNOWN)
    changes = session.status != "closed" and not (command.only_pending and session.status != "pending")
    return Decision(
        result=Result.OK,
        status=APPLIED,
        currency=session.currency,
        session_id=session.session_id,
        game_id=session.game_id,
        sessions=(replace(session, status="closed", close_reason=command.reason[:128]),) if changes else (),
        details=as_details(reason=command.reason[:128], closed=changes),
    )


def decide_get_balance(command: GetBalance, view: View) -> Decision:
    """The balance now. Asks for the session but not for the player's status: a blocked player may see his money."""
    if foreign_player(command, view):
        return answer(Result.PLAYER_NOT_FOUND)
    if view.expired:
        return answer(Result.NOT_DONE, detail="it arrived after its caller had given up")
    refusal = session_refusal(command, view)
    if not refusal and wrong_currency(command, view):
        refusal = Result.WRONG_CURRENCY
    if refusal:
        return answer(refusal, currency=command.currency)
    return Decision(result=Result.OK, currency=command.currency, free_rounds_left=left_of(view))
