"""Between rows and values: what PostgreSQL gives becomes the frozen values that decisions read."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from services.wallet.decisions.model import Grant, Movement, Operation, Player, Profile, Round, Session

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)

Row = Mapping[str, Any]


def to_datetime(unix_ms: int) -> datetime:
    """Unix milliseconds as an aware datetime, exactly."""
    return EPOCH + timedelta(milliseconds=unix_ms)


def to_day(text: str) -> date:
    """A gaming day "2026-11-22" as a date."""
    return date.fromisoformat(text)


def player_of(row: Row) -> Player:
    """A row of `players`."""
    return Player(
        player=row["player"],
        brand=row["brand"],
        status=row["status"],
        test=row["test"],
        seq=row["seq"],
        chain_head=row["chain_head"],
    )


def profile_of(row: Row) -> Profile:
    """A row of `profiles`."""
    return Profile(
        player=row["player"],
        operator_player_id=row["operator_player_id"],
        country=row["country"],
        language=row["language"],
    )


def movement_of(row: Row) -> Movement:
    """A row of `movements`."""
    return Movement(
        debit_account=row["debit_account"],
        credit_account=row["credit_account"],
        amount=row["amount"],
        currency=row["currency"],
        balance_after=row["balance_after"],
    )


def operation_of(row: Row, *, previous_hash: bytes | None = None, movements: tuple[Movement, ...] = ()) -> Operation:
    """A row of `operations`; the hash before and the movements come from elsewhere where they are needed."""
    left = row["free_rounds_left"]
    return Operation(
        player=row["player"],
        seq=row["seq"],
        provider_account=row["provider_account"],
        namespace=row["namespace"],
        external_id=row["external_id"],
        kind=row["kind"],
        status=row["status"],
        occurred_at_ms=(row["occurred_at"] - EPOCH) // _MS,
        gaming_day=row["gaming_day"].isoformat(),
        brand=row["brand"],
        # The encoder leaves out a default by identity, not by value: only the interned "OK" gives the bytes of the first event.
        result=sys.intern(row["result"]),
        limit=row["limit_name"] or "",
        test=row["test"],
        currency=row["currency"] or "",
        stake=row["stake"],
        win=row["win"],
        nominal_stake=row["nominal_stake"] or 0,
        jackpot_contribution=row["jackpot_contribution"] or 0,
        promo_class=row["promo_class"] or "",
        round_id=row["round_id"] or "",
        closes_round=row["closes_round"],
        game_id=row["game_id"] or "",
        game_state=row["game_state"] or "",
        session_id=row["session_id"] or "",
        grant_id=row["grant_id"] or "",
        free_rounds_asked=row["free_rounds_asked"] or 0,
        free_rounds_charged=row["free_rounds_charged"] or 0,
        free_rounds_left=-1 if left is None else left,
        free_round=row["free_round"],
        target_seq=row["target_seq"] or 0,
        balance_after=row["balance_after"],
        details=row["details"] or "",
        schema=row["schema"],
        movements=movements,
        previous_hash=previous_hash.hex() if previous_hash is not None else "",
        hash=row["hash"].hex(),
    )


def published_operation_of(row: Row) -> Operation:
    """A row of the `stored_by_*` queries: the operation exactly as its event told it."""
    return operation_of(
        row,
        previous_hash=row["previous_hash"] or bytes(32),
        movements=tuple(movement_of(item) for item in row["moved"]),
    )


def session_of(row: Row) -> Session:
    """A row of `sessions`."""
    return Session(
        player=row["player"],
        session_id=row["session_id"],
        provider_account=row["provider_account"],
        provider_session_id=row["provider_session_id"],
        currency=row["currency"],
        game_id=row["game_id"],
        grant_id=row["grant_id"],
        token_sha256=row["token_sha256"],
        device=row["device"],
        language=row["language"],
        status=row["status"],
        close_reason=row["close_reason"],
        opened_at_ms=row["opened_at_ms"],
        last_seen_ms=row["last_seen_ms"],
        idle_timeout_s=row["idle_timeout_s"],
        absolute_timeout_s=row["absolute_timeout_s"],
    )


def round_of(row: Row) -> Round:
    """A row of `rounds`."""
    return Round(
        player=row["player"],
        provider_account=row["provider_account"],
        round_id=row["round_id"],
        game_id=row["game_id"],
        session_id=row["session_id"],
        currency=row["currency"],
        status=row["status"],
        bets=row["bets"],
        stake=row["stake"],
        win=row["win"],
        free_charged=row["free_charged"],
        grant_id=row["grant_id"],
        opened_at_ms=row["opened_at_ms"],
        closed_at_ms=row["closed_at_ms"],
    )


def grant_of(row: Row) -> Grant:
    """A row of `grants`."""
    return Grant(
        player=row["player"],
        grant_id=row["grant_id"],
        provider_account=row["provider_account"],
        currency=row["currency"],
        game_ids=tuple(row["game_ids"]),
        stake=row["stake"],
        count=row["count"],
        remaining=row["remaining"],
        expires_at_ms=row["expires_at_ms"],
    )
