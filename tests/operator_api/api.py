"""A plain client of the operator's API and of the simulator, as an operator's platform would write one."""

from __future__ import annotations

import http.client
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

TIMEOUT_S = 90.0


@dataclass(frozen=True)
class Answer:
    """An answer: status, headers by lower-case name, body."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def problem(self) -> str:
        """The name of the problem type; fails where the answer is no problem document."""
        assert self.headers["content-type"] == "application/problem+json", (self.status, self.headers, self.text)
        document = self.json
        assert document["status"] == self.status
        assert document["detail"]
        assert document["advice"]
        assert document["request_id"] == self.headers["x-request-id"]
        return str(document["type"]).removeprefix("/problems/")


@dataclass(frozen=True)
class Api:
    """One address and one key."""

    port: int
    token: str | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def call(
        self, method: str, path: str, body: Any = None, *, key: str | None = None, raw: bytes | None = None, **headers: str
    ) -> Answer:
        """One request. `key` is the Idempotency-Key; `raw` a body as it is."""
        sent = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        if self.token is not None:
            sent.setdefault("Authorization", f"Bearer {self.token}")
        if key is not None:
            sent["Idempotency-Key"] = key
        content = raw if raw is not None else None if body is None else json.dumps(body).encode()
        if content is not None:
            sent.setdefault("Content-Type", "application/json")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_S)
        try:
            connection.request(method, path, body=content, headers=sent)
            answer = connection.getresponse()
            text = answer.read().decode()
            return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, text)
        finally:
            connection.close()

    def get(self, path: str) -> Any:
        """The content of a page that must be there."""
        answer = self.call("GET", path)
        assert answer.status == 200, (path, answer)
        return answer.json

    def post(self, path: str, body: Any, *, key: str | None = None, status: int = 201) -> Any:
        """The content of the answer to a request that must succeed."""
        answer = self.call("POST", path, body, key=key)
        assert answer.status == status, (path, body, answer)
        return answer.json

    def player(self, *, currency: str = "EUR", money: str = "", **facts: Any) -> str:
        """A new player, with money if wanted; returns the operator's id of him."""
        player_id = f"p-{secrets.token_hex(6)}"
        self.post("/v1/players", {"player_id": player_id, "currency": currency} | facts)
        if money:
            self.deposit(player_id, money, currency=currency)
        return player_id

    def deposit(self, player_id: str, amount: str, *, currency: str = "EUR", key: str | None = None) -> Any:
        body = {"amount": amount, "currency": currency}
        return self.post(f"/v1/players/{player_id}/deposits", body, key=key or secrets.token_hex(8))

    def balance(self, player_id: str, currency: str = "EUR") -> str:
        accounts = self.get(f"/v1/players/{player_id}")["accounts"]
        return str(next(each["balance"] for each in accounts if each["currency"] == currency))

    def operations(self, player_id: str) -> list[dict[str, Any]]:
        """All operations, oldest first."""
        found: list[dict[str, Any]] = []
        cursor = ""
        while True:
            page = self.get(f"/v1/players/{player_id}/operations?limit=100&cursor={cursor}")
            found += page["operations"]
            cursor = page["next"] or ""
            if not cursor:
                return found[::-1]
