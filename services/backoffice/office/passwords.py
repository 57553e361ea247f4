"""Passwords as argon2id hashes. Hashing is slow on purpose: it runs beside the event loop, a few at a time."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from functools import lru_cache
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from services.backoffice.office.errors import OfficeError, TooManyAttempts

CHARS_MIN, CHARS_MAX = 12, 128
AT_ONCE: Final = 2
"""Each takes 64 MiB and a core while it runs."""

WAITING_MAX: Final = 16
_hasher: Final = PasswordHasher()
R = TypeVar("R")


class WeakPassword(OfficeError):
    """A password that is too short or too long, or the login itself."""


class Passwords:
    """One for the process."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0

    async def hashed(self, password: str) -> str:
        """The hash of a password that passed `check_strength`."""
        return await self._run(_hasher.hash, password)

    async def fits(self, stored: str, password: str) -> bool:
        """Whether it is the password; without a stored one it takes as long to say no."""
        return await self._run(_verify, stored, password[:CHARS_MAX])

    @staticmethod
    def is_outdated(stored: str) -> bool:
        """Whether a hash was made with weaker parameters than today's."""
        return _hasher.check_needs_rehash(stored)

    async def _run(self, function: Callable[..., R], *arguments: str) -> R:
        if self._waiting >= WAITING_MAX:
            raise TooManyAttempts(2)
        self._waiting += 1
        try:
            async with self._turns:
                return await asyncio.to_thread(function, *arguments)
        finally:
            self._waiting -= 1


def check_strength(password: str, login: str) -> None:
    """WeakPassword where a password is no good."""
    if not CHARS_MIN <= len(password) <= CHARS_MAX:
        raise WeakPassword(f"A password has {CHARS_MIN} to {CHARS_MAX} characters; this one has {len(password)}.")
    if login.lower() in password.lower() or len(set(password)) < 5:  # noqa: PLR2004  # different letters
        raise WeakPassword("This password is too easy to guess: choose one without the login and with more different letters.")


def new_password() -> str:
    """A random password of 120 bits."""
    return secrets.token_urlsafe(15)


def hash_now(password: str) -> str:
    """The hash, at once: for commands."""
    return _hasher.hash(password)


@lru_cache(maxsize=1)
def _nobodys() -> str:
    return _hasher.hash(secrets.token_urlsafe(15))


def _verify(stored: str, password: str) -> bool:
    try:
        _hasher.verify(stored or _nobodys(), password)
    except (Argon2Error, InvalidHashError):
        return False
    return bool(stored)
