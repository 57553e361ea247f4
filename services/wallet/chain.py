"""The hash chain of a player: every operation carries the hash of the one before it."""

from __future__ import annotations

import hashlib
import sys
from typing import Final

import msgspec

from services.wallet.decisions.model import Operation

_encode: Final = msgspec.json.Encoder().encode


def seal(previous_hash: str, operation: Operation) -> tuple[str, bytes]:
    """The operation's hash (hex), and its event as it goes to `wallet.events`.

    `operation` comes without hashes; its JSON text is the canonical text of the chain, encoded once.
    """
    canonical = _encode(operation)
    digest = _digest(previous_hash, canonical)
    event = b'%s,"previous_hash":"%s","hash":"%s"}' % (canonical[:-1], previous_hash.encode(), digest.encode())
    return digest, event


def verify_link(previous_hash: str, operation: Operation) -> bool:
    """Whether a stored operation's hash is that of its content after `previous_hash`."""
    return _digest(previous_hash, _encode(_bare(operation))) == operation.hash


def event_of(operation: Operation) -> bytes:
    """The event of a stored operation, byte for byte as it was published at first."""
    return seal(operation.previous_hash, _bare(operation))[1]


def _bare(operation: Operation) -> Operation:
    # The encoder leaves out a default by identity, not by value: only the interned "OK" gives the bytes of the first event.
    return msgspec.structs.replace(operation, previous_hash="", hash="", result=sys.intern(operation.result))


def _digest(previous_hash: str, canonical: bytes) -> str:
    return hashlib.sha256(bytes.fromhex(previous_hash) + canonical).hexdigest()
