"""Deposits and withdrawals. The Idempotency-Key is the operation's id in the ledger: one key moves money once."""

from __future__ import annotations

import re
from collections.abc import Awaitable
from typing import Final

from fastapi import APIRouter, Request, Response, status
from pydantic import Field, ValidationError

from services.gateway.operator_api import problems as p
from services.gateway.operator_api.desk import OPERATOR, Desk, key_of
from services.gateway.operator_api.once import REPLAYED
from services.gateway.operator_api.values import (
    IDEMPOTENCY_HEADER,
    PLAYER_ID_PATTERN,
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
from shared.contracts import Deposit, Withdraw
from shared.web.callers import Caller, Moves, caller_with
from shared.web.documented import Problems
from shared.web.quick import JSON, Quick, Shortcut

PREFIX: Final = "/v1/players/{player_id}"
DEPOSITS: Final = "/deposits"
WITHDRAWALS: Final = "/withdrawals"
SCOPE: Final = "money"
Kind = type[Deposit] | type[Withdraw]
_is_player_id: Final = re.compile(PLAYER_ID_PATTERN).fullmatch


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
    router = APIRouter(prefix=PREFIX, tags=["Money"])
    common = (
        p.PLAYER_NOT_FOUND,
        p.WRONG_CURRENCY,
        p.INVALID_AMOUNT,
        p.IDEMPOTENCY_KEY_MISSING,
        p.IDEMPOTENCY_CONFLICT,
        p.OUTCOME_UNKNOWN,
    )

    @router.post(
        DEPOSITS,
        status_code=status.HTTP_201_CREATED,
        response_model=Transferred,
        summary="Give a player money",
        responses=Problems.documented(*common, p.PLAYER_BLOCKED, p.PLAYER_EXCLUDED, p.LIMIT_EXCEEDED),
    )
    async def deposit(
        player_id: PlayerIdPath, body: Transfer, caller: Moves, idempotency_key: NeededIdempotencyKey = None
    ) -> Response:
        """Books a deposit. The same key and body again give the same answer and move nothing."""
        return await _book(desk, Deposit, caller, player_id, body, idempotency_key)

    @router.post(
        WITHDRAWALS,
        status_code=status.HTTP_201_CREATED,
        response_model=Transferred,
        summary="Take money from a player",
        responses=Problems.documented(*common, p.INSUFFICIENT_FUNDS),
    )
    async def withdraw(
        player_id: PlayerIdPath, body: Transfer, caller: Moves, idempotency_key: NeededIdempotencyKey = None
    ) -> Response:
        """Books a withdrawal, if the player has the money. The same key and body again give the same answer."""
        return await _book(desk, Withdraw, caller, player_id, body, idempotency_key)

    return router


def shortcuts(desk: Desk) -> list[Shortcut]:
    """Both routes for requests that are plainly right; it halves the CPU of a deposit here."""

    def plainly(kind: Kind) -> Quick:
        def attempt(request: Request, content: bytes) -> Awaitable[Response] | None:
            caller, player_id = caller_with(SCOPE, request), request.path_params["player_id"]
            try:
                body = Transfer.model_validate_json(content)
            except ValidationError:
                return None
            if not _is_player_id(player_id):
                return None
            return _book(desk, kind, caller, player_id, body, request.headers.get(IDEMPOTENCY_HEADER))

        return attempt

    return [Shortcut(PREFIX + DEPOSITS, plainly(Deposit)), Shortcut(PREFIX + WITHDRAWALS, plainly(Withdraw))]


async def _book(desk: Desk, kind: Kind, caller: Caller, player_id: str, body: Transfer, idempotency_key: str | None) -> Response:
    external_id, units = required(idempotency_key), units_of(body.amount, body.currency)
    fields = desk.common(caller.brand, key_of(caller.brand, player_id), external_id, namespace=OPERATOR)
    reply = await desk.ask(kind(**fields, currency=body.currency, amount=units))
    booked = Transferred(operation_id=reply.transaction_id, balance=shown(reply.balance, reply.currency), currency=reply.currency)
    headers = {REPLAYED: "true"} if reply.replayed else None
    return Response(booked.model_dump_json(), status.HTTP_201_CREATED, headers, JSON)
