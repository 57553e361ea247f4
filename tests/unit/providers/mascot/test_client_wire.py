"""The wire of the Operator API: signatures both ways, what goes wrong and what is said of it, and what is repeated."""

from __future__ import annotations

import asyncio
import email.utils
import json
import time
from collections.abc import Callable
from importlib import resources
from typing import Any

import pytest
from aiohttp import web
from prometheus_client import REGISTRY

from shared.providers.client import (
    ProviderAnswerInvalid,
    ProviderError,
    ProviderNotConfigured,
    ProviderRefused,
    ProviderTimeout,
    ProviderUnreachable,
)
from shared.providers.mascot import operator_api
from shared.providers.mascot.client import MascotClient
from shared.providers.mascot.operator_api import OperatorApi, _Question, _Received
from tests.unit.providers.conftest import mascot_account
from tests.unit.providers.mascot.conftest import OpenClient
from tests.unit.providers.mascot.provider_side import (
    KEYS,
    SUBJECT,
    Behaviour,
    Call,
    ProviderSide,
    break_off,
    mac,
    ordinary,
    status,
)

VECTORS: list[dict[str, Any]] = json.loads(resources.files("shared.providers.mascot").joinpath("vectors.json").read_text("utf-8"))
NEAR = "http://127.0.0.1:9/v1/signed/"
SECRETS = [key.decode() for key in KEYS.values()]


def api(**settings: Any) -> OperatorApi:
    return MascotClient(mascot_account(**{"operator_api_url": NEAR, **settings})).api


def asked(vector: dict[str, Any]) -> _Question:
    return _Question("Game.List", 1, vector["body"].encode(), int(vector["nonce"]), vector["timestamp"])


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["nonce"])
def test_a_request_is_signed_as_the_vector(vector: dict[str, Any]) -> None:
    assert api()._headers(asked(vector)) == {
        "X-Subject": vector["subject"],
        "X-Nonce": vector["nonce"],
        "X-Timestamp": str(vector["timestamp"]),
        "X-Signature": vector["signature"],
    }


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["nonce"])
def test_an_answer_signed_as_the_vector_is_accepted(vector: dict[str, Any]) -> None:
    received = _Received(200, {"x-signature": vector["signature"]}, vector["body"].encode(), None)
    assert api()._signer(asked(vector), received) == "main"
    changed = received._replace(body=received.body + b" ")
    assert api()._signer(asked(vector), changed) is None


async def test_a_call_is_json_rpc_over_post_signed_over_its_exact_bytes(provider: ProviderSide, open_mascot: OpenClient) -> None:
    client = await open_mascot()
    await client.games()
    (call,) = provider.calls
    assert call.document == {"jsonrpc": "2.0", "method": "Game.List", "params": {}, "id": call.document["id"]}
    assert call.path == "/v1/signed/"
    assert call.headers["Content-Type"] == "application/json"
    assert call.headers["X-Subject"] == SUBJECT
    assert abs(int(call.headers["X-Timestamp"]) - time.time()) < 60
    nonce = int(call.headers["X-Nonce"])
    assert 0 <= nonce < 2**64
    assert call.headers["X-Signature"] == f"main={mac(KEYS['main'], nonce, int(call.headers['X-Timestamp']), call.body)}"


async def test_every_call_has_a_nonce_and_an_id_of_its_own_on_one_connection(
    provider: ProviderSide, open_mascot: OpenClient
) -> None:
    client = await open_mascot()
    for _ in range(20):
        await client.close_session("s1")
    assert len({call.headers["X-Nonce"] for call in provider.calls}) == 20
    assert len({call.document["id"] for call in provider.calls}) == 20
    assert len(provider.connections) == 1
    assert max(int(call.headers["X-Nonce"]) for call in provider.calls) > 2**56


async def test_the_chosen_key_signs_and_any_of_ours_may_sign_the_answer(provider: ProviderSide, open_mascot: OpenClient) -> None:
    client = await open_mascot(operator_api_key="next")
    await client.close_session("s1")
    assert provider.calls[0].headers["X-Signature"].startswith("next=")


def unsigned(call: Call) -> web.StreamResponse:
    return web.json_response({"jsonrpc": "2.0", "result": {}, "id": call.document["id"]})


def signed_wrong(change: Callable[[Call, dict[str, str], bytes], dict[str, str]]) -> Behaviour:
    def behave(call: Call) -> web.StreamResponse:
        body = json.dumps({"jsonrpc": "2.0", "result": {}, "id": call.document["id"]}).encode()
        return web.Response(body=body, headers=change(call, call.sign(body), body))

    return behave


WRONG_SIGNATURES: dict[str, Behaviour] = {
    "none": unsigned,
    "another key": signed_wrong(lambda call, _, body: call.sign(body, key=b"not our key")),
    "a key id that is not ours": signed_wrong(lambda call, _, body: call.sign(body, key_id="old", key=KEYS["main"])),
    "other bytes": signed_wrong(lambda call, _, body: call.sign(body + b" ")),
    "another nonce, properly signed": signed_wrong(
        lambda call, headers, body: {
            **headers,
            "X-Nonce": "5",
            "X-Signature": f"main={mac(KEYS['main'], 5, int(call.headers['X-Timestamp']), body)}",
        }
    ),
    "another time, properly signed": signed_wrong(
        lambda call, headers, body: {
            **headers,
            "X-Timestamp": "5",
            "X-Signature": f"main={mac(KEYS['main'], int(call.headers['X-Nonce']), 5, body)}",
        }
    ),
    "no hex": signed_wrong(lambda _, headers, __: {**headers, "X-Signature": "main=\xe9"}),
}


@pytest.mark.parametrize("behaviour", WRONG_SIGNATURES.values(), ids=WRONG_SIGNATURES.keys())
async def test_an_answer_that_is_not_signed_to_us_is_refused(
    provider: ProviderSide, open_mascot: OpenClient, behaviour: Behaviour
) -> None:
    provider.tell("Session.Close", behaviour)
    client = await open_mascot()
    with pytest.raises(ProviderAnswerInvalid, match="not signed under one of our keys") as caught:
        await client.close_session("s1")
    assert "verify_answers" in caught.value.advice
    assert provider.methods() == ["Session.Close"]


async def test_answers_are_taken_unsigned_where_the_setting_says_so(provider: ProviderSide, open_mascot: OpenClient) -> None:
    provider.tell("Session.Close", unsigned)
    client = await open_mascot(verify_answers=False)
    await client.close_session("s1")


async def test_an_unsigned_refusal_under_http_200_is_told_in_its_words(provider: ProviderSide, open_mascot: OpenClient) -> None:
    provider.tell("Session.Close", status(200, '{"error":{"code":-32600,"message":"signature not accepted"},"id":null}'))
    client = await open_mascot()
    with pytest.raises(ProviderAnswerInvalid, match=r'error -32600 \("signature not accepted"\)'):
        await client.close_session("s1")


BAD_ANSWERS: dict[str, tuple[Behaviour, str]] = {
    "no JSON": (lambda call: web.Response(body=b"<html>", headers=call.sign(b"<html>")), "no JSON-RPC object"),
    "a list": (lambda call: call.answer([1]), "no JSON-RPC object"),
    "half of one": (lambda call: web.Response(body=b'{"id":', headers=call.sign(b'{"id":')), "no JSON-RPC object"),
    "nothing": (lambda call: web.Response(body=b"", headers=call.sign(b"")), "no JSON-RPC object"),
    "another id": (lambda call: call.answer({"result": {}, "id": call.document["id"] + 1}), "another question"),
    "our id as text": (lambda call: call.answer({"result": {}, "id": str(call.document["id"])}), "another question"),
    "no id": (lambda call: call.answer({"result": {}}), "another question"),
    "an error for another id": (lambda call: call.answer({"error": {"code": 1}, "id": -5}), "another question"),
    "neither result nor error": (lambda call: call.answer({"id": call.document["id"]}), "neither result nor error"),
    "compressed": (lambda call: call.answer({}, headers={"Content-Encoding": "gzip"}), "compressed"),
    "too long": (lambda call: call.result({"x": "y" * operator_api.ANSWER_BYTES_MAX}), "longer than 262144 bytes"),
}


@pytest.mark.parametrize(("behaviour", "said"), BAD_ANSWERS.values(), ids=BAD_ANSWERS.keys())
async def test_an_answer_that_is_none_is_invalid(
    provider: ProviderSide, open_mascot: OpenClient, behaviour: Behaviour, said: str
) -> None:
    provider.tell("Session.Close", behaviour)
    client = await open_mascot()
    with pytest.raises(ProviderAnswerInvalid, match=said) as caught:
        await client.close_session("s1")
    assert caught.value.advice
    assert not caught.value.may_have_happened
    assert (client.health.ok, client.health.cause) == (False, str(caught.value))


async def test_a_list_may_be_longer_than_other_answers(provider: ProviderSide, open_mascot: OpenClient) -> None:
    games = [{"Id": f"g{number}", "Name": "x" * 500} for number in range(1_000)]
    provider.tell("Game.List", lambda call: call.result({"Games": games}))
    client = await open_mascot()
    assert len(await client.games()) == 1_000


async def test_null_as_error_is_no_error(provider: ProviderSide, open_mascot: OpenClient) -> None:
    provider.tell("Session.Close", lambda call: call.result({}, error=None))
    client = await open_mascot()
    await client.close_session("s1")


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        ({"code": 10802, "message": "BONUS_ID_INVALID"}, 10802, "BONUS_ID_INVALID"),
        ({"code": 10802}, 10802, ""),
        ({"code": "x", "message": 5}, 0, ""),
        ({}, 0, ""),
        ("text", 0, ""),
        ({"code": 1, "message": "two\nlines\0 " + "x" * 900}, 1, "two lines " + "x" * 190),
    ],
)
async def test_an_error_object_is_a_refusal_in_the_providers_words(
    provider: ProviderSide, open_mascot: OpenClient, error: object, code: int, message: str
) -> None:
    provider.tell("Bonus.Set", lambda call: call.error(error))
    client = await open_mascot()
    with pytest.raises(ProviderRefused) as caught:
        await client._set("Bonus.Set", None, Id="b1")
    assert (caught.value.code, caught.value.message) == (code, message)
    assert caught.value.advice
    assert client.health.ok, "a refusal of one request says nothing against the account"
    assert len(provider.calls) == 1


async def test_a_refusal_without_an_id_is_understood(provider: ProviderSide, open_mascot: OpenClient) -> None:
    provider.tell("Session.Close", lambda call: call.answer({"error": {"code": -32700, "message": "Parse error"}}))
    client = await open_mascot()
    with pytest.raises(ProviderRefused, match=r"error -32700 \(Parse error\)"):
        await client.close_session("s1")


def dated(code: int, ahead_s: float) -> Behaviour:
    def behave(call: Call) -> web.StreamResponse:
        # Told when it is asked: a test may run long after it was collected.
        del call
        return web.Response(status=code, headers={"Date": email.utils.formatdate(time.time() + ahead_s, usegmt=True)})

    return behave


STATUSES: dict[str, tuple[Behaviour, type[ProviderError], str, list[str]]] = {
    "401": (dated(401, 0), ProviderRefused, "HTTP 401", ["'main'", SUBJECT, "allow-list"]),
    "403 with words": (
        status(403, '{"error":{"code":1,"message":"go away"}}'),
        ProviderRefused,
        r'HTTP 403 \("go away"\)',
        ["main"],
    ),
    "401, our clock slow": (dated(401, 400), ProviderRefused, "HTTP 401", ["s behind the provider's", "NTP"]),
    "401, our clock fast": (dated(401, -400), ProviderRefused, "HTTP 401", ["s ahead of the provider's"]),
    "404": (status(404, "<html>not here"), ProviderRefused, "HTTP 404", ["path of operator_api_url", "/v1/signed/"]),
    "302": (status(302, Location="https://elsewhere.example/"), ProviderRefused, "HTTP 302", ["redirections are not followed"]),
    "405": (status(405), ProviderRefused, "HTTP 405", ["operator_api_url"]),
    "503": (status(503, "maintenance"), ProviderUnreachable, "HTTP 503", ["status page"]),
    "429": (status(429), ProviderRefused, "HTTP 429", ["rate"]),
}


@pytest.mark.parametrize(("behaviour", "kind", "said", "advised"), STATUSES.values(), ids=STATUSES.keys())
async def test_an_http_status_is_told_with_what_to_do(
    provider: ProviderSide, open_mascot: OpenClient, behaviour: Behaviour, kind: type[ProviderError], said: str, advised: list[str]
) -> None:
    provider.tell("Session.Close", behaviour)
    client = await open_mascot()
    with pytest.raises(kind, match=said) as caught:
        await client.close_session("s1")
    for words in advised:
        assert words in caught.value.advice
    assert not any(secret in f"{caught.value} {caught.value.advice}" for secret in SECRETS)
    assert (client.health.ok, client.health.advice) == (False, caught.value.advice)
    assert all(call.path == "/v1/signed/" for call in provider.calls)


async def test_a_signed_error_under_another_status_is_still_a_refusal(provider: ProviderSide, open_mascot: OpenClient) -> None:
    provider.tell("Session.Close", lambda call: call.error({"code": 10501, "message": "SESSION_ID_INVALID"}, status=400))
    client = await open_mascot()
    with pytest.raises(ProviderRefused, match="SESSION_ID_INVALID") as caught:
        await client.close_session("s1")
    assert caught.value.code == 10501


@pytest.mark.parametrize(
    ("behaviour", "attempts"), [(status(503), 4), (status(429), 4), (break_off, 4), (status(401), 1), (status(404), 1)]
)
async def test_what_is_safe_is_repeated_only_where_it_may_help_and_not_for_ever(
    provider: ProviderSide, open_mascot: OpenClient, behaviour: Behaviour, attempts: int
) -> None:
    provider.tell("Session.Close", behaviour)
    client = await open_mascot()
    with pytest.raises(ProviderError) as caught:
        await client.close_session("s1")
    assert len(provider.calls) == attempts
    assert not caught.value.may_have_happened
    assert len({call.headers["X-Nonce"] for call in provider.calls}) == attempts


@pytest.mark.parametrize("behaviour", [status(503), status(429), break_off])
async def test_a_safe_call_that_succeeds_at_last_is_a_success(
    provider: ProviderSide, open_mascot: OpenClient, behaviour: Behaviour
) -> None:
    provider.tell("Game.List", behaviour, ordinary)
    client = await open_mascot()
    assert [game.game_id for game in await client.games()] == ["riot"]
    assert provider.methods() == ["Game.List"] * 2
    assert client.health.ok
    assert client.health.last_failure_method == "Game.List"


async def create(client: MascotClient) -> operator_api.Answer:
    return await client.api.call("Session.Create", {}, safe=False)


@pytest.mark.parametrize(
    ("behaviour", "uncertain"),
    [
        (status(503), True),
        (break_off, True),
        (unsigned, True),
        (BAD_ANSWERS["no JSON"][0], True),
        (BAD_ANSWERS["another id"][0], True),
        (BAD_ANSWERS["too long"][0], True),
        (lambda call: call.error({"code": -32603, "message": "Internal error"}), True),
        (lambda call: call.error({"code": 10401, "message": "GAME_ID_INVALID"}), False),
        (status(401), False),
        (status(404), False),
        (status(302), False),
    ],
)
async def test_what_is_not_safe_is_sent_once_and_says_whether_it_may_have_happened(
    provider: ProviderSide,
    open_mascot: OpenClient,
    behaviour: Behaviour,
    uncertain: bool,  # noqa: FBT001 - a table
) -> None:
    provider.tell("Session.Create", behaviour)
    client = await open_mascot()
    with pytest.raises(ProviderError) as caught:
        await create(client)
    assert len(provider.calls) == 1
    assert caught.value.may_have_happened is uncertain


async def test_silence_ends_by_the_calls_own_limit(provider: ProviderSide, open_mascot: OpenClient) -> None:
    provider.tell("Session.Create", provider.silence)
    client = await open_mascot(operator_api_timeout_s=0.2)
    began = time.perf_counter()
    with pytest.raises(ProviderTimeout, match=r"did not answer within 0\.2 s") as caught:
        await create(client)
    assert time.perf_counter() - began < 5
    assert caught.value.may_have_happened
    assert "operator_api_timeout_s" in caught.value.advice
    assert len(provider.calls) == 1


async def test_an_operation_ends_by_its_deadline_whatever_its_calls_do(provider: ProviderSide, open_mascot: OpenClient) -> None:
    provider.tell("Session.Close", provider.silence)
    client = await open_mascot(operator_api_timeout_s=0.2, operator_api_deadline_s=0.5)
    began = time.perf_counter()
    with pytest.raises(ProviderTimeout):
        await client.close_session("s1")
    assert time.perf_counter() - began < 5
    assert 1 <= len(provider.calls) <= 3


async def test_a_body_that_drips_ends_by_the_limit(provider: ProviderSide, open_mascot: OpenClient) -> None:
    async def drip(call: Call) -> web.StreamResponse:
        response = web.StreamResponse(headers=call.sign(b""))
        response.content_length = 100
        await response.prepare(call.request)
        await response.write(b"{")
        await provider.silence(call)
        return response

    provider.tell("Session.Close", drip)
    client = await open_mascot(operator_api_timeout_s=0.2, operator_api_deadline_s=0.2)
    with pytest.raises(ProviderTimeout):
        await client.close_session("s1")


async def test_no_connection_is_tried_again_even_for_what_is_not_safe(unused_tcp_port: int) -> None:
    client = MascotClient(mascot_account(operator_api_url=f"http://127.0.0.1:{unused_tcp_port}/v1/signed/"))
    await client.start()
    try:
        with pytest.raises(ProviderUnreachable, match=f"no connection to 127.0.0.1:{unused_tcp_port}") as caught:
            await create(client)
    finally:
        await client.close()
    assert not caught.value.may_have_happened
    assert "operator_api_url" in caught.value.advice
    assert _count("stakewire_provider_repetitions_total", "Session.Create") >= 3


def _count(name: str, method: str) -> float:
    return REGISTRY.get_sample_value(name, {"account": "mascot-demo", "method": method}) or 0.0


async def test_a_name_without_an_address_is_told() -> None:
    client = MascotClient(mascot_account(operator_api_url="https://no-such-host.invalid/v1/signed/", operator_api_deadline_s=5.0))
    await client.start()
    try:
        with pytest.raises(ProviderUnreachable, match=r"no-such-host\.invalid") as caught:
            await client.close_session("s1")
    finally:
        await client.close()
    assert caught.value.advice


async def test_a_client_that_is_not_started_says_so() -> None:
    client = MascotClient(mascot_account(operator_api_url=NEAR))
    with pytest.raises(ProviderNotConfigured, match="not started"):
        await client.close_session("s1")
    await client.close()


async def test_something_that_is_not_http_is_told(unused_tcp_port: int) -> None:
    async def rubbish(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"SSH-2.0-OpenSSH\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(rubbish, "127.0.0.1", unused_tcp_port)
    client = MascotClient(mascot_account(operator_api_url=f"http://127.0.0.1:{unused_tcp_port}/v1/signed/"))
    await client.start()
    try:
        with pytest.raises(ProviderAnswerInvalid, match="not HTTP"):
            await create(client)
    finally:
        await client.close()
        server.close()
        await server.wait_closed()


async def test_health_tells_times_and_latency(provider: ProviderSide, open_mascot: OpenClient) -> None:
    client = await open_mascot()
    assert (client.health.ok, client.health.last_ok_at_ms) == (True, 0)
    await client.close_session("s1")
    health = client.health
    assert abs(health.last_ok_at_ms / 1_000 - time.time()) < 60
    assert (health.last_ok_method, health.last_failure_at_ms, health.cause) == ("Session.Close", 0, "")
    assert 0 < health.last_ok_latency_ms < 10_000
    provider.tell("Session.Close", status(404), ordinary)
    with pytest.raises(ProviderRefused):
        await client.close_session("s1")
    failed = client.health
    assert (failed.ok, failed.last_failure_at_ms > health.last_ok_at_ms) == (False, True)
    await client.close_session("s1")
    again = client.health
    assert (again.ok, "HTTP 404" in again.cause) == (True, True)
