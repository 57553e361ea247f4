"""The operator API as the lobby calls it, over aiohttp. The key stays on this side: no page and no log ever sees it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
import structlog
from pydantic import SecretStr

from services.catalogue.lobby import problems as p
from shared.web.problems import Problem

log = structlog.get_logger(__name__)

# A launch may wait for another one of the same player, then for the provider.
TIMEOUT_S: Final = 40.0
CONNECT_S: Final = 3.0
CONNECTIONS_MAX: Final = 32
ANSWER_BYTES_MAX: Final = 1_048_576
TEXT_CHARS_MAX: Final = 500
OK_FROM, OK_BELOW = 200, 300
SERVERS_FAULT: Final = 500
KEY_REFUSED: Final = frozenset({401, 403})


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer."""

    status: int
    content: Mapping[str, Any]
    replayed: bool


class OperatorApi:
    """A client with one key. `start` before use, `close` at the end."""

    def __init__(self, url: str, key: SecretStr) -> None:
        self._url = url.rstrip("/")
        self._key = key
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Makes the connections' pool; connects to nothing yet."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=CONNECTIONS_MAX),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=TIMEOUT_S, sock_connect=CONNECT_S),
            trust_env=False,
        )

    async def close(self) -> None:
        """Closes all connections."""
        if self._session is not None:
            await self._session.close()

    async def call(self, method: str, path: str, body: Mapping[str, Any] | None = None, *, idempotency_key: str = "") -> Answer:
        """One request.

        Raises Problem: `operator-away` where nothing usable came back or our key is not taken, else `operator-refused`
        with the operator API's own words and its problem type as `cause`.
        """
        assert self._session is not None, "started"
        headers = {"Authorization": f"Bearer {self._key.get_secret_value()}"}
        if idempotency_key:
            headers["Idempotency-Key"] = idempotency_key
        try:
            async with self._session.request(
                method, f"{self._url}{path}", json=body, headers=headers, allow_redirects=False
            ) as answer:
                content = _object(await _whole(answer))
                status, replayed = answer.status, "Idempotent-Replayed" in answer.headers
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            log.warning("the operator API did not answer the lobby", method=method, path=path, cause=repr(error))
            raise Problem(p.OPERATOR_AWAY, "the operator API did not answer") from error
        if OK_FROM <= status < OK_BELOW:
            return Answer(status, content, replayed)
        raise _refused(status, content)


async def _whole(answer: aiohttp.ClientResponse) -> bytes:
    found = bytearray()
    async for part in answer.content.iter_any():
        found += part
        if len(found) > ANSWER_BYTES_MAX:
            raise ValueError(f"the answer has more than {ANSWER_BYTES_MAX} bytes")
    return bytes(found)


def _object(body: bytes) -> dict[str, Any]:
    content = json.loads(body)
    if not isinstance(content, dict):
        raise ValueError("the answer is no JSON object")  # noqa: TRY004  # told on as what cannot be used
    return content


def _refused(status: int, told: Mapping[str, Any]) -> Problem:
    cause = _text(told.get("type")).removeprefix("/problems/")
    title, detail, advice = (_text(told.get(name)) for name in ("title", "detail", "advice"))
    if status in KEY_REFUSED:
        log.error("the operator API does not take the lobby's key", status=status, cause=detail)
        advice = (
            "STAKEWIRE_LOBBY_OPERATOR_KEY_FILE must hold a valid key with the scopes play, money and read (`stakewire keys list`)."
        )
        return Problem(p.OPERATOR_AWAY, "the operator API does not take the lobby's key", advice=advice, cause=cause)
    kind = p.OPERATOR_AWAY if status >= SERVERS_FAULT or not detail else p.OPERATOR_REFUSED
    facts: dict[str, Any] = {"cause": cause} | ({"title": title} if title else {})
    return Problem(kind, detail or f"the operator API answered with {status}", advice=advice, **facts)


def _text(value: object) -> str:
    return value[:TEXT_CHARS_MAX] if isinstance(value, str) else ""
