"""The simulator's HTTP interface: plays, comparisons, health and metrics. For the operator's own machine, not the world."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, Final

import msgspec
from fastapi import FastAPI, HTTPException, Path, Response, status
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.types import ASGIApp, Receive, Scope, Send

from services.simulator.fault_routes import fault_routes
from services.simulator.plan import PLAYERS_MAX, RATE_MAX, ROUNDS_MAX, SHARE_MAX, Plan
from services.simulator.service import NotReadyError, Simulator, TooManyPlaysError, UnknownAccountError
from services.simulator.studios.mascot.operator_api.routes import mascot_routes
from shared.settings.accounts import NAME_PATTERN
from shared.telemetry import METRICS_CONTENT_TYPE, metrics_page

BODY_BYTES_MAX: Final = 16_384
PlayId = Annotated[str, Path(pattern="^[0-9a-f]{1,32}$")]


class PlayRequest(BaseModel):
    """What to play; see `Plan`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    players: int = Field(default=8, ge=1, le=PLAYERS_MAX)
    rounds: int | None = Field(default=2_000, ge=1, le=ROUNDS_MAX, description="over all players; null = until stopped")
    rate_per_s: float | None = Field(
        default=None, gt=0, le=RATE_MAX, description="rounds a second over all players; null = unbounded"
    )
    rollback_share: float = Field(default=0.02, ge=0, le=SHARE_MAX)
    retry_share: float = Field(default=0.05, ge=0, le=SHARE_MAX)
    seed: int | None = Field(default=None, ge=-(2**63), lt=2**64)
    provider_account: str = Field(default="mascot-demo", pattern=NAME_PATTERN)
    repeat_nonces: bool = Field(default=True, description="repeat some calls byte for byte; false where the account refuses that")


class CompareRequest(BaseModel):
    """How long a comparison may wait for the wallet to catch up, in seconds."""

    model_config = ConfigDict(extra="forbid", strict=True)

    timeout_s: float = Field(default=55.0, ge=1, le=600)


def make_app(simulator: Simulator) -> FastAPI:
    """The application around one simulator, which it starts and stops."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await simulator.start()
        try:
            yield
        finally:
            await simulator.stop()

    app = FastAPI(title="Stakewire simulator", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.add_middleware(BodyLimit)
    _add_plays(app, simulator)
    _add_health(app, simulator)
    app.include_router(mascot_routes(simulator.desk))
    app.include_router(fault_routes(simulator.faults))
    return app


class BodyLimit:
    """Refuses requests whose announced body is above the limit, or that do not announce one they have."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection or request."""
        if scope["type"] == "http":
            headers = dict(scope["headers"])
            length = headers.get(b"content-length", b"0")
            if b"transfer-encoding" in headers or not length.isdigit() or int(length) > BODY_BYTES_MAX:
                text = f"send a body of at most {BODY_BYTES_MAX} bytes and its Content-Length"
                await JSONResponse({"detail": text}, status.HTTP_413_CONTENT_TOO_LARGE)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _add_plays(app: FastAPI, simulator: Simulator) -> None:
    @app.post("/play", status_code=status.HTTP_202_ACCEPTED)
    async def start_play(request: PlayRequest) -> dict[str, str]:
        values = request.model_dump()
        provider_account = values.pop("provider_account")
        try:
            return {"play_id": simulator.start_play(provider_account, Plan(**values))}
        except UnknownAccountError as error:
            raise HTTPException(status.HTTP_422_UNPROCESSABLE_CONTENT, str(error)) from error
        except TooManyPlaysError as error:
            raise HTTPException(status.HTTP_429_TOO_MANY_REQUESTS, str(error)) from error
        except NotReadyError as error:
            raise HTTPException(status.HTTP_503_SERVICE_UNAVAILABLE, str(error)) from error

    @app.get("/play/{play_id}")
    async def get_play(play_id: PlayId) -> dict[str, Any]:
        return _shown(simulator.result(play_id), play_id)

    @app.delete("/play/{play_id}")
    async def stop_play(play_id: PlayId) -> dict[str, Any]:
        return _shown(simulator.stop_play(play_id), play_id)

    @app.post("/books/compare")
    async def compare(request: CompareRequest) -> dict[str, Any]:
        comparison: dict[str, Any] = msgspec.to_builtins(await simulator.compare(request.timeout_s))
        return comparison


def _shown(result: msgspec.Struct | None, play_id: str) -> dict[str, Any]:
    if result is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, f"there is no play {play_id}; POST /play starts one and returns its id")
    shown: dict[str, Any] = msgspec.to_builtins(result)
    return shown


def _add_health(app: FastAPI, simulator: Simulator) -> None:
    @app.get("/health/live")
    async def live() -> dict[str, str]:
        return {"status": "live"}

    @app.get("/health/ready")
    async def ready(response: Response) -> dict[str, str]:
        if simulator.ready:
            return {"status": "ready"}
        response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
        return {"status": "not ready", "reason": "Kafka is not connected"}

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(metrics_page(), media_type=METRICS_CONTENT_TYPE)
