"""The ways in which nonce, timestamp and body may have been put together before signing. The protocol's: BE64, BE32, body."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from shared.providers.mascot.diagnosis.headers import NONCE_MAX, TIMESTAMP_MAX
from shared.providers.mascot.diagnosis.shapes import Remark

SIGNED_MAX: Final = 2**63 - 1
_BETWEEN: Final = (b"", b".", b":", b"|", b"\n", b",", b"-", b" ")
_MS: Final = 1_000


def right(nonce: int, stamp: int, body: bytes) -> bytes:
    """As the protocol says."""
    return struct.pack(">QI", nonce, stamp) + body


def others(nonce: int, stamp: int, body: bytes) -> Iterator[tuple[bytes, Remark]]:
    """Other messages that may have been signed, the likeliest first, each with its remark."""
    big_nonce, big_stamp = struct.pack(">Q", nonce), struct.pack(">I", stamp)
    yield from _other_numbers(nonce, stamp, body)
    yield from _other_bytes(nonce, stamp, body)
    yield big_stamp + big_nonce + body, ("packing_order", "The timestamp before the nonce was signed; the nonce comes first.")
    behind = "Nonce and timestamp were signed behind the body; they come first."
    yield body + big_nonce + big_stamp, ("packing_position", behind)
    yield body + big_stamp + big_nonce, ("packing_position", behind)
    yield big_nonce + body + big_stamp, ("packing_position", "The timestamp was signed behind the body; it comes before it.")
    yield from _as_text(nonce, stamp, body)
    yield body, ("packing_left_out", "Signed was the body alone, without nonce and timestamp.")
    yield big_nonce + body, ("packing_left_out", "Signed were nonce and body, without the timestamp.")
    yield big_stamp + body, ("packing_left_out", "Signed were timestamp and body, without the nonce.")


def _other_numbers(nonce: int, stamp: int, body: bytes) -> Iterator[tuple[bytes, Remark]]:
    """The same layout with another number in it."""
    if nonce > SIGNED_MAX:
        yield (
            right(SIGNED_MAX, stamp, body),
            ("nonce_cut", "The nonce was cut at 2^63-1 before signing, the largest signed number."),
        )
        yield right(nonce & SIGNED_MAX, stamp, body), ("nonce_cut", "The nonce was signed without its highest bit.")
    for rounded in {int(float(nonce)), int(float(nonce)) & NONCE_MAX}:
        if rounded != nonce and rounded <= NONCE_MAX:
            said = "The nonce was rounded as a floating-point number before signing, which keeps 53 bits only."
            yield right(rounded, stamp, body), ("nonce_rounded", said)


def _other_bytes(nonce: int, stamp: int, body: bytes) -> Iterator[tuple[bytes, Remark]]:
    """The numbers in other widths and byte orders."""
    low = nonce & TIMESTAMP_MAX
    short = ("nonce_packing", "The nonce was packed in 4 bytes; 8 are expected.")
    yield struct.pack(">II", low, stamp) + body, short
    yield struct.pack(">II", nonce >> 32, stamp) + body, short
    yield struct.pack(">QQI", 0, nonce, stamp) + body, ("nonce_packing", "The nonce was packed in 16 bytes; 8 are expected.")
    yield struct.pack(">QQ", nonce, stamp) + body, ("timestamp_packing", "The timestamp was packed in 8 bytes; 4 are expected.")
    milliseconds = ("timestamp_packing", "The timestamp was packed in milliseconds in 8 bytes; seconds in 4 bytes are expected.")
    yield struct.pack(">QQ", nonce, stamp * _MS) + body, milliseconds
    yield struct.pack(">QI", nonce, (stamp * _MS) & TIMESTAMP_MAX) + body, milliseconds
    for form, words in (
        ("<QI", "Both numbers were"),
        ("<QQ", "Both numbers were, in 8 bytes each,"),
        ("<II", "Both were, in 4 bytes each,"),
    ):
        number = low if form == "<II" else nonce
        yield struct.pack(form, number, stamp) + body, ("byte_order", f"{words} packed little-endian; big-endian is expected.")
    little_nonce, little_stamp = struct.pack("<Q", nonce), struct.pack("<I", stamp)
    yield (
        little_nonce + struct.pack(">I", stamp) + body,
        ("byte_order", "The nonce was packed little-endian; big-endian is expected."),
    )
    yield (
        struct.pack(">Q", nonce) + little_stamp + body,
        (
            "byte_order",
            "The timestamp was packed little-endian; big-endian is expected.",
        ),
    )


def _as_text(nonce: int, stamp: int, body: bytes) -> Iterator[tuple[bytes, Remark]]:
    digits, seconds = b"%d" % nonce, b"%d" % stamp
    for between in _BETWEEN:
        how = f" with {between.decode()!r} between" if between else ""
        said = f"Nonce and timestamp were signed as decimal text{how}; 8 and 4 bytes are expected."
        yield between.join((digits, seconds, body)), ("packed_as_text", said)
        yield between.join((seconds, digits, body)), ("packed_as_text", f"{said} The timestamp stood first.")
        yield between.join((body, digits, seconds)), ("packed_as_text", f"{said} They stood behind the body.")
    mixed = "was signed as decimal text; packed bytes are expected."
    yield struct.pack(">Q", nonce) + seconds + body, ("packed_as_text", f"The timestamp {mixed}")
    yield digits + struct.pack(">I", stamp) + body, ("packed_as_text", f"The nonce {mixed}")
    hexed = b"%016x%08x" % (nonce, stamp)
    yield hexed + body, ("packed_as_text", "Nonce and timestamp were signed as hexadecimal text; 8 and 4 bytes are expected.")
