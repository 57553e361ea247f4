"""The wrong key, or the right one in a wrong form; and every other form of the signature's text."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import secrets
from collections.abc import Callable
from typing import Final

from services.simulator.studios.mascot.faults.bench import Bench, Mac, Sent
from services.simulator.studios.mascot.faults.named import Fault, made_so, sealed_so


def _with_key(name: str, about: str, change: Callable[[bytes], bytes]) -> Fault:
    return made_so(name, about, lambda bench: bench.send(key=change(bench.key)))


def _written(name: str, about: str, write: Callable[[str, bytes], str]) -> Fault:
    return sealed_so(name, about, write=write)


def _by(algorithm: str) -> Mac:
    return lambda key, message: hmac.digest(key, message, algorithm)


def _of_second(bench: Bench) -> Sent:
    return bench.send(key=bench.second_key)


def _from_hex(key: bytes) -> bytes:
    with contextlib.suppress(ValueError):
        return bytes.fromhex(key.decode())
    return hashlib.sha256(key).digest()


def _from_base64(key: bytes) -> bytes:
    return base64.b64decode(key + b"=" * (-len(key) % 4))


FAULTS: Final = (
    made_so("key_of_second_id", "signs with the second key, names the first", _of_second),
    made_so("key_of_other_account", "signs with another account's key", lambda bench: bench.send(key=bench.other.key)),
    sealed_so("key_id_unknown", "names a key id that was never agreed", key_id="primary"),
    made_so("key_id_upper", "writes the key id in capitals", lambda bench: bench.send(key_id=bench.key_id.upper())),
    _written("key_id_missing", "sends the hex alone", lambda _, mac: mac.hex()),
    _with_key("key_hex_decoded", "decodes a key of hex digits before using it", _from_hex),
    _with_key("key_hex_encoded", "uses the hex text of the key as the key", lambda key: key.hex().encode()),
    _with_key("key_base64_decoded", "decodes the key as base64 before using it", _from_base64),
    _with_key("key_with_newline", "reads the key from a file with its line break", lambda key: key + b"\n"),
    _with_key("key_with_blank", "has a blank behind the key", lambda key: key + b" "),
    _with_key("key_empty", "signs with an empty key", lambda _: b""),
    _with_key("key_foreign", "signs with a key nobody knows", lambda _: secrets.token_bytes(32)),
    _written("signature_base64", "sends the MAC in base64", lambda key_id, mac: f"{key_id}={base64.b64encode(mac).decode()}"),
    _written(
        "signature_base64url",
        "sends the MAC in URL-safe base64 without padding",
        lambda key_id, mac: f"{key_id}={base64.urlsafe_b64encode(mac).decode().rstrip('=')}",
    ),
    _written("signature_upper", "sends the hex in capitals", lambda key_id, mac: f"{key_id}={mac.hex().upper()}"),
    _written("signature_algorithm_word", "writes sha256= for the key id", lambda _, mac: f"sha256={mac.hex()}"),
    _written("signature_parameters", "writes keyId=...,signature=...", lambda key_id, mac: f"keyId={key_id},signature={mac.hex()}"),
    _written("signature_colon", "separates key id and hex by a colon", lambda key_id, mac: f"{key_id}:{mac.hex()}"),
    _written("signature_quoted", "puts the value in quotation marks", lambda key_id, mac: f'"{key_id}={mac.hex()}"'),
    _written("signature_cut", "sends the first half of the hex", lambda key_id, mac: f"{key_id}={mac.hex()[:32]}"),
    sealed_so("hmac_sha1", "uses HMAC-SHA1", mac=_by("sha1")),
    sealed_so("hmac_md5", "uses HMAC-MD5", mac=_by("md5")),
    sealed_so("hmac_sha512", "uses HMAC-SHA512", mac=_by("sha512")),
    sealed_so(
        "hash_key_first", "hashes key and message with SHA-256", mac=lambda key, message: hashlib.sha256(key + message).digest()
    ),
    sealed_so(
        "hash_key_last", "hashes message and key with SHA-256", mac=lambda key, message: hashlib.sha256(message + key).digest()
    ),
)
