"""The hash chain of a player: every operation carries the hash of the one before it."""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec

from services.wallet.decisions.model import Operation

GENESIS: Final = bytes(32)
_encode: Final = msgspec.json.Encoder().encode


def seal(previous_hash: bytes, operation: Operation) -> tuple[Operation, bytes]:
    """The operation with its hashes, and its event as it goes to `wallet.events`.

    `operation` comes without hashes; its JSON text is the canonical text of the chain, encoded once.
    """
    canonical = _encode(operation)
    digest = hashlib.sha256(previous_hash + canonical).hexdigest()
    before = previous_hash.hex()
    event = b'%s,"previous_hash":"%s","hash":"%s"}' % (canonical[:-1], before.encode(), digest.encode())
    return msgspec.structs.replace(operation, previous_hash=before, hash=digest), event


def verify_link(previous_hash: bytes, operation: Operation) -> bool:
    """Whether a stored operation's hash is that of its content after `previous_hash`."""
    bare = msgspec.structs.replace(operation, previous_hash="", hash="")
    return hashlib.sha256(previous_hash + _encode(bare)).hexdigest() == operation.hash


def event_of(operation: Operation) -> bytes:
    """The event of a stored operation, byte for byte as it was published at first."""
    bare = msgspec.structs.replace(operation, previous_hash="", hash="")
    return seal(bytes.fromhex(operation.previous_hash), bare)[1]
