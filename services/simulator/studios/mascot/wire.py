"""Mascot's HTTP client: signs a call, sends it to the one configured address, reads the answer. Knows nothing of games."""

from __future__ import annotations

import itertools
import time
from types import TracebackType
from typing import Any, Final, Self

import aiohttp
import msgspec
from yarl import URL

from services.simulator.errors import SimulatorError
from services.simulator.measure import Meter
from services.simulator.studios.mascot.answers import Outcome, SignedCall, read_answer
from services.simulator.studios.mascot.signature import Signer, new_nonce

ANSWER_BYTES_MAX: Final = 65_536
KEEP_ALIVE_S: Final = 60.0
"""Shorter than the operator's keep-alive, so that a call does not meet a connection that is just being closed."""
_encode: Final = msgspec.json.Encoder().encode


class MascotWire:
    """The connection to one operator. `connections` is the limit of the pool, `timeout_s` that of one call."""

    def __init__(
        self, url: str, *, casino_id: int, key_id: str, key: bytes, timeout_s: float = 10.0, connections: int = 512
    ) -> None:
        self._url = URL(url)
        if self._url.scheme not in {"http", "https"} or not self._url.host:
            raise SimulatorError(f"the callback address {url!r} is no http or https address")
        self._signer = Signer(casino_id, key_id, key)
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None
        self._ids = itertools.count()
        self.casino_id = casino_id

    async def start(self) -> None:
        """Makes the pool; connections are opened as calls need them."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._connections, keepalive_timeout=KEEP_ALIVE_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=self._timeout,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
            auto_decompress=False,
            trust_env=False,
        )

    async def close(self) -> None:
        """Closes the pool."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    def prepare(self, method: str, params: dict[str, Any]) -> SignedCall:
        """A signed call with a fresh nonce. Every third id is a string, the others integers from 0 on."""
        number = next(self._ids)
        call_id: int | str = f"m-{number}" if number % 3 == 2 else number  # noqa: PLR2004  # every third
        body = _encode({"jsonrpc": "2.0", "method": method, "params": params, "id": call_id})
        signed = self._signer.headers(body, new_nonce(), int(time.time()))
        signed["Content-Type"] = "application/json"
        return SignedCall(method, call_id, body, signed)

    async def send(self, call: SignedCall, meter: Meter) -> Outcome:
        """Sends a call and reads its answer; a timeout or a lost connection is an unknown outcome."""
        if self._session is None:
            raise SimulatorError("the wire is not started; call start() first")
        started = time.perf_counter()
        try:
            async with self._session.post(self._url, data=call.body, headers=call.headers, allow_redirects=False) as answer:
                body = await _read(answer)
                outcome = read_answer(call, answer.status, answer.headers, body, self._signer)
        except TimeoutError:
            outcome = Outcome("unknown", text=f"no answer within {self._timeout.total} s")
        except (aiohttp.ClientError, OSError) as error:
            outcome = Outcome("unknown", text=f"the connection failed: {error!r}")
        meter.callback(outcome.kind, time.perf_counter() - started)
        return outcome


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    if (answer.content_length or 0) <= ANSWER_BYTES_MAX and answer.content_length is not None:
        return await answer.read()
    body = b""
    async for part in answer.content.iter_any():
        body += part
        if len(body) > ANSWER_BYTES_MAX:
            raise aiohttp.ClientPayloadError(f"the answer is larger than {ANSWER_BYTES_MAX} bytes")
    return body
