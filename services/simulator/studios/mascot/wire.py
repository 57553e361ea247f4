"""Mascot's HTTP client: signs a call, sends it to the one configured address, reads the answer. Knows nothing of games."""

from __future__ import annotations

import itertools
import time
from types import TracebackType
from typing import Any, Final, Self

import msgspec

from services.simulator.http_pool import HttpError, HttpPool
from services.simulator.measure import Meter
from services.simulator.studios.mascot.answers import Outcome, SignedCall, read_answer
from services.simulator.studios.mascot.signature import Signer, new_nonce

_encode: Final = msgspec.json.Encoder().encode


class MascotWire:
    """The connection to one operator. `connections` is the limit of the pool, `timeout_s` that of one call."""

    def __init__(
        self, url: str, *, casino_id: int, key_id: str, key: bytes, timeout_s: float = 10.0, connections: int = 512
    ) -> None:
        self._pool = HttpPool(url, timeout_s=timeout_s, connections=connections)
        self._signer = Signer(casino_id, key_id, key)
        self._timeout_s = timeout_s
        self._ids = itertools.count()
        self.casino_id = casino_id

    def close(self) -> None:
        """Closes all connections."""
        self._pool.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def prepare(self, method: str, params: dict[str, Any]) -> SignedCall:
        """A signed call with a fresh nonce. Every third id is a string, the others integers from 0 on."""
        number = next(self._ids)
        call_id: int | str = f"m-{number}" if number % 3 == 2 else number  # noqa: PLR2004  # every third
        body = _encode({"jsonrpc": "2.0", "method": method, "params": params, "id": call_id})
        signed = self._signer.headers(body, new_nonce(), int(time.time()))
        lines = "Content-Type: application/json\r\n" + "".join(f"{name}: {value}\r\n" for name, value in signed.items())
        return SignedCall(method, call_id, body, signed, lines.encode("ascii"))

    async def send(self, call: SignedCall, meter: Meter) -> Outcome:
        """Sends a call and reads its answer; a timeout or a lost connection is an unknown outcome."""
        started = time.perf_counter()
        try:
            answer = await self._pool.post(call.lines, call.body)
        except TimeoutError:
            outcome = Outcome("unknown", text=f"no answer within {self._timeout_s} s")
        except (HttpError, OSError) as error:
            outcome = Outcome("unknown", text=f"the connection failed: {error}")
        else:
            outcome = read_answer(call, answer.status, answer.headers, answer.body, self._signer)
        meter.callback(outcome.kind, time.perf_counter() - started)
        return outcome
