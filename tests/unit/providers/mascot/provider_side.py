"""The provider's side of the Operator API for tests: a small HTTP server that keeps what it was asked and answers as told.

It signs and checks with HMAC of the standard library, written from the protocol, not with the code under test.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import ssl
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

KEYS = {"main": b"demo-key-1", "next": b"demo-key-2"}
SUBJECT = "casino:7"
SIGNED_PATH = "/v1/signed/"
PLAIN_PATH = "/v1/"

RESULTS: dict[str, Any] = {
    "BankGroup.Set": {},
    "Player.Set": {},
    "Bonus.Set": {},
    "Session.Create": {"SessionId": "qx9sgvvpihtrlug", "SessionUrl": "https://play.provider.example/qx9sgvvpihtrlug/"},
    "Session.CreateDemo": {"SessionId": "demo1", "SessionUrl": "https://play.provider.example/demo1/"},
    "Session.Close": {},
    "Session.Get": {"SessionId": "qx9sgvvpihtrlug", "Status": "Open"},
    "Session.List": {"Sessions": [{"SessionId": "qx9sgvvpihtrlug"}]},
    "Game.List": {"Games": [{"Id": "riot", "Name": "Riot", "Tags": ["FR"], "LinesCount": "243-3125w", "BaseBet": 25}]},
    "History.GetToken": {"Token": "history-token"},
    "Bonus.GetPendingBonusTransactions": {"Transactions": []},
}


def mac(key: bytes, nonce: int, timestamp: int, body: bytes) -> str:
    return hmac.new(key, struct.pack(">QI", nonce, timestamp) + body, hashlib.sha256).hexdigest()


@dataclass
class Call:
    """One request as it arrived."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    request: web.Request

    @property
    def document(self) -> dict[str, Any]:
        document = json.loads(self.body)
        assert isinstance(document, dict)
        return document

    @property
    def method(self) -> str:
        return str(self.document["method"])

    @property
    def params(self) -> Any:
        return self.document["params"]

    def sign(self, body: bytes, key_id: str = "main", key: bytes | None = None) -> dict[str, str]:
        """The headers of an answer that is signed as the protocol says."""
        nonce, timestamp = self.headers["X-Nonce"], self.headers["X-Timestamp"]
        signature = mac(KEYS[key_id] if key is None else key, int(nonce), int(timestamp), body)
        return {"X-Subject": SUBJECT, "X-Nonce": nonce, "X-Timestamp": timestamp, "X-Signature": f"{key_id}={signature}"}

    def answer(self, document: object, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
        """A JSON answer, signed where the call was."""
        body = json.dumps(document).encode()
        signed = self.sign(body) if "X-Signature" in self.headers else {}
        return web.Response(status=status, body=body, headers={**signed, **(headers or {})}, content_type="application/json")

    def result(self, result: object, **more: object) -> web.Response:
        return self.answer({"jsonrpc": "2.0", "result": result, "id": self.document["id"], **more})

    def error(self, error: object, status: int = 200) -> web.Response:
        return self.answer({"jsonrpc": "2.0", "error": error, "id": self.document["id"]}, status)


Behaviour = Callable[[Call], Awaitable[web.StreamResponse] | web.StreamResponse]


@dataclass
class ProviderSide:
    """The server. `behaviours` by method come first, one a call, the last for ever; else `RESULTS` are answered."""

    tls: ssl.SSLContext | None = None
    calls: list[Call] = field(default_factory=list)
    behaviours: dict[str, list[Behaviour]] = field(default_factory=dict)
    connections: set[object] = field(default_factory=set)
    port: int = 0

    async def __aenter__(self) -> Self:
        server = web.Application(client_max_size=1 << 20)
        server.router.add_route("*", "/{rest:.*}", self._serve)
        self._ended = asyncio.Event()
        self._runner = web.AppRunner(server, access_log=None, shutdown_timeout=0.05)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self.tls)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._ended.set()
        await self._runner.cleanup()

    def url(self, path: str = SIGNED_PATH) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}{path}"

    def tell(self, method: str, *behaviours: Behaviour) -> None:
        self.behaviours[method] = list(behaviours)

    def methods(self) -> list[str]:
        return [call.method for call in self.calls]

    async def silence(self, _: Call) -> web.StreamResponse:
        """No answer until the server ends."""
        await self._ended.wait()
        return web.Response(status=503)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.connections.add(request.transport)
        call = Call(request.path, request.headers.copy(), await request.read(), request)
        self.calls.append(call)
        waiting = self.behaviours.get(call.method)
        if not waiting:
            return call.result(RESULTS[call.method])
        behaviour = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        if behaviour is break_off:
            assert request.transport is not None
            request.transport.close()
            return web.Response()
        answer = behaviour(call)
        return answer if isinstance(answer, web.StreamResponse) else await answer


def break_off(_: Call) -> web.StreamResponse:
    """The connection is closed without an answer."""
    raise AssertionError("the server does it itself")


def status(code: int, body: str = "", **headers: str) -> Behaviour:
    """An unsigned answer with an HTTP status."""
    return lambda _: web.Response(status=code, text=body, headers=headers)


def ordinary(call: Call) -> web.StreamResponse:
    """The answer that is given without being told."""
    return call.result(RESULTS[call.method])
