"""What protects a player: limits, exclusion, and closing his account for good. The wallet decides; nothing is judged here."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Final, Literal, Self

from fastapi import APIRouter, Response
from pydantic import ConfigDict, Field, model_validator

from services.gateway.operator_api import problems as p
from services.gateway.operator_api.desk import Desk, key_of
from services.gateway.operator_api.once import Once
from services.gateway.operator_api.routes.players import Because, excluded_until
from services.gateway.operator_api.values import (
    AmountText,
    CurrencyCode,
    Input,
    Moment,
    NeededIdempotencyKey,
    Output,
    PlayerIdPath,
    Reason,
    Why,
    millis,
    shown,
    units_of,
    when,
)
from shared.contracts import (
    FOR_EVER_MS,
    NO_LIMIT,
    CloseAccount,
    Exclude,
    GetLimits,
    LiftExclusion,
    LimitKind,
    LimitSetting,
    LimitsView,
    LimitView,
    OperationRecorded,
    SetLimits,
)
from shared.web.callers import Administers, Plays, Reads
from shared.web.documented import Problems
from shared.web.problems import INVALID_REQUEST, Problem

PREFIX: Final = "/v1/players/{player_id}"
LIMITS_AT_ONCE_MAX: Final = 50
SESSION_SECONDS_MAX: Final = 604_800
EXCLUSION_DAYS_MAX: Final = 36_525
DAY_MS: Final = 86_400_000
Window = Literal["day", "week", "month"]
_COMMON: Final = (p.PLAYER_NOT_FOUND, p.IDEMPOTENCY_KEY_MISSING, p.IDEMPOTENCY_CONFLICT, p.OUTCOME_UNKNOWN)


class NewLimit(Input):
    """One limit as it is to be: an amount of a currency, or the seconds of a session. null takes it away."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {
                    "required": ["currency", "amount"],
                    "properties": {"kind": {"const": "stake"}, "currency": {"type": "string"}, "window": False, "seconds": False},
                },
                {
                    "required": ["window", "currency", "amount"],
                    "properties": {
                        "kind": {"enum": ["loss", "wager", "deposit"]},
                        "window": {"type": "string"},
                        "currency": {"type": "string"},
                        "seconds": False,
                    },
                },
                {
                    "required": ["seconds"],
                    "properties": {"kind": {"const": "session_time"}, "window": False, "currency": False, "amount": False},
                },
            ]
        }
    )

    kind: LimitKind = Field(
        description="stake: the largest single stake. loss: stakes less wins. wager: stakes. deposit: deposits. "
        "session_time: how long a session may go on."
    )
    window: Window | None = Field(
        default=None, description="Gaming days of the brand, weeks from Monday, calendar months: for loss, wager and deposit."
    )
    currency: CurrencyCode | None = Field(default=None, description="For all but session_time.")
    amount: AmountText | None = Field(default=None, description="For all but session_time; null: no limit.")
    seconds: int | None = Field(default=None, ge=60, le=SESSION_SECONDS_MAX, description="For session_time; null: no limit.")

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        timed, windowed = self.kind == "session_time", self.kind in {"loss", "wager", "deposit"}
        given = {name for name in ("amount", "seconds") if name in self.model_fields_set}
        if given != {"seconds" if timed else "amount"}:
            raise ValueError(f"{self.kind} is told by {'seconds' if timed else 'amount'} alone, null to take the limit away")
        if (self.currency is None) != timed:
            raise ValueError("a currency belongs to every limit but session_time")
        if (self.window is not None) != windowed:
            raise ValueError("a window belongs to loss, wager and deposit, and to nothing else")
        return self

    @property
    def place(self) -> tuple[str, str, str]:
        """What the limit is about."""
        return self.kind, self.window or "", self.currency or ""

    def setting(self) -> LimitSetting:
        """The limit in units; problem where the amount does not fit the currency."""
        currency, value = self.currency or "", self.seconds
        if self.amount is not None:
            value = units_of(self.amount, currency, zero=True)
        return LimitSetting(kind=self.kind, window=self.window or "", currency=currency, value=NO_LIMIT if value is None else value)


class NewLimits(Input):
    """Limits to be set; those that are not named stay."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "limits": [
                        {"kind": "loss", "window": "day", "currency": "EUR", "amount": "50.00"},
                        {"kind": "session_time", "seconds": 3600},
                    ],
                    "reason": "asked by the player",
                }
            ]
        }
    )

    # Where one is wrong, a least length that is checked here would tell of an empty list besides.
    limits: Annotated[tuple[NewLimit, ...], Field(max_length=LIMITS_AT_ONCE_MAX, strict=False, json_schema_extra={"minItems": 1})]
    reason: Reason = ""

    def settings(self) -> tuple[LimitSetting, ...]:
        """The limits in units; a problem where there is none, one is named twice, or an amount does not fit its currency."""
        if not self.limits:
            raise Problem(INVALID_REQUEST, "at least one limit is expected")
        if len({each.place for each in self.limits}) < len(self.limits):
            raise Problem(INVALID_REQUEST, "the same limit is named twice")
        return tuple(each.setting() for each in self.limits)


class Coming(Output):
    """What a limit will be; null of both: no limit."""

    amount: str | None = None
    seconds: int | None = None
    holds_from: datetime


class Limit(Output):
    """A limit: what holds now, what is used of it, and what is to come. A null amount: no limit (yet, or any more)."""

    kind: str = Field(examples=["loss"])
    window: str | None = Field(default=None, examples=["day"])
    currency: str | None = Field(default=None, examples=["EUR"])
    amount: str | None = Field(default=None, examples=["50.00"])
    seconds: int | None = None
    used: str | None = Field(
        default=None, description="Of the window that is under way; of a loss below zero where he has won.", examples=["12.50"]
    )
    coming: Coming | None = None


class Limits(Output):
    """A player's limits, and the end of his exclusion."""

    limits: list[Limit]
    excluded_until: datetime | None = None


class NewExclusion(Input):
    """For how long: give one of `until`, `days` and `for_ever`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"days": 90, "reason": "asked by the player"}],
            "oneOf": [
                {"required": ["until"], "properties": {"until": {"type": "string"}, "days": False, "for_ever": False}},
                {"required": ["days"], "properties": {"days": {"type": "integer"}, "until": False, "for_ever": False}},
                {"required": ["for_ever"], "properties": {"for_ever": {"const": True}, "until": False, "days": False}},
            ],
        }
    )

    until: Moment | None = None
    days: int | None = Field(default=None, ge=1, le=EXCLUSION_DAYS_MAX, description="Days of 24 hours, from now on.")
    for_ever: Literal[True] | None = None
    reason: Reason = ""

    @model_validator(mode="after")
    def _one_of_three(self) -> Self:
        given = self.model_fields_set & {"until", "days", "for_ever"}
        if len(given) != 1 or getattr(self, given.pop()) is None:
            raise ValueError("give one of until, days and for_ever")
        if self.until is not None and self.until.tzinfo is None:
            raise ValueError("until has no time zone; write it like 2030-01-31T12:00:00Z")
        return self

    def until_ms(self, first_at_ms: int) -> int:
        """The end in Unix milliseconds, for a request that came first at `first_at_ms`."""
        if self.until is not None:
            return min(millis(self.until), FOR_EVER_MS)
        return first_at_ms + self.days * DAY_MS if self.days is not None else FOR_EVER_MS


class Lifting(Input):
    """Why, for the record."""

    reason: Why


class Excluded(Output):
    """What was booked. `excluded_until` is null where an exclusion was lifted; the year 9999 means for good."""

    operation_id: str
    excluded_until: datetime | None
    closed_sessions: list[str] = Field(default=[], description="Sessions that it closed; their providers are told at once.")


class ClosedAccount(Output):
    """What was booked."""

    operation_id: str
    status: Literal["closed"] = "closed"
    closed_sessions: list[str] = Field(default=[], description="Sessions that it closed; their providers are told at once.")


def routes(desk: Desk, once: Once) -> APIRouter:
    """The routes of protection."""
    router = APIRouter(prefix=PREFIX, tags=["Protection"])
    _add_limits(router, desk, once)
    _add_exclusion(router, desk, once)
    _add_closing(router, desk, once)
    return router


def _add_limits(router: APIRouter, desk: Desk, once: Once) -> None:
    @router.get("/limits", summary="Show a player's limits", responses=Problems.documented(p.PLAYER_NOT_FOUND))
    async def show(player_id: PlayerIdPath, caller: Reads) -> Limits:
        """What holds, what is used of it now, and what is to come."""
        return await _limits(desk, caller.brand, player_id)

    @router.put(
        "/limits", summary="Set a player's limits", responses=Problems.documented(*_COMMON, p.INVALID_AMOUNT, p.WRONG_CURRENCY)
    )
    async def put(
        player_id: PlayerIdPath, body: NewLimits, caller: Plays, response: Response, idempotency_key: NeededIdempotencyKey = None
    ) -> Limits:
        """What is stricter holds at once, what is laxer after 24 hours. Answers with all limits as they are now."""
        settings = body.settings()
        request = await once.begin(caller, player_id, idempotency_key, body, "PUT limits")
        command = SetLimits(**once.header(caller, request), limits=settings, reason=body.reason, author=caller.author)
        reply = await desk.ask(command)
        set_to = [each.model_dump(exclude_unset=True) for each in body.limits]
        await once.noted(caller, request, reply, response, "player.limits", {"limits": set_to}, body.reason)
        return await _limits(desk, caller.brand, player_id)


def _add_exclusion(router: APIRouter, desk: Desk, once: Once) -> None:
    @router.post("/exclusion", summary="Exclude a player", responses=Problems.documented(*_COMMON))
    async def exclude(
        player_id: PlayerIdPath, body: NewExclusion, caller: Plays, response: Response, idempotency_key: NeededIdempotencyKey = None
    ) -> Excluded:
        """No stakes, deposits and launches until then; his sessions are closed here and at their providers.

        Wins are paid, rollbacks pass, money can be withdrawn. An exclusion that is in force is never shortened.
        """
        request = await once.begin(caller, player_id, idempotency_key, body, "POST exclusion")
        until_ms = body.until_ms(request.first_at_ms)
        if until_ms <= request.first_at_ms:
            raise Problem(INVALID_REQUEST, "until must lie ahead")
        command = Exclude(**once.header(caller, request), until_ms=until_ms, reason=body.reason, author=caller.author)
        reply = await desk.ask(command)
        booked = await desk.operation_of(caller.brand, request.player, reply)
        until = when(json.loads(booked.details)["until"])
        await once.noted(caller, request, reply, response, "player.exclude", {"excluded_until": until.isoformat()}, body.reason)
        return Excluded(operation_id=reply.transaction_id, excluded_until=until, closed_sessions=_closed_by(booked))

    @router.post("/exclusion/lift", summary="Lift an exclusion", responses=Problems.documented(*_COMMON))
    async def lift(
        player_id: PlayerIdPath,
        body: Lifting,
        caller: Administers,
        response: Response,
        idempotency_key: NeededIdempotencyKey = None,
    ) -> Excluded:
        """Ends an exclusion at once, by hand: with a reason that stays in the ledger."""
        request = await once.begin(caller, player_id, idempotency_key, body, "POST exclusion/lift")
        reply = await desk.ask(LiftExclusion(**once.header(caller, request), reason=body.reason, author=caller.author))
        await once.noted(caller, request, reply, response, "player.lift_exclusion", {"excluded_until": None}, body.reason)
        return Excluded(operation_id=reply.transaction_id, excluded_until=None)


def _add_closing(router: APIRouter, desk: Desk, once: Once) -> None:
    @router.post("/close", summary="Close a player's account", responses=Problems.documented(*_COMMON))
    async def close(
        player_id: PlayerIdPath,
        body: Because,
        caller: Administers,
        response: Response,
        idempotency_key: NeededIdempotencyKey = None,
    ) -> ClosedAccount:
        """For good: no stakes, deposits and launches any more, sessions are closed. Money can be withdrawn; his data stay."""
        request = await once.begin(caller, player_id, idempotency_key, body, "POST close")
        reply = await desk.ask(CloseAccount(**once.header(caller, request), reason=body.reason, author=caller.author))
        booked = await desk.operation_of(caller.brand, request.player, reply)
        await once.noted(caller, request, reply, response, "player.close", {"status": "closed"}, body.reason)
        return ClosedAccount(operation_id=reply.transaction_id, closed_sessions=_closed_by(booked))


def _closed_by(booked: OperationRecorded) -> list[str]:
    details = json.loads(booked.details) if booked.details else {}
    return [session_id for _, session_id, _ in details.get("sessions", [])]


async def _limits(desk: Desk, brand: str, player_id: str) -> Limits:
    view = await desk.see(LimitsView, GetLimits(**desk.query(brand, key_of(brand, player_id))))
    return Limits(limits=[_limit(each) for each in view.limits], excluded_until=excluded_until(view.excluded_until_ms))


def _limit(view: LimitView) -> Limit:
    def amount(value: int) -> str | None:
        return shown(value, view.currency) if view.currency and value != NO_LIMIT else None

    def seconds(value: int) -> int | None:
        return value if not view.currency and value != NO_LIMIT else None

    coming = None
    if view.next_from_ms:
        coming = Coming(amount=amount(view.next_value), seconds=seconds(view.next_value), holds_from=when(view.next_from_ms))
    return Limit(
        kind=view.kind,
        window=view.window or None,
        currency=view.currency or None,
        amount=amount(view.value),
        seconds=seconds(view.value),
        used=shown(view.used, view.currency) if view.window else None,
        coming=coming,
    )
