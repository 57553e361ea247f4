"""The parameters of each method of Operator API v1, checked strictly: types, limits, no unknown names.

`null` in an optional one is as if it were left out. Amounts are integers in minor units of the bank
group's currency. What the methods do with them is elsewhere.
"""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from services.simulator.studios.mascot.operator_api.codes import INVALID_PARAMS, RpcError

AMOUNT_MAX: Final = 10**15
EXPIRY_S_MAX: Final = 86_400
FILTER_IDS_MAX: Final = 200
LANGUAGES: Final = frozenset({"en", "fr", "de", "ru", "cn", "es", "pl", "it", "pt"})
LANGUAGE_ELSE: Final = "en"
_SECONDS_MAX: Final = 2**32 - 1

# \Z, not $: that would let a last line break through.
Id = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"\A[^\x00-\x1f\x7f]+\Z")]
Host = Annotated[str, Meta(max_length=253, pattern=r"\A[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?\Z")]
Url = Annotated[str, Meta(max_length=2048, pattern=r"\A[^\x00-\x20\x7f]*\Z")]
Moment = int | Annotated[str, Meta(max_length=64)]
T = TypeVar("T", bound="Params")


class Params(Struct, frozen=True, kw_only=True, rename="pascal", forbid_unknown_fields=True):
    """The base of all parameters; a method without parameters takes this."""


class GameList(Params, frozen=True):
    """Game.List."""

    bank_group_id: Id | None = None


class BankGroupSet(Params, frozen=True):
    """BankGroup.Set."""

    id: Id
    currency: Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_-]{2,12}\Z")]
    settings_patch: Annotated[str, Meta(max_length=4096)] | None = None


class PlayerSet(Params, frozen=True):
    """Player.Set."""

    id: Id
    bank_group_id: Id
    nick: Id | None = None


class BonusSet(Params, frozen=True):
    """Bonus.Set."""

    id: Id


class SessionParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`Params` of Session.Create; their names are in snake case on the wire, too."""

    language: Annotated[str, Meta(max_length=32)] = LANGUAGE_ELSE
    home_url: Url = ""
    home_url_target: Annotated[str, Meta(max_length=64)] = ""
    freeround_bet: Annotated[int, Meta(ge=0, le=AMOUNT_MAX)] | None = None
    freeround_denomination: Annotated[int, Meta(ge=0, le=AMOUNT_MAX)] | Annotated[float, Meta(ge=0)] | None = None


class DemoParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`Params` of Session.CreateDemo."""

    language: Annotated[str, Meta(max_length=32)] = LANGUAGE_ELSE


class SessionCreate(Params, frozen=True):
    """Session.Create."""

    player_id: Id
    game_id: Id
    bonus_id: Id | None = None
    restore_policy: Literal["Restore", "Create"] = "Restore"
    static_host: Host | None = None
    alternative_id: Id | None = None
    player_ip: str | None = None
    base_host: Host | None = None
    params: SessionParams = SessionParams()


class SessionCreateDemo(Params, frozen=True):
    """Session.CreateDemo."""

    game_id: Id
    bank_group_id: Id
    start_balance: Annotated[int, Meta(ge=0, le=AMOUNT_MAX)] = 100_000
    static_host: Host | None = None
    player_ip: str | None = None
    base_host: Host | None = None
    params: DemoParams = DemoParams()


class SessionNamed(Params, frozen=True):
    """Session.Close and Session.Get."""

    session_id: Id


class SessionList(Params, frozen=True):
    """Session.List. Moments are Unix seconds or RFC 3339 texts (sources differ), both ends included."""

    create_time_from: Moment | None = None
    create_time_to: Moment | None = None
    close_time_from: Moment | None = None
    close_time_to: Moment | None = None
    status: Literal["Open", "Closed"] | None = None
    player_ids: Annotated[list[Id], Meta(max_length=FILTER_IDS_MAX)] | None = None
    bank_group_ids: Annotated[list[Id], Meta(max_length=FILTER_IDS_MAX)] | None = None


class HistoryGetToken(Params, frozen=True):
    """History.GetToken."""

    session_id: Id
    expiry_in_seconds: Annotated[int, Meta(ge=1, le=EXPIRY_S_MAX)]


def read_params(kind: type[T], params: Any) -> T:
    """The parameters of a call as a value; RpcError -32602 names what is wrong."""
    try:
        value = msgspec.convert(params, kind)
        if isinstance(value, SessionCreate | SessionCreateDemo) and value.player_ip is not None:
            ipaddress.ip_address(value.player_ip)
    except (msgspec.ValidationError, ValueError) as error:
        raise RpcError(INVALID_PARAMS, str(error)) from None
    return value


def milliseconds(moment: Moment | None, name: str) -> int | None:
    """A moment as Unix milliseconds; a text without an offset is UTC. RpcError -32602 where it is none."""
    if moment is None:
        return None
    if isinstance(moment, int):
        if 0 <= moment <= _SECONDS_MAX:
            return moment * 1000
        raise RpcError(INVALID_PARAMS, f"{name} is {moment}; expected Unix seconds, 0 to {_SECONDS_MAX}")
    try:
        read = datetime.fromisoformat(moment)
        return round((read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise RpcError(INVALID_PARAMS, f"{name} is {moment!r}; expected a time such as 2026-01-31T12:00:00Z") from None


def language_of(wanted: str) -> str:
    """The language that a game is shown in: the wanted one where there is such a translation, else English."""
    return wanted if wanted in LANGUAGES else LANGUAGE_ELSE
