"""Queries: what the wallet is asked about one player. They change nothing and are answered beside the commands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from shared.contracts.commands import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayerQuery(Command):
    """Asks for what the ledger holds of a player; changes nothing. The answer's `data` is a JSON text of `views`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetPlayer(PlayerQuery):
    """Status, profile and balances: a `PlayerView`."""

    kind: Literal["get_player"] = "get_player"


@dataclass(frozen=True, slots=True, kw_only=True)
class GetSession(PlayerQuery):
    """One session: a `SessionView`; TOKEN_UNKNOWN where there is none."""

    kind: Literal["get_session"] = "get_session"
    session_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSessions(PlayerQuery):
    """The player's sessions, newest first: a `SessionPage`. `before` is the `next` of the page before, 1 <= `limit` <= 100."""

    kind: Literal["list_sessions"] = "list_sessions"
    before: str = ""
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class GetGrant(PlayerQuery):
    """One grant of free rounds: a `GrantView`; ORIGINAL_NOT_FOUND where there is none."""

    kind: Literal["get_grant"] = "get_grant"
    grant_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListGrants(PlayerQuery):
    """The player's grants, newest expiry first: a `GrantPage`."""

    kind: Literal["list_grants"] = "list_grants"
    before: str = ""
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOperations(PlayerQuery):
    """The player's operations with a `seq` below `before` (0 = the newest), newest first: an `OperationPage`."""

    kind: Literal["list_operations"] = "list_operations"
    before: int = 0
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class GetLimits(PlayerQuery):
    """The player's limits and what counts towards them now, and his exclusion: a `LimitsView`."""

    kind: Literal["get_limits"] = "get_limits"


@dataclass(frozen=True, slots=True, kw_only=True)
class GetRound(PlayerQuery):
    """One round of `provider_account`: a `RoundView`; ORIGINAL_NOT_FOUND where there is none."""

    kind: Literal["get_round"] = "get_round"
    round_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Authenticate(PlayerQuery):
    """Whose token this is: an `Authenticated`. TOKEN_UNKNOWN, TOKEN_EXPIRED or PLAYER_BLOCKED where he may not play.

    `provider_account` is the caller's. The token itself never travels, only its SHA-256 in hex.
    """

    kind: Literal["authenticate"] = "authenticate"
    token_sha256: str
