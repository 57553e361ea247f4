"""An access key as a value, and its token: made here, shown once, kept as SHA-256 only."""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

SCOPES: Final = ("play", "money", "read", "admin")
"""`play`: players, sessions, free rounds. `money`: deposits and withdrawals. `read`: whatever changes nothing. `admin`: switches, blocks."""

TOKEN_PREFIX: Final = "sw_"  # noqa: S105  # what every token begins with, so that a leaked one is recognised
TOKEN_BYTES: Final = 32
TOKEN_CHARS_MIN: Final = 32
TOKEN_CHARS_MAX: Final = 512
KEY_ID_BYTES: Final = 5

KeyState = Literal["active", "expired", "revoked"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key without its token. `key_id` is public and names it in lists and logs; times carry their zone."""

    key_id: str
    brand: str
    scopes: frozenset[str]
    label: str = ""
    created_at: datetime
    created_by: str = ""
    expires_at: datetime | None = None
    revoked_at: datetime | None = None

    def state_at(self, now: datetime) -> KeyState:
        """Whether the key opens anything at that time."""
        if self.revoked_at is not None and self.revoked_at <= now:
            return "revoked"
        if self.expires_at is not None and self.expires_at <= now:
            return "expired"
        return "active"


def new_token() -> str:
    """A token of 256 random bits: `sw_` and 43 URL-safe characters."""
    return TOKEN_PREFIX + secrets.token_urlsafe(TOKEN_BYTES)


def hash_token(token: str) -> bytes:
    """What is kept of a token. Plain SHA-256 is enough for 256 random bits: there is nothing to guess."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def new_key_id() -> str:
    """A short public name: `key_` and 8 characters of a-z and 2-7."""
    return "key_" + base64.b32encode(secrets.token_bytes(KEY_ID_BYTES)).decode().lower()
