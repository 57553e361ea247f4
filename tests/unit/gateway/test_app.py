"""The road of a callback up to the wallet: the order of refusals, nonces, and answers where the wallet is away."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs
from typing_extensions import override

from services.gateway.callbacks.accounts import Account
from services.gateway.callbacks.app import CallbacksApp
from services.gateway.callbacks.connection import CLOSE
from services.gateway.switches import SwitchBoard, SwitchReader
from shared.kafka.topics import TopicNames
from shared.providers.dialect import Answer, Callback, Refusal, Verified
from shared.providers.mascot.dialect import MascotDialect
from tests.unit.gateway.conftest import KEY, money_body, request, unconnected


def error_of(answer: Answer) -> tuple[int, object]:
    decoded = json.loads(answer.body)
    assert decoded["error"]["message"]
    return decoded["error"]["code"], decoded["id"]


def is_signed(answer: Answer) -> bool:
    headers = dict(answer.headers)
    if b"x-signature" not in headers:
        return False
    mac = KEY.mac(int(headers[b"x-nonce"]), int(headers[b"x-timestamp"]), answer.body)
    return headers[b"x-signature"] == b"main=" + mac


def metric(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def test_wallet_that_is_away_is_an_unknown_outcome_signed_with_the_id(app: CallbacksApp) -> None:
    answer = await app.handle(request(money_body("a-1")))
    assert answer.status == 200
    assert error_of(answer) == (8, "a-1")
    assert is_signed(answer)


@pytest.mark.parametrize(
    "target",
    [
        b"/",
        b"/callbacks",
        b"/callbacks/",
        b"/callbacks/nobody",
        b"/callbacks/mascot-demo/",
        b"/callbacks/mascot-demo/x",
        b"/callbacks/%6d",
        b"/callbacks/\xff",
    ],
)
async def test_unknown_path_is_404(app: CallbacksApp, target: bytes) -> None:
    answer = await app.handle(request(target=target))
    assert answer.status == 404
    assert CLOSE in answer.headers


async def test_query_is_no_part_of_the_path(app: CallbacksApp) -> None:
    assert error_of(await app.handle(request(target=b"/callbacks/mascot-demo?x=/y")))[0] == 8


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"PUT", b"DELETE", b"OPTIONS"])
async def test_other_methods_are_405(app: CallbacksApp, method: bytes) -> None:
    answer = await app.handle(request(method=method))
    assert answer.status == 405
    assert (b"allow", b"POST") in answer.headers


async def test_order_of_refusals(accounts: Callable[..., dict[str, Account]]) -> None:
    app = CallbacksApp(accounts('allowed_addresses = ["192.0.2.0/24"]'), unconnected(), None)
    wrong: dict[str, Any] = {"peer": "198.51.100.1", "signed": False, "headers": {b"content-type": b"text/plain"}}
    everything = request(b"not json", target=b"/callbacks/nobody", method=b"GET", **wrong)
    assert (await app.handle(everything)).status == 404
    assert (await app.handle(replace(everything, target=b"/callbacks/mascot-demo"))).status == 405
    assert (await app.handle(request(b"not json", **wrong))).status == 403
    assert (await app.handle(replace(request(b"not json", **(wrong | {"peer": "192.0.2.1"})), body=None))).status == 413
    assert (await app.handle(request(b"not json", **(wrong | {"peer": "192.0.2.1"})))).status == 401
    unsupported = await app.handle(request(b"not json", headers={b"content-type": b"text/plain"}))
    assert (unsupported.status, error_of(unsupported)) == (415, (-32600, None))
    assert error_of(await app.handle(request(b"not json", nonce=2))) == (-32700, None)
    assert error_of(await app.handle(request(b"[]", nonce=3))) == (-32600, None)
    assert error_of(await app.handle(request(money_body().replace(b"withdrawAnd", b"x"), nonce=4))) == (-32601, 1)
    assert error_of(await app.handle(request(money_body(withdraw=1.5), nonce=5))) == (-32602, 1)
    assert error_of(await app.handle(request(money_body(withdraw=-1), nonce=6))) == (4, 1)
    assert error_of(await app.handle(request(money_body(playerName="nobody"), nonce=7))) == (7, 1)
    assert error_of(await app.handle(request(money_body(), nonce=8))) == (8, 1)


async def test_refusals_before_the_caller_is_known_are_unsigned_and_after_it_signed(app: CallbacksApp) -> None:
    assert not is_signed(await app.handle(request(signed=False)))
    assert not is_signed(await app.handle(request(timestamp=1)))
    assert is_signed(await app.handle(request(b"not json")))
    assert is_signed(await app.handle(request(money_body(playerName="nobody"), nonce=2)))


async def test_forged_signature_is_401_without_a_word_on_keys(app: CallbacksApp) -> None:
    forged = request()
    forged.headers[b"x-signature"] = b"main=" + b"0" * 64
    unknown = request()
    unknown.headers[b"x-signature"] = b"other=" + b"0" * 64
    first, second = await app.handle(forged), await app.handle(unknown)
    assert (first.status, first.body) == (401, second.body)
    assert error_of(first) == (-32600, None)


async def test_same_nonce_with_the_same_bytes_is_answered_again(app: CallbacksApp) -> None:
    for _ in range(3):
        assert error_of(await app.handle(request(nonce=5)))[0] == 8


async def test_same_nonce_with_other_bytes_is_refused_with_an_alarm(app: CallbacksApp) -> None:
    before = metric("stakewire_gateway_nonce_conflicts_total", account="mascot-demo")
    await app.handle(request(nonce=5))
    with capture_logs() as logs:
        answer = await app.handle(request(money_body(withdraw=1), nonce=5))
    assert (answer.status, is_signed(answer)) == (401, False)
    assert metric("stakewire_gateway_nonce_conflicts_total", account="mascot-demo") == before + 1
    assert [line["log_level"] for line in logs if "ALARM" in line["event"]] == ["error"]


async def test_repeated_nonce_may_be_refused_by_setting(accounts: Callable[..., dict[str, Account]]) -> None:
    app = CallbacksApp(accounts('nonce = "refuse"'), unconnected(), None)
    assert (await app.handle(request(nonce=5))).status == 200
    assert (await app.handle(request(nonce=5))).status == 401


async def test_forged_request_does_not_claim_its_nonce(app: CallbacksApp) -> None:
    forged = request(money_body(withdraw=1), nonce=5)
    forged.headers[b"x-signature"] = b"main=" + b"0" * 64
    assert (await app.handle(forged)).status == 401
    assert error_of(await app.handle(request(nonce=5)))[0] == 8


async def test_refused_callback_gives_one_log_line_with_the_cause_and_no_secret(app: CallbacksApp) -> None:
    refused = request(headers={b"x-request-id": b"abc-123"}, timestamp=1)
    with capture_logs() as logs:
        await app.handle(refused)
    (line,) = logs
    assert line == {
        "event": "callback refused",
        "log_level": "warning",
        "cause": "authentication",
        "detail": "timestamp not accepted",
        "account": "mascot-demo",
        "address": "192.0.2.1",
        "correlation_id": "abc-123",
    }


@pytest.mark.parametrize("given", [b"", b"a b", b"x" * 65, b"a\n", b'"', "ü".encode()])
async def test_strange_request_ids_are_replaced(app: CallbacksApp, given: bytes) -> None:
    with capture_logs() as logs:
        await app.handle(request(headers={b"x-request-id": given}, signed=False))
    assert len(logs[0]["correlation_id"]) == 16


class FaultyDialect(MascotDialect):
    """A dialect with a defect."""

    @override
    def verify(self, callback: Callback, now_s: float) -> Verified | Refusal:
        raise RuntimeError("a defect")


async def test_defect_of_ours_is_an_unknown_outcome_never_a_500(accounts: Callable[..., dict[str, Account]]) -> None:
    opened = accounts()
    account = opened["mascot-demo"]
    assert isinstance(account.dialect, MascotDialect)
    account.dialect.__class__ = FaultyDialect
    with capture_logs() as logs:
        answer = await CallbacksApp(opened, unconnected(), None).handle(request())
    assert (answer.status, error_of(answer)) == (200, (8, None))
    assert logs[0]["log_level"] == "error"


async def test_pages_of_our_own(app: CallbacksApp) -> None:
    def get(path: bytes) -> Any:
        return app.handle(request(b"", target=path, method=b"GET", signed=False))

    assert (await get(b"/health/live")).status == 200
    ready = await get(b"/health/ready")
    assert (ready.status, json.loads(ready.body)) == (503, {"status": "no connection to Kafka"})
    app.draining = True
    assert json.loads((await get(b"/health/ready")).body) == {"status": "stopping"}
    assert (await get(b"/health/live")).status == 200
    assert (await get(b"/health")).status == 404
    assert (await app.handle(request(target=b"/metrics", method=b"POST"))).status == 404


async def test_not_ready_before_the_switches_are_read(accounts: Callable[..., dict[str, Account]]) -> None:
    reader = SwitchReader("127.0.0.1:1", TopicNames(), SwitchBoard())
    app = CallbacksApp(accounts(), unconnected(), None, reader)
    ready = await app.handle(request(b"", target=b"/health/ready", method=b"GET", signed=False))
    assert (ready.status, json.loads(ready.body)) == (503, {"status": "the switches are not read yet"})


async def test_metrics_count_callbacks_by_account_method_and_result(app: CallbacksApp) -> None:
    labels = {"account": "mascot-demo", "method": "withdrawAndDeposit", "result": "UNKNOWN"}
    before = metric("stakewire_gateway_callbacks_total", **labels)
    await app.handle(request())
    assert metric("stakewire_gateway_callbacks_total", **labels) == before + 1
    assert metric("stakewire_gateway_callback_seconds_count", account="mascot-demo", method="withdrawAndDeposit") >= 1
    page = await app.handle(request(b"", target=b"/metrics", method=b"GET"))
    assert b'stakewire_gateway_callbacks_total{account="mascot-demo",method="withdrawAndDeposit",result="UNKNOWN"}' in page.body


async def test_labels_of_metrics_never_come_from_the_caller(app: CallbacksApp) -> None:
    await app.handle(request(money_body().replace(b"withdrawAndDeposit", b"made-up-name")))
    page = await app.handle(request(b"", target=b"/metrics", method=b"GET"))
    assert b"made-up-name" not in page.body
