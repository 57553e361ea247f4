"""The four headers of a signed call as they came: found under their names or others, and read in the forms they should not have."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import msgspec

from shared.providers.diagnosis.finding import Note, shown
from shared.providers.mascot.signature import NONCE, SIGNATURE, SUBJECT, TIMESTAMP

NAMES: Final = {SUBJECT: "X-Subject", NONCE: "X-Nonce", TIMESTAMP: "X-Timestamp", SIGNATURE: "X-Signature"}
PROXY_SIGNS: Final = {b"via": "Via", b"forwarded": "Forwarded", b"x-forwarded-for": "X-Forwarded-For", b"x-real-ip": "X-Real-Ip"}
NONCE_MAX: Final = 2**64 - 1
TIMESTAMP_MAX: Final = 2**32 - 1
_ALIASES: Final = {
    SUBJECT: {"subject", "casino", "casinoid", "mascotsubject", "subjectid"},
    NONCE: {"nonce", "mascotnonce", "requestnonce", "signaturenonce"},
    TIMESTAMP: {"timestamp", "time", "ts", "mascottimestamp", "requesttimestamp", "signaturetimestamp", "unixtime"},
    SIGNATURE: {
        "signature", "sign", "sig", "hmac", "mascotsignature", "signaturesha256", "signature256", "hubsignature",
        "hubsignature256", "hmacsha256", "hmacsignature", "authsignature", "requestsignature", "authorization",
    },
}  # fmt: skip
_SCHEME: Final = re.compile(rb"(?i)^(hmac|hmac-sha256|signature|bearer)\s+")
_UNITS: Final = ((1_000, "milliseconds"), (1_000_000, "microseconds"), (1_000_000_000, "nanoseconds"))
_PLAUSIBLE_S: Final = range(1_000_000_000, 2**32)
_FRACTION: Final = re.compile(r"([0-9]{9,10})[.,][0-9]+")
_HEX: Final = re.compile(r"(?:0x)?([0-9a-fA-F]{1,16})")
_UUID: Final = re.compile(r"\{?[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}\}?")


class Gathered(msgspec.Struct, frozen=True):
    """What stands for the four headers. `renamed` is the name under which a missing one seems to have come."""

    values: Mapping[bytes, bytes]
    renamed: Mapping[bytes, bytes]
    missing: tuple[bytes, ...]


def gather(headers: Mapping[bytes, bytes]) -> Gathered:
    """The four headers, those of another name among them."""
    values = {name: headers[name] for name in NAMES if name in headers}
    renamed: dict[bytes, bytes] = {}
    for name in NAMES:
        if name in values:
            continue
        for other, value in headers.items():
            if other not in NAMES and _plain(other) in _ALIASES[name]:
                values[name], renamed[name] = (_SCHEME.sub(b"", value) if other == b"authorization" else value), other
                break
    return Gathered(values, renamed, tuple(name for name in NAMES if name not in values))


def _plain(name: bytes) -> str:
    plain = "".join(each for each in name.decode("latin-1").lower() if each.isalnum())
    return plain.removeprefix("x")


def missing_note(gathered: Gathered, headers: Mapping[bytes, bytes]) -> Note | None:
    """The note of headers that did not come at all; None where all did, under whatever name."""
    if not gathered.missing:
        return None
    names = ", ".join(NAMES[name] for name in gathered.missing)
    if len(gathered.missing) < len(NAMES):
        there = ", ".join(NAMES[name] for name in NAMES if name not in gathered.missing)
        return Note("header_missing", f"{names} is missing.", (f"There is: {there}.",))
    signs = [shown_name for name, shown_name in PROXY_SIGNS.items() if name in headers]
    if signs:
        came = f"The request came through a proxy: it carries {', '.join(signs)}."
        return Note("headers_stripped", f"All four headers are missing ({names}), behind a proxy.", (came,))
    return Note("headers_missing", f"The request is not signed: {names} are missing.")


def renamed_note(gathered: Gathered) -> Note | None:
    """The note of headers under other names."""
    if not gathered.renamed:
        return None
    pairs = ", ".join(f"{other.decode('latin-1')} for {NAMES[name]}" for name, other in gathered.renamed.items())
    return Note("header_renamed", f"Headers have other names: {pairs}.")


def read_timestamp(value: bytes) -> tuple[int | None, Note | None]:
    """Unix seconds as far as they can be made out, and the note where the form is not the protocol's."""
    text = value.decode("latin-1").strip()
    if text.isascii() and text.isdigit():
        number = int(text[:40])
        if len(text) <= len(str(TIMESTAMP_MAX)) and number <= TIMESTAMP_MAX:
            return number, None
        for factor, unit in _UNITS:
            if number // factor in _PLAUSIBLE_S:
                return number // factor, Note("timestamp_unit", f"X-Timestamp is in {unit} ({shown(text)}), not in seconds.")
        return None, Note("timestamp_form", f"X-Timestamp {shown(text)} is above 32 bits and no time in any usual unit.")
    fraction = _FRACTION.fullmatch(text)
    if fraction:
        return int(fraction[1]), Note("timestamp_form", f"X-Timestamp {shown(text)} has a fraction of a second.")
    at, form = _date(text)
    if at is not None:
        return int(at.timestamp()), Note("timestamp_form", f"X-Timestamp {shown(text)} is {form}, not a number of seconds.")
    return None, Note("timestamp_form", f"X-Timestamp {shown(text)} is no number of seconds.")


def _date(text: str) -> tuple[datetime | None, str]:
    for read, form in ((datetime.fromisoformat, "an ISO 8601 date"), (parsedate_to_datetime, "an HTTP date")):
        try:
            at = read(text)
            at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
            if int(at.timestamp()) in _PLAUSIBLE_S:
                return at, form
        except (ValueError, TypeError, IndexError, OverflowError, OSError):
            continue
    return None, ""


def read_nonce(value: bytes) -> tuple[int | None, Note | None]:
    """The nonce as far as it can be made out, and the note where the form is not the protocol's."""
    text = value.decode("latin-1").strip()
    digits = text.removeprefix("-")
    if digits.isascii() and digits.isdigit() and len(digits) <= len(str(NONCE_MAX)):
        number = int(text)
        if 0 <= number <= NONCE_MAX:
            return number, None
        if -(2**63) <= number < 0:
            said = f"X-Nonce {shown(text)} is negative: an unsigned 64-bit number was printed as a signed one."
            return number & NONCE_MAX, Note("nonce_form", said)
    if _UUID.fullmatch(text):
        return None, Note("nonce_form", "X-Nonce is a UUID, which has 128 bits; a number of 64 bits is expected.")
    found = _HEX.fullmatch(text)
    if found and not digits.isdigit():
        return int(found[1], 16), Note("nonce_form", "X-Nonce is hexadecimal; decimal digits are expected.")
    if digits.isascii() and digits.isdigit():
        return None, Note("nonce_form", f"X-Nonce {shown(text)} does not fit 64 bits.")
    return None, Note("nonce_form", f"X-Nonce {shown(text)} is no number in decimal digits.")
