"""Hands a seal's root out of the database: to a file that only grows, to a webhook. What is out cannot be changed from inside."""

from __future__ import annotations

import asyncio
import os
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import aiohttp
import msgspec
from tenacity import AsyncRetrying, RetryError, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from services.wallet.audit.canonical import Seal
from shared.errors import StakewireError

ATTEMPTS: Final = 6
WAIT_FIRST_S: Final = 0.5
WAIT_MAX_S: Final = 20.0
TIMEOUT_S: Final = 10.0
FILE_BYTES_MAX: Final = 64 * 1024 * 1024
AGAIN: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})


class HandingOutError(StakewireError):
    """The seal stands in the database, but its root could not be handed out."""


class HandedOutFileError(StakewireError):
    """A file of handed-out roots cannot be read."""


class _NotTaken(Exception):
    """The receiver did not take it this time."""


def append_to_file(path: Path, seal: Seal) -> bool:
    """Adds the seal as one line of JSON and waits until it is on disk; False where it was there already.

    HandingOutError where the file holds another root for that number, or cannot be written.
    """
    try:
        for told in read_file(path) if path.exists() else []:
            if told.seal == seal.seal and told != seal:
                raise HandingOutError(
                    f"{path} holds another root for seal {seal.seal}: {told.root}. It is of another database, or one was changed."
                )
            if told == seal:
                return False
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            size = os.fstat(descriptor).st_size
            torn = bool(size) and os.pread(descriptor, 1, size - 1) != b"\n"
            line = (b"\n" if torn else b"") + msgspec.json.encode(seal) + b"\n"
            if os.write(descriptor, line) != len(line):
                raise OSError("the disk is full")  # told as every other failure to write
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except (OSError, HandedOutFileError) as error:
        raise HandingOutError(f"the root of seal {seal.seal} was not written to {path}: {error}") from error
    return True


def read_file(path: Path) -> list[Seal]:
    """The seals in a file of handed-out roots. HandedOutFileError names the line that is none."""
    seals = []
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise HandedOutFileError(f"{path} is larger than {FILE_BYTES_MAX:,} bytes: it is not a file of roots")
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise HandedOutFileError(f"{path} cannot be read: {error}") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            seals.append(msgspec.json.decode(line, type=Seal))
        except msgspec.DecodeError as error:
            raise HandedOutFileError(f"{path}, line {number} is not a seal: {error}") from error
    return seals


async def post(url: str, seal: Seal, *, wait_first_s: float = WAIT_FIRST_S) -> int:
    """POSTs the seal until the receiver takes it (2xx), a few times at most; returns the number of attempts.

    Each attempt sends the same bytes and the root as `Idempotency-Key`. A 4xx other than 408, 425 and 429 is final.
    HandingOutError where it was not taken.
    """
    where = _without_secrets(url)
    if not where.startswith(("http://", "https://")) or where.endswith("//"):
        raise HandingOutError(f"{where} is no address for a webhook; expected https://host/path")
    retrying = AsyncRetrying(
        retry=retry_if_exception_type((_NotTaken, aiohttp.ClientError, TimeoutError, OSError)),
        stop=stop_after_attempt(ATTEMPTS),
        wait=wait_exponential_jitter(multiplier=wait_first_s, max=WAIT_MAX_S, jitter=wait_first_s),
        sleep=asyncio.sleep,
    )
    attempts = 0
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    async with aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session:
        try:
            async for attempt in retrying:
                attempts += 1
                with attempt:
                    await _post_once(session, url, seal)
        except RetryError as error:
            cause = error.last_attempt.exception()
            text = str(cause) if isinstance(cause, _NotTaken) else type(cause).__name__
            raise HandingOutError(f"{where} did not take the root of seal {seal.seal} in {attempts} attempts: {text}") from error
    return attempts


async def _post_once(session: aiohttp.ClientSession, url: str, seal: Seal) -> None:
    headers = {"Content-Type": "application/json", "Idempotency-Key": seal.root}
    async with session.post(url, data=msgspec.json.encode(seal), headers=headers, allow_redirects=False) as answer:
        status = answer.status
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in AGAIN:
        raise _NotTaken(f"answered {status}")
    raise HandingOutError(f"{_without_secrets(url)} refused the root of seal {seal.seal}: answered {status}")


def _without_secrets(url: str) -> str:
    """An address without what may be secret in it: user, password, path and query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}"
