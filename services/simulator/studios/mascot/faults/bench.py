"""What a fault works on: one operator's account as the provider knows it, and the good request that it breaks. Values only."""

from __future__ import annotations

import hmac
import json
import struct
from collections.abc import Callable
from typing import Any, Final

import msgspec
from msgspec import Struct

from services.simulator.studios.mascot.signature import NONCE, SIGNATURE, SUBJECT, TIMESTAMP, Signer

MASK_64: Final = 2**64 - 1
Header = tuple[str, str]
Pack = Callable[[int, int, bytes], bytes]
"""Nonce, timestamp and body as the bytes that are signed."""
Mac = Callable[[bytes, bytes], bytes]
"""Key and message to the bytes of a signature."""

_encode: Final = msgspec.json.Encoder().encode


class Mate(Struct, frozen=True):
    """Another account of the same provider: what a technician may mix up with this one."""

    provider_account: str
    casino_id: int
    key_id: str
    key: bytes


class Sent(Struct, frozen=True):
    """A request as it goes over the wire; `suffix` is appended to the callback address."""

    headers: list[Header]
    body: bytes
    http_method: str = "POST"
    suffix: str = ""


class Bench(Struct, frozen=True, kw_only=True):
    """One account and one player. `now` is Unix seconds; `nonce` is above 2**63; `ref` is a reference nobody has used.

    `player` is the name that the operator gave; `session`, `ended_session` and `foreign_session` are the operator's ids of an
    open session, of one that has ended, and of somebody else's; `foreign_player` is one of a brand that is not served here.
    """

    provider_account: str
    casino_id: int
    key_id: str
    key: bytes
    second_key_id: str
    second_key: bytes
    other: Mate
    player: str
    session: str
    ended_session: str
    foreign_session: str
    foreign_player: str
    currency: str
    game: str
    now: int
    nonce: int
    ref: str
    extra_headers: tuple[Header, ...] = ()

    def params(self, **changes: Any) -> dict[str, Any]:
        """The parameters of a small bet; a change to `...` leaves a parameter out."""
        params: dict[str, Any] = {
            "callerId": self.casino_id,
            "playerName": self.player,
            "withdraw": 400,
            "deposit": 0,
            "currency": self.currency,
            "transactionRef": self.ref,
            "gameRoundRef": f"round/{self.ref}",
            "gameId": self.game,
            "sessionAlternativeId": self.session,
            "reason": "GAME_PLAY",
            "source": "caf\u00e9",
        } | changes
        return {name: value for name, value in params.items() if value is not ...}

    def call(self, method: str = "withdrawAndDeposit", params: Any = None, **envelope: Any) -> dict[str, Any]:
        """The JSON-RPC request of a small bet; a change to `...` leaves a member out."""
        call: dict[str, Any] = {
            "jsonrpc": "2.0",
            "method": method,
            "params": self.params() if params is None else params,
            "id": f"f-{self.nonce % 1_000_000}",
        } | envelope
        return {name: value for name, value in call.items() if value is not ...}

    def rollback(self, ref: str) -> dict[str, Any]:
        """The call that takes a reference back."""
        params = {"callerId": self.casino_id, "playerName": self.player, "transactionRef": ref, "gameId": self.game}
        return self.call("rollbackTransaction", params)

    def send(self, body: bytes | dict[str, Any] | None = None, **how: Any) -> Sent:
        """A signed request, right in everything that `how` does not change."""
        raw = compact(self.call()) if body is None else body if isinstance(body, bytes) else compact(body)
        content_type = how.pop("content_type", "application/json")
        more = how.pop("more", ())
        headers = [("Content-Type", content_type)] if content_type else []
        return Sent([*headers, *self.sealed(raw, **how), *self.extra_headers, *more], raw)

    def sealed(
        self,
        body: bytes,
        *,
        over: bytes | None = None,
        key: bytes | None = None,
        key_id: str | None = None,
        nonce: int | None = None,
        stamp: int | None = None,
        pack: Pack | None = None,
        mac: Mac | None = None,
        write: Callable[[str, bytes], str] | None = None,
        **shown: str,
    ) -> list[Header]:
        """The four headers. `over` are other bytes to sign, `write` another form of X-Signature; `shown` overrides a header's text.

        `shown` knows subject, nonce_text and timestamp_text; an empty text leaves the header out.
        """
        signer = Signer(self.casino_id, key_id or self.key_id, self.key if key is None else key)
        number, at = self.nonce if nonce is None else nonce, self.now if stamp is None else stamp
        signed = body if over is None else over
        headers = signer.headers(signed, number & MASK_64, at & 0xFFFFFFFF)
        if pack is not None or mac is not None or write is not None:
            message = (pack or right_pack)(number, at, signed)
            digest = (mac or hmac_sha256)(self.key if key is None else key, message)
            headers[SIGNATURE] = (write or right_form)(key_id or self.key_id, digest)
        texts = {SUBJECT: "subject", NONCE: "nonce_text", TIMESTAMP: "timestamp_text", SIGNATURE: "signature"}
        written = {name: shown.get(texts[name], value) for name, value in headers.items()}
        return [(name, value) for name, value in written.items() if value]


def right_pack(nonce: int, stamp: int, body: bytes) -> bytes:
    """As the protocol says: BE64 nonce, BE32 timestamp, body."""
    return struct.pack(">QI", nonce & MASK_64, stamp & 0xFFFFFFFF) + body


def right_form(key_id: str, mac: bytes) -> str:
    """As the protocol says: `<key id>=<lower-case hex>`."""
    return f"{key_id}={mac.hex()}"


def hmac_sha256(key: bytes, message: bytes) -> bytes:
    """As the protocol says."""
    return hmac.digest(key, message, "sha256")


def compact(document: Any) -> bytes:
    """JSON without blanks, in UTF-8: how Mascot writes it."""
    return _encode(document)


def spaced(document: Any, **how: Any) -> bytes:
    """JSON as a common library writes it by default, or otherwise by `how`."""
    return json.dumps(document, **({"ensure_ascii": False} | how)).encode()
