"""What several decisions share: replays and conflicts, sessions of a call, the state of a round."""

from __future__ import annotations

import json
from typing import Any, Final

from msgspec.structs import replace

from services.wallet.decisions.model import (
    REFUSED,
    TOMBSTONE,
    VOID,
    Decision,
    Entry,
    Operation,
    Player,
    Round,
    Session,
    View,
    answer,
)
from shared.contracts import Command, GameState, MoneyCommand, OpenSession, PlayCommand, Result

SEEN_GRAIN_MS: Final = 60_000
"""A session's last sign of life is written at most this often: idle times are counted in minutes."""

REASON_CHARS_MAX: Final = 256
AUTHOR_CHARS_MAX: Final = 128
"""Longer words of people are cut: they stay in the ledger for ever, and must not name a player."""

ROUND_SETTLED: Final = "round_settled"
"""Why a late call about a round that was settled by hand moved nothing."""

EXCLUSION: Final = "exclusion"
"""The limit that PLAYER_BLOCKED names where the player is excluded."""

_STRICTNESS: Final[dict[GameState, int]] = {"off": 1, "stopped": 2}


def house_account(provider_account: str) -> str:
    """Where stakes go to and ordinary wins come from."""
    return f"provider:{provider_account}"


def win_account(provider_account: str, *, free: bool, promo_class: str) -> str:
    """Where a win comes from: the game, the free rounds' budget, or promotion."""
    if promo_class:
        return f"jackpot:{provider_account}" if promo_class == "jackpot" else f"promo:{provider_account}"
    if free:
        return f"free_rounds:{provider_account}"
    return house_account(provider_account)


def replay_or_conflict(stored: Operation, *, same: bool, undone: bool = False) -> Decision:
    """The answer for a key that is taken: again what was answered, or DUPLICATE_DIFFERENT for other content.

    `undone`: it was rolled back since. A success would let a round run on a stake that was given back.
    """
    if stored.status == TOMBSTONE:
        return answer(Result.ORIGINAL_CANCELLED, detail="it was rolled back before it arrived", currency=stored.currency)
    if not same:
        return answer(Result.DUPLICATE_DIFFERENT, detail="the same id came before with other content", currency=stored.currency)
    if undone:
        return answer(Result.ORIGINAL_CANCELLED, detail="it was applied and rolled back", currency=stored.currency)
    detail = ROUND_SETTLED if stored.status == VOID and f'"reason":"{ROUND_SETTLED}"' in stored.details else ""
    return Decision(result=stored.result, replay=stored, limit=stored.limit, detail=detail, currency=stored.currency)


def same_money(stored: Operation, command: MoneyCommand, stake: int, win: int) -> bool:
    """Whether a stored operation has the content of this command (behaviour rule 2)."""
    # A free round's stake is kept as nominal, a refused one as asked: the sum is what the provider sent.
    return (
        stored.kind == command.kind
        and stored.currency == command.currency
        and stored.stake + stored.nominal_stake == stake
        and stored.win == win
        and stored.free_rounds_asked == command.charge_free_rounds
        and (stored.round_id == command.round_id or not command.compare_round)
        and (stored.game_id == command.game_id or not command.compare_game)
    )


def excluded(player: Player, now_ms: int) -> bool:
    """Whether a player has excluded himself, or was excluded, from playing."""
    return player.excluded_until_ms > now_ms


def wrong_currency(command: PlayCommand, view: View) -> bool:
    """Whether the currency is not the one of the provider's player id, or the player has no account in it."""
    if not command.currency or view.balance is None:
        return True
    return bool(command.player_currency) and command.player_currency != command.currency


def foreign_player(command: Command, view: View) -> bool:
    """Whether there is no such player for this caller: unknown, or of a brand that the caller may not act for."""
    return view.player is None or (bool(command.brands) and view.player.brand not in command.brands)


def session_refusal(command: PlayCommand, view: View) -> str:
    """The result that the session of a stake or query gives, empty if it may pass.

    A provider's session id that is not known yet passes while one of the player's sessions is pending there: the
    callback may arrive before the provider's own answer to the launch.
    """
    session = named_session(command, view)
    if session is None:
        if command.session_id or command.provider_session_id or command.session_required:
            return Result.TOKEN_UNKNOWN
        return ""
    if session.provider_account != command.provider_account:
        return Result.TOKEN_UNKNOWN
    if not session_alive(session, view.now_ms):
        return Result.TOKEN_EXPIRED
    if session.status == "superseded" and not _grace(session, view.round):
        return Result.TOKEN_EXPIRED
    if session.currency != command.currency:
        return Result.WRONG_CURRENCY
    return ""


def named_session(command: PlayCommand, view: View) -> Session | None:
    """The session a call belongs to, if any."""
    if view.session is not None:
        return view.session
    if command.provider_session_id and not command.session_id:
        return view.pending
    return None


def session_alive(session: Session, now_ms: int) -> bool:
    """Whether a session is neither closed nor past its idle or absolute time."""
    return (
        session.status != "closed"
        and now_ms - session.last_seen_ms <= session.idle_timeout_s * 1000
        and now_ms - session.opened_at_ms <= session.absolute_timeout_s * 1000
    )


def closed_sessions(view: View, reason: str) -> tuple[Session, ...]:
    """All live sessions of the player, closed."""
    return tuple(replace(session, status="closed", close_reason=reason) for session in view.live)


def names_of(sessions: tuple[Session, ...]) -> list[list[str]]:
    """Sessions as an operation's details tell them, so that the provider's side of them can be closed too."""
    return [[session.provider_account, session.session_id, session.provider_session_id] for session in sessions]


def session_age(session: Session) -> tuple[int, str]:
    """Sorts sessions by their opening; those of one millisecond by name, so that their order in a batch does not matter."""
    return session.opened_at_ms, session.session_id


def _grace(session: Session, round_: Round | None) -> bool:
    """A superseded session may finish the rounds it has open."""
    return round_ is not None and round_.status == "open" and round_.session_id == session.session_id


def seen(session: Session | None, command: PlayCommand, now_ms: int) -> tuple[Session, ...]:
    """The session with its last sign of life moved on, where that is worth a write.

    A stake proves that the provider has opened its side: a pending session becomes active by it, so that the end of a
    launch that seemed to fail does not close a game in play. Older sessions are superseded by ActivateSession alone.
    """
    if session is None:
        return ()
    if session.status == "pending":
        provider_session_id = command.provider_session_id or session.provider_session_id
        return (replace(session, status="active", provider_session_id=provider_session_id, last_seen_ms=now_ms),)
    if now_ms - session.last_seen_ms < SEEN_GRAIN_MS:
        return ()
    return (replace(session, last_seen_ms=now_ms),)


def refuse(command: MoneyCommand, view: View, result: str, *, stake: int, win: int, limit: str = "") -> Decision:
    """A final refusal: stored, so that its repetition gets the same answer and its rollback moves nothing."""
    session = named_session(command, view)
    return Decision(
        result=result,
        status=REFUSED,
        limit=limit,
        currency=command.currency,
        stake=stake,
        win=win,
        round_id=command.round_id,
        game_id=command.game_id,
        grant_id=command.grant_id,
        session_id=session.session_id if session else "",
        free_rounds_left=left_of(view),
    )


def left_of(view: View) -> int:
    """What is left of the named grant, 0 if it is past or was cancelled, -1 where none is named or known."""
    if view.grant is None:
        return -1
    return 0 if view.grant.cancelled_at_ms or view.now_ms > view.grant.expires_at_ms else view.grant.remaining


def round_after(
    command: MoneyCommand, view: View, *, bets: int, stake: int, win: int, free_charged: int, session_id: str
) -> Round | None:
    """The round as it stands after this call; None where the call names none."""
    if not command.round_id:
        return None
    now_ms = view.now_ms
    before = view.round
    if before is None:
        before = Round(
            player=command.player,
            provider_account=command.provider_account,
            round_id=command.round_id,
            game_id=command.game_id,
            session_id=session_id,
            currency=command.currency,
            grant_id=command.grant_id,
            opened_at_ms=now_ms,
        )
    closes = command.closes_round and before.status == "open"
    return replace(
        before,
        bets=before.bets + bets,
        stake=before.stake + stake,
        win=before.win + win,
        free_charged=before.free_charged + free_charged,
        status="closed" if closes else before.status,
        closed_at_ms=now_ms if closes else before.closed_at_ms,
    )


def state_of_game(command: PlayCommand | OpenSession, brand: str) -> GameState:
    """The state of the game for a player of `brand`: the stricter of what holds for everybody and for the brand."""
    if not command.brand_states:
        return command.game_state
    for_brand = command.brand_states.get(brand, "live")
    return for_brand if _STRICTNESS.get(for_brand, 0) > _STRICTNESS.get(command.game_state, 0) else command.game_state


def as_details(**facts: Any) -> str:
    """The facts of an operation without money, as its `details` keep them."""
    return json.dumps(facts, separators=(",", ":"))


def entries_of(stake: int, win: int, provider_account: str, *, free: bool, promo_class: str) -> tuple[Entry, ...]:
    """The transfers of a stake and a win, in the order in which they happen."""
    entries: tuple[Entry, ...] = ()
    if stake:
        entries = (Entry("player", house_account(provider_account), stake),)
    if win:
        entries += (Entry(win_account(provider_account, free=free, promo_class=promo_class), "player", win),)
    return entries
