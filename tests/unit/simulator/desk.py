"""A simulator with its operators' desk behind a real HTTP server, and an operator's hand that writes and signs calls to it.

The signing here is the tests' own, from the protocol's words.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import secrets
import struct
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import uvicorn

from services.simulator.api import make_app
from services.simulator.service import Simulator
from services.simulator.settings import SimulatorSettings
from shared.contracts import CurrencyMapping
from shared.money import MinorUnits
from shared.settings import ProviderAccount
from tests.unit.simulator.operator import ACCOUNT, CASINO_ID, KEY, Operator
from tests.unit.simulator.waiting import until

LIMIT_S = 30.0
PUBLIC_URL = "http://games.example"
SECOND, SECOND_CASINO, SECOND_KEY = "mascot-second", 8, b"the-second-key"
OLD_KEY = b"a-key-that-is-being-replaced"
PLAIN, SIGNED = "/mascot/v1/", "/mascot/v1/signed/"
PLAYER = "abcdefgh_EUR"


class Line(Operator):
    """The operator with a line to him that is always there."""

    ready = True

    async def start(self) -> None:
        return

    async def stop(self) -> None:
        return


def accounts() -> dict[str, ProviderAccount]:
    """Two operators of the studio; the first one changes his key just now."""
    eur, btc = (
        MinorUnits.of(CurrencyMapping(wire="EUR", currency="EUR")),
        MinorUnits.of(CurrencyMapping(wire="mBTC", currency="BTC", factor_exponent=-3, digits=5)),
    )
    first = ProviderAccount(
        ACCOUNT, "mascot", ("main",), {"casino_id": CASINO_ID}, {"EUR": eur, "mBTC": btc}, {}, {"main": KEY, "old": OLD_KEY}
    )
    second = ProviderAccount(SECOND, "mascot", ("main",), {"casino_id": SECOND_CASINO}, {"EUR": eur}, {}, {"main": SECOND_KEY})
    return {ACCOUNT: first, SECOND: second}


def sign(key: bytes, nonce: int, timestamp: int, body: bytes) -> str:
    """The hex of X-Signature."""
    return hmac.new(key, struct.pack(">QI", nonce, timestamp) + body, hashlib.sha256).hexdigest()


@dataclass
class Answer:
    """An answer as it came."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body's JSON."""
        return json.loads(self.body)


class Desk:
    """The operator's hand."""

    def __init__(self, simulator: Simulator, http: aiohttp.ClientSession) -> None:
        self.simulator = simulator
        self.http = http

    async def send(self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> Answer:
        """One HTTP request."""
        async with self.http.request(method, path, data=body, headers=headers, allow_redirects=False) as answer:
            return Answer(answer.status, {name.lower(): value for name, value in answer.headers.items()}, await answer.read())

    async def post(self, path: str, content: Any, method: str = "POST") -> Answer:
        """A POST of JSON, or a request of another method."""
        return await self.send(method, path, json.dumps(content).encode(), {"Content-Type": "application/json"})

    async def call(self, method: str, params: Any = None, *, subject: str | None = None) -> Any:
        """One plain call; the whole answer."""
        content = {"jsonrpc": "2.0", "id": "c-1", "method": method, "params": {} if params is None else params}
        headers = {"X-Subject": subject} if subject else {}
        answer = await self.send("POST", PLAIN, json.dumps(content).encode(), headers)
        assert answer.status == 200, answer
        assert answer.json["id"] == "c-1"
        return answer.json

    async def done(self, method: str, params: Any = None, *, subject: str | None = None) -> Any:
        """The result of a call that must succeed."""
        answer = await self.call(method, params, subject=subject)
        assert "result" in answer, answer
        return answer["result"]

    async def refused(self, method: str, params: Any, *, subject: str | None = None) -> tuple[int, str]:
        """Code and message of a call that must be refused."""
        answer = await self.call(method, params, subject=subject)
        assert "error" in answer, answer
        return answer["error"]["code"], answer["error"]["message"]

    async def signed(self, content: Any, *, path: str = SIGNED, **changes: Any) -> Answer:
        """One signed call; `changes` are of `signed_headers`."""
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        return await self.send("POST", path, body, signed_headers(body, **changes))

    async def player(self, player: str = PLAYER, group: str = "main_EUR", currency: str = "EUR") -> None:
        """A bank group and a player of it."""
        await self.done("BankGroup.Set", {"Id": group, "Currency": currency})
        await self.done("Player.Set", {"Id": player, "BankGroupId": group})

    async def session(self, player: str = PLAYER, game: str = "riot", **more: Any) -> str:
        """The id of a new session."""
        created = await self.done("Session.Create", {"PlayerId": player, "GameId": game, **more})
        return str(created["SessionId"])

    async def fault(self, method: str, fault: str, **more: Any) -> None:
        """Asks for a fault."""
        answer = await self.post("/mascot/faults", {"method": method, "fault": fault, **more}, "PUT")
        assert answer.status == 200, answer


def signed_headers(
    body: bytes,
    *,
    key: bytes = KEY,
    key_id: str = "main",
    subject: str = f"casino:{CASINO_ID}",
    nonce: int | None = None,
    timestamp: int | None = None,
) -> dict[str, str]:
    """The four headers of one call."""
    nonce = secrets.randbits(64) if nonce is None else nonce
    timestamp = int(time.time()) if timestamp is None else timestamp
    return {
        "X-Subject": subject,
        "X-Nonce": str(nonce),
        "X-Timestamp": str(timestamp),
        "X-Signature": f"{key_id}={sign(key, nonce, timestamp, body)}",
    }


@asynccontextmanager
async def desk_at(folder: Path, callback_url: str = "http://127.0.0.1:1/x") -> AsyncIterator[Desk]:
    """The simulator of one folder; `callback_url` is that of the first operator."""
    settings = SimulatorSettings(
        run_dir=folder,
        callback_url=callback_url.rsplit("/", 1)[0],
        simulator_url=PUBLIC_URL,
        kafka_bootstrap_servers="127.0.0.1:1",
        callback_timeout_s=2.0,
    )
    simulator = Simulator(settings, accounts(), Line())
    server = uvicorn.Server(uvicorn.Config(make_app(simulator), host="127.0.0.1", port=0, log_config=None))
    serving_task = asyncio.ensure_future(server.serve())
    await until(lambda: server.started or serving_task.done(), "the server listens")
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http:
            yield Desk(simulator, http)
    finally:
        server.should_exit = True
        await asyncio.wait_for(serving_task, LIMIT_S)
