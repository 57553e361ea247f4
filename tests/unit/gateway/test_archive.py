"""The archive's queue and records: bounded, sampled, without secrets. Kafka is not needed: nothing is sent here."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from prometheus_client import REGISTRY

from services.gateway.callbacks.accounts import Account
from services.gateway.callbacks.app import CallbacksApp
from services.gateway.callbacks.archive import QUEUE_BYTES_MAX, Archive
from services.gateway.callbacks.connection import Request
from services.gateway.callbacks.trace import ANSWERED, REFUSED, UNKNOWN, Trace
from shared.contracts import codec
from shared.contracts.archive import CallbackRecord
from shared.kafka.topics import TopicNames
from shared.providers.dialect import Callback
from tests.unit.gateway.conftest import PLAYER, money_body, request, unconnected


@pytest.fixture
def opened(accounts: Callable[..., dict[str, Account]]) -> dict[str, Account]:
    return accounts()


def archive(opened: dict[str, Account], *, success_share: float = 1.0, queue_max: int = 100) -> Archive:
    return Archive("127.0.0.1:1", TopicNames(), opened, success_share=success_share, queue_max=queue_max)


async def record_of(opened: dict[str, Account], sent: Request) -> CallbackRecord:
    """What is archived of a request, after its way over the wire."""
    kept = archive(opened)
    await CallbacksApp(opened, unconnected(), kept).handle(sent)
    (trace,) = kept._queue
    return codec.decode_callback(codec.encode(kept._record(trace)))


async def test_record_tells_the_whole_callback(opened: dict[str, Account]) -> None:
    sent = request(money_body("a-1"), headers={b"x-request-id": b"abc", b"user-agent": b"mascot"})
    record = await record_of(opened, sent)
    assert (record.request_id, record.provider_account, record.dialect) == ("abc", "mascot-demo", "mascot")
    assert (record.method, record.player, record.external_id) == ("withdrawAndDeposit", PLAYER, "t1")
    assert (record.verdict, record.result, record.response_status) == (UNKNOWN, "UNKNOWN", 200)
    assert "not sent" in record.diagnosis
    assert json.loads(record.request_body) == json.loads(money_body("a-1"))
    assert json.loads(record.response_body)["error"]["code"] == 8
    assert record.remote_address == "192.0.2.1"
    assert 0 <= record.verify_us <= record.total_us
    assert record.received_at_ms > 1_700_000_000_000


async def test_record_holds_the_command_s_id_kind_and_key(opened: dict[str, Account]) -> None:
    record = await record_of(opened, request(money_body("a-1"), headers={b"x-request-id": b"abc"}))
    (key,) = record.keys
    assert (key.kind, key.namespace, key.external_id, key.target_external_id) == (record.kind, "tx", "t1", "")
    assert record.kind in {"bet", "win", "bet_and_win"}
    assert record.command_id.startswith("abc.")
    refused = await record_of(opened, request(signed=False))
    assert (refused.kind, refused.command_id, refused.keys) == ("", "", ())


async def test_record_holds_no_secret(opened: dict[str, Account]) -> None:
    sent = request(headers={b"authorization": b"Basic c2VjcmV0", b"cookie": b"secret"})
    mac = sent.headers[b"x-signature"].partition(b"=")[2].decode()
    record = await record_of(opened, sent)
    assert record.request_headers["x-signature"] == "main"
    encoded = codec.encode(record).decode()
    for secret in (mac, "c2VjcmV0", "cookie", "demo-key-1"):
        assert secret not in encoded


async def test_refused_callback_is_archived_with_its_cause(opened: dict[str, Account]) -> None:
    record = await record_of(opened, request(signed=False))
    assert (record.verdict, record.result, record.diagnosis) == (REFUSED, "refused_authentication", "subject not accepted")
    assert record.response_status == 401


async def test_body_that_is_no_text_is_kept_as_base64(opened: dict[str, Account]) -> None:
    record = await record_of(opened, request(b"\xff\x00"))
    assert (record.request_body, record.request_base64, record.response_base64) == ("/wA=", True, False)


def finished(verdict: str, result: str, body: bytes = b"") -> Trace:
    trace = Trace("r", "mascot-demo", "mascot", "192.0.2.1")
    trace.verdict, trace.result, trace.callback = verdict, result, Callback({}, body)
    return trace


def test_successes_are_sampled_failures_never(opened: dict[str, Account]) -> None:
    kept = archive(opened, success_share=0.0)
    kept.offer(finished(ANSWERED, "OK"))
    assert not kept._queue
    for verdict, result in ((ANSWERED, "INSUFFICIENT_FUNDS"), (REFUSED, "refused_syntax"), (UNKNOWN, "UNKNOWN")):
        kept.offer(finished(verdict, result))
    assert len(kept._queue) == 3


def test_about_the_wanted_share_of_successes_is_kept(opened: dict[str, Account]) -> None:
    kept = archive(opened, success_share=0.25, queue_max=10_000)
    for _ in range(4_000):
        kept.offer(finished(ANSWERED, "OK"))
    assert 800 < len(kept._queue) < 1_200


def dropped() -> float:
    return REGISTRY.get_sample_value("stakewire_gateway_archive_dropped_total", {"cause": "queue_full"}) or 0.0


def test_full_queue_drops_and_counts(opened: dict[str, Account]) -> None:
    kept = archive(opened, queue_max=10)
    before = dropped()
    for _ in range(15):
        kept.offer(finished(ANSWERED, "OK"))
    assert len(kept._queue) == 10
    assert dropped() == before + 5


def test_queue_is_bounded_in_bytes_too(opened: dict[str, Account]) -> None:
    kept = archive(opened, queue_max=1_000_000)
    body = bytes(65_536)
    for _ in range(2 * QUEUE_BYTES_MAX // len(body)):
        kept.offer(finished(ANSWERED, "OK", body))
    assert len(kept._queue) * len(body) <= QUEUE_BYTES_MAX + len(body)
