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
    """A player. `status` is active, draining, blocked or closed; the profile is empty once it was erased.

    `excluded_until_ms` is the end of his exclusion (contracts.FOR_EVER_MS: none), 0 or past where he is not excluded.
    """

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
    excluded_until_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionView:
    """A game session. `status` is pending, active, superseded or closed; one past its time keeps its last status.

    `bets`, `staked` and `won` are what was played in it, in units, less what was rolled back: data for a reality check,
    told by GetSession alone (-1 elsewhere).
    """

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
    bets: int = -1
    staked: int = -1
    won: int = -1


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


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitView:
    """One limit: `value` in force (-1: none), from `next_from_ms` on `next_value`; `used` is what counts towards it now.

    Units of `currency`, of a session time seconds. `used` is 0 where nothing is counted (stake, session_time), and may be
    negative for a loss (the player has won). `next_from_ms` is 0 where no change waits.
    """

    kind: str
    window: str
    currency: str
    value: int
    next_value: int = -1
    next_from_ms: int = 0
    used: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsView:
    """All limits of a player, and until when he is excluded (0: he is not)."""

    limits: tuple[LimitView, ...]
    excluded_until_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundView:
    """A game round; sums in units, less what was rolled back. `status` is open, closed, voided or settled."""

    provider_account: str
    round_id: str
    game_id: str
    session_id: str
    currency: str
    status: str
    bets: int
    stake: int
    win: int
    opened_at_ms: int
    closed_at_ms: int = 0
    grant_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Authenticated:
    """Whose token it was: the player, the session it belongs to, and the balance in the session's currency, in units."""

    player: PlayerView
    session: SessionView
    balance: int
