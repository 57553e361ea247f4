"""Nonce and timestamp are packed otherwise than the protocol says."""

from __future__ import annotations

import struct
from typing import Final

from services.simulator.studios.mascot.faults.bench import MASK_64, Bench, Pack, Sent, right_pack
from services.simulator.studios.mascot.faults.named import Fault, made_so, sealed_so


def _packed(name: str, about: str, pack: Pack) -> Fault:
    return sealed_so(name, about, pack=pack)


def _little(nonce: int, stamp: int, body: bytes) -> bytes:
    return struct.pack("<QI", nonce, stamp) + body


def _text(between: bytes) -> Pack:
    return lambda nonce, stamp, body: b"%d%b%d%b" % (nonce, between, stamp, between) + body


def _second_and_little(bench: Bench) -> Sent:
    return bench.send(key=bench.second_key, pack=_little)


FAULTS: Final = (
    _packed(
        "nonce_4_bytes",
        "packs the nonce in 4 bytes",
        lambda nonce, stamp, body: struct.pack(">II", nonce & 0xFFFFFFFF, stamp) + body,
    ),
    _packed(
        "timestamp_8_bytes", "packs the timestamp in 8 bytes", lambda nonce, stamp, body: struct.pack(">QQ", nonce, stamp) + body
    ),
    _packed("little_endian", "packs both little-endian", _little),
    _packed(
        "nonce_little_endian",
        "packs the nonce little-endian",
        lambda nonce, stamp, body: struct.pack("<Q", nonce) + struct.pack(">I", stamp) + body,
    ),
    _packed("packed_as_text", "signs both as decimal digits", _text(b"")),
    _packed("packed_as_text_with_dots", "signs both as digits, with dots between", _text(b".")),
    _packed(
        "timestamp_first",
        "packs the timestamp before the nonce",
        lambda nonce, stamp, body: struct.pack(">IQ", stamp, nonce) + body,
    ),
    _packed("packed_behind_body", "packs both behind the body", lambda nonce, stamp, body: body + struct.pack(">QI", nonce, stamp)),
    _packed("packed_not_at_all", "signs the body alone", lambda _, __, body: body),
    _packed(
        "nonce_cut_at_2_63",
        "cuts the nonce at 2^63-1",
        lambda nonce, stamp, body: right_pack(min(nonce, 2**63 - 1), stamp, body),
    ),
    _packed(
        "nonce_without_high_bit",
        "drops the highest bit of the nonce",
        lambda nonce, stamp, body: right_pack(nonce & (2**63 - 1), stamp, body),
    ),
    _packed(
        "nonce_rounded",
        "rounds the nonce as a floating-point number",
        lambda nonce, stamp, body: right_pack(int(float(nonce)) & MASK_64, stamp, body),
    ),
    made_so("key_second_and_little_endian", "signs with the second key, little-endian", _second_and_little),
)
