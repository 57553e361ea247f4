"""Free rounds: granted, shown, listed, cancelled. The counter is the wallet's; the provider knows the grant as a bonus."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Response, status
from pydantic import Field

from services.gateway.operator_api import problems as p
from services.gateway.operator_api.desk import OPERATOR, SYSTEM, Desk, key_of
from services.gateway.operator_api.estate import Estate
from services.gateway.operator_api.games import GameOffer
from services.gateway.operator_api.once import REPLAYED
from services.gateway.operator_api.store import LaunchStore
from services.gateway.operator_api.values import (
    AccountName,
    AmountText,
    CurrencyCode,
    Cursor,
    GameId,
    GrantIdPath,
    Input,
    Moment,
    NeededIdempotencyKey,
    Output,
    PageSize,
    PlayerId,
    PlayerIdPath,
    derived_id,
    example,
    millis,
    player_of,
    required,
    shown,
    units_of,
    when,
)
from shared.contracts import (
    CancelFreeRounds,
    GetGrant,
    GetPlayer,
    GrantFreeRounds,
    GrantPage,
    GrantView,
    ListGrants,
    PlayerView,
    Result,
)
from shared.web.callers import Moves, Reads
from shared.web.documented import Problems
from shared.web.problems import INVALID_REQUEST, Problem

ROUTE = "POST /v1/free-rounds"
LIFE_MAX = timedelta(days=366)


class NewFreeRounds(Input):
    """Free rounds to be given to a player."""

    model_config = example(
        player_id="alice",
        currency="EUR",
        provider_account="mascot-demo",
        game_ids=["riot"],
        count=10,
        bet="0.50",
        expires_at="2030-01-31T12:00:00Z",
    )

    player_id: PlayerId
    currency: CurrencyCode
    provider_account: AccountName
    game_ids: Annotated[tuple[GameId, ...], Field(min_length=1, max_length=100, strict=False)]
    count: int = Field(ge=1, le=10_000, examples=[10])
    bet: AmountText | None = Field(default=None, description="Stake of one free round; the provider decides where it is left out.")
    expires_at: Moment


class FreeRounds(Output):
    """A grant of free rounds. Its id is the bonus id towards the provider."""

    grant_id: str
    player_key: str
    provider_account: str
    currency: str
    game_ids: list[str]
    count: int
    remaining: int
    state: Literal["active", "used", "expired", "cancelled"]
    bet: str | None = None
    expires_at: datetime
    cancelled_at: datetime | None = None


class FreeRoundsPage(Output):
    """A page of grants."""

    free_rounds: list[FreeRounds]
    next: str | None = None


def routes(desk: Desk, estate: Estate, games: GameOffer, store: LaunchStore) -> APIRouter:
    """The routes of free rounds."""
    router = APIRouter(tags=["Free rounds"])
    _add_giving(router, desk, estate, games, store)
    _add_reading(router, desk)
    _add_cancelling(router, desk)
    return router


def _add_giving(router: APIRouter, desk: Desk, estate: Estate, games: GameOffer, store: LaunchStore) -> None:
    @router.post(
        "/v1/free-rounds",
        status_code=status.HTTP_201_CREATED,
        summary="Give free rounds",
        responses=Problems.documented(
            p.PLAYER_NOT_FOUND,
            p.PLAYER_BLOCKED,
            p.PLAYER_EXCLUDED,
            p.PROVIDER_ACCOUNT_NOT_FOUND,
            p.WRONG_CURRENCY,
            p.INVALID_AMOUNT,
            p.GAME_NOT_FOUND,
            p.GAME_NOT_AVAILABLE,
            p.GAME_NOT_SUITABLE,
            p.PROVIDER_UNREACHABLE,
            p.PROVIDER_TIMEOUT,
            p.PROVIDER_REFUSED,
            p.PROVIDER_ANSWER_INVALID,
            p.IDEMPOTENCY_KEY_MISSING,
            p.IDEMPOTENCY_CONFLICT,
            p.OUTCOME_UNKNOWN,
        ),
    )
    async def give(
        body: NewFreeRounds, caller: Moves, response: Response, idempotency_key: NeededIdempotencyKey = None
    ) -> FreeRounds:
        """Grants free rounds; they are played in a session launched with `free_round_grant`."""
        external_id = required(idempotency_key, "this request gives something of value")
        account = estate.account(caller.brand, body.provider_account)
        player, stake = key_of(caller.brand, body.player_id), units_of(body.bet, body.currency) if body.bet else 0
        binding = (caller.brand, external_id, ROUTE, body.digest())
        fits = await store.key_fits(*binding)
        if fits is None:
            # What was accepted once is not judged again when it is repeated.
            estate.must_map(account, body.currency)
            _check_expiry(body.expires_at)
            if estate.client_if_any(account.name) is not None:
                # Nobody has a list of the games of an account that cannot be called.
                view = await desk.see(PlayerView, GetPlayer(**desk.query(caller.brand, player)))
                for game_id in body.game_ids:
                    games.must_have_free_rounds(caller.brand, account, game_id, currency=body.currency, country=view.country)
            await store.claim_key(*binding)
            fits = await store.key_fits(*binding)
        if not fits:
            raise Problem(p.IDEMPOTENCY_CONFLICT, "the key was used before for a request with other content")
        command = GrantFreeRounds(
            **desk.common(caller.brand, player, external_id, account=account.name, namespace=OPERATOR),
            grant_id=derived_id(player, caller.brand, external_id),
            currency=body.currency,
            count=body.count,
            expires_at_ms=millis(body.expires_at),
            game_ids=tuple(dict.fromkeys(body.game_ids)),
            stake=stake,
        )
        reply = await desk.ask(command)
        if reply.replayed:
            response.headers[REPLAYED] = "true"
        # From the request, so that a repetition gets the same answer; GET tells what has become of it.
        return FreeRounds(
            grant_id=command.grant_id,
            player_key=player,
            provider_account=account.name,
            currency=body.currency,
            game_ids=list(command.game_ids),
            count=body.count,
            remaining=body.count,
            state="active",
            bet=shown(stake, body.currency) if stake else None,
            expires_at=when(command.expires_at_ms),
        )


def _add_cancelling(router: APIRouter, desk: Desk) -> None:
    @router.delete(
        "/v1/free-rounds/{grant_id}",
        summary="Cancel free rounds",
        responses=Problems.documented(p.GRANT_NOT_FOUND, p.PLAYER_NOT_FOUND, p.OUTCOME_UNKNOWN),
    )
    async def cancel(grant_id: GrantIdPath, caller: Moves) -> FreeRounds:
        """Ends a grant: none of it can be played any more; what was won stays. Safe to repeat."""
        grant = await _view(desk, caller.brand, grant_id)
        command = CancelFreeRounds(
            **desk.common(
                caller.brand, player_of(grant_id), f"{grant_id}:cancel", account=grant.provider_account, namespace=SYSTEM
            ),
            grant_id=grant_id,
            reason="cancelled by the operator",
        )
        await desk.ask(command)
        return await _shown(desk, caller.brand, grant_id)


def _add_reading(router: APIRouter, desk: Desk) -> None:
    @router.get(
        "/v1/free-rounds/{grant_id}",
        summary="Show free rounds",
        responses=Problems.documented(p.GRANT_NOT_FOUND, p.PLAYER_NOT_FOUND),
    )
    async def show(grant_id: GrantIdPath, caller: Reads) -> FreeRounds:
        """The grant, with its state and what is left."""
        return await _shown(desk, caller.brand, grant_id)

    @router.get(
        "/v1/players/{player_id}/free-rounds",
        summary="List a player's free rounds",
        responses=Problems.documented(p.PLAYER_NOT_FOUND, p.PAGE_INVALID),
    )
    async def listed(player_id: PlayerIdPath, caller: Reads, limit: PageSize = 50, cursor: Cursor = "") -> FreeRoundsPage:
        """Those that expire last come first."""
        player = key_of(caller.brand, player_id)
        query = ListGrants(**desk.query(caller.brand, player), before=cursor, limit=limit)
        page = await desk.see(GrantPage, query, but={Result.BAD_REQUEST: p.PAGE_INVALID})
        return FreeRoundsPage(free_rounds=[_free_rounds(player, view) for view in page.grants], next=page.next or None)


def _check_expiry(expires_at: datetime) -> None:
    if expires_at.tzinfo is None:
        raise Problem(INVALID_REQUEST, "expires_at has no time zone; write it like 2030-01-31T12:00:00Z")
    now = datetime.now(UTC)
    if not now < expires_at <= now + LIFE_MAX:
        raise Problem(INVALID_REQUEST, f"expires_at must lie ahead, by at most {LIFE_MAX.days} days")


async def _view(desk: Desk, brand: str, grant_id: str) -> GrantView:
    return await desk.see(GrantView, GetGrant(**desk.query(brand, player_of(grant_id)), grant_id=grant_id))


async def _shown(desk: Desk, brand: str, grant_id: str) -> FreeRounds:
    return _free_rounds(player_of(grant_id), await _view(desk, brand, grant_id))


def _state(view: GrantView) -> Literal["active", "used", "expired", "cancelled"]:
    if view.cancelled_at_ms:
        return "cancelled"
    if view.remaining <= 0:
        return "used"
    return "expired" if view.expires_at_ms <= int(time.time() * 1_000) else "active"


def _free_rounds(player: str, view: GrantView) -> FreeRounds:
    return FreeRounds(
        grant_id=view.grant_id,
        player_key=player,
        provider_account=view.provider_account,
        currency=view.currency,
        game_ids=list(view.game_ids),
        count=view.count,
        remaining=view.remaining,
        state=_state(view),
        bet=shown(view.stake, view.currency) if view.stake else None,
        expires_at=when(view.expires_at_ms),
        cancelled_at=when(view.cancelled_at_ms) if view.cancelled_at_ms else None,
    )
