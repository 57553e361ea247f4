"""The client of the operator API: what it makes of every kind of answer, and that the key goes nowhere else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from pydantic import SecretStr

from services.catalogue.lobby.operator import ANSWER_BYTES_MAX, OperatorApi
from shared.web.problems import Problem

KEY = "sw_a-secret"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def operator(handler: Handler) -> AsyncIterator[OperatorApi]:
    """A client of a server that answers everything by `handler`."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    api = OperatorApi(f"http://{host}:{port}/", SecretStr(KEY))
    await api.start()
    try:
        yield api
    finally:
        await api.close()
        await runner.cleanup()


async def problem_of(handler: Handler) -> Problem:
    async with operator(handler) as api:
        with pytest.raises(Problem) as caught:
            await api.call("POST", "/v1/sessions", {"game_id": "riot"}, idempotency_key="lobby-1")
    assert KEY not in repr(caught.value) + str(caught.value.document("r"))
    return caught.value


async def test_a_call_carries_the_key_the_body_and_the_idempotency_key() -> None:
    async def handler(request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == f"Bearer {KEY}"
        assert request.headers["Idempotency-Key"] == "lobby-1"
        return web.json_response({"path": request.path, "body": await request.json()}, headers={"Idempotent-Replayed": "true"})

    async with operator(handler) as api:
        answer = await api.call("POST", "/v1/sessions", {"game_id": "riot"}, idempotency_key="lobby-1")
    assert answer.content == {"path": "/v1/sessions", "body": {"game_id": "riot"}}
    assert answer.replayed


async def test_a_refusal_is_told_on_in_its_own_words() -> None:
    told = {"type": "/problems/game-not-available", "title": "Off", "detail": "the game is off", "advice": "take another"}

    async def handler(_: web.Request) -> web.Response:
        return web.json_response(told, status=409, content_type="application/problem+json")

    problem = await problem_of(handler)
    assert (problem.kind.name, problem.detail, problem.advice) == ("operator-refused", "the game is off", "take another")
    assert problem.facts == {"cause": "game-not-available", "title": "Off"}


@pytest.mark.parametrize("status", [401, 403])
async def test_a_key_that_is_not_taken_is_the_lobbys_fault_not_the_players(status: int) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.json_response({"type": "/problems/unauthenticated", "detail": "no"}, status=status)

    problem = await problem_of(handler)
    assert problem.kind.name == "operator-away"
    assert "STAKEWIRE_LOBBY_OPERATOR_KEY_FILE" in problem.advice


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"", b'{"a":"' + b"x" * ANSWER_BYTES_MAX + b'"}', b"\xff"])
async def test_an_answer_that_cannot_be_used_is_none(body: bytes) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=body)

    assert (await problem_of(handler)).kind.name == "operator-away"


async def test_a_redirect_is_not_followed_with_the_key() -> None:
    asked = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.json_response({}, status=307, headers={"Location": "/elsewhere"})

    assert (await problem_of(handler)).kind.name == "operator-away"
    assert asked == ["/v1/sessions"]


async def test_nobody_there() -> None:
    api = OperatorApi("http://127.0.0.1:9", SecretStr(KEY))
    await api.start()
    try:
        with pytest.raises(Problem, match="did not answer"):
            await api.call("GET", "/v1/players/demo")
    finally:
        await api.close()
