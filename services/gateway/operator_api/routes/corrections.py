"""Money and rounds by hand: corrections, prizes of promotions, rounds shown, voided and settled."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Path, Response, status
from pydantic import ConfigDict, Field, StringConstraints

from services.gateway.operator_api import problems as p
from services.gateway.operator_api.desk import Desk, key_of
from services.gateway.operator_api.once import Once, told_again
from services.gateway.operator_api.routes.money import PREFIX, Transferred
from services.gateway.operator_api.values import (
    AccountPath,
    AmountText,
    CurrencyCode,
    Input,
    NeededIdempotencyKey,
    Output,
    PlayerIdPath,
    SignedAmountText,
    Why,
    example,
    shown,
    signed_units_of,
    units_of,
    when,
)
from shared.contracts import Adjust, GetRound, PromoClass, PromoWin, Reply, Result, RoundView, SettleRound, VoidRound
from shared.web.callers import Administers, Moves, Reads
from shared.web.documented import Problems

ROUND: Final = "/rounds/{provider_account}/{round_id}"
_COMMON: Final = (p.PLAYER_NOT_FOUND, p.IDEMPOTENCY_KEY_MISSING, p.IDEMPOTENCY_CONFLICT, p.OUTCOME_UNKNOWN)
_MISSING: Final = {Result.ORIGINAL_NOT_FOUND: p.ROUND_NOT_FOUND}
RoundIdPath = Annotated[
    str,
    Path(pattern=r"^[A-Za-z0-9][!-.0-~]{0,127}$", examples=["1-2784"], description="The provider's id, as operations tell it."),
]
Campaign = Annotated[str, StringConstraints(pattern=r"^[!-~][ -~]{0,127}$"), Field(examples=["autumn-2031"])]


class Adjustment(Input):
    """A correction of a balance."""

    model_config = example(amount="-12.50", currency="EUR", reason="win of round 1-2784 was paid twice")

    amount: SignedAmountText
    currency: CurrencyCode
    reason: Why


class Promotion(Input):
    """A prize of a promotion of yours."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"amount": "25.00", "currency": "EUR", "class": "cashback", "campaign": "autumn-2031"}]}
    )

    amount: AmountText
    currency: CurrencyCode
    promo_class: PromoClass = Field(alias="class", description="What the prize is paid for.")
    campaign: Campaign | None = None


class Voiding(Input):
    """Why, for the record."""

    reason: Why


class Settling(Input):
    """What the round pays in the end, and why."""

    model_config = example(win="3.20", reason="the provider's win of this round never came")

    win: Annotated[AmountText, Field(description="In the round's currency; may be zero.")]
    reason: Why


class Round(Output):
    """A game round as the wallet has it; sums exclude what was rolled back."""

    provider_account: str
    round_id: str
    game_id: str
    session_id: str | None = None
    currency: str
    status: str = Field(description="open, closed, voided or settled", examples=["open"])
    bets: int
    stake: str = Field(examples=["1.00"])
    win: str = Field(examples=["0.00"])
    opened_at: datetime
    closed_at: datetime | None = None
    free_round_grant: str | None = None


class Voided(Transferred):
    """What was booked, and the operations that it undid."""

    undone: list[str] = Field(examples=[["k5x2mdp7q3ra4zte-7"]])


def routes(desk: Desk, once: Once) -> APIRouter:
    """The routes of corrections."""
    router = APIRouter(prefix=PREFIX)
    _add_money(router, desk, once)
    _add_rounds(router, desk)
    _add_endings(router, desk, once)
    return router


def _add_money(router: APIRouter, desk: Desk, once: Once) -> None:
    @router.post(
        "/adjustments",
        status_code=status.HTTP_201_CREATED,
        tags=["Corrections"],
        summary="Correct a player's balance",
        responses=Problems.documented(*_COMMON, p.WRONG_CURRENCY, p.INVALID_AMOUNT, p.INSUFFICIENT_FUNDS),
    )
    async def adjust(
        player_id: PlayerIdPath,
        body: Adjustment,
        caller: Administers,
        response: Response,
        idempotency_key: NeededIdempotencyKey = None,
    ) -> Transferred:
        """Gives (above zero) or takes (below zero) by hand, whatever the player's status. Needs the scope `money` besides."""
        caller.must_have("money", "a correction of a balance")
        units = signed_units_of(body.amount, body.currency)
        request = await once.begin(caller, player_id, idempotency_key, body, "POST adjustments")
        command = Adjust(
            **once.header(caller, request), currency=body.currency, amount=units, reason=body.reason, author=caller.author
        )
        reply = await desk.ask(command)
        after = {"amount": body.amount, "currency": body.currency}
        await once.noted(caller, request, reply, response, "player.adjust", after, body.reason)
        return _transferred(reply, body.currency)

    @router.post(
        "/promotions",
        status_code=status.HTTP_201_CREATED,
        tags=["Money"],
        summary="Pay a prize",
        responses=Problems.documented(*_COMMON, p.WRONG_CURRENCY, p.INVALID_AMOUNT),
    )
    async def promote(
        player_id: PlayerIdPath, body: Promotion, caller: Moves, response: Response, idempotency_key: NeededIdempotencyKey = None
    ) -> Transferred:
        """Books a prize of a promotion, whatever the player's status; it counts towards no limit."""
        units = units_of(body.amount, body.currency)
        request = await once.begin(caller, player_id, idempotency_key, body, "POST promotions")
        command = PromoWin(
            **once.header(caller, request),
            currency=body.currency,
            win=units,
            promo_class=body.promo_class,
            campaign_id=body.campaign or "",
        )
        reply = await desk.ask(command)
        told_again(reply, response)
        return _transferred(reply, body.currency)


def _add_rounds(router: APIRouter, desk: Desk) -> None:
    @router.get(
        ROUND, tags=["Rounds"], summary="Show a round", responses=Problems.documented(p.PLAYER_NOT_FOUND, p.ROUND_NOT_FOUND)
    )
    async def show(player_id: PlayerIdPath, provider_account: AccountPath, round_id: RoundIdPath, caller: Reads) -> Round:
        """The round with its sums."""
        view = await _round(desk, caller.brand, key_of(caller.brand, player_id), provider_account, round_id)
        return Round(
            provider_account=view.provider_account,
            round_id=view.round_id,
            game_id=view.game_id,
            session_id=view.session_id or None,
            currency=view.currency,
            status=view.status,
            bets=view.bets,
            stake=shown(view.stake, view.currency),
            win=shown(view.win, view.currency),
            opened_at=when(view.opened_at_ms),
            closed_at=when(view.closed_at_ms) if view.closed_at_ms else None,
            free_round_grant=view.grant_id or None,
        )


def _add_endings(router: APIRouter, desk: Desk, once: Once) -> None:
    @router.post(
        ROUND + "/void",
        tags=["Rounds"],
        summary="Void a round",
        responses=Problems.documented(*_COMMON, p.ROUND_NOT_FOUND, p.ROUND_VOIDED),
    )
    async def void(
        player_id: PlayerIdPath,
        provider_account: AccountPath,
        round_id: RoundIdPath,
        body: Voiding,
        caller: Administers,
        response: Response,
        idempotency_key: NeededIdempotencyKey = None,
    ) -> Voided:
        """Undoes everything in a round and keeps it void: what the provider sends late moves nothing. Needs `money` besides.

        Wins that are spent already are taken back all the same: the balance may fall below zero.
        """
        caller.must_have("money", "voiding a round")
        request = await once.begin(caller, player_id, idempotency_key, body, "POST void", provider_account, round_id)
        command = VoidRound(
            **once.header(caller, request, account=provider_account),
            round_id=round_id,
            reason=body.reason,
            author=caller.author,
        )
        reply = await desk.ask(command, but=_MISSING)
        booked = await desk.operation_of(caller.brand, request.player, reply)
        undone = [f"{request.player}-{seq}" for seq in json.loads(booked.details)["undone"]]
        after = {"round": f"{provider_account}/{round_id}", "undone": len(undone)}
        await once.noted(caller, request, reply, response, "round.void", after, body.reason)
        return Voided(**_transferred(reply, reply.currency).model_dump(), undone=undone)

    @router.post(
        ROUND + "/settle",
        tags=["Rounds"],
        summary="Settle a round",
        responses=Problems.documented(*_COMMON, p.ROUND_NOT_FOUND, p.ROUND_VOIDED, p.ROUND_ENDED, p.INVALID_AMOUNT),
    )
    async def settle(
        player_id: PlayerIdPath,
        provider_account: AccountPath,
        round_id: RoundIdPath,
        body: Settling,
        caller: Administers,
        response: Response,
        idempotency_key: NeededIdempotencyKey = None,
    ) -> Transferred:
        """Ends an open round with a win by hand: what the provider sends late moves nothing. Needs the scope `money` besides."""
        caller.must_have("money", "settling a round")
        view = await _round(desk, caller.brand, key_of(caller.brand, player_id), provider_account, round_id)
        units = units_of(body.win, view.currency, zero=True)
        request = await once.begin(caller, player_id, idempotency_key, body, "POST settle", provider_account, round_id)
        command = SettleRound(
            **once.header(caller, request, account=provider_account),
            round_id=round_id,
            win=units,
            reason=body.reason,
            author=caller.author,
        )
        reply = await desk.ask(command, but=_MISSING)
        after = {"round": f"{provider_account}/{round_id}", "win": body.win}
        await once.noted(caller, request, reply, response, "round.settle", after, body.reason)
        return _transferred(reply, view.currency)


async def _round(desk: Desk, brand: str, player: str, provider_account: str, round_id: str) -> RoundView:
    fields = desk.query(brand, player) | {"provider_account": provider_account}
    return await desk.see(RoundView, GetRound(**fields, round_id=round_id), but=_MISSING)


def _transferred(reply: Reply, currency: str) -> Transferred:
    return Transferred(operation_id=reply.transaction_id, balance=shown(reply.balance, currency), currency=currency)
