"""The bench's callbacks as bytes, made and signed before the run, and what an answer must look like.

Written from Mascot's protocol with the standard library alone, so that the load generator shares no code with what it
measures and starts quickly.
"""

from __future__ import annotations

import hmac
import json
import random
import struct
import time
from dataclasses import dataclass
from typing import Final

AMOUNT_MAX: Final = 500
"""Largest stake and win in minor units; both are at least 1, so that every call moves both legs."""

_HEAD: Final = (
    b"POST %b HTTP/1.1\r\nhost: %b\r\nuser-agent: stakewire-bench\r\ncontent-type: application/json\r\n"
    b"content-length: %d\r\nx-subject: casino:%d\r\nx-nonce: %d\r\nx-timestamp: %d\r\nx-signature: %b=%b\r\n\r\n%b"
)
_prefix: Final = struct.Struct(">QI").pack


@dataclass(frozen=True, slots=True)
class Sender:
    """Who calls whom: address, account and key."""

    host: str
    port: int
    path: str
    casino_id: int
    key_id: str
    key: bytes


@dataclass(frozen=True, slots=True)
class Prepared:
    """One signed request: its bytes, and what its answer has to repeat."""

    raw: bytes
    call_id: int
    nonce: int
    timestamp: int
    sender: Sender

    @property
    def amount(self) -> int:
        """Nothing that the books would be asked for: stakes and wins are told by their count."""
        return 0

    def fault_of(self, answer: bytes) -> str:
        """What is wrong with a whole HTTP answer to this call, which should have succeeded; empty where nothing is."""
        head, _, body = answer.partition(b"\r\n\r\n")
        status, *lines = head.split(b"\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}
        if not status.startswith(b"HTTP/1.1 200 "):
            return f"status line {status[:60]!r}, expected 200"
        document = json.loads(body)
        if document.get("id") != self.call_id or "newBalance" not in document.get("result", {}):
            return f"body {body[:200]!r}, expected a result with newBalance and id {self.call_id}"
        expected = hmac.digest(self.sender.key, _prefix(self.nonce, self.timestamp) + body, "sha256").hex()
        if headers.get(b"x-signature") != f"{self.sender.key_id}={expected}".encode():
            return "the answer is not signed with the request's nonce and timestamp"
        return ""


def prepare(sender: Sender, players: list[tuple[str, str]], tag: str, count: int) -> list[Prepared]:
    """`count` calls of withdrawAndDeposit, each with a stake and a win, under references that begin with `tag`.

    `players` are (name at the provider, session id); each call takes one at random, evenly.
    """
    chance = random.Random(tag)
    first_nonce, timestamp = chance.getrandbits(63), int(time.time())
    prepared = []
    for number in range(count):
        name, session = players[chance.randrange(len(players))]
        body = _body(sender, name, session, f"{tag}-{number}", number, chance)
        nonce = first_nonce + number
        signature = hmac.digest(sender.key, _prefix(nonce, timestamp) + body, "sha256").hex().encode()
        raw = _HEAD % (
            sender.path.encode(), f"{sender.host}:{sender.port}".encode(), len(body), sender.casino_id, nonce, timestamp,
            sender.key_id.encode(), signature, body,
        )  # fmt: skip
        prepared.append(Prepared(raw, number, nonce, timestamp, sender))
    return prepared


def _body(sender: Sender, name: str, session: str, reference: str, number: int, chance: random.Random) -> bytes:
    call = {
        "jsonrpc": "2.0",
        "method": "withdrawAndDeposit",
        "id": number,
        "params": {
            "callerId": sender.casino_id,
            "playerName": name,
            "withdraw": chance.randint(1, AMOUNT_MAX),
            "deposit": chance.randint(1, AMOUNT_MAX),
            "currency": "EUR",
            "transactionRef": reference,
            "gameRoundRef": f"{reference}:r",
            "gameId": "riot",
            "reason": "GAME_PLAY_FINAL",
            "sessionAlternativeId": session,
            "spinDetails": {"betType": "spin", "winType": "standart"},
        },
    }
    return json.dumps(call, separators=(",", ":")).encode()
