"""Mascot's HTTP client: signs a call, sends it to the one configured address, reads the answer. Knows nothing of games.

aiohttp does the HTTP. What a provider's callback client has no use for is off: redirects, cookies, proxies, compression.
A POST is never sent again by itself: whoever gets an unknown outcome decides what follows.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

import aiohttp
import msgspec
from msgspec import Struct

from services.simulator.errors import AnswerError, SimulatorError
from services.simulator.measure import Meter
from services.simulator.studios.mascot.answers import Outcome, SignedCall, read_answer
from services.simulator.studios.mascot.signature import Signer, new_nonce

KEEP_ALIVE_S: Final = 60.0
"""Idle connections older than this are not used again: the operator may be closing them just now."""
ANSWER_BYTES_MAX: Final = 65_536

_encode: Final = msgspec.json.Encoder().encode


class Exchange(Struct, frozen=True):
    """A call and what came back. `status` is 0 where nothing did; `took_s` is from sending to the whole answer or giving up."""

    call: SignedCall
    outcome: Outcome
    sent_ms: int
    took_s: float
    status: int = 0
    headers: Mapping[str, str] = {}
    body: bytes = b""


class MascotWire:
    """The connection to one operator; open it before use. `connections` is the most of them at once, `timeout_s` that of one call.

    Raises SimulatorError where `url` is no plain http or https address.
    """

    def __init__(
        self, url: str, *, casino_id: int, key_id: str, key: bytes, timeout_s: float = 10.0, connections: int = 512
    ) -> None:
        _require_plain(url)
        self.url = url
        self._signer = Signer(casino_id, key_id, key)
        self._timeout_s = timeout_s
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None
        self._ids = itertools.count()
        self.casino_id = casino_id

    def open(self) -> None:
        """Makes the wire ready for calls. Belongs to the running event loop from then on; connects only when called."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._connections, keepalive_timeout=KEEP_ALIVE_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=self._timeout_s),
            headers={"Content-Type": "application/json"},
            # An answer's signature is over its bytes as they come, so none may be asked for in another coding.
            skip_auto_headers=("Accept", "Accept-Encoding", "User-Agent"),
            auto_decompress=False,
            trust_env=False,
        )

    async def close(self) -> None:
        """Closes all connections. Calls that are on their way end as unknown."""
        if self._session is not None:
            await self._session.close()

    async def __aenter__(self) -> Self:
        self.open()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    def prepare(self, method: str, params: dict[str, Any]) -> SignedCall:
        """A signed call with a fresh nonce. Every third id is a string, the others integers from 0 on."""
        number = next(self._ids)
        call_id: int | str = f"m-{number}" if number % 3 == 2 else number  # noqa: PLR2004  # every third
        body = _encode({"jsonrpc": "2.0", "method": method, "params": params, "id": call_id})
        return SignedCall(method, call_id, body, self._signer.headers(body, new_nonce(), int(time.time())))

    async def send(self, call: SignedCall, meter: Meter) -> Outcome:
        """Sends a call and reads its answer; a timeout or a lost connection is an unknown outcome."""
        return (await self.exchange(call, meter)).outcome

    async def exchange(self, call: SignedCall, meter: Meter) -> Exchange:
        """As `send`, with the bytes that came back, for those who want to see them."""
        sent_ms, started = time.time_ns() // 1_000_000, time.perf_counter()
        status, body = 0, b""
        headers: Mapping[str, str] = {}
        try:
            status, headers, body = await self._post(call)
        except TimeoutError:
            outcome = Outcome("unknown", text=f"no answer within {self._timeout_s} s")
        except (aiohttp.ClientError, AnswerError, OSError) as error:
            outcome = Outcome("unknown", text=f"the connection failed: {str(error) or type(error).__name__}")
        else:
            outcome = read_answer(call, status, headers, body, self._signer)
        took_s = time.perf_counter() - started
        meter.callback(outcome.kind, took_s)
        return Exchange(call, outcome, sent_ms, took_s, status, headers, body)

    async def _post(self, call: SignedCall) -> tuple[int, Mapping[str, str], bytes]:
        """Status, headers (found by names of any case) and body of the answer, as they came."""
        if self._session is None or self._session.closed:
            raise AnswerError("the wire is not open")
        body = bytearray()
        async with self._session.post(self.url, data=call.body, headers=call.headers, allow_redirects=False) as answer:
            async for part in answer.content.iter_any():
                body += part
                if len(body) > ANSWER_BYTES_MAX:
                    answer.close()  # the rest is not waited for, nor taken for the start of the next answer
                    raise AnswerError(f"the answer is larger than {ANSWER_BYTES_MAX} bytes")
        return answer.status, answer.headers, bytes(body)


def _require_plain(url: str) -> None:
    try:
        parts = urlsplit(url)
        port = 1 if parts.port is None else parts.port
    except ValueError as error:
        raise SimulatorError(f"the callback address {url!r} cannot be read: {error}") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname or not port or parts.username or parts.fragment:
        raise SimulatorError(f"the callback address {url!r} is no plain http or https address")
