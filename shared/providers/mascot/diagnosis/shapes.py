"""The text of X-Signature in the forms in which people write it: which key it names, which bytes it holds, what is odd about it."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Collection, Iterator
from typing import Final

import msgspec

ALGORITHMS: Final = {16: "md5", 20: "sha1", 32: "sha256", 48: "sha384", 64: "sha512"}
"""By the bytes of a signature."""
CUT_CHARS_MIN: Final = 16
RIGHT_HEX_CHARS: Final = 64
TEXT_CHARS_MAX: Final = 512
_HEX: Final = re.compile(r"[0-9a-fA-F]+")
_PARAMETERS: Final = re.compile(
    r'(?:(?:hmac|signature)\s+)?key_?id\s*=\s*"?([^",;\s]+)"?\s*[,;].*?\b(?:signature|sig|hmac)\s*=\s*"?([^",;\s]+)"?',
    re.IGNORECASE,
)
_WORDS: Final = re.compile(r"(hmac-?)?(sha-?(1|256|384|512)|md5|v[0-9]|hmac|signature|sig|key-?_?id)", re.IGNORECASE)
_SEPARATORS: Final = (":", " ", ".", ";", "|")

Remark = tuple[str, str]
"""The code of a finding, and what is said."""


class Shape(msgspec.Struct, frozen=True):
    """One way to read the text. `key_id` is empty where none of ours is named; `cut` says that `mac` is only its beginning."""

    key_id: str
    mac: bytes
    remarks: tuple[Remark, ...] = ()
    cut: bool = False


def shapes_of(value: bytes, known: Collection[str]) -> list[Shape]:
    """The ways to read the value, the likeliest first; empty where it holds no signature at all. `known` are our key ids."""
    text = value.decode("latin-1").strip()
    if not text or len(text) > TEXT_CHARS_MAX:
        return []
    remarks: tuple[Remark, ...] = ()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        text, remarks = text[1:-1], (("signature_form", "X-Signature stands in quotation marks."),)
    return [
        Shape(key_id, mac, (*named, *remarks, *encoded), cut)
        for key_id, mac_text, named in _split(text, known)
        for mac, encoded, cut in _decoded(mac_text)
    ]


def _split(text: str, known: Collection[str]) -> Iterator[tuple[str, str, tuple[Remark, ...]]]:
    """(key id of ours or "", text of the MAC, remarks)."""
    parameters = _PARAMETERS.fullmatch(text)
    if parameters:
        form = ("signature_form", "X-Signature is written as keyId=...,signature=...; expected is <key id>=<hex>.")
        key_id, remarks = _key_id(parameters[1], known)
        yield key_id, parameters[2], (form, *remarks)
    left, equals, right = text.partition("=")
    if equals and right.strip("="):
        key_id, remarks = _key_id(left.strip(), known)
        yield key_id, right.strip(), remarks
    for separator in _SEPARATORS:
        left, found, right = text.partition(separator)
        key_id, remarks = _key_id(left, known)
        if found and key_id:
            form = ("signature_form", f"Key id and signature are separated by {separator!r}; expected is '='.")
            yield key_id, right.strip(), (form, *remarks)
    yield "", text, (("key_id_missing", "X-Signature names no key id."),)


def _key_id(text: str, known: Collection[str]) -> tuple[str, tuple[Remark, ...]]:
    if text in known:
        return text, ()
    for each in known:
        if each.casefold() == text.strip().casefold():
            return each, (("key_id_case", f"The key id is written otherwise than {each!r}, as it was agreed."),)
    if _WORDS.fullmatch(text):
        ids = ", ".join(known)
        return "", (("signature_prefix", f"X-Signature begins with {text + '='!r} where the key id belongs (here: {ids})."),)
    ids = ", ".join(known) or "none"
    return "", (("key_id_unknown", f"X-Signature names a key id that this account does not have; it has: {ids}."),)


def _decoded(text: str) -> Iterator[tuple[bytes, tuple[Remark, ...], bool]]:
    """(bytes, remarks, whether they are only the beginning)."""
    if _HEX.fullmatch(text) and len(text) % 2 == 0:
        case = (("signature_case", "The hex is in capital letters; lower case is expected."),) if text != text.lower() else ()
        if CUT_CHARS_MIN <= len(text) < RIGHT_HEX_CHARS:
            cut = ("signature_cut", f"The signature is cut: {len(text)} of {RIGHT_HEX_CHARS} hex digits came.")
            yield bytes.fromhex(text), (cut, *case), True
        if len(text) // 2 in ALGORITHMS:
            yield bytes.fromhex(text), case, False
        return
    plain = text.rstrip("=").translate(str.maketrans("-_", "+/"))
    try:
        mac = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        return
    if len(mac) in ALGORITHMS:
        yield mac, (("signature_encoding", "The signature is in base64; hex in lower case is expected."),), False
