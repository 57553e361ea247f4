"""What the services say in their spans, and when they make none: the gate, the callbacks application, the wallet's batches."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from opentelemetry.trace import SpanKind
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from services.gateway.callbacks.accounts import Account
from services.gateway.callbacks.app import CallbacksApp
from services.wallet.intake import Taken, take
from services.wallet.traces import TRACED_MAX, Traces, log_fields
from shared.contracts import codec
from shared.tracing import Parent
from shared.web.gate import Gate
from tests.unit.gateway.conftest import accounts, money_body, request, unconnected
from tests.unit.tracing.spans import Spans, id_of, parent_of, spans_at
from tests.unit.wallet.builders import KEY, bet
from tests.unit.web.test_gate import Inside, Ring, ask

__all__ = ["accounts"]
PARENT = Parent(trace_id=0xABC, span_id=0xDEF, sampled=True)


@pytest.fixture
def spans() -> Iterator[Spans]:
    """A tracer that samples everything."""
    with spans_at(1) as opened:
        yield opened


def callbacks(accounts: Callable[..., dict[str, Account]], spans: Spans) -> CallbacksApp:
    return CallbacksApp(accounts(), unconnected(), None, tracer=spans.tracer)


async def test_a_callback_says_what_it_was(accounts: Callable[..., dict[str, Account]], spans: Spans) -> None:
    with capture_logs():
        await callbacks(accounts, spans).handle(request(money_body(withdraw=41_937), headers={b"x-request-id": b"r-1"}))
    span = spans.one("callback withdrawAndDeposit")
    assert span.kind is SpanKind.SERVER
    assert dict(span.attributes or {}) == {
        "http.request.method": "POST",
        "http.route": "/callbacks/{provider account}",
        "http.response.status_code": 200,
        "stakewire.provider_account": "mascot-demo",
        "stakewire.dialect": "mascot",
        "stakewire.method": "withdrawAndDeposit",
        "stakewire.result": "UNKNOWN",
        "stakewire.verdict": "unknown",
        "stakewire.correlation_id": "r-1",
        "stakewire.player": "k5x2mdp7q3ra4zte",
    }
    assert (span.status.is_ok, span.status.description) == (False, "unknown")


async def test_a_refusal_is_no_error_of_ours(accounts: Callable[..., dict[str, Account]], spans: Spans) -> None:
    with capture_logs():
        await callbacks(accounts, spans).handle(request(signed=False))
    span = spans.one("callback other")
    assert (span.attributes or {})["stakewire.verdict"] == "refused"
    assert span.status.description is None


@pytest.mark.parametrize("target", [b"/health/live", b"/metrics", b"/callbacks/nobody", b"/"])
async def test_what_is_no_callback_has_no_span(target: bytes, accounts: Callable[..., dict[str, Account]], spans: Spans) -> None:
    await callbacks(accounts, spans).handle(request(target=target, method=b"GET"))
    assert spans.all() == []


async def test_a_callback_that_is_not_sampled_has_no_span(accounts: Callable[..., dict[str, Account]]) -> None:
    with spans_at(0) as none, capture_logs():
        answer = await callbacks(accounts, none).handle(request(headers={b"traceparent": b"00-%032x-%016x-01" % (1, 1)}))
    assert answer.status == 200
    assert none.all() == []


async def test_the_gate_names_the_route_and_not_the_path(spans: Spans) -> None:
    gate = Gate(Inside(), Ring(), "operator", tracer=spans.tracer)
    heard = await ask(gate, "/v1/players/alice", token="good", x_request_id="mine-1")
    assert heard.status == 200
    assert spans.attributes("POST none") == {
        "http.request.method": "POST",
        "http.route": "none",
        "http.response.status_code": 200,
        "stakewire.interface": "operator",
        "stakewire.correlation_id": "mine-1",
    }
    assert spans.one("POST none").status.description is None


async def test_a_defect_behind_the_gate_is_an_error(spans: Spans) -> None:
    with capture_logs() as logged:
        await ask(Gate(Inside("before"), Ring(), "operator", tracer=spans.tracer), token="good")
    assert spans.one("POST none").status.description == "500"
    assert "a request failed" in logged[0]["event"]


@pytest.mark.parametrize("path", ["/docs", "/health/ready", "/metrics"])
async def test_pages_without_a_key_have_no_span(path: str, spans: Spans) -> None:
    await ask(Gate(Inside(), Ring(), "operator", tracer=spans.tracer), path)
    assert spans.all() == []


def taken(*, sampled: bool = True, **fields: Any) -> Taken:
    now_ns = time.time_ns()
    item = Taken(partition=3, offset=17, timestamp_ms=now_ns // 1_000_000 - 5, key=KEY, raw=b"", command=bet(external_id="b1"))
    if sampled:
        item.parent, item.taken_ns = PARENT, now_ns
    for name, value in fields.items():
        setattr(item, name, value)
    return item


@pytest.mark.parametrize(
    ("headers", "parent"),
    [
        ((), None),
        ((("traceparent", b"00-%032x-%016x-01" % (0xABC, 0xDEF)),), PARENT),
        ((("traceparent", b"00-%032x-%016x-00" % (0xABC, 0xDEF)),), None),
        ((("traceparent", b"x" * 100_000), ("other", None)), None),
    ],
)
def test_a_record_s_header_never_stands_in_the_way_of_its_command(headers: Any, parent: Parent | None) -> None:
    command = bet(external_id="b1")
    record = SimpleNamespace(
        partition=3, offset=17, timestamp=1, key=command.player.encode(), value=codec.encode(command), headers=headers
    )
    (item,) = take([record])
    assert (item.command, item.parent) == (command, parent)


def times(*stages: str, from_s: float = 0.0) -> list[tuple[str, float]]:
    """Stages of a tenth of a second each."""
    began = time.perf_counter() + from_s
    return [("", began), *((stage, began + 0.1 * number) for number, stage in enumerate(stages, 1))]


BATCH = ("load", "decide", "save", "commit")


def test_a_command_s_spans_are_made_when_its_reply_is_out(spans: Spans) -> None:
    traces = Traces(spans.tracer)
    traces.committed([taken(sampled=False), taken(), taken(sampled=False)], times(*BATCH), saved=True)
    assert spans.all() == []
    traces.tell(times("reply", "publish", from_s=0.4))
    apply = spans.one("apply bet")
    assert apply.parent is not None
    assert (apply.parent.trace_id, apply.parent.span_id, apply.kind) == (PARENT.trace_id, PARENT.span_id, SpanKind.CONSUMER)
    assert spans.attributes("apply bet") == {
        "messaging.system": "kafka",
        "messaging.operation.type": "process",
        "messaging.destination.partition.id": "3",
        "messaging.kafka.offset": 17,
        "stakewire.kind": "bet",
        "stakewire.outcome": "committed",
        "stakewire.batch_commands": 3,
        "stakewire.deferred": False,
    }
    assert [each.name for each in apply.events] == ["taken from Kafka", "begun", "decided"]
    names = ["load", "save", "commit", "send wallet.replies"]
    assert [each.name for each in spans.all()] == [*names, "apply bet"]
    for name in names:
        span = spans.one(name)
        assert parent_of(span) == id_of(apply)
        assert span.start_time is not None
        assert span.end_time is not None
        assert span.end_time - span.start_time == pytest.approx(100_000_000, abs=1_000)
    traces.tell(times("reply", "publish"))
    assert len(spans.all()) == 5


def test_waiting_in_kafka_is_part_of_it_and_never_begins_before_the_sending(spans: Spans) -> None:
    traces = Traces(spans.tracer)
    item, ahead, strange = taken(), taken(offset=18), taken(offset=19, timestamp_ms=-5)
    ahead.timestamp_ms += 60_000  # the sender's clock is ahead of ours
    traces.committed([item, ahead, strange], times(*BATCH), saved=True)
    traces.tell(times("reply", "publish"))
    starts = {
        (each.attributes or {})["messaging.kafka.offset"]: each.start_time for each in spans.all() if each.name == "apply bet"
    }
    assert starts == {17: (item.timestamp_ms + 1) * 1_000_000, 18: ahead.taken_ns, 19: 0}


def test_what_wrote_nothing_has_no_span_for_writing(spans: Spans) -> None:
    traces = Traces(spans.tracer)
    traces.committed([taken()], times(*BATCH), saved=False)
    traces.tell(times("reply", "publish"))
    assert [each.name for each in spans.all()] == ["load", "commit", "send wallet.replies", "apply bet"]


def test_other_ends_of_a_command(spans: Spans) -> None:
    traces = Traces(spans.tracer)
    traces.seen_before([taken()])
    traces.buried(taken(command=None))
    traces.tell(times("reply", "publish"))
    assert spans.attributes("apply bet")["stakewire.outcome"] == "seen_before"
    assert spans.one("apply unreadable").status.description == "dead letter"
    now = time.perf_counter()
    traces.read([(taken(), now, now), (taken(sampled=False), now, now)], now)
    assert [each.name for each in spans.all()][-3:] == ["read", "send wallet.replies", "apply bet"]


def test_a_batch_makes_no_more_spans_than_it_may(spans: Spans) -> None:
    traces = Traces(spans.tracer)
    before = REGISTRY.get_sample_value("stakewire_wallet_traces_left_out_total") or 0
    for _ in range(2):
        traces.committed([taken() for _ in range(TRACED_MAX - 1)], times(*BATCH), saved=True)
    traces.tell(times("reply", "publish"))
    assert len([each for each in spans.all() if each.name == "apply bet"]) == TRACED_MAX
    assert REGISTRY.get_sample_value("stakewire_wallet_traces_left_out_total") == before + TRACED_MAX - 2


def test_without_a_tracer_nothing_is_kept() -> None:
    traces = Traces(None)
    traces.committed([taken()], times(*BATCH), saved=True)
    traces.seen_before([taken()])
    traces.buried(taken())
    traces.read([(taken(), 0.0, 0.0)], 0.0)
    traces.tell(times("reply", "publish"))
    assert traces._done == []


def test_a_log_line_about_a_sampled_command_names_its_trace() -> None:
    assert log_fields(taken()) == {"trace_id": f"{0xABC:032x}"}
    assert log_fields(taken(sampled=False)) == {}
