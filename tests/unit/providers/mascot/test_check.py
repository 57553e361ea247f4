"""Checking a Mascot account from both sides: each step in words, what to do about it, and no secret in any of them."""

from __future__ import annotations

import email.utils
import ssl
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import web

from shared.contracts.commands import GetBalance
from shared.contracts.replies import Reply, Result
from shared.providers.check import CheckStep
from shared.providers.dialect import Answer, Callback, Refusal, Stamp
from shared.providers.mascot.dialect import MascotDialect
from shared.providers.registry import check_account
from shared.settings.accounts import ProviderAccount
from tests.unit.providers.conftest import mascot_account
from tests.unit.providers.mascot.provider_side import KEYS, Call, ProviderSide, break_off, status

MTLS: dict[str, Any] = {
    "auth": "mtls",
    "trusted_proxies": ["10.0.0.0/8"],
    "certificate_header": "x-verify",
    "certificate_value": "SUCCESS",
}


class OurSide:
    """A gateway with the real dialect; in the wallet's place a result for everybody."""

    def __init__(self, account: ProviderAccount, result: str = Result.PLAYER_NOT_FOUND) -> None:
        self.dialect = MascotDialect(account)
        self.result = result
        self.change: Callable[[Answer], Answer] = lambda answer: answer
        self.asked: list[object] = []
        self.url = ""

    async def serve(self, request: web.Request) -> web.Response:
        headers = {name.lower().encode(): value.encode() for name, value in request.headers.items()}
        callback = Callback(headers, await request.read())
        verified = self.dialect.verify(callback, time.time())
        if isinstance(verified, Refusal):
            answer = self.dialect.refuse(verified, None)
        else:
            call = self.dialect.parse(callback, Stamp("c1", "g1", 0))
            if isinstance(call, Refusal):
                answer = self.dialect.refuse(call, verified)
            else:
                self.asked.append(call.command)
                answer = self.dialect.render(call, Reply(command_id="c1", caller="g1", result=self.result), verified)
        answer = self.change(answer)
        given = {name.decode(): value.decode() for name, value in answer.headers if name != b"content-length"}
        return web.Response(status=answer.status, body=answer.body, headers=given)


@pytest.fixture
async def ours() -> AsyncIterator[Callable[..., Any]]:
    runners = []

    async def start(account: ProviderAccount, **more: Any) -> OurSide:
        side = OurSide(account, **more)
        server = web.Application()
        server.router.add_post("/callbacks/mascot-demo", side.serve)
        runner = web.AppRunner(server, access_log=None, shutdown_timeout=0.05)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        runners.append(runner)
        side.url = f"http://127.0.0.1:{runner.addresses[0][1]}/callbacks/mascot-demo"
        return side

    yield start
    for runner in runners:
        await runner.cleanup()


async def checked(account: ProviderAccount, callback_url: str = "") -> dict[str, CheckStep]:
    steps = [step async for step in check_account(account, callback_url)]
    for step in steps:
        assert step.found
        assert bool(step.mend) == (step.state == "failed")
        assert not any(secret.decode() in f"{step.found}{step.mend}" for secret in KEYS.values())
    assert len({step.name for step in steps}) == len(steps)
    return {step.name: step for step in steps}


def states(steps: dict[str, CheckStep]) -> dict[str, str]:
    return {name: step.state for name, step in steps.items()}


def account(provider: ProviderSide, **settings: Any) -> ProviderAccount:
    return mascot_account(**{"operator_api_url": provider.url(), "operator_api_deadline_s": 5.0, **settings})


async def test_all_is_well(provider: ProviderSide, ours: Callable[..., Any]) -> None:
    entry = account(provider)
    gateway = await ours(entry)
    steps = await checked(entry, gateway.url)
    assert states(steps) == {
        "settings": "ok", "provider's address": "ok", "name": "ok", "connection": "ok", "TLS certificate": "skipped", "clock": "ok",
        "who we are": "ok", "answer's signature": "ok", "game list": "ok", "our callbacks, key main": "ok", "our callbacks, key next": "ok",
    }  # fmt: skip
    assert steps["game list"].found == "1 games, 1 with free rounds, 1 with demo"
    assert provider.methods() == ["Game.List"]
    (first, second) = gateway.asked
    assert isinstance(first, GetBalance)
    assert isinstance(second, GetBalance)
    assert (first.currency, first.player_currency) == ("EUR", "EUR")


async def test_without_an_address_the_own_side_is_still_checked(ours: Callable[..., Any]) -> None:
    gateway = await ours(mascot_account())
    steps = await checked(mascot_account(), gateway.url)
    assert steps["provider's address"].state == "failed"
    assert "operator_api_url is not set" in steps["provider's address"].found
    assert steps["our callbacks, key main"].state == "ok"


async def test_wrong_settings_end_the_check() -> None:
    steps = await checked(mascot_account(casino_id=-1))
    assert states(steps) == {"settings": "failed"}
    assert "casino_id" in steps["settings"].found


async def test_without_a_stack_our_side_is_skipped(provider: ProviderSide) -> None:
    steps = await checked(account(provider))
    assert steps["our callbacks"].state == "skipped"
    assert "stakewire up" in steps["our callbacks"].found


@pytest.mark.parametrize(
    ("settings", "step", "words"),
    [
        ({"operator_api_url": "https://no-such-host.invalid/v1/signed/"}, "name", "has no address"),
        ({"operator_api_url": "http://127.0.0.1:1/v1/signed/"}, "connection", "no connection to 127.0.0.1:1"),
        ({"operator_api_url": "env:NO_SUCH_VARIABLE"}, "provider's address", "NO_SUCH_VARIABLE, which is not set"),
        (
            {"operator_api_url": "https://127.0.0.1/v1/", "operator_api_certificate": "none.pem"},
            "provider's address",
            "none.pem cannot be used",
        ),
    ],
)
async def test_what_fails_before_a_call_ends_the_providers_side(settings: dict[str, Any], step: str, words: str) -> None:
    steps = await checked(mascot_account(**settings))
    assert steps[step].state == "failed"
    assert words in steps[step].found
    assert "game list" not in steps
    assert list(steps)[-1] == "our callbacks"


def skewed(ahead_s: float, code: int = 200) -> Callable[[Call], web.StreamResponse]:
    def behave(call: Call) -> web.StreamResponse:
        # Told when it is asked: a test may run long after it was collected.
        date = email.utils.formatdate(time.time() + ahead_s, usegmt=True)
        if code != 200:
            return web.Response(status=code, headers={"Date": date})
        return call.answer({"result": {"Games": []}, "id": call.document["id"]}, headers={"Date": date})

    return behave


@pytest.mark.parametrize(
    ("behaviour", "failed", "words"),
    [
        (skewed(400), "clock", "behind the provider's"),
        (skewed(-400), "clock", "ahead of the provider's"),
        (skewed(0), "game list", "the list is empty"),
        (skewed(0, 401), "who we are", "HTTP 401"),
        (status(404), "who we are", "HTTP 404"),
        (status(200, '{"result":{"Games":[]},"id":1}'), "answer's signature", "not signed"),
        (status(503), "game list", "HTTP 503"),
        (break_off, "game list", "broke"),
        (lambda call: call.result("x"), "game list", "Game.List"),
    ],
)
async def test_what_fails_in_the_call_is_told_at_its_step(provider: ProviderSide, behaviour: Any, failed: str, words: str) -> None:
    provider.tell("Game.List", behaviour)
    steps = await checked(account(provider))
    assert steps[failed].state == "failed", steps
    assert words in steps[failed].found


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda answer: replaced(answer, body=answer.body + b" "), "not signed under this key"),
        (lambda _: Answer(404, [], b""), "does not know this account"),
        (lambda _: Answer(502, [], b"<html>"), "HTTP 502"),
        (lambda _: Answer(401, [], b'{"error":{"code":-32600,"message":"timestamp not accepted"}}'), "timestamp not accepted"),
    ],
)
async def test_callbacks_that_a_provider_could_not_use_are_told(
    ours: Callable[..., Any], change: Callable[[Answer], Answer], words: str
) -> None:
    gateway = await ours(mascot_account())
    gateway.change = change
    steps = await checked(mascot_account(), gateway.url)
    assert steps["our callbacks, key main"].state == "failed"
    assert words in steps["our callbacks, key main"].found


def replaced(answer: Answer, body: bytes) -> Answer:
    return Answer(answer.status, answer.headers, body)


async def test_addresses_that_are_not_admitted_say_nothing(ours: Callable[..., Any]) -> None:
    gateway = await ours(mascot_account())
    gateway.change = lambda _: Answer(403, [], b"")
    steps = await checked(mascot_account(), gateway.url)
    assert steps["our callbacks, key main"].state == "skipped"


@pytest.mark.parametrize(
    ("result", "words"),
    [(Result.UNKNOWN, "the wallet did not answer"), (Result.OK, "an amount"), (Result.WRONG_CURRENCY, "error 2")],
)
async def test_an_answer_other_than_unknown_player_is_told(ours: Callable[..., Any], result: str, words: str) -> None:
    gateway = await ours(mascot_account(), result=result)
    steps = await checked(mascot_account(), gateway.url)
    assert steps["our callbacks, key main"].state == "failed"
    assert words in steps["our callbacks, key main"].found


async def test_a_gateway_with_other_keys_is_told_key_by_key(ours: Callable[..., Any]) -> None:
    gateway = await ours(mascot_account(keys={"main": KEYS["main"], "next": b"an older one"}))
    steps = await checked(mascot_account(), gateway.url)
    assert (steps["our callbacks, key main"].state, steps["our callbacks, key next"].state) == ("ok", "failed")
    assert "restart the gateway" in steps["our callbacks, key next"].mend


async def test_a_gateway_that_is_down_is_told(unused_tcp_port: int) -> None:
    steps = await checked(mascot_account(), f"http://127.0.0.1:{unused_tcp_port}/callbacks/mascot-demo")
    assert "cannot be called" in steps["our callbacks, key main"].found


async def test_in_mtls_mode_a_stranger_must_be_refused(ours: Callable[..., Any]) -> None:
    entry = mascot_account(keys={}, **MTLS)
    gateway = await ours(entry)
    assert (await checked(entry, gateway.url))["our callbacks"].state == "ok"
    gateway.change = lambda _: Answer(200, [], b"{}")
    steps = await checked(entry, gateway.url)
    assert (steps["our callbacks"].state, "reverse proxy" in steps["our callbacks"].mend) == ("failed", True)


@pytest.mark.parametrize(("days", "state"), [(100, "ok"), (3, "failed")])
async def test_days_left_of_the_providers_certificate_are_told(tmp_path: Path, days: int, state: str) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", not_after=datetime.now(UTC) + timedelta(days=days, hours=1)).configure_cert(context)
    async with ProviderSide(tls=context) as side:
        entry = replace(account(side, operator_api_ca="ca.pem"), folder=tmp_path)
        step = (await checked(entry))["TLS certificate"]
    assert (step.state, f"{days} days left" in step.found) == (state, True)


async def test_a_certificate_of_another_authority_is_told() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    async with ProviderSide(tls=context) as side:
        step = (await checked(account(side)))["TLS certificate"]
    assert step.state == "failed"
    assert "is not accepted" in step.found
    assert "operator_api_ca" in step.mend
