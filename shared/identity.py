"""Who is who: player keys, the ids providers see, session ids and tokens, and the partition a player lives on.

All of it is computed, never looked up, so that any gateway can route a call that carries only an id.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import zlib
from typing import Final

PLAYER_KEY_CHARS: Final = 16
_PLAYER_KEY: Final = re.compile(r"[a-z2-7]{16}")
_PROVIDER_PLAYER_ID: Final = re.compile(r"([a-z2-7]{16})_([A-Z0-9]{2,12})")
_KEYED_ID: Final = re.compile(r"([a-z2-7]{16})\.[A-Za-z0-9_-]{8,64}")


def player_key(brand: str, operator_player_id: str) -> str:
    """Lower-case base32 of the first 10 bytes of SHA-256(brand, 0x1f, operator's player id): 16 characters."""
    digest = hashlib.sha256(brand.encode() + b"\x1f" + operator_player_id.encode()).digest()
    return base64.b32encode(digest[:10]).decode().lower()


def is_player_key(text: str) -> bool:
    """Whether `text` has the form of a player key."""
    return _PLAYER_KEY.fullmatch(text) is not None


def provider_player_id(key: str, currency: str) -> str:
    """The id towards every provider: one provider player a (player, currency)."""
    return f"{key}_{currency}"


def parse_provider_player_id(text: str) -> tuple[str, str] | None:
    """(player key, currency), or None where the text is no id of ours: PLAYER_NOT_FOUND without a command."""
    match = _PROVIDER_PLAYER_ID.fullmatch(text)
    return (match[1], match[2]) if match else None


def new_keyed_id(key: str) -> str:
    """A fresh id that starts with the player key: session ids, free-round grant ids and launch tokens (120 bits)."""
    return f"{key}.{secrets.token_urlsafe(15)}"


def player_key_of(keyed_id: str) -> str | None:
    """The player key in a session id, grant id or token; None where it does not parse: TOKEN_UNKNOWN."""
    match = _KEYED_ID.fullmatch(keyed_id)
    return match[1] if match else None


def token_sha256(token: str) -> str:
    """What topics and tables hold of a token: its SHA-256 in hex, never the token."""
    return hashlib.sha256(token.encode()).hexdigest()


def partition_of(key: str, partitions: int) -> int:
    """crc32(key) % partitions: the same in every language."""
    return zlib.crc32(key.encode()) % partitions
