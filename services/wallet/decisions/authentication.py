"""Whose token it is, and whether he may play with it. Asked by a provider when a game is loaded; changes nothing."""

from __future__ import annotations

from services.wallet.decisions.common import session_alive
from services.wallet.decisions.model import ACTIVE, Player, Session
from shared.contracts import Result


def authentication_refusal(player: Player, session: Session | None, provider_account: str, now_ms: int) -> str:
    """The result that a token gives to the caller `provider_account`, empty where it is good.

    `session` is the one that the token belongs to, None where no session of the player's has it. A token of another
    provider account is nobody's there. What the session is comes before what the player is: an ended one is ended
    whoever asks.
    """
    if session is None or session.provider_account != provider_account:
        return Result.TOKEN_UNKNOWN
    if session.status == "superseded" or not session_alive(session, now_ms):
        return Result.TOKEN_EXPIRED
    if player.status != ACTIVE or now_ms < player.excluded_until_ms:
        return Result.PLAYER_BLOCKED
    return ""
