"""Who is sampled, what a caller's header may do, and what stands in log lines."""

from __future__ import annotations

import asyncio
import random

import pytest
import structlog

from shared.contracts import Reply, Result
from shared.requester.spans import AskSpans
from shared.tracing import HEADER, parse_traceparent
from shared.tracing.tracer import Span, Tracer
from tests.unit.tracing.spans import Spans, id_of, parent_of, spans_at
from tests.unit.wallet.builders import bet

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED, NOT_SAMPLED = f"00-{TRACE}-{SPAN}-01".encode(), f"00-{TRACE}-{SPAN}-00".encode()


def begun(spans: Spans, traceparent: bytes | None = None) -> Span:
    span = spans.tracer.request("request", traceparent)
    assert span is not None
    return span


def test_the_share_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "random", random.Random(7).random)
    with spans_at(0.25) as spans:
        chosen = sum(spans.tracer.request("request", None) is not None for _ in range(2_000))
    assert 420 < chosen < 580


@pytest.mark.parametrize("header", [None, SAMPLED, NOT_SAMPLED, b"nonsense", b"x" * 100_000])
def test_a_caller_who_is_not_trusted_forces_nothing(header: bytes | None) -> None:
    with spans_at(0) as spans:
        assert spans.tracer.request("request", header) is None


@pytest.mark.parametrize("header", [SAMPLED, NOT_SAMPLED])
def test_his_span_is_a_link_of_a_trace_of_our_own(header: bytes) -> None:
    with spans_at(1) as spans:
        begun(spans, header).end()
    span = spans.one("request")
    assert span.context is not None
    assert f"{span.context.trace_id:032x}" != TRACE
    assert parent_of(span) == 0
    (link,) = span.links
    assert f"{link.context.trace_id:032x}-{link.context.span_id:016x}" == f"{TRACE}-{SPAN}"


@pytest.mark.parametrize("header", [None, b"nonsense", b"x" * 100_000, SAMPLED.upper()])
def test_without_a_right_header_there_is_no_link(header: bytes | None) -> None:
    with spans_at(1) as spans:
        begun(spans, header).end()
    assert not spans.one("request").links


def test_a_trusted_caller_s_trace_is_continued_and_its_word_taken() -> None:
    with spans_at(0.000001, trust_callers=True) as spans:
        begun(spans, SAMPLED).end()
    span = spans.one("request")
    assert span.context is not None
    assert f"{span.context.trace_id:032x}" == TRACE
    assert parent_of(span) == int(SPAN, 16)
    with spans_at(1, trust_callers=True) as spans:
        assert spans.tracer.request("request", NOT_SAMPLED) is None
        begun(spans, b"nonsense").end()
    assert parent_of(spans.one("request")) == 0


def test_inside_it_is_the_current_one_and_in_the_log_lines() -> None:
    with spans_at(1) as spans:
        assert Tracer.current() is None
        with begun(spans) as span:
            assert Tracer.current() is span
            assert structlog.contextvars.get_contextvars()["trace_id"] == span.trace_id
        assert Tracer.current() is None
        assert "trace_id" not in structlog.contextvars.get_contextvars()
    assert len(spans.all()) == 1


def test_an_error_is_noted_by_its_class_alone() -> None:
    with spans_at(1) as spans, pytest.raises(RuntimeError), begun(spans):
        raise RuntimeError("what a caller sent")
    span = spans.one("request")
    assert (span.status.is_ok, span.status.description, span.events) == (False, "RuntimeError", ())
    assert Tracer.current() is None


def test_the_header_of_a_span_makes_children_elsewhere() -> None:
    with spans_at(1) as spans:
        span = begun(spans)
        parent = parse_traceparent(span.traceparent)
        assert parent is not None
        assert parent.sampled
        spans.tracer.under(parent, "elsewhere", "consumer").end()
        span.end()
        span.end()
    assert parent_of(spans.one("elsewhere")) == id_of(spans.one("request"))


async def test_a_question_has_a_span_for_sending_and_one_for_waiting() -> None:
    loop = asyncio.get_running_loop()
    sent, waiter = loop.create_future(), loop.create_future()
    with spans_at(1) as spans:
        with begun(spans) as span:
            asked = AskSpans.beneath(Tracer.current(), bet(external_id="b1"), "wallet.commands")
            assert asked is not None
            asked.handed_over(sent)
            waiter.set_result(Reply(command_id="c1", caller="g", result=Result.OK))
            asked.end(waiter)
            sent.set_result(None)
            await asyncio.sleep(0)
        assert span.trace_id
    root, sending, waiting = spans.one("request"), spans.one("send wallet.commands"), spans.one("wait for reply")
    assert parent_of(sending) == parent_of(waiting) == id_of(root)
    ((name, value),) = asked.headers
    header = parse_traceparent(value)
    assert (name, header and header.span_id) == (HEADER, id_of(sending))
    assert spans.attributes("wait for reply") == {"stakewire.result": "OK"}
    assert "stakewire.player" in spans.attributes("send wallet.commands")


async def test_a_question_that_is_not_sent_or_not_answered_is_an_error() -> None:
    waiter = asyncio.get_running_loop().create_future()
    waiter.cancel()
    with spans_at(1) as spans, begun(spans) as span:
        not_sent = AskSpans(span, bet(external_id="b1"), "wallet.commands")
        not_sent.end(waiter)
        assert spans.one("send wallet.commands").status.description == "not handed over"
        not_answered = AskSpans(span, bet(external_id="b1"), "wallet.commands")
        sent = asyncio.get_running_loop().create_future()
        not_answered.handed_over(sent)
        not_answered.end(waiter)
        sent.cancel()
        await asyncio.sleep(0)
    assert spans.one("wait for reply").status.description == "no reply"
    assert [each.status.description for each in spans.all()][-2:] == ["not confirmed", None]


def test_no_question_is_traced_outside_of_a_sampled_request() -> None:
    assert AskSpans.beneath(Tracer.current(), bet(external_id="b1"), "wallet.commands") is None
