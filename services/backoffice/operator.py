"""The operator API as the back office calls it: the one way by which it changes money and players.

One key a brand. A change carries an Idempotency-Key and is repeated under it where no answer came; whether it was done is
then told honestly: done, refused in the operator API's words, nothing done, or nobody knows. Keys reach no page and no log.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
import structlog
from pydantic import SecretStr

from services.backoffice.settings import PREFIX, BackofficeSettings
from shared.errors import SettingsError, StakewireError

log = structlog.get_logger(__name__)

TIMEOUT_S: Final = 12.0
"""For one attempt: longer than the operator API waits for the wallet."""

CONNECT_S: Final = 3.0
ATTEMPTS_MAX: Final = 3
PAUSE_S: Final = 0.4
CONNECTIONS_MAX: Final = 16
ANSWER_BYTES_MAX: Final = 2_097_152
TEXT_CHARS_MAX: Final = 500
FIRST_BRAND: Final = "main"
OK_BELOW, REFUSED_BELOW, SERVERS_FAULT = 300, 500, 500
UNAVAILABLE: Final = "unavailable"
OUTCOME_UNKNOWN: Final = "outcome-unknown"
KEY_REFUSED: Final = frozenset({"unauthenticated", "scope-missing", "brand-forbidden"})


class OperatorError(StakewireError):
    """The operator API did not do what was asked. `outcome` is what the audit log says of it: refused, failed, unknown.

    `problem` is the operator API's problem type, empty where it did not answer.
    """

    outcome = "failed"

    def __init__(self, message: str, *, problem: str = "", advice: str = "") -> None:
        super().__init__(message)
        self.problem = problem
        self.advice = advice


class OperatorRefused(OperatorError):
    """It said no, in its own words: nothing was done."""

    outcome = "refused"


class OperatorAway(OperatorError):
    """It cannot be reached, has no key of ours, or cannot do it now: nothing was done."""


class OutcomeUnknown(OperatorError):
    """It was asked, and nobody knows whether it was done. Look at the player before asking again."""

    outcome = "unknown"


@dataclass(frozen=True, slots=True)
class Answer:
    """A success. `replayed`: it had been done before, under the same Idempotency-Key."""

    content: Mapping[str, Any]
    replayed: bool


def operator_keys(settings: BackofficeSettings) -> dict[str, SecretStr]:
    """The keys by brand; none where the settings have none. SettingsError where a file cannot be read."""
    files: dict[str, tuple[str, Path]] = {}
    if settings.operator_key_file is not None:
        files[FIRST_BRAND] = ("OPERATOR_KEY_FILE", settings.operator_key_file)
    for entry in filter(None, settings.operator_key_files.split(",")):
        brand, _, path = entry.partition("=")
        files[brand] = ("OPERATOR_KEY_FILES", Path(path))
    return {brand: _key(f"{PREFIX}{setting}", path) for brand, (setting, path) in files.items()}


def _key(setting: str, path: Path) -> SecretStr:
    try:
        key = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{setting}: {path} cannot be read: {error}") from error
    if not key or not key.isascii() or not key.isprintable():
        raise SettingsError(f"{setting}: {path} does not hold a key on one line")
    return SecretStr(key)


class OperatorApi:
    """A client with a key for each brand. `start` before use, `close` at the end."""

    def __init__(self, url: str, keys: Mapping[str, SecretStr]) -> None:
        self._url = url.rstrip("/")
        self._keys = dict(keys)
        self._session: aiohttp.ClientSession | None = None

    @property
    def brands(self) -> tuple[str, ...]:
        """The brands that there is a key for, the first one of the settings first."""
        return tuple(self._keys) if self._url else ()

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

    async def get(self, brand: str, path: str) -> Mapping[str, Any]:
        """What the operator API shows; OperatorRefused (`player-not-found`, ...) or OperatorAway."""
        return (await self._call(brand, "GET", path, None, {})).content

    async def change(
        self, brand: str, method: str, path: str, body: Mapping[str, Any] | None, *, acting: str, idempotency_key: str
    ) -> Answer:
        """Changes something for the person `acting`. OperatorRefused, OperatorAway, or OutcomeUnknown.

        `idempotency_key` is new for each intended effect: the same one, sent again, moves nothing twice.
        """
        headers = {"Idempotency-Key": idempotency_key, "X-Acting-User": acting}
        return await self._call(brand, method, path, body, headers)

    async def _call(self, brand: str, method: str, path: str, body: Mapping[str, Any] | None, headers: Mapping[str, str]) -> Answer:
        key = self._keys.get(brand)
        if not self._url or key is None:
            advice = f"Set {PREFIX}OPERATOR_API_URL and a key file for the brand {brand!r}."
            raise OperatorAway(f"There is no key of the operator API for the brand {brand!r}: nothing was done.", advice=advice)
        sent = {"Authorization": f"Bearer {key.get_secret_value()}", **headers}
        maybe_done, last = False, ""
        for attempt in range(ATTEMPTS_MAX):
            if attempt:
                await asyncio.sleep(PAUSE_S * attempt)
            try:
                return await self._once(method, path, body, sent)
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
                # A connection that never stood carried nothing; whatever broke later may have.
                maybe_done = maybe_done or not isinstance(error, aiohttp.ClientConnectorError)
                last = repr(error)
            except OutcomeUnknown as error:
                maybe_done, last = True, str(error)
        log.warning("the operator API did not answer the back office", method=method, path=path, cause=last)
        if method == "GET" or not maybe_done:
            raise OperatorAway("The operator API cannot be reached now: nothing was done.", advice="Try again in a moment.")
        raise OutcomeUnknown(
            "Nobody knows yet whether this was done: no usable answer came.",
            problem=OUTCOME_UNKNOWN,
            advice="Look at the player in a moment. Then send the same once more, word for word: it is not done twice.",
        )

    async def _once(self, method: str, path: str, body: Mapping[str, Any] | None, headers: Mapping[str, str]) -> Answer:
        assert self._session is not None, "started"
        async with self._session.request(method, f"{self._url}{path}", json=body, headers=headers, allow_redirects=False) as told:
            content = _object(await _whole(told))
            if told.status < OK_BELOW:
                return Answer(content, "Idempotent-Replayed" in told.headers)
            raise _refusal(told.status, content, changes="Idempotency-Key" in headers)


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


def _refusal(status: int, told: Mapping[str, Any], *, changes: bool) -> OperatorError:
    problem = _text(told.get("type")).removeprefix("/problems/")
    words = ". ".join(filter(None, (_text(told.get("title")), _text(told.get("detail")))))
    advice = _text(told.get("advice"))
    if problem in KEY_REFUSED:
        log.error("the operator API does not take the back office's key", status=status, cause=words)
        advice = f"The key in {PREFIX}OPERATOR_KEY_FILE needs the scopes read, play, money and admin (`stakewire keys list`)."
        return OperatorAway(f"The operator API does not take our key: {words}", problem=problem, advice=advice)
    if problem == UNAVAILABLE:
        return OperatorAway(f"{words}: nothing was done.", problem=problem, advice=advice)
    if status >= SERVERS_FAULT and changes:
        return OutcomeUnknown(words, problem=problem, advice=advice)
    if status >= SERVERS_FAULT or not words:
        return OperatorAway(words or f"The operator API answered {status}.", problem=problem, advice=advice)
    return OperatorRefused(f"{words}.", problem=problem, advice=advice)


def _text(value: object) -> str:
    return value[:TEXT_CHARS_MAX].rstrip(".") if isinstance(value, str) else ""
