"""Players: created, shown, blocked, let out, erased; and their operations as the wallet has them."""

from __future__ import annotations

import json
import time
from datetime import datetime
from typing import Annotated, Any, Self

from fastapi import APIRouter, Response, status
from pydantic import ConfigDict, Field, model_validator

from services.gateway.operator_api import problems as p
from services.gateway.operator_api.desk import Desk, key_of
from services.gateway.operator_api.estate import Estate
from services.gateway.operator_api.values import (
    Country,
    CurrencyCode,
    Input,
    Language,
    Output,
    PageSize,
    PlayerId,
    PlayerIdPath,
    Reason,
    SeqCursor,
    shown,
    when,
)
from shared.contracts import (
    CreatePlayer,
    ErasePlayer,
    GetPlayer,
    ListOperations,
    OperationPage,
    OperationRecorded,
    PlayerStatus,
    PlayerView,
    Result,
    SetPlayerStatus,
    SwitchState,
)
from shared.web.callers import Administers, Caller, Plays, Reads
from shared.web.documented import Problems

STATUS_OF: dict[SwitchState, PlayerStatus] = {"live": "active", "drain": "draining", "off": "blocked"}


class NewPlayer(Input):
    """A player to create. Give `currency` or `currencies`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"player_id": "alice", "currency": "EUR", "country": "MT", "language": "en"}],
            "oneOf": [
                {"required": ["currency"], "properties": {"currency": {"type": "string"}, "currencies": False}},
                {"required": ["currencies"], "properties": {"currencies": {"type": "array"}, "currency": False}},
            ],
        }
    )

    player_id: PlayerId
    currency: CurrencyCode | None = None
    currencies: Annotated[tuple[CurrencyCode, ...], Field(min_length=1, max_length=20, strict=False)] | None = None
    country: Country | None = None
    language: Language | None = None
    test: bool = Field(default=False, description="Test players are left out of reports.")

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if {"currency", "currencies"} <= self.model_fields_set or (self.currency is None) == (self.currencies is None):
            raise ValueError("give either currency or currencies")
        return self

    @property
    def all_currencies(self) -> tuple[str, ...]:
        """The currencies, each once."""
        return tuple(sorted(set(self.currencies or (self.currency or "",))))


class Account(Output):
    """One account of a player."""

    currency: str = Field(examples=["EUR"])
    balance: str = Field(examples=["100.00"])


class Player(Output):
    """A player. The profile is empty once it was erased."""

    player_id: str = Field(examples=["alice"])
    player_key: str = Field(examples=["k5x2mdp7q3ra4zte"], description="Our own id; the ids towards providers begin with it.")
    status: str = Field(examples=["active"], description="active, draining, blocked or closed (for good)")
    accounts: list[Account]
    test: bool = False
    country: str | None = None
    language: str | None = None
    excluded_until: datetime | None = Field(
        default=None, description="The end of his exclusion, while there is one; the year 9999 means for good."
    )
    created_at: datetime


class Because(Input):
    """Why, for the record."""

    reason: Reason = ""


class Operation(Output):
    """One operation of a player, as the ledger has it. Amounts are decimal strings in major units."""

    operation_id: str
    seq: int
    kind: str
    status: str
    result: str
    occurred_at: datetime
    gaming_day: str
    provider_account: str
    external_id: str
    currency: str | None = None
    stake: str | None = None
    win: str | None = None
    nominal_stake: str | None = None
    balance_after: str | None = None
    round_id: str | None = None
    game_id: str | None = None
    session_id: str | None = None
    free_round_grant: str | None = None
    undoes_seq: int | None = None
    promo_class: str | None = None
    limit: str | None = Field(default=None, description="The limit that it was refused for.")
    details: dict[str, Any] | None = Field(
        default=None, description="Further facts, such as author and reason of what was done by hand."
    )


class Operations(Output):
    """A page of operations, newest first."""

    operations: list[Operation]
    next: str | None = Field(default=None, description="`cursor` of the page after this one; null on the last.")


def routes(desk: Desk, estate: Estate) -> APIRouter:
    """The routes of players."""
    router = APIRouter(prefix="/v1/players", tags=["Players"])

    @router.post(
        "",
        status_code=status.HTTP_201_CREATED,
        summary="Create a player",
        responses={
            200: {"model": Player, "description": "The player exists alike."},
            **Problems.documented(p.PLAYER_EXISTS, p.WRONG_CURRENCY, p.OUTCOME_UNKNOWN),
        },
    )
    async def create(body: NewPlayer, caller: Plays, response: Response) -> Player:
        """Creates a player with an account in each currency. Safe to repeat: 200 if the player exists alike."""
        estate.must_offer(caller.brand, body.all_currencies)
        key = key_of(caller.brand, body.player_id)
        command = CreatePlayer(
            **desk.common(caller.brand, key, "create"),
            brand=caller.brand,
            operator_player_id=body.player_id,
            currencies=body.all_currencies,
            country=body.country or "",
            language=body.language or "",
            test=body.test,
        )
        reply = await desk.ask(command, but={Result.DUPLICATE_DIFFERENT: p.PLAYER_EXISTS})
        if reply.replayed or not reply.transaction_id:
            response.status_code = status.HTTP_200_OK
        return await _player(desk, caller.brand, body.player_id)

    @router.get("/{player_id}", summary="Show a player", responses=Problems.documented(p.PLAYER_NOT_FOUND))
    async def show(player_id: PlayerIdPath, caller: Reads) -> Player:
        """Status, profile and balances as they are now."""
        return await _player(desk, caller.brand, player_id)

    @router.get(
        "/{player_id}/operations",
        summary="List a player's operations",
        responses=Problems.documented(p.PLAYER_NOT_FOUND),
    )
    async def operations(player_id: PlayerIdPath, caller: Reads, limit: PageSize = 50, cursor: SeqCursor = "") -> Operations:
        """The ledger as the wallet has it, newest first: every effect and every final refusal, without a gap."""
        query = ListOperations(**desk.query(caller.brand, key_of(caller.brand, player_id)), before=int(cursor or 0), limit=limit)
        page = await desk.see(OperationPage, query)
        return Operations(operations=[_operation(item) for item in page.operations], next=str(page.next) if page.next else None)

    _add_administration(router, desk, estate)
    return router


def _add_administration(router: APIRouter, desk: Desk, estate: Estate) -> None:
    answers = Problems.documented(p.PLAYER_NOT_FOUND, p.OUTCOME_UNKNOWN)

    @router.post("/{player_id}/block", summary="Block a player", responses=answers)
    async def block(player_id: PlayerIdPath, body: Because, caller: Administers) -> Player:
        """No launches and no stakes from now on; wins, rollbacks and withdrawals pass."""
        return await set_status(desk, estate, caller, player_id, "blocked", body.reason)

    @router.post("/{player_id}/unblock", summary="Unblock a player", responses=answers)
    async def unblock(player_id: PlayerIdPath, body: Because, caller: Administers) -> Player:
        """The player may play again."""
        return await set_status(desk, estate, caller, player_id, "active", body.reason)

    @router.post("/{player_id}/erase", summary="Erase a player's personal data", responses=answers)
    async def erase(player_id: PlayerIdPath, body: Because, caller: Administers) -> Player:
        """Deletes the profile and closes the player for good. The ledger stays, and so does money to be withdrawn."""
        key = key_of(caller.brand, player_id)
        # Under the key's name, not the caller's own words: what is erased should not live on in the reason.
        command = ErasePlayer(
            **desk.common(caller.brand, key, f"erase:{caller.request_id}"), reason=body.reason, author=caller.author
        )
        await desk.ask(command)
        await estate.note(caller, "player.erase", f"player:{key}", None, {"status": "closed"}, body.reason)
        return await _player(desk, caller.brand, player_id)


async def set_status(desk: Desk, estate: Estate, caller: Caller, player_id: str, state: PlayerStatus, reason: str) -> Player:
    """Changes a player's status and notes it in the audit log."""
    key = key_of(caller.brand, player_id)
    before = await desk.see(PlayerView, GetPlayer(**desk.query(caller.brand, key)))
    command = SetPlayerStatus(
        **desk.common(caller.brand, key, f"status:{caller.request_id}:{before.seq}"),
        status=state,
        reason=reason,
        author=caller.author,
    )
    await desk.ask(command)
    await estate.note(caller, "player.status", f"player:{key}", {"status": before.status}, {"status": state}, reason)
    return await _player(desk, caller.brand, player_id)


async def _player(desk: Desk, brand: str, player_id: str) -> Player:
    return shown_player(await desk.see(PlayerView, GetPlayer(**desk.query(brand, key_of(brand, player_id)))), player_id)


def shown_player(view: PlayerView, player_id: str) -> Player:
    """A player as the API tells of him."""
    return Player(
        player_id=player_id,
        player_key=view.player,
        status=view.status,
        accounts=[
            Account(currency=account.currency, balance=shown(account.balance, account.currency)) for account in view.accounts
        ],
        test=view.test,
        country=view.country or None,
        language=view.language or None,
        excluded_until=excluded_until(view.excluded_until_ms),
        created_at=when(view.created_at_ms),
    )


def excluded_until(until_ms: int) -> datetime | None:
    """The end of an exclusion, None where there is none any more."""
    return when(until_ms) if until_ms > int(time.time() * 1_000) else None


def _operation(item: OperationRecorded) -> Operation:
    def money(units: int) -> str | None:
        return shown(units, item.currency) if item.currency else None

    return Operation(
        operation_id=f"{item.player}-{item.seq}",
        seq=item.seq,
        kind=item.kind,
        status=item.status,
        result=item.result,
        occurred_at=when(item.occurred_at_ms),
        gaming_day=item.gaming_day,
        provider_account=item.provider_account,
        external_id=item.external_id,
        currency=item.currency or None,
        stake=money(item.stake),
        win=money(item.win),
        nominal_stake=money(item.nominal_stake) if item.nominal_stake else None,
        balance_after=money(item.balance_after),
        round_id=item.round_id or None,
        game_id=item.game_id or None,
        session_id=item.session_id or None,
        free_round_grant=item.grant_id or None,
        undoes_seq=item.target_seq or None,
        promo_class=item.promo_class or None,
        limit=item.limit or None,
        details=json.loads(item.details) if item.details else None,
    )
