"""The wire of Mascot's Operator API v1: JSON-RPC 2.0 over HTTPS POST, signed or by client certificate, with every limit.

One pool of connections an account. Knows no method's meaning: `client` does. Source: sections 1 and 3 of the provider's
protocol; an answer is signed with our own nonce and timestamp over its exact bytes.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
import time
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any, Final, NamedTuple

import aiohttp
import msgspec
import tenacity

from shared.providers.client import ProviderNotConfigured, ProviderTimeout
from shared.providers.dialect import Refusal
from shared.providers.mascot import api_failures as failures
from shared.providers.mascot import signature
from shared.providers.mascot.api_failures import CallFailed
from shared.providers.mascot.endpoint import Endpoint
from shared.providers.monitor import CallMonitor

ANSWER_BYTES_MAX: Final = 256 * 1024
LIST_BYTES_MAX: Final = 16 * 1024 * 1024
CHUNK_BYTES: Final = 65_536
CONNECTIONS_MAX: Final = 32
KEEP_ALIVE_S: Final = 15.0
CONNECT_S_MAX: Final = 3.0
DNS_CACHE_S: Final = 30
ATTEMPTS_MAX: Final = 4
WAIT_FIRST_S: Final = 0.2
WAIT_S_MAX: Final = 1.5
SHORTEST_CALL_S: Final = 0.05

_USER_AGENT: Final = "stakewire"


class Answer(NamedTuple):
    """A proper answer: the result's JSON, how long it took, and the key id that signed it ("" where none is demanded)."""

    result: msgspec.Raw
    latency_ms: float
    key_id: str


class _Received(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes
    skew_s: float | None


class _Envelope(msgspec.Struct):
    id: Any = None
    result: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    error: Any = None


class _Question(NamedTuple):
    method: str
    id: int
    body: bytes
    nonce: int
    timestamp: int


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(_Envelope).decode


class OperatorApi:
    """Calls one account's Operator API. `start` before the first call, `close` after the last."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.monitor = CallMonitor(endpoint.account)
        self._session: aiohttp.ClientSession | None = None
        self._ids = itertools.count(1)
        self.clock_skew_s: float | None = None
        """How far the provider's clock is ahead of ours, by its last answer; None where it told none."""

    async def start(self) -> None:
        """Opens the pool; calls nobody. ProviderNotConfigured where certificates cannot be used."""
        if self._session is not None:
            return
        endpoint = self.endpoint
        connector = aiohttp.TCPConnector(
            ssl=endpoint.tls_context() if endpoint.is_tls else True,
            limit=CONNECTIONS_MAX,
            limit_per_host=CONNECTIONS_MAX,
            keepalive_timeout=KEEP_ALIVE_S,
            ttl_dns_cache=DNS_CACHE_S,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            headers={"Content-Type": "application/json", "Accept-Encoding": "identity", "User-Agent": _USER_AGENT},
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            trace_configs=[_connection_trace()],
        )

    async def close(self) -> None:
        """Closes all connections; may be repeated."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def deadline(self) -> float:
        """When an operation that begins now must be over, on the event loop's clock."""
        return asyncio.get_running_loop().time() + self.endpoint.deadline_s

    async def call(
        self, method: str, params: dict[str, Any], *, safe: bool, deadline: float | None = None, bytes_max: int = ANSWER_BYTES_MAX
    ) -> Answer:
        """Makes one call, and makes it again where that is safe and may help.

        Args:
            method: the provider's name of it, from a fixed set.
            params: as JSON; amounts in the provider's minor units.
            safe: whether repeating it changes nothing. Otherwise it is repeated only if it certainly was not carried out.
            deadline: of the whole operation, from `deadline()`.
            bytes_max: longest answer.

        Raises:
            ProviderError: with advice, and with what may have happened.
        """
        limit = self.deadline() if deadline is None else deadline
        retrying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception(lambda error: _may_repeat(error, safe=safe)),
            stop=lambda state: state.attempt_number >= ATTEMPTS_MAX or _too_late(state, limit),
            wait=tenacity.wait_random_exponential(multiplier=WAIT_FIRST_S, max=WAIT_S_MAX),
            before_sleep=lambda _: self.monitor.repeated(method),
            reraise=True,
        )
        try:
            return await retrying(self._watched, method, params, limit, bytes_max)
        except CallFailed as failure:
            failure.error.may_have_happened = failure.uncertain and not safe
            raise failure.error from None

    async def _watched(self, method: str, params: dict[str, Any], limit: float, bytes_max: int) -> Answer:
        """One attempt, watched by the monitor."""
        began = time.perf_counter()
        try:
            answer = await self._attempt(method, params, limit, bytes_max)
        except CallFailed as failure:
            self.monitor.failed(method, time.perf_counter() - began, failure.error, proper_answer=failure.proper_answer)
            raise
        latency_s = time.perf_counter() - began
        self.monitor.answered(method, latency_s)
        return answer._replace(latency_ms=round(latency_s * 1_000, 3))

    async def _attempt(self, method: str, params: dict[str, Any], limit: float, bytes_max: int) -> Answer:
        left_s = limit - asyncio.get_running_loop().time()
        if left_s < SHORTEST_CALL_S:
            error = ProviderTimeout(
                f"{self.endpoint.where} was too slow: no time is left for {method}",
                advice="see what the provider's earlier calls took; if it is only slow, raise operator_api_deadline_s",
            )
            raise CallFailed(error, uncertain=False)
        question = self._question(method, params)
        received = await self._exchange(question, min(self.endpoint.timeout_s, left_s), bytes_max)
        self.clock_skew_s = received.skew_s
        key_id = self._signer(question, received)
        envelope = self._envelope(received)
        self._check_status(received, envelope, key_id)
        if key_id is None:
            raise failures.not_signed(self.endpoint, None if envelope is None else envelope.error)
        if envelope is None:
            raise failures.invalid(self.endpoint, f"what it sent ({len(received.body)} bytes) is no JSON-RPC object")
        if envelope.error is not None:
            if envelope.id is not None and not _same_id(envelope.id, question.id):
                raise failures.invalid(self.endpoint, "the answer is for another question (its id is not ours)")
            raise failures.refused(self.endpoint, method, envelope.error, received.status)
        if not _same_id(envelope.id, question.id):
            raise failures.invalid(self.endpoint, "the answer is for another question (its id is not ours)")
        if isinstance(envelope.result, msgspec.UnsetType):
            raise failures.invalid(self.endpoint, "the answer has neither result nor error")
        return Answer(envelope.result, 0.0, key_id)

    def _question(self, method: str, params: dict[str, Any]) -> _Question:
        number = next(self._ids)
        body = _encode({"jsonrpc": "2.0", "method": method, "params": params, "id": number})
        return _Question(method, number, body, secrets.randbits(64), int(time.time()))

    async def _exchange(self, question: _Question, limit_s: float, bytes_max: int) -> _Received:
        session = self._session
        if session is None:
            error = ProviderNotConfigured(f"the client of {self.endpoint.account} is not started", advice="await start() first")
            raise CallFailed(error, uncertain=False)
        connection = SimpleNamespace(there=False)
        timeout = aiohttp.ClientTimeout(total=limit_s, connect=min(CONNECT_S_MAX, limit_s))
        try:
            async with session.post(
                self.endpoint.url,
                data=question.body,
                headers=self._headers(question),
                timeout=timeout,
                allow_redirects=False,
                trace_request_ctx=connection,
            ) as response:
                now_s = time.time()
                body = await self._read(response, bytes_max)
                return _Received(response.status, dict(response.headers), body, failures.clock_skew_s(response.headers, now_s))
        except (aiohttp.ClientError, OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            shown_s = limit_s if connection.there else timeout.connect or limit_s
            raise failures.broken(self.endpoint, error, connected=connection.there, limit_s=shown_s) from error

    async def _read(self, response: aiohttp.ClientResponse, bytes_max: int) -> bytes:
        if response.headers.get("Content-Encoding", "identity").lower() not in {"", "identity"}:
            raise failures.invalid(self.endpoint, "the answer is compressed, which we did not ask for")
        body = bytearray()
        async for chunk in response.content.iter_chunked(CHUNK_BYTES):
            body += chunk
            if len(body) > bytes_max:
                raise failures.invalid(self.endpoint, f"the answer is longer than {bytes_max} bytes")
        return bytes(body)

    def _headers(self, question: _Question) -> dict[str, str]:
        key = self.endpoint.key
        if key is None:
            return {}
        signed = signature.sign(key, self.endpoint.subject, question.nonce, question.timestamp, question.body)
        return {name.decode().title(): value.decode() for name, value in signed}

    def _signer(self, question: _Question, received: _Received) -> str | None:
        """The key id under which an answer is signed; "" where it need not be, None where it is not.

        A header that the answer leaves out stands for ours; one that differs from ours is no answer to us.
        """
        endpoint = self.endpoint
        if endpoint.key is None or not endpoint.verify_answers:
            return ""
        sent = {name.lower(): value.encode("utf-8", "surrogateescape") for name, value in received.headers.items()}
        headers = {
            signature.SUBJECT: endpoint.subject,
            signature.NONCE: sent.get("x-nonce", b"%d" % question.nonce),
            signature.TIMESTAMP: sent.get("x-timestamp", b"%d" % question.timestamp),
            signature.SIGNATURE: sent.get("x-signature", b""),
        }
        verified = signature.verify(
            headers, received.body, subject=endpoint.subject, keys=endpoint.keys, now_s=question.timestamp, window_s=0
        )
        if isinstance(verified, Refusal) or verified.nonce != question.nonce:
            return None
        return verified.key_id

    @staticmethod
    def _envelope(received: _Received) -> _Envelope | None:
        try:
            return _decode(received.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None

    def _check_status(self, received: _Received, envelope: _Envelope | None, key_id: str | None) -> None:
        """An HTTP status that is no success is a failure of its own, unless a believable error object says more."""
        if HTTPStatus.OK <= received.status < HTTPStatus.MULTIPLE_CHOICES:
            return
        error = None if envelope is None else envelope.error
        known = received.status in {
            HTTPStatus.UNAUTHORIZED,
            HTTPStatus.FORBIDDEN,
            HTTPStatus.NOT_FOUND,
            HTTPStatus.TOO_MANY_REQUESTS,
        }
        if error is None or key_id is None or known:
            raise failures.bad_status(self.endpoint, received.status, failures.error_words(error)[1], received.skew_s)


def _connection_trace() -> aiohttp.TraceConfig:
    """Marks a call's context once it has a connection: from then on the request may have gone out."""
    trace = aiohttp.TraceConfig()

    async def mark(_session: object, context: SimpleNamespace, _params: object) -> None:
        context.trace_request_ctx.there = True

    trace.on_connection_create_end.append(mark)
    trace.on_connection_reuseconn.append(mark)
    return trace


def _may_repeat(error: BaseException, *, safe: bool) -> bool:
    return isinstance(error, CallFailed) and error.transient and (safe or not error.uncertain)


def _too_late(state: tenacity.RetryCallState, limit: float) -> bool:
    return asyncio.get_running_loop().time() + state.upcoming_sleep + SHORTEST_CALL_S > limit


def _same_id(got: object, ours: int) -> bool:
    return type(got) is int and got == ours
