"""`/faults`: the broken requests that can be asked for, and the sending of one."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import APIRouter, HTTPException, status
from pydantic import BaseModel, ConfigDict, Field

from services.simulator.errors import SetUpError
from services.simulator.faults import FaultStand, UnknownFaultError
from services.simulator.studios.mascot.faults import FAULTS
from shared.settings.accounts import NAME_PATTERN


class FaultRequest(BaseModel):
    """Which fault, and at which provider account."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str = Field(pattern="^[a-z0-9_]{1,64}$")
    provider_account: str = Field(default="mascot-demo", pattern=NAME_PATTERN)


def fault_routes(stand: FaultStand) -> APIRouter:
    """The two routes."""
    router = APIRouter()

    @router.get("/faults")
    async def listed() -> list[dict[str, str]]:
        return [{"name": each.name, "about": each.about, "account_must_be": each.account} for each in FAULTS.values()]

    @router.post("/faults")
    async def send(request: FaultRequest) -> dict[str, Any]:
        try:
            done: dict[str, Any] = msgspec.to_builtins(await stand.send(request.name, request.provider_account))
        except UnknownFaultError as error:
            raise HTTPException(status.HTTP_422_UNPROCESSABLE_CONTENT, str(error)) from error
        except SetUpError as error:
            raise HTTPException(status.HTTP_503_SERVICE_UNAVAILABLE, str(error)) from error
        return done

    return router
