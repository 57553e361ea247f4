"""The bench's deposits and launches as bytes, made before the run, and what an answer must look like.

Written from the operator API's published document with the standard library alone, as an operator's platform would.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import Final

from tests.bench.order import Order

AMOUNT_MAX: Final = 500
"""Largest deposit in minor units of a currency with two digits; at least 1."""

CURRENCY: Final = "EUR"
GAME: Final = "riot"

_HEAD: Final = (
    b"POST %b HTTP/1.1\r\nhost: %b\r\nuser-agent: stakewire-bench\r\ncontent-type: application/json\r\n"
    b"content-length: %d\r\nauthorization: Bearer %b\r\nidempotency-key: %b\r\nx-request-id: %b\r\n\r\n%b"
)


@dataclass(frozen=True, slots=True)
class OperatorCall:
    """One request: its bytes, what it deposits in minor units, and what its answer has to repeat."""

    raw: bytes
    amount: int
    request_id: str
    player_key: str
    answered_id: str
    """The member of the answer that begins with the player key."""

    def fault_of(self, answer: bytes) -> str:
        """What is wrong with a whole HTTP answer to this call, which should have succeeded; empty where nothing is."""
        head, _, body = answer.partition(b"\r\n\r\n")
        status, *lines = head.split(b"\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}
        if not status.startswith(b"HTTP/1.1 201 "):
            return f"status line {status[:60]!r}, expected 201"
        if headers.get(b"x-request-id") != self.request_id.encode():
            return f"the answer belongs to the request {headers.get(b'x-request-id')!r}, expected {self.request_id}"
        if b"idempotent-replayed" in headers:
            return "the answer is a repeated one, although its Idempotency-Key is new"
        found = json.loads(body).get(self.answered_id, "")
        return "" if found.startswith(self.player_key) else f"body {body[:200]!r}, expected {self.answered_id} {self.player_key}..."


def prepare_deposits(order: Order) -> list[OperatorCall]:
    """Deposits of random amounts, of players at random, each under an Idempotency-Key of its own."""
    chance = random.Random(order.tag)
    calls = []
    for number in range(order.requests_max):
        player_id, key = order.players[chance.randrange(len(order.players))]
        cents = chance.randint(1, AMOUNT_MAX)
        body = {"amount": f"{cents // 100}.{cents % 100:02}", "currency": CURRENCY}
        raw, request_id = _request(order, f"/v1/players/{player_id}/deposits", number, body)
        calls.append(OperatorCall(raw, cents, request_id, key, "operation_id"))
    return calls


def prepare_launches(order: Order) -> list[OperatorCall]:
    """Launches of one game. Players take turns: two launches of one player at once would wait for each other."""
    calls = []
    for number in range(order.requests_max):
        player_id, key = order.players[number % len(order.players)]
        body = {"player_id": player_id, "currency": CURRENCY, "provider_account": order.provider_account, "game_id": GAME}
        raw, request_id = _request(order, "/v1/sessions", number, body)
        calls.append(OperatorCall(raw, 0, request_id, key, "session_id"))
    return calls


def _request(order: Order, path: str, number: int, content: dict[str, str]) -> tuple[bytes, str]:
    body, request_id = json.dumps(content).encode(), f"{order.tag}-{number}"
    name = request_id.encode()
    raw = _HEAD % (
        path.encode(), f"{order.host}:{order.port}".encode(), len(body), order.token.encode(), name, name, body,
    )  # fmt: skip
    return raw, request_id
