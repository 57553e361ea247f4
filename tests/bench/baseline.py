"""The baseline: FastAPI on uvicorn, an asyncpg pool, one transaction a callback. Run as `python -m tests.bench.baseline`.

Same protocol handling as the gateway (signature both ways, nonces, parsing, rendering), same schema and checks as the
wallet, no stream between. It keeps no archive and publishes no events.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import asyncpg
import uvicorn
from fastapi import FastAPI, Request, Response
from pydantic import Field

from services.gateway.callbacks.nonces import Claim, NonceBook
from services.wallet.ledger.store import connection_settings
from shared.contracts import Reply
from shared.gaming_day import GamingDays
from shared.providers.dialect import Answer, Callback, Refusal, Stamp
from shared.providers.mascot.dialect import MascotDialect
from shared.settings import ServiceSettings, load_accounts_file, load_settings
from tests.bench.baseline_ledger import SingleLedger

POOL_SIZE: Final = 16
NONCES_MAX: Final = 1_000_000
KEEP_ALIVE_S: Final = 75
LOCK_TIMEOUT_MS: Final = 1_000
STATEMENT_TIMEOUT_MS: Final = 10_000


class BaselineSettings(ServiceSettings):
    """What every service reads, and the number of processes."""

    baseline_workers: int = Field(default=1, ge=1, le=16)


class Callbacks:
    """The callbacks of one provider account."""

    def __init__(self, dialect: MascotDialect, ledger: SingleLedger) -> None:
        self._dialect = dialect
        self._ledger = ledger
        self._nonces = NonceBook(dialect.settings.timestamp_window_s, NONCES_MAX)
        self._count = 0

    async def answer(self, callback: Callback) -> Answer:
        """Verifies, parses, applies and renders one callback."""
        dialect, now_s = self._dialect, time.time()
        verified = dialect.verify(callback, now_s)
        if isinstance(verified, Refusal):
            return dialect.refuse(verified, None)
        if self._nonces.claim(verified.nonce, verified.timestamp, callback.body, now_s) is Claim.CONFLICTING:
            return dialect.refuse(Refusal("authentication", "nonce not accepted"), None)
        self._count += 1
        call = dialect.parse(callback, Stamp(f"{self._count:x}", "baseline", -1))
        if isinstance(call, Refusal):
            return dialect.refuse(call, verified)
        if call.command is None:
            return dialect.render(call, Reply(command_id="", caller="", result=call.result), verified)
        return dialect.render(call, await self._ledger.apply(call.command), verified)


async def _keep(_: asyncpg.Connection) -> None:
    """Nothing to reset when a connection goes back to the pool: saves a round trip a callback, as in the wallet."""


def create_app() -> FastAPI:
    """The application; its settings come from the environment, as a service's do."""
    settings = load_settings(BaselineSettings)
    accounts = load_accounts_file(settings.config_file)
    served: dict[str, Callbacks] = {}

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with asyncpg.create_pool(
            settings.database_url,
            min_size=POOL_SIZE,
            max_size=POOL_SIZE,
            reset=_keep,
            server_settings=connection_settings(lock_timeout_ms=LOCK_TIMEOUT_MS, statement_timeout_ms=STATEMENT_TIMEOUT_MS),
        ) as pool:
            ledger = SingleLedger(pool, GamingDays(accounts.brands))
            served.update((name, Callbacks(MascotDialect(entry), ledger)) for name, entry in accounts.provider_accounts.items())
            yield

    app = FastAPI(lifespan=lifespan, openapi_url=None)

    @app.get("/health/ready")
    async def ready() -> dict[str, str]:
        return {"status": "ready"}

    @app.post("/callbacks/{account}")
    async def callback(account: str, request: Request) -> Response:
        found = served.get(account)
        if found is None:
            return Response(status_code=404)
        peer = request.client.host if request.client else ""
        answer = await found.answer(Callback(dict(request.scope["headers"]), await request.body(), peer=peer))
        response = Response(answer.body, answer.status)
        response.raw_headers = answer.headers
        return response

    return app


def main() -> None:
    """Serves until a signal."""
    settings = load_settings(BaselineSettings)
    uvicorn.run(
        "tests.bench.baseline:create_app",
        factory=True,
        workers=settings.baseline_workers,
        host=settings.host,
        port=settings.listen_port(0),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_S,
    )


if __name__ == "__main__":
    main()
