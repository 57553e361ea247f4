"""Mascot's signature: the vectors both ways, the order of the checks, and every way to get it wrong."""

from __future__ import annotations

import hashlib
import hmac
import json
import struct
from importlib import resources
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.providers.dialect import Refusal, Verified
from shared.providers.mascot import signature

VECTORS: list[dict[str, Any]] = json.loads(resources.files("shared.providers.mascot").joinpath("vectors.json").read_text("utf-8"))
KEYS = signature.mac_keys({"main": b"demo-key-1", "next": b"demo-key-2"})
NOW = 1_790_000_000
SUBJECT = b"casino:7"
BODY = b'{"jsonrpc":"2.0"}'


def headers(nonce: int = 42, timestamp: int = NOW, body: bytes = BODY, key_id: bytes = b"main") -> dict[bytes, bytes]:
    return dict(signature.sign(KEYS[key_id], SUBJECT, nonce, timestamp, body))


def verify(given_headers: dict[bytes, bytes], body: bytes = BODY, now_s: float = NOW) -> Verified | Refusal:
    return signature.verify(given_headers, body, subject=SUBJECT, keys=KEYS, now_s=now_s, window_s=300)


def refused(outcome: Verified | Refusal) -> str:
    assert isinstance(outcome, Refusal)
    assert outcome.cause == "authentication"
    return outcome.detail


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["nonce"])
def test_vector_is_accepted(vector: dict[str, Any]) -> None:
    given_headers = {
        b"x-subject": vector["subject"].encode(),
        b"x-nonce": vector["nonce"].encode(),
        b"x-timestamp": str(vector["timestamp"]).encode(),
        b"x-signature": vector["signature"].encode(),
    }
    outcome = signature.verify(
        given_headers,
        vector["body"].encode(),
        subject=vector["subject"].encode(),
        keys=signature.mac_keys({vector["key_id"]: vector["key"].encode()}),
        now_s=vector["timestamp"],
        window_s=300,
    )
    assert outcome == Verified(vector["key_id"], int(vector["nonce"]), vector["timestamp"])


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["nonce"])
def test_vector_is_produced(vector: dict[str, Any]) -> None:
    (key,) = signature.mac_keys({vector["key_id"]: vector["key"].encode()}).values()
    signed = signature.sign(key, vector["subject"].encode(), int(vector["nonce"]), vector["timestamp"], vector["body"].encode())
    assert dict(signed)[b"x-signature"] == vector["signature"].encode()


@given(
    key=st.binary(min_size=1, max_size=200),
    nonce=st.integers(0, 2**64 - 1),
    timestamp=st.integers(0, 2**32 - 1),
    body=st.binary(max_size=300),
)
def test_mac_is_hmac_sha256_for_keys_of_any_length(key: bytes, nonce: int, timestamp: int, body: bytes) -> None:
    expected = hmac.new(key, struct.pack(">QI", nonce, timestamp) + body, hashlib.sha256).hexdigest()
    assert signature.MacKey("k", key).mac(nonce, timestamp, body) == expected.encode()


@pytest.mark.parametrize("nonce", [0, 1, 2**63 - 1, 2**63, 2**64 - 1])
def test_nonce_may_use_all_64_bits(nonce: int) -> None:
    assert verify(headers(nonce)) == Verified("main", nonce, NOW)


@pytest.mark.parametrize("off_s", [-300, -299, 0, 299, 300])
def test_timestamp_within_the_window_is_accepted(off_s: int) -> None:
    assert isinstance(verify(headers(timestamp=NOW + off_s)), Verified)


@pytest.mark.parametrize("off_s", [-100_000, -301, 301, 100_000])
def test_stale_and_future_timestamps_are_refused(off_s: int) -> None:
    assert refused(verify(headers(timestamp=NOW + off_s))) == "timestamp not accepted"


def test_each_key_of_a_rotation_is_accepted_and_named() -> None:
    assert verify(headers(key_id=b"main")) == Verified("main", 42, NOW)
    assert verify(headers(key_id=b"next")) == Verified("next", 42, NOW)


@pytest.mark.parametrize(
    ("name", "value", "detail"),
    [
        (b"x-subject", None, "subject not accepted"),
        (b"x-subject", b"", "subject not accepted"),
        (b"x-subject", b"casino:8", "subject not accepted"),
        (b"x-subject", b"casino:07", "subject not accepted"),
        (b"x-subject", b"Casino:7", "subject not accepted"),
        (b"x-timestamp", None, "timestamp not accepted"),
        (b"x-timestamp", b"", "timestamp not accepted"),
        (b"x-timestamp", b"-1", "timestamp not accepted"),
        (b"x-timestamp", b"+1790000000", "timestamp not accepted"),
        (b"x-timestamp", b"1790000000.0", "timestamp not accepted"),
        (b"x-timestamp", b"0x6AB13B80", "timestamp not accepted"),
        (b"x-timestamp", b"4294967296", "timestamp not accepted"),
        (b"x-timestamp", b"9" * 5_000, "timestamp not accepted"),
        (b"x-timestamp", "١٧٩٠٠٠٠٠٠٠".encode(), "timestamp not accepted"),
        (b"x-nonce", None, "nonce not accepted"),
        (b"x-nonce", b"", "nonce not accepted"),
        (b"x-nonce", b"-1", "nonce not accepted"),
        (b"x-nonce", b"18446744073709551616", "nonce not accepted"),
        (b"x-nonce", b"1_0", "nonce not accepted"),
        (b"x-nonce", b"9" * 5_000, "nonce not accepted"),
        (b"x-signature", None, "signature not accepted"),
        (b"x-signature", b"", "signature not accepted"),
        (b"x-signature", b"main", "signature not accepted"),
        (b"x-signature", b"main=", "signature not accepted"),
        (b"x-signature", b"main=zz", "signature not accepted"),
        (b"x-signature", b"main=" + b"0" * 64, "signature not accepted"),
        (b"x-signature", b"other=" + b"0" * 64, "signature not accepted"),
        (b"x-signature", b"=" + b"0" * 64, "signature not accepted"),
        (b"x-signature", b"main=" + b"\xff" * 64, "signature not accepted"),
    ],
)
def test_missing_or_wrong_header_is_refused_by_its_class(name: bytes, value: bytes | None, detail: str) -> None:
    given_headers = headers()
    if value is None:
        del given_headers[name]
    else:
        given_headers[name] = value
    assert refused(verify(given_headers)) == detail


def test_upper_case_hex_is_refused() -> None:
    given_headers = headers()
    key_id, _, mac = given_headers[b"x-signature"].partition(b"=")
    given_headers[b"x-signature"] = key_id + b"=" + mac.upper()
    assert refused(verify(given_headers)) == "signature not accepted"


@pytest.mark.parametrize("position", range(len(BODY)))
def test_one_changed_byte_of_the_body_is_refused(position: int) -> None:
    changed = bytes(byte ^ (index == position) for index, byte in enumerate(BODY))
    assert refused(verify(headers(), changed)) == "signature not accepted"


def test_signature_under_another_key_is_refused() -> None:
    given_headers = headers(key_id=b"next")
    given_headers[b"x-signature"] = given_headers[b"x-signature"].replace(b"next=", b"main=")
    assert refused(verify(given_headers)) == "signature not accepted"


def test_signature_of_another_nonce_or_timestamp_is_refused() -> None:
    for name, value in ((b"x-nonce", b"43"), (b"x-timestamp", b"%d" % (NOW + 1))):
        assert refused(verify(headers() | {name: value})) == "signature not accepted"


def test_subject_is_looked_at_before_the_timestamp_and_that_before_the_signature() -> None:
    wrong = {b"x-subject": b"casino:8", b"x-timestamp": b"1", b"x-nonce": b"x", b"x-signature": b"x"}
    assert refused(verify(wrong)) == "subject not accepted"
    assert refused(verify(wrong | {b"x-subject": SUBJECT})) == "timestamp not accepted"
    assert refused(verify(wrong | {b"x-subject": SUBJECT, b"x-timestamp": b"%d" % NOW})) == "nonce not accepted"
