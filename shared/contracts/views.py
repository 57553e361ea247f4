"""What the wallet answers to queries: a player, his sessions, grants and operations as the ledger has them.

Carried as JSON text in `Reply.data`. Amounts are in units of the currency, times Unix milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass

from shared.contracts.events import OperationRecorded


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountView:
    """One of a player's accounts; `balance` in units."""

    currency: str
    balance: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayerView:
    """A player. `status` is active, draining, blocked or closed; the profile is empty once it was erased."""

    player: str
    brand: str
    status: str
    test: bool
    seq: int
    created_at_ms: int
    accounts: tuple[AccountView, ...]
    operator_player_id: str = ""
    country: str = ""
    language: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionView:
    """A game session. `status` is pending, active, superseded or closed; one past its time keeps its last status."""

    session_id: str
    provider_account: str
    currency: str
    game_id: str
    status: str
    opened_at_ms: int
    last_seen_ms: int
    idle_timeout_s: int
    absolute_timeout_s: int
    provider_session_id: str = ""
    grant_id: str = ""
    device: str = ""
    language: str = ""
    close_reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantView:
    """Free rounds: `remaining` of `count`. `cancelled_at_ms` is 0 while the grant was not cancelled."""

    grant_id: str
    provider_account: str
    currency: str
    count: int
    remaining: int
    expires_at_ms: int
    game_ids: tuple[str, ...] = ()
    stake: int = 0
    cancelled_at_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPage:
    """A page of sessions; `next` is the `before` of the page after it, empty on the last."""

    sessions: tuple[SessionView, ...]
    next: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantPage:
    """A page of grants; `next` is the `before` of the page after it, empty on the last."""

    grants: tuple[GrantView, ...]
    next: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationPage:
    """A page of operations, newest first; `next` is the `before` of the page after it, 0 on the last."""

    operations: tuple[OperationRecorded, ...]
    next: int = 0
