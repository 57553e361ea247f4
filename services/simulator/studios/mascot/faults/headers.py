"""The four headers: missing, renamed, or with values of another form; and a clock that is wrong."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from services.simulator.studios.mascot.faults.bench import Bench, Sent
from services.simulator.studios.mascot.faults.named import Fault, made_so, sealed_so
from services.simulator.studios.mascot.signature import SIGNATURE

NAMES: Final = {"subject": "X-Subject", "nonce_text": "X-Nonce", "timestamp_text": "X-Timestamp", "signature": "X-Signature"}


def _shown(name: str, about: str, header: str, text: Callable[[Bench], str]) -> Fault:
    def make(bench: Bench) -> Sent:
        shown: dict[str, Any] = {header: text(bench)}
        return bench.send(**shown)

    return made_so(name, about, make)


def _at(name: str, about: str, offset_s: int) -> Fault:
    return made_so(name, about, lambda bench: bench.send(stamp=bench.now + offset_s))


def _without_all(bench: Bench, *more: tuple[str, str]) -> Sent:
    return bench.send(subject="", nonce_text="", timestamp_text="", signature="", more=more)


def _renamed(name: str, about: str, rename: Callable[[str], str]) -> Fault:
    def make(bench: Bench) -> Sent:
        sent = bench.send()
        return Sent([(rename(header), value) for header, value in sent.headers], sent.body)

    return made_so(name, about, make)


def _underscored(header: str) -> str:
    return header.replace("-", "_") if header.startswith("X-") else header


def _authorization(bench: Bench) -> Sent:
    sent = bench.send()
    headers = [("Authorization", f"HMAC {value}") if name == SIGNATURE else (name, value) for name, value in sent.headers]
    return Sent(headers, sent.body)


def _negative(bench: Bench) -> str:
    return str((bench.nonce | 2**63) - 2**64)


def _iso(bench: Bench) -> str:
    return datetime.fromtimestamp(bench.now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _as_the_other(bench: Bench) -> Sent:
    other = bench.other
    sent = bench.send(bench.call(params=bench.params(callerId=other.casino_id)), key=other.key, key_id=other.key_id)
    subject = ("X-Subject", f"casino:{other.casino_id}")
    return Sent([subject if name == "X-Subject" else (name, value) for name, value in sent.headers], sent.body)


FAULTS: Final = (
    made_so(
        "nonce_negative", "prints a nonce above 2^63-1 as a negative number",
        lambda bench: bench.send(nonce=bench.nonce | 2**63, nonce_text=_negative(bench)),
    ),
    _shown("nonce_hex", "writes the nonce in hex", "nonce_text", lambda bench: f"{bench.nonce:x}"),
    _shown("nonce_uuid", "sends a UUID as the nonce", "nonce_text", lambda bench: str(UUID(int=bench.nonce << 40))),
    _shown("timestamp_milliseconds", "sends milliseconds", "timestamp_text", lambda bench: str(bench.now * 1_000 + 250)),
    _shown("timestamp_microseconds", "sends microseconds", "timestamp_text", lambda bench: str(bench.now * 1_000_000 + 250)),
    _shown("timestamp_iso", "sends an ISO 8601 text", "timestamp_text", _iso),
    _shown("timestamp_fraction", "sends seconds with a fraction", "timestamp_text", lambda bench: f"{bench.now}.25"),
    _at("clock_hour_behind", "its clock is an hour behind", -3_600),
    _at("clock_ahead", "its clock is 400 s ahead", 400),
    made_so("unsigned", "sends none of the four headers", _without_all),
    made_so(
        "stripped_by_proxy", "a proxy passes none of the four headers on",
        lambda bench: _without_all(bench, ("Via", "1.1 proxy.example"), ("X-Forwarded-For", "192.0.2.77")),
    ),
    _renamed("headers_with_underscores", "names the headers with underscores", _underscored),
    made_so("signature_in_authorization", "sends the signature as Authorization", _authorization),
    _renamed("signature_header_sha256", "names the header X-Signature-Sha256", lambda name: f"{name}-Sha256" if name == SIGNATURE else name),
    sealed_so("without_timestamp", "leaves X-Timestamp out", timestamp_text=""),
    sealed_so("without_nonce", "leaves X-Nonce out", nonce_text=""),
    sealed_so("without_subject", "leaves X-Subject out", subject=""),
    sealed_so("without_signature", "leaves X-Signature out", signature=""),
    sealed_so("subject_other_casino", "names a casino that nobody here is", subject="casino:999"),
    _shown("subject_bare", "sends the casino id without the word casino", "subject", lambda bench: str(bench.casino_id)),
    _shown("subject_upper", "writes CASINO: in capitals", "subject", lambda bench: f"CASINO:{bench.casino_id}"),
    made_so("other_account", "sends a perfect request of another account to this address", _as_the_other),
)  # fmt: skip
