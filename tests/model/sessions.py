"""Sessions in the model: found by our id or the provider's, opened by the first stake, ended by time or a newer one."""

from __future__ import annotations

from typing import Any

from shared.contracts import ActivateSession, CloseSession, OpenSession, PlayCommand, Result
from tests.model.outcome import Outcome, no
from tests.model.world import File, Play, Round


def find(file: File, command: PlayCommand) -> Play | None:
    """The session a call names; a provider's id that is new to us means the one that waits for the provider."""
    here = [each for each in file.sessions.values() if each.account == command.provider_account]
    if command.session_id:
        return next((each for each in here if each.name == command.session_id), None)
    known = [each for each in here if each.provider_name == command.provider_session_id]
    waiting = [each for each in here if each.status == "pending"]
    return max(known or waiting, key=lambda each: each.age, default=None)


def ended(session: Play, now: int) -> bool:
    """By idleness or by age."""
    return now - session.seen > session.idle_s * 1_000 or now - session.opened > session.absolute_s * 1_000


def newer(file: File, session: Play) -> bool:
    """Whether an active session was opened after this one."""
    return any(
        each.account == session.account and each.status == "active" and each.age > session.age for each in file.sessions.values()
    )


def for_stake(file: File, command: PlayCommand, place: Round | None, now: int) -> tuple[Play | None, str]:
    """The session of a stake, or why it may not be used."""
    if not command.session_id and not command.provider_session_id:
        return None, Result.TOKEN_UNKNOWN if command.session_required else ""
    session = find(file, command)
    if session is None:
        return None, Result.TOKEN_UNKNOWN
    if session.status == "closed" or ended(session, now):
        return None, Result.TOKEN_EXPIRED
    # What it has open itself it may finish; a round of another session, or of none, is not its own.
    if session.status == "superseded" and (place is None or place.status != "open" or place.session != session.name):
        return None, Result.TOKEN_EXPIRED
    return session, ""


def for_query(file: File, command: PlayCommand, now: int) -> tuple[Play | None, str]:
    """The session of a question about the balance."""
    if not command.session_id and not command.provider_session_id:
        return None, Result.TOKEN_UNKNOWN if command.session_required else ""
    session = find(file, command)
    if session is None:
        return None, Result.TOKEN_UNKNOWN
    if session.status in {"closed", "superseded"} or ended(session, now):
        return None, Result.TOKEN_EXPIRED
    return session, ""


def used(session: Play, command: PlayCommand, now: int) -> None:
    """A stake was taken in it."""
    session.seen = now
    if session.status == "pending":
        # Others are superseded by the launch's own ActivateSession, which follows.
        session.status = "active"
        session.provider_name = command.provider_session_id or session.provider_name


def start(file: File, session: Play, provider_name: str) -> None:
    """It is the one that is played now; the others at this provider account are over."""
    for other in file.sessions.values():
        if other is not session and other.account == session.account and other.status == "active":
            other.status = "superseded"
    session.status = "active"
    session.provider_name = provider_name or session.provider_name


def open_session(file: File, command: OpenSession, now: int) -> Outcome:
    """A session that waits for the provider."""
    if command.session_id in file.sessions:
        return no(Result.DUPLICATE_DIFFERENT, command.currency)
    if now < file.excluded_until:
        return no(Result.PLAYER_BLOCKED, command.currency, limit="exclusion", kept=True)
    if file.status != "active":
        return no(Result.PLAYER_BLOCKED, command.currency, kept=True)
    if command.currency not in file.balances:
        return no(Result.WRONG_CURRENCY, command.currency)
    if {command.game_state, command.brand_states.get(file.brand, "live")} & {"off", "stopped"}:
        return no(Result.GAME_FORBIDDEN, command.currency, kept=True)

    def put() -> None:
        file.sessions[command.session_id] = Play(
            name=command.session_id,
            account=command.provider_account,
            currency=command.currency,
            opened=now,
            seen=now,
            idle_s=command.idle_timeout_s,
            absolute_s=command.absolute_timeout_s,
            number=len(file.ops),
        )

    return Outcome(currency=command.currency, changes=(put,))


def activate_session(file: File, command: ActivateSession, now: int) -> Outcome:
    """The provider opened its side."""
    session = file.sessions.get(command.session_id)
    if session is None:
        return no(Result.TOKEN_UNKNOWN)
    if session.status in {"closed", "superseded"} or newer(file, session):
        return no(Result.TOKEN_EXPIRED)

    def begin() -> None:
        session.seen = now
        start(file, session, command.provider_session_id)

    return Outcome(currency=session.currency, changes=(begin,))


def close_session(file: File, command: CloseSession, _now: int) -> Outcome:
    """Ends a session; a launch that failed leaves an active one alone."""
    session = file.sessions.get(command.session_id)
    if session is None:
        return no(Result.TOKEN_UNKNOWN)

    def end() -> None:
        if not command.only_pending or session.status == "pending":
            session.status = "closed"

    return Outcome(currency=session.currency, changes=(end,))


def close_all(file: File) -> None:
    """What is not over yet is over."""
    for session in file.sessions.values():
        if session.status in {"pending", "active"}:
            session.status = "closed"


KINDS: dict[str, Any] = {"open_session": open_session, "activate_session": activate_session, "close_session": close_session}
