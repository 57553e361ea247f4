"""Mascot's signature on the provider's side: the published vectors, and what is wrong with an answer."""

import hashlib
import hmac
import json
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.simulator.errors import SimulatorError
from services.simulator.studios.mascot import signature
from services.simulator.studios.mascot.signature import Signer, new_nonce

VECTORS: list[dict[str, Any]] = json.loads((Path(signature.__file__).parent / "vectors.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"nonce {vector['nonce']}")
def test_the_published_vectors_are_signed_as_published(vector: dict[str, Any]) -> None:
    casino_id = int(vector["subject"].removeprefix("casino:"))
    signer = Signer(casino_id, vector["key_id"], vector["key"].encode())
    body = vector["body"].encode()

    headers = signer.headers(body, int(vector["nonce"]), vector["timestamp"])

    assert headers == {
        "X-Subject": vector["subject"],
        "X-Nonce": vector["nonce"],
        "X-Timestamp": str(vector["timestamp"]),
        "X-Signature": vector["signature"],
    }


@given(
    key=st.binary(min_size=1, max_size=200),
    nonce=st.integers(0, 2**64 - 1),
    timestamp=st.integers(0, 2**32 - 1),
    body=st.binary(max_size=300),
)
def test_the_signature_is_hmac_sha256_for_any_key_nonce_time_and_body(key: bytes, nonce: int, timestamp: int, body: bytes) -> None:
    expected = hmac.new(key, struct.pack(">QI", nonce, timestamp) + body, hashlib.sha256).hexdigest()

    assert Signer(7, "main", key).sign(nonce, timestamp, body) == f"main={expected}"


def test_nonces_use_all_64_bits() -> None:
    nonces = {new_nonce() for _ in range(200)}

    assert len(nonces) == 200
    assert all(0 <= nonce < 2**64 for nonce in nonces)
    assert any(nonce >= 2**63 for nonce in nonces)
    assert any(nonce < 2**63 for nonce in nonces)


def in_lower_case(headers: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


@pytest.mark.parametrize("key_id", ["", "two words", "line\r\nbreak", "x" * 129])
def test_a_key_id_that_cannot_stand_in_a_header_is_refused(key_id: str) -> None:
    with pytest.raises(SimulatorError, match="key id"):
        Signer(7, key_id, b"key")


def test_an_answer_signed_with_the_requests_own_nonce_and_time_has_no_fault() -> None:
    signer = Signer(7, "main", b"key")
    sent = signer.headers(b"question", 2**63 + 5, 1_790_000_000)
    received = in_lower_case(signer.headers(b"answer", 2**63 + 5, 1_790_000_000))

    assert signer.fault_of_answer(received, sent, b"answer") is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"x-nonce": "6"}, "X-Nonce"),
        ({"x-timestamp": "1790000001"}, "X-Timestamp"),
        ({"x-subject": "casino:8"}, "X-Subject"),
        ({"x-signature": "main=" + "0" * 64}, "X-Signature"),
        ({"x-signature": ""}, "X-Signature"),
    ],
)
def test_an_answer_with_another_header_is_a_fault_that_names_it(change: dict[str, str], said: str) -> None:
    signer = Signer(7, "main", b"key")
    sent = signer.headers(b"question", 5, 1_790_000_000)
    received = in_lower_case(signer.headers(b"answer", 5, 1_790_000_000)) | change

    assert said in str(signer.fault_of_answer(received, sent, b"answer"))


def test_one_changed_byte_of_the_answer_is_a_fault() -> None:
    signer = Signer(7, "main", b"key")
    sent = signer.headers(b"question", 5, 1_790_000_000)

    assert signer.fault_of_answer(in_lower_case(signer.headers(b"answer", 5, 1_790_000_000)), sent, b"answeR") is not None
