"""The gate alone: what it lets through, what it answers itself, and that it has the last word on failures."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from shared.access import AccessUnavailableError, ApiKey
from shared.web.gate import CALLER, REQUEST_ID, Gate, GateLimits

KEY = ApiKey(key_id="key_1", brand="main", scopes=frozenset({"read"}), created_at=datetime.now(UTC))


class Ring:
    """Knows one token; `away` when the database is."""

    async def find(self, token: str) -> ApiKey | None:
        if token == "away":
            raise AccessUnavailableError("the database does not answer")
        return KEY if token == "good" else None


class Inside:
    """The application behind the gate: notes what reaches it."""

    def __init__(self, fails: str = "") -> None:
        self.scopes: list[Scope] = []
        self._fails = fails

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del receive
        self.scopes.append(scope)
        if self._fails == "before":
            raise RuntimeError("a secret in a defect")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        if self._fails == "after":
            raise RuntimeError("a secret in a defect")
        await send({"type": "http.response.body", "body": b"ok"})


class Heard:
    """An answer as the server would send it."""

    def __init__(self, messages: list[Message]) -> None:
        self.status: int = messages[0]["status"]
        self.headers = {name.decode(): value.decode() for name, value in messages[0]["headers"]}
        self.body: bytes = b"".join(message.get("body", b"") for message in messages[1:])

    @property
    def problem(self) -> Any:
        return json.loads(self.body)["type"].removeprefix("/problems/")


async def ask(gate: Gate, path: str = "/v1/x", *, token: str = "", **headers: str) -> Heard:
    raw = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    if token:
        raw.append((b"authorization", b"Bearer " + token.encode()))
    messages: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        messages.append(message)

    scope = {"type": "http", "method": "POST", "path": path, "headers": raw, "client": ("192.0.2.1", 5)}
    await gate(scope, receive, send)
    return Heard(messages)


async def test_a_good_key_comes_through() -> None:
    inside = Inside()
    heard = await ask(Gate(inside, Ring(), "test"), token="good", x_request_id="mine-1")
    assert heard.status == 200
    assert heard.headers["x-request-id"] == "mine-1"
    assert (inside.scopes[0][CALLER], inside.scopes[0][REQUEST_ID]) == (KEY, "mine-1")


@pytest.mark.parametrize("request_id", ["", "a b", "x" * 65, "<script>", "\u00e4"])
async def test_other_request_ids_are_replaced(request_id: str) -> None:
    heard = await ask(Gate(Inside(), Ring(), "test"), "/docs", x_request_id=request_id)
    assert len(heard.headers["x-request-id"]) == 16


async def test_pages_outside_v1_need_no_key() -> None:
    assert (await ask(Gate(Inside(), Ring(), "test"), "/docs")).status == 200


@pytest.mark.parametrize(
    ("headers", "status", "problem"),
    [
        ({}, 401, "unauthenticated"),
        ({"authorization": "Basic good"}, 401, "unauthenticated"),
        ({"authorization": "Bearer " + "x" * 600}, 401, "unauthenticated"),
        ({"authorization": "Bearer away"}, 503, "unavailable"),
        ({"authorization": "Bearer good", "content_length": "70000"}, 413, "body-too-large"),
        ({"authorization": "Bearer good", "content_length": "9" * 5_000}, 413, "body-too-large"),
        ({"authorization": "Bearer good", "content_length": "-1"}, 413, "body-too-large"),
        ({"authorization": "Bearer good", "transfer_encoding": "chunked"}, 411, "length-required"),
    ],
)
async def test_what_stays_outside(headers: dict[str, str], status: int, problem: str) -> None:
    inside = Inside()
    heard = await ask(Gate(inside, Ring(), "test"), **headers)
    assert (heard.status, heard.problem) == (status, problem)
    assert not inside.scopes


async def test_a_key_has_a_rate() -> None:
    gate = Gate(Inside(), Ring(), "test", GateLimits(per_s=0.01, burst=2))
    answers = [await ask(gate, token="good") for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert 0 < int(answers[2].headers["retry-after"]) <= 100


async def test_guessing_is_slowed_down_and_good_keys_of_the_same_address_are_not() -> None:
    gate = Gate(Inside(), Ring(), "test", GateLimits(failures_per_s=0.01, failures_burst=3))
    assert [(await ask(gate, token="guess")).status for _ in range(5)] == [401, 401, 401, 429, 429]
    assert (await ask(gate, token="good")).status == 200


async def test_a_defect_is_answered_without_its_words() -> None:
    heard = await ask(Gate(Inside("before"), Ring(), "test"), token="good")
    assert (heard.status, heard.problem) == (500, "internal-error")
    assert b"secret" not in heard.body


async def test_an_answer_that_has_begun_is_not_followed_by_another() -> None:
    with pytest.raises(RuntimeError, match="had begun"):
        await ask(Gate(Inside("after"), Ring(), "test"), token="good")
