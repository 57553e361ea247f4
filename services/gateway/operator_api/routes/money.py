"""Deposits and withdrawals. The Idempotency-Key is the operation's id in the ledger: one key moves money once."""

from __future__ import annotations

from fastapi import APIRouter, Response, status
from pydantic import Field

from services.gateway.operator_api import problems as p
from services.gateway.operator_api.desk import OPERATOR, Desk, key_of
from services.gateway.operator_api.values import (
    AmountText,
    CurrencyCode,
    Input,
    NeededIdempotencyKey,
    Output,
    PlayerIdPath,
    required,
    shown,
    units_of,
)
from shared.contracts import Command, Deposit, Withdraw
from shared.web.callers import Moves
from shared.web.documented import Problems

REPLAYED = "Idempotent-Replayed"


class Transfer(Input):
    """Money between the operator and a player."""

    amount: AmountText
    currency: CurrencyCode


class Transferred(Output):
    """What was booked, and the balance right after it."""

    operation_id: str = Field(examples=["k5x2mdp7q3ra4zte-7"])
    balance: str = Field(examples=["112.34"])
    currency: str = Field(examples=["EUR"])


def routes(desk: Desk) -> APIRouter:
    """The routes of money."""
    router = APIRouter(prefix="/v1/players/{player_id}", tags=["Money"])
    common = (
        p.PLAYER_NOT_FOUND,
        p.WRONG_CURRENCY,
        p.INVALID_AMOUNT,
        p.IDEMPOTENCY_KEY_MISSING,
        p.IDEMPOTENCY_CONFLICT,
        p.OUTCOME_UNKNOWN,
    )

    @router.post(
        "/deposits",
        status_code=status.HTTP_201_CREATED,
        summary="Give a player money",
        responses=Problems.documented(*common, p.PLAYER_BLOCKED),
    )
    async def deposit(
        player_id: PlayerIdPath, body: Transfer, caller: Moves, response: Response, idempotency_key: NeededIdempotencyKey = None
    ) -> Transferred:
        """Books a deposit. The same key and body again give the same answer and move nothing."""
        external_id, units = required(idempotency_key), units_of(body.amount, body.currency)
        key = key_of(caller.brand, player_id)
        fields = desk.common(caller.brand, key, external_id, namespace=OPERATOR)
        return await _book(Deposit(**fields, currency=body.currency, amount=units), response)

    @router.post(
        "/withdrawals",
        status_code=status.HTTP_201_CREATED,
        summary="Take money from a player",
        responses=Problems.documented(*common, p.INSUFFICIENT_FUNDS),
    )
    async def withdraw(
        player_id: PlayerIdPath, body: Transfer, caller: Moves, response: Response, idempotency_key: NeededIdempotencyKey = None
    ) -> Transferred:
        """Books a withdrawal, if the player has the money. The same key and body again give the same answer."""
        external_id, units = required(idempotency_key), units_of(body.amount, body.currency)
        key = key_of(caller.brand, player_id)
        fields = desk.common(caller.brand, key, external_id, namespace=OPERATOR)
        return await _book(Withdraw(**fields, currency=body.currency, amount=units), response)

    async def _book(command: Command, response: Response) -> Transferred:
        reply = await desk.ask(command)
        if reply.replayed:
            response.headers[REPLAYED] = "true"
        return Transferred(operation_id=reply.transaction_id, balance=shown(reply.balance, reply.currency), currency=reply.currency)

    return router
