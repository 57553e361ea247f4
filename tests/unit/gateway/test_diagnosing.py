"""Diagnosis beside the road: what is looked at, what is rationed, what reaches the archive; nothing claimed, nothing lost at the end."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import cast

import pytest
from confluent_kafka import Producer
from prometheus_client import REGISTRY

from services.gateway.callbacks.accounts import Account
from services.gateway.callbacks.app import CallbacksApp
from services.gateway.callbacks.archive import Archive
from services.gateway.callbacks.diagnosing import CURIOSITIES_S, OVERALL_FACTOR, Diagnoses, Ration, seen_of
from services.gateway.callbacks.trace import ANSWERED, Trace
from shared.contracts.archive import CallbackRecord
from shared.contracts.commands import Rollback
from shared.kafka.topics import TopicNames
from shared.providers.diagnosis import Finding, Seen
from shared.providers.diagnosis.doctor import NEVER_SEEN
from shared.providers.dialect import Callback
from tests.unit.gateway.conftest import PLAYER, money_body, request, unconnected


class Clock:
    """Time by hand."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Listening:
    """A doctor that tells how he was asked, and finds nothing."""

    def __init__(self) -> None:
        self.asked: list[bool] = []

    def diagnose(self, seen: Seen, *, thorough: bool = True) -> Finding | None:
        self.asked.append(thorough)
        if seen.detail == "break":
            raise RuntimeError("a defect")
        return None

    def examine(self, callback: Callback, *, at_s: float | None, http_method: str = "POST") -> object:
        raise AssertionError(f"the archive examines no pasted requests: {http_method} {callback.path} at {at_s}")


@pytest.fixture
def opened(accounts: Callable[..., dict[str, Account]]) -> dict[str, Account]:
    return accounts()


def archive(opened: dict[str, Account], success_share: float = 1.0) -> Archive:
    return Archive("127.0.0.1:1", TopicNames(), opened, success_share=success_share, queue_max=1_000)


async def record_of(opened: dict[str, Account], **sent: object) -> CallbackRecord:
    """The record of a request, diagnosed as the background task does it."""
    kept = archive(opened)
    await CallbacksApp(opened, unconnected(), kept).handle(request(**sent))  # type: ignore[arg-type]  # parts of a request
    (trace,) = kept._queue
    (finding,) = kept._diagnoses.find([trace])
    return kept._record(trace, finding)


def failed(account: str = "mascot-demo", cause: str = "refused_authentication", detail: str = "") -> Trace:
    trace = Trace("r", account, "mascot", "192.0.2.1")
    trace.verdict, trace.result, trace.diagnosis, trace.callback = "refused", cause, detail, Callback({}, b"")
    return trace


def rollback(detail: str) -> Trace:
    trace = Trace("r", "mascot-demo", "mascot", "192.0.2.1")
    trace.verdict, trace.result, trace.diagnosis, trace.callback = ANSWERED, "OK", detail, Callback({}, b"")
    trace.command = Rollback(
        command_id="c",
        player=PLAYER,
        provider_account="mascot-demo",
        namespace="undo",
        external_id="t",
        target_namespace="tx",
        target_external_id="t",
    )
    return trace


async def test_a_failure_s_record_holds_its_finding(opened: dict[str, Account]) -> None:
    record = await record_of(opened, timestamp=int(time.time()) - 3_600)
    facts = json.loads(record.finding_facts)
    assert (record.finding, facts["code"], facts["severity"]) == ("clock_skew", "clock_skew", "error")
    assert {"title", "said", "evidence", "advice", "rule"} <= facts.keys()


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ({"method": b"GET"}, "http_method"),
        ({"target": b"/callbacks/mascot-demo/withdrawAndDeposit"}, "http_path"),
        ({"body": b"a=b&c=d"}, "body_form"),
        ({"signed": False}, "headers_missing"),
        ({}, "unknown_shed"),
    ],
)
async def test_every_way_to_be_refused_is_archived(opened: dict[str, Account], sent: dict[str, object], code: str) -> None:
    assert (await record_of(opened, **sent)).finding == code


async def test_what_reaches_no_account_is_not_archived(opened: dict[str, Account]) -> None:
    kept = archive(opened)
    await CallbacksApp(opened, unconnected(), kept).handle(request(target=b"/callbacks/nobody"))
    assert not kept._queue


async def test_diagnosing_claims_no_nonce(opened: dict[str, Account]) -> None:
    kept = archive(opened)
    app = CallbacksApp(opened, unconnected(), kept)
    forged = request(money_body(withdraw=1), nonce=5)
    forged.headers[b"x-signature"] = b"main=" + b"0" * 64
    await app.handle(forged)
    kept._diagnoses.find(list(kept._queue))
    book = opened["mascot-demo"].nonces
    assert book is not None
    assert len(book) == 0
    await app.handle(request(nonce=5))
    await app.handle(request(money_body(withdraw=1), nonce=5))
    assert [each.code for each in kept._diagnoses.find(list(kept._queue)) if each is not None][-1] == "nonce_reused"
    assert len(book) == 1


def test_a_noteworthy_success_is_kept_whatever_the_sampling(opened: dict[str, Account]) -> None:
    kept = archive(opened, success_share=0.0)
    kept.offer(rollback(""))
    kept.offer(rollback(NEVER_SEEN))
    (trace,) = kept._queue
    assert trace.kept_share == 1.0
    assert kept._diagnoses.wants(trace)


def test_the_share_of_ordinary_successes_is_told(opened: dict[str, Account]) -> None:
    kept = archive(opened, success_share=0.5)
    for _ in range(200):
        kept.offer(rollback(""))
    kept.offer(failed())
    assert {trace.kept_share for trace in list(kept._queue)[:-1]} == {0.5}
    assert kept._record(kept._queue[0]).kept_share == 0.5
    assert kept._queue[-1].kept_share == 1.0


def test_ordinary_successes_are_not_looked_at(opened: dict[str, Account]) -> None:
    assert not archive(opened)._diagnoses.wants(rollback(""))


def test_what_costs_is_rationed_by_account_and_cause() -> None:
    clock, doctor = Clock(), Listening()
    diagnoses = Diagnoses({"a": doctor, "b": doctor}, 10.0, clock)  # type: ignore[dict-item]  # a doctor as far as it is asked
    diagnoses.find([failed("a") for _ in range(15)])
    assert doctor.asked == [True] * 10 + [False] * 5
    doctor.asked.clear()
    diagnoses.find([failed("a", "refused_syntax"), failed("b")])
    assert doctor.asked == [True, True]
    clock.now += 1
    doctor.asked.clear()
    diagnoses.find([failed("a") for _ in range(11)])
    assert doctor.asked == [True] * 10 + [False]


def test_all_accounts_together_have_a_ration_too() -> None:
    doctor = Listening()
    diagnoses = Diagnoses({str(each): doctor for each in range(100)}, 10.0, Clock())  # type: ignore[misc]  # as above
    diagnoses.find([failed(str(each)) for each in range(100)])
    assert sum(doctor.asked) == 10.0 * OVERALL_FACTOR


def test_a_ration_fills_up_again_and_no_further() -> None:
    clock = Clock()
    ration = Ration(2.0, clock)
    assert [ration.take() for _ in range(3)] == [True, True, False]
    clock.now += 0.5
    assert [ration.take() for _ in range(2)] == [True, False]
    clock.now += 3_600
    assert [ration.take() for _ in range(3)] == [True, True, False]


def test_unknown_games_are_told_of_now_and_then() -> None:
    clock = Clock()
    diagnoses = Diagnoses({"mascot-demo": Listening()}, clock=clock)  # type: ignore[dict-item]  # as above
    trace = rollback("")
    trace.command = Rollback(
        command_id="c", player=PLAYER, provider_account="mascot-demo", namespace="undo", external_id="t", target_namespace="tx", target_external_id="t",
        game_id="new", game_state="unknown",
    )  # fmt: skip
    assert [diagnoses.wants(trace) for _ in range(3)] == [True, False, False]
    clock.now += 1 / CURIOSITIES_S
    assert diagnoses.wants(trace)


def test_a_defect_of_a_doctor_costs_the_finding_only() -> None:
    doctor = Listening()
    before = REGISTRY.get_sample_value("stakewire_gateway_diagnoses_failed_total") or 0.0
    found = Diagnoses({"a": doctor}).find([failed("a", detail="break"), failed("a")])  # type: ignore[dict-item]  # as above
    assert found == [None, None]
    assert REGISTRY.get_sample_value("stakewire_gateway_diagnoses_failed_total") == before + 1
    assert len(doctor.asked) == 2


def test_times_and_stage_of_a_callback_are_seen() -> None:
    trace = failed()
    trace.started_ns, trace.verified_ns, trace.parsed_ns, trace.replied_ns, trace.done_ns = 0, 2_000, 5_000, 9_000, 12_000
    trace.stage = "deadline"
    seen = seen_of(trace)
    assert (seen.verify_us, seen.parse_us, seen.wallet_us, seen.total_us, seen.stage) == (2, 3, 4, 12, "deadline")


async def test_the_end_loses_nothing_that_is_being_diagnosed(opened: dict[str, Account]) -> None:
    """What is queued at the end is written: here into the producer's own queue, as Kafka is not there."""
    kept = archive(opened)
    await kept.start()
    for _ in range(100):
        kept.offer(failed())
    counting = Counting()
    kept._producer = cast("Producer", counting)
    await kept.stop()
    assert counting.taken == 100
    assert not kept._queue
    assert kept._queued_bytes == 0


class Counting:
    """Where records go instead of Kafka."""

    taken = 0

    def produce(self, *_: object, **__: object) -> None:
        self.taken += 1

    def poll(self, _: float) -> int:
        return 0

    def flush(self, _: float) -> int:
        return 0
