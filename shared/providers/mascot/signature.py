"""Mascot's signature, both directions: HMAC-SHA256 over nonce, timestamp and the body's bytes as they are on the wire.

    X-Subject:   casino:<casino id>
    X-Nonce:     unsigned 64-bit decimal, may exceed 2**63 - 1
    X-Timestamp: Unix seconds, unsigned 32-bit
    X-Signature: <key id>=<lower-case hex of HMAC-SHA256(key, BE64(nonce) + BE32(timestamp) + body)>

An answer is signed with the request's own nonce and timestamp. Nonces are remembered by the gateway, not here.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from hashlib import sha256
from hmac import compare_digest
from typing import Final

from shared.providers.dialect import Headers, Refusal, Verified

SUBJECT: Final = b"x-subject"
NONCE: Final = b"x-nonce"
TIMESTAMP: Final = b"x-timestamp"
SIGNATURE: Final = b"x-signature"

_NONCE_MAX: Final = 2**64 - 1
_NONCE_DIGITS: Final = 20
_TIMESTAMP_MAX: Final = 2**32 - 1
_TIMESTAMP_DIGITS: Final = 10
_BLOCK_BYTES: Final = 64
_prefix: Final = struct.Struct(">QI").pack


class MacKey:
    """One key, made ready once: both padded blocks of HMAC are hashed ahead, which halves the time of a signature."""

    __slots__ = ("_inner", "_outer", "key_id")

    def __init__(self, key_id: str, secret: bytes) -> None:
        self.key_id = key_id
        if len(secret) > _BLOCK_BYTES:
            secret = sha256(secret).digest()
        block = secret.ljust(_BLOCK_BYTES, b"\0")
        self._inner = sha256(bytes(byte ^ 0x36 for byte in block))
        self._outer = sha256(bytes(byte ^ 0x5C for byte in block))

    def mac(self, nonce: int, timestamp: int, body: bytes) -> bytes:
        """The signature in hex. `nonce` is unsigned 64-bit, `timestamp` Unix seconds in unsigned 32-bit."""
        inner = self._inner.copy()
        inner.update(_prefix(nonce, timestamp) + body)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.hexdigest().encode()


def mac_keys(secrets: Mapping[str, bytes]) -> dict[bytes, MacKey]:
    """The keys of an account by the key id as it stands on the wire."""
    return {key_id.encode(): MacKey(key_id, secret) for key_id, secret in secrets.items()}


def sign(key: MacKey, subject: bytes, nonce: int, timestamp: int, body: bytes) -> Headers:
    """The four headers of a signed body."""
    return [
        (SUBJECT, subject),
        (NONCE, b"%d" % nonce),
        (TIMESTAMP, b"%d" % timestamp),
        (SIGNATURE, b"%b=%b" % (key.key_id.encode(), key.mac(nonce, timestamp, body))),
    ]


def verify(
    headers: Mapping[bytes, bytes], body: bytes, *, subject: bytes, keys: Mapping[bytes, MacKey], now_s: float, window_s: int
) -> Verified | Refusal:
    """Checks subject, timestamp, then signature in constant time. The caller claims the nonce afterwards.

    `keys` are several during a rotation. The refusal names the class of the cause, never which part of a signature or
    key was wrong.
    """
    if headers.get(SUBJECT) != subject:
        return _refused("subject")
    timestamp = _unsigned(headers.get(TIMESTAMP, b""), _TIMESTAMP_DIGITS, _TIMESTAMP_MAX)
    if timestamp < 0 or abs(now_s - timestamp) > window_s:
        return _refused("timestamp")
    nonce = _unsigned(headers.get(NONCE, b""), _NONCE_DIGITS, _NONCE_MAX)
    if nonce < 0:
        return _refused("nonce")
    key_id, _, signature = headers.get(SIGNATURE, b"").partition(b"=")
    key = keys.get(key_id)
    if key is None or not compare_digest(key.mac(nonce, timestamp, body), signature):
        return _refused("signature")
    return Verified(key.key_id, nonce, timestamp)


def _unsigned(text: bytes, digits: int, largest: int) -> int:
    """The number in ASCII digits, or -1 where it is none or too large."""
    if len(text) > digits or not text.isdigit():
        return -1
    number = int(text)
    return number if number <= largest else -1


def _refused(what: str) -> Refusal:
    return Refusal("authentication", f"{what} not accepted")
