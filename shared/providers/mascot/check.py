"""Checks a Mascot account from both sides: the provider's Operator API as it answers us, our callbacks as they answer it.

Changes nothing on either side: it lists games there, and asks here for the balance of a player who does not exist.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import ssl
import time
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Final, NamedTuple

import aiohttp

from shared.errors import SettingsError
from shared.identity import player_key, provider_player_id
from shared.providers.check import CheckStep
from shared.providers.client import ProviderError, ProviderNotConfigured, ProviderRefused
from shared.providers.dialect import Refusal
from shared.providers.mascot import signature
from shared.providers.mascot.api_failures import AnswerNotSigned, error_words, plain
from shared.providers.mascot.client import MascotClient
from shared.providers.mascot.endpoint import Endpoint, find_endpoint
from shared.providers.mascot.settings import MascotSettings, mascot_settings
from shared.settings.accounts import ProviderAccount

CONNECT_S: Final = 5.0
CALLBACK_S: Final = 15.0
CALLBACK_BYTES_MAX: Final = 65_536
DAY_S: Final = 86_400
DAYS_LEFT_MIN: Final = 7
SKEW_OK_S: Final = 10
NOT_DONE: Final = 7
UNKNOWN: Final = 8
_UNAUTHORIZED: Final = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})

CONFIGURED, NAME, CONNECTION, TLS = "provider's address", "name", "connection", "TLS certificate"
CLOCK, OURS, THEIRS, GAMES = "clock", "who we are", "answer's signature", "game list"


def _ok(name: str, found: str) -> CheckStep:
    return CheckStep(name, "ok", found)


def _failed(name: str, found: str, mend: str) -> CheckStep:
    return CheckStep(name, "failed", found, mend)


def _skipped(name: str, found: str) -> CheckStep:
    return CheckStep(name, "skipped", found)


async def check_mascot(account: ProviderAccount, callback_url: str) -> AsyncIterator[CheckStep]:
    """Implements `shared.providers.check.AccountCheck`."""
    try:
        settings = mascot_settings(account)
    except SettingsError as error:
        yield _failed("settings", str(error), "correct the settings file; docs/mascot.md explains each setting")
        return
    yield _ok("settings", f"casino id {settings.casino_id}, keys {', '.join(account.keys) or 'none'}, callbacks by {settings.auth}")
    async for step in _provider_side(account, settings):
        yield step
    if not callback_url:
        yield _skipped("our callbacks", "no stack runs here; start one (`stakewire up`), or name its address with --callback-url")
        return
    async for step in _our_side(account, settings, callback_url):
        yield step


async def _provider_side(account: ProviderAccount, settings: MascotSettings) -> AsyncIterator[CheckStep]:
    try:
        endpoint = find_endpoint(account, settings)
        context = endpoint.tls_context() if endpoint.is_tls else None
    except ProviderNotConfigured as error:
        yield _failed(CONFIGURED, str(error), error.advice)
        return
    how = "a client certificate" if endpoint.key is None else f"signatures of key {endpoint.key.key_id!r}"
    yield _ok(CONFIGURED, f"{endpoint.url} with {how}")
    for step in (await _resolve(endpoint), await _connect(endpoint), await _secure(endpoint, context)):
        yield step
        if step.state == "failed":
            return
    for step in await _ask(account, endpoint):
        yield step


async def _resolve(endpoint: Endpoint) -> CheckStep:
    loop = asyncio.get_running_loop()
    try:
        found = await asyncio.wait_for(loop.getaddrinfo(endpoint.host, endpoint.port), CONNECT_S)
    except (OSError, TimeoutError, UnicodeError):
        return _failed(
            NAME, f"{endpoint.host} has no address", "check the host in operator_api_url, and this machine's name servers"
        )
    addresses = sorted({str(entry[4][0]) for entry in found})
    return _ok(NAME, f"{endpoint.host} is {', '.join(addresses[:4])}")


async def _connect(endpoint: Endpoint) -> CheckStep:
    mend = (
        "check host and port of operator_api_url, our firewall, and that the provider has our outgoing addresses on its allow-list"
    )
    began = time.perf_counter()
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(endpoint.host, endpoint.port), CONNECT_S)
    except TimeoutError:
        return _failed(CONNECTION, f"no connection to {endpoint.where} within {CONNECT_S:.0f} s", mend)
    except OSError as error:
        return _failed(CONNECTION, f"no connection to {endpoint.where}: {plain(error.strerror or error)}", mend)
    took_ms = (time.perf_counter() - began) * 1_000
    await _end(writer)
    return _ok(CONNECTION, f"{endpoint.where} in {took_ms:.0f} ms")


async def _secure(endpoint: Endpoint, context: ssl.SSLContext | None) -> CheckStep:
    if context is None:
        return _skipped(TLS, "http:// on this machine or a private network: nothing is encrypted")
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(endpoint.host, endpoint.port, ssl=context), CONNECT_S)
    except ssl.SSLCertVerificationError as error:
        mend = "check the host in operator_api_url; with authorities of the provider's own, set operator_api_ca to their PEM file"
        return _failed(TLS, f"the certificate of {endpoint.where} is not accepted: {plain(error.verify_message)}", mend)
    except (OSError, TimeoutError) as error:
        reason = plain(getattr(error, "reason", "") or str(error) or "no answer in time")
        return _failed(
            TLS, f"{endpoint.where} did not agree to an encrypted connection: {reason}", "check the port; ask the provider"
        )
    tls: ssl.SSLObject = writer.get_extra_info("ssl_object")
    certificate, version = tls.getpeercert() or {}, tls.version()
    await _end(writer)
    days = int((ssl.cert_time_to_seconds(str(certificate["notAfter"])) - time.time()) // DAY_S)
    found = f"valid for {endpoint.host}, {days} days left, {version}"
    if days < DAYS_LEFT_MIN:
        return _failed(TLS, found, "tell the provider that its certificate is about to expire")
    return _ok(TLS, found)


async def _end(writer: asyncio.StreamWriter) -> None:
    writer.close()
    try:
        await asyncio.wait_for(writer.wait_closed(), CONNECT_S)
    except (OSError, TimeoutError):
        return  # The other side was quicker.


async def _ask(account: ProviderAccount, endpoint: Endpoint) -> list[CheckStep]:
    """One `Game.List` tells of the clock, of who we are to the provider, of its signature, and of the games."""
    client = MascotClient(account)
    await client.start()
    try:
        games = await client.games()
    except ProviderError as error:
        return [_clock(client.api.clock_skew_s), *_told(error)]
    finally:
        await client.close()
    signed = endpoint.key is not None and endpoint.verify_answers
    found = f"{len(games)} games, {sum(game.free_rounds for game in games)} with free rounds, {sum(game.demo for game in games)} with demo"
    return [
        _clock(client.api.clock_skew_s),
        _ok(OURS, f"the provider knows {endpoint.subject.decode()}; it answered in {client.health.last_ok_latency_ms:.0f} ms"),
        _ok(THEIRS, "under our key, nonce and time") if signed else _skipped(THEIRS, "answers are not signed, or not to be verified"),
        _ok(GAMES, found) if games else _failed(GAMES, "the list is empty", f"ask the provider to enable games for {endpoint.subject.decode()}"),
    ]  # fmt: skip


def _told(error: ProviderError) -> list[CheckStep]:
    """The steps of a failed call: the one that it failed at, and what follows from it."""
    if isinstance(error, AnswerNotSigned):
        return [_failed(THEIRS, str(error), error.advice)]
    if isinstance(error, ProviderRefused):
        return [_failed(OURS, str(error), error.advice)]
    return [_failed(GAMES, str(error), error.advice)]


def _clock(skew_s: float | None) -> CheckStep:
    if skew_s is None:
        return _skipped(CLOCK, "the provider told no time")
    # The Date header has whole seconds, cut off.
    off_s = max(abs(skew_s) - 1, 0)
    if off_s <= SKEW_OK_S:
        return _ok(CLOCK, f"within {off_s + 1:.0f} s of the provider's")
    which = "behind" if skew_s > 0 else "ahead of"
    return _failed(CLOCK, f"ours is {off_s:.0f} s {which} the provider's", "set this machine's clock by NTP: timestamps are signed")


class _Received(NamedTuple):
    status: int
    headers: dict[bytes, bytes]
    body: bytes


async def _our_side(account: ProviderAccount, settings: MascotSettings, url: str) -> AsyncIterator[CheckStep]:
    body = _balance_question(account, settings)
    if settings.auth == "mtls":
        yield _stranger("our callbacks", await _post(url, body, {}), url)
        return
    subject = b"casino:%d" % settings.casino_id
    for key in signature.mac_keys(account.keys).values():
        name = f"our callbacks, key {key.key_id}"
        nonce, timestamp = secrets.randbits(64), int(time.time())
        signed = signature.sign(key, subject, nonce, timestamp, body)
        received = await _post(url, body, {header.decode(): value.decode() for header, value in signed})
        if isinstance(received, str):
            yield _failed(name, received, "see `stakewire status`; through a public address, check the reverse proxy")
            continue
        verified = signature.verify(
            received.headers, received.body, subject=subject, keys={key.key_id.encode(): key}, now_s=timestamp, window_s=0
        )
        proven = not isinstance(verified, Refusal) and verified.nonce == nonce
        yield _judged(name, received, json.loads(body)["id"], proven=proven)


def _balance_question(account: ProviderAccount, settings: MascotSettings) -> bytes:
    """A getBalance of a player who certainly does not exist, in the account's first currency."""
    wire, entry = next(iter(account.currencies.items()))
    player = provider_player_id(player_key(account.brands[0], f"account-check-{secrets.token_hex(16)}"), entry.mapping.currency)
    params = {"callerId": settings.casino_id, "playerName": player, "currency": wire}
    return json.dumps({"jsonrpc": "2.0", "method": "getBalance", "params": params, "id": secrets.randbits(31)}).encode()


async def _post(url: str, body: bytes, headers: dict[str, str]) -> _Received | str:
    """What the gateway answers, or in words why there was no answer."""
    limit = aiohttp.ClientTimeout(total=CALLBACK_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=limit, trust_env=False, cookie_jar=aiohttp.DummyCookieJar()) as session,
            session.post(
                url, data=body, headers={**headers, "Content-Type": "application/json"}, allow_redirects=False
            ) as response,
        ):
            read = bytearray()
            async for chunk in response.content.iter_chunked(CALLBACK_BYTES_MAX):
                read += chunk
                if len(read) > CALLBACK_BYTES_MAX:
                    return f"{url} answered with more than {CALLBACK_BYTES_MAX} bytes"
            found = {name.lower().encode(): value.encode("utf-8", "surrogateescape") for name, value in response.headers.items()}
            return _Received(response.status, found, bytes(read))
    except TimeoutError:
        return f"{url} did not answer within {CALLBACK_S:.0f} s"
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return f"{url} cannot be called: {plain(getattr(error, 'strerror', None) or type(error).__name__)}"


def _judged(name: str, received: _Received, question_id: int, *, proven: bool) -> CheckStep:
    """Whether an answer is the one that the provider would need: error 7 for an unknown player, signed, with our id."""
    status = received.status
    if status == HTTPStatus.NOT_FOUND:
        return _failed(
            name, "the gateway does not know this account", "restart the gateway: it reads the settings file at its start"
        )
    if status == HTTPStatus.FORBIDDEN:
        return _skipped(name, "the gateway admits only the addresses in allowed_addresses, and this machine's is not among them")
    document = _document(received.body)
    code, message = error_words(document["error"]) if "error" in document else (None, "")
    if not proven:
        return _failed(
            name,
            f"the answer (HTTP {status}{f', {message}' if message else ''}) is not signed under this key",
            "restart the gateway, which reads the keys at its start; check its clock; a proxy in between must not change bodies or X- headers",
        )
    if document.get("id") != question_id:
        return _failed(name, "the answer has another id than the question", "a proxy in between mixes up answers: look at it")
    if code == UNKNOWN:
        return _failed(name, "the wallet did not answer in time", "see `stakewire status`, and the wallet's and Kafka's logs")
    if code != NOT_DONE:
        found = f"an unknown player's balance was answered with {'an amount' if code is None else f'error {code} ({message})'}"
        return _failed(name, found, "compare casino_id and currency_map of this file with those that the gateway was started with")
    return _ok(name, "properly signed, and the wallet answered")


def _stranger(name: str, received: _Received | str, url: str) -> CheckStep:
    """In mTLS mode only the provider can pass; a stranger must not."""
    if isinstance(received, str):
        return _failed(name, received, "see `stakewire status`; through a public address, check the reverse proxy")
    if received.status in _UNAUTHORIZED:
        return _ok(name, f"a call without the provider's certificate is refused (HTTP {received.status}), as it must be")
    if received.status == HTTPStatus.NOT_FOUND:
        return _failed(
            name, "the gateway does not know this account", "restart the gateway: it reads the settings file at its start"
        )
    return _failed(
        name,
        f"{url} answered HTTP {received.status} to a call without the provider's certificate",
        "the reverse proxy must verify client certificates, and remove certificate_header from what it receives",
    )


def _document(body: bytes) -> dict[str, object]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
