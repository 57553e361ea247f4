"""The client of the operator API against a server that answers, refuses, breaks off and stays silent; and what people are told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic import SecretStr

from services.backoffice import operator as client
from services.backoffice.operator import OperatorApi, OperatorAway, OperatorRefused, OutcomeUnknown, operator_keys
from services.backoffice.settings import BackofficeSettings
from shared.errors import SettingsError
from shared.settings import load_settings

Answers = list[Callable[[asyncio.StreamWriter], None]]


class Peer:
    """A server that answers each request with the next of `answers`, the last one again and again, and keeps their heads."""

    def __init__(self, *answers: Callable[[asyncio.StreamWriter], None]) -> None:
        self.answers = list(answers)
        self.heads: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        length = next((int(line.split(":")[1]) for line in head.lower().split("\r\n") if line.startswith("content-length")), 0)
        await reader.readexactly(length)
        (self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])(writer)
        writer.close()

    def header(self, name: str) -> list[str]:
        return [
            line.partition(": ")[2] for head in self.heads for line in head.split("\r\n") if line.lower().startswith(f"{name}:")
        ]


def told(status: int, content: Any, *headers: str) -> Callable[[asyncio.StreamWriter], None]:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    head = "".join(
        f"{line}\r\n" for line in (f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", "Connection: close", *headers)
    )
    return lambda writer: writer.write(head.encode() + b"\r\n" + body)


def problem(status: int, name: str, detail: str = "as it is") -> Callable[[asyncio.StreamWriter], None]:
    return told(status, {"type": f"/problems/{name}", "title": "No", "detail": detail, "advice": "Do this.", "status": status})


def broken(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


@asynccontextmanager
async def operator(peer: Peer) -> AsyncIterator[OperatorApi]:
    server = await asyncio.start_server(peer.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    api = OperatorApi(f"http://127.0.0.1:{port}/", {"main": SecretStr("the-key")})
    await api.start()
    yield api
    await api.close()
    server.close()
    await server.wait_closed()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "PAUSE_S", 0.01)


async def _block(api: OperatorApi) -> client.Answer:
    return await api.change("main", "POST", "/v1/players/a/block", {"reason": "r"}, acting="ada", idempotency_key="console-1")


async def test_a_change_names_the_person_and_carries_its_key() -> None:
    peer = Peer(told(201, {"ok": 1}))
    async with operator(peer) as api:
        answer = await _block(api)
    assert (answer.content, answer.replayed) == ({"ok": 1}, False)
    assert (peer.header("x-acting-user"), peer.header("idempotency-key")) == (["ada"], ["console-1"])
    assert peer.header("authorization") == ["Bearer the-key"]


async def test_without_an_answer_it_is_asked_again_under_the_same_key() -> None:
    peer = Peer(broken, problem(503, "outcome-unknown"), told(200, {}, "Idempotent-Replayed: true"))
    async with operator(peer) as api:
        assert (await _block(api)).replayed
    assert peer.header("idempotency-key") == ["console-1"] * 3


@pytest.mark.parametrize("answer", [broken, problem(503, "outcome-unknown"), told(200, b"no json"), told(500, {}), told(200, [])])
async def test_what_nobody_knows_the_outcome_of_is_said_to_be_so(answer: Callable[[asyncio.StreamWriter], None]) -> None:
    peer = Peer(answer)
    async with operator(peer) as api:
        with pytest.raises(OutcomeUnknown, match="Nobody knows") as caught:
            await _block(api)
    assert len(peer.heads) == client.ATTEMPTS_MAX
    assert "word for word" in caught.value.advice


async def test_a_refusal_is_told_in_the_operator_apis_words_and_not_repeated() -> None:
    peer = Peer(problem(422, "insufficient-funds", "the balance is lower"))
    async with operator(peer) as api:
        with pytest.raises(OperatorRefused, match=r"No\. the balance is lower") as caught:
            await _block(api)
    assert (caught.value.problem, caught.value.advice, caught.value.outcome, len(peer.heads)) == (
        "insufficient-funds",
        "Do this",
        "refused",
        1,
    )


async def test_where_nothing_was_done_it_is_said() -> None:
    for name, status in (("unavailable", 503), ("unauthenticated", 401), ("scope-missing", 403), ("brand-forbidden", 403)):
        async with operator(Peer(problem(status, name))) as api:
            with pytest.raises(OperatorAway) as caught:
                await _block(api)
        assert "the-key" not in str(caught.value)
    api = OperatorApi("http://127.0.0.1:9", {"main": SecretStr("k")})
    await api.start()
    with pytest.raises(OperatorAway, match="nothing was done"):
        await _block(api)
    with pytest.raises(OperatorAway, match="no key"):
        await api.get("second", "/v1/brands")
    await api.close()


async def test_a_silent_server_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "TIMEOUT_S", 0.2)
    monkeypatch.setattr(client, "ATTEMPTS_MAX", 2)
    silent = asyncio.Event()

    class Silent(Peer):
        async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)
            await silent.wait()
            writer.close()

    async with operator(Silent(broken)) as api:
        with pytest.raises(OutcomeUnknown):
            await _block(api)
        with pytest.raises(OperatorAway):
            await api.get("main", "/v1/brands")
        silent.set()


async def test_too_large_an_answer_is_none() -> None:
    async with operator(Peer(told(200, b'{"x": "' + b"y" * (client.ANSWER_BYTES_MAX + 1) + b'"}'))) as api:
        with pytest.raises(OperatorAway):
            await api.get("main", "/v1/brands")


def test_keys_are_read_by_brand(tmp_path: Any) -> None:
    for name in ("one", "two"):
        (tmp_path / name).write_text(f"{name}-token\n")
    settings = load_settings(
        BackofficeSettings, operator_key_file=tmp_path / "one", operator_key_files=f"second={tmp_path / 'two'}"
    )
    assert {brand: key.get_secret_value() for brand, key in operator_keys(settings).items()} == {
        "main": "one-token",
        "second": "two-token",
    }
    (tmp_path / "two").write_text("a\nb")
    for path in (tmp_path / "two", tmp_path / "none"):
        with pytest.raises(SettingsError, match="OPERATOR_KEY_FILES"):
            operator_keys(load_settings(BackofficeSettings, operator_key_files=f"second={path}"))
