"""The bench runs, its numbers are of calls that happened, and both ledgers hold what their callers were told.

Nothing here looks at how fast anything is.
"""

import asyncio
import dataclasses
import io
import json
import time

import pytest
from rich.console import Console

from services.wallet.audit.verify import verify
from shared.money import parse_decimal
from shared.providers.dialect import Verified
from shared.providers.mascot.signature import mac_keys
from shared.providers.mascot.signature import verify as verify_signature
from tests.bench.books import Books
from tests.bench.field import BARE, BASELINE, DEPOSITS, LAUNCHES, OPERATOR_API, STAKEWIRE, field_of
from tests.bench.operator_wire import prepare_deposits, prepare_launches
from tests.bench.options import Options, parse
from tests.bench.order import Order
from tests.bench.report import as_document, goals, print_report
from tests.bench.run import Outcome, run
from tests.bench.stages import STEPS, take_apart
from tests.bench.wire import Sender, prepare
from tests.servers import Servers

SMALL = Options(
    seconds=0.8, warm_up=0.2, repetitions=1, connections=(1, 8), players=20, rate_max=2_000, lone_calls=20, launch_provider_ms=50
)
SENDER = Sender("127.0.0.1", 1, "/callbacks/bench", 1, "main", b"secret")


def test_a_small_run_measures_everybody_and_the_books_agree(servers: Servers) -> None:
    with field_of(servers, SMALL) as field:
        outcome = run(field, SMALL, lambda _: None)
        reports = {
            name: asyncio.run(verify(contestant.database_url))
            for name, contestant in field.contestants.items()
            if contestant.database_url
        }
    assert outcome.faults == []
    for name in (STAKEWIRE, BASELINE):
        told = sum(point.answered for point in outcome.warm_up + outcome.points if point.contestant == name)
        assert outcome.books[name].operations == told > 0
        assert reports[name].agree, reports[name].problems
        assert reports[name].players == SMALL.players
    for point in outcome.points:
        assert point.measured > 0, point
        assert point.refused == point.unanswered == 0, point
    assert {point.contestant for point in outcome.points} == {STAKEWIRE, BASELINE, BARE, DEPOSITS}
    _check_deposits_and_launches(outcome)

    assert outcome.breakdown is not None
    assert outcome.breakdown.calls > SMALL.lone_calls // 2
    assert len(outcome.breakdown.stages) == len(STEPS) + 1
    assert all(stage.us > 0 for stage in outcome.breakdown.stages)

    page = io.StringIO()
    print_report(Console(file=page, width=250), outcome)
    assert "one lone callback" in page.getvalue()
    assert any("at one connection" in line for line in goals(outcome))
    document = json.loads(json.dumps(as_document(outcome)))
    assert len(document["ratios"]["8"]["rate_over_baseline"]) == 1
    assert document["deposits"]["8"]["rate_over_callbacks"][0] > 0
    assert "1" not in document["deposits"]
    assert 0 < document["launches"][0]["provider_share"] < 1
    assert len([line for line in goals(outcome) if line.startswith("launches")]) == 2


def _check_deposits_and_launches(outcome: Outcome) -> None:
    deposits = [point for point in outcome.warm_up + outcome.points if point.contestant == DEPOSITS]
    books = outcome.books[STAKEWIRE]
    assert books.deposits == sum(point.answered for point in deposits) > 0
    assert books.deposited == sum(point.amount for point in deposits) * parse_decimal("0.01", "EUR")
    assert [point.connections for point in deposits[1:]] == [8]
    assert all(point.cpu_us[OPERATOR_API] > 0 for point in deposits)

    assert books.sessions == sum(point.answered for point in outcome.all_points() if point.contestant == LAUNCHES)
    assert [launches.delay_ms for launches in outcome.launches] == [0, SMALL.launch_provider_ms]
    for launches in outcome.launches:
        assert launches.point.measured > 0
        assert set(launches.calls) == {"BankGroup.Set", "Player.Set", "Session.Create"}
        assert all(calls.count > 0 and calls.mean_us > launches.delay_ms * 1e3 for calls in launches.calls.values())


def test_books_that_lack_a_success_or_hold_one_too_many_are_a_fault() -> None:
    books = Books(
        operations=10, refusals=0, deposits=3, deposited=900, sessions=2, broken_balances=0, broken_sequences=0, broken_chains=0
    )
    assert books.faults(answered=10, unknown=0) == []
    assert books.faults(answered=9, unknown=1) == []
    assert books.faults(answered=11, unknown=0)
    assert books.faults(answered=9, unknown=0)
    assert dataclasses.replace(books, broken_balances=1).faults(answered=10, unknown=0)
    assert books.deposit_faults(answered=3, unknown=0, units=900) == []
    assert books.deposit_faults(answered=2, unknown=1, units=600) == []
    assert books.deposit_faults(answered=2, unknown=0, units=900)
    assert books.deposit_faults(answered=3, unknown=0, units=800)
    assert books.deposit_faults(answered=2, unknown=1, units=1_000)
    assert books.launch_faults(answered=2, unknown=0) == []
    assert books.launch_faults(answered=3, unknown=0)


def test_prepared_calls_are_signed_as_the_gateway_demands_and_differ_in_reference() -> None:
    calls = prepare(SENDER, [("k5x2mdp7q3ra4zte_EUR", "session")], "tag", 3)
    assert len({call.nonce for call in calls}) == 3
    references = set()
    for call in calls:
        head, _, body = call.raw.partition(b"\r\n\r\n")
        headers = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
        verdict = verify_signature(
            headers, body, subject=b"casino:1", keys=mac_keys({"main": b"secret"}), now_s=time.time(), window_s=300
        )
        assert verdict == Verified("main", call.nonce, call.timestamp)
        references.add(json.loads(body)["params"]["transactionRef"])
    assert len(references) == 3


def test_an_answer_without_our_id_or_signature_is_noticed() -> None:
    call = prepare(SENDER, [("k5x2mdp7q3ra4zte_EUR", "session")], "tag", 1)[0]
    body = b'{"jsonrpc":"2.0","result":{"newBalance":1,"transactionId":"x"},"id":0}'
    assert "not signed" in call.fault_of(b"HTTP/1.1 200 OK\r\nx-signature: main=00\r\n\r\n" + body)
    assert "expected a result" in call.fault_of(b"HTTP/1.1 200 OK\r\n\r\n" + body.replace(b'"id":0', b'"id":1'))
    assert "expected 200" in call.fault_of(b"HTTP/1.1 500 Oh\r\n\r\n")


def test_deposits_and_launches_differ_in_key_and_their_answers_are_looked_at() -> None:
    order = Order("127.0.0.1", 1, [("alice", "k5x2mdp7q3ra4zte")], "tag", 1, 0, 1, 3, token="sw_token", provider_account="studio")
    for prepare_all, member in ((prepare_deposits, b"operation_id"), (prepare_launches, b"session_id")):
        calls = prepare_all(order)
        assert len({call.request_id for call in calls}) == 3
        for call in calls:
            head, _, body = call.raw.partition(b"\r\n\r\n")
            headers = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
            assert headers[b"idempotency-key"] == headers[b"x-request-id"] == call.request_id.encode()
            assert headers[b"authorization"] == b"Bearer sw_token"
            assert int(headers[b"content-length"]) == len(body)
            assert parse_decimal(json.loads(body).get("amount", "0"), "EUR") == call.amount * parse_decimal("0.01", "EUR")
        good = b'HTTP/1.1 201 Created\r\nx-request-id: tag-0\r\n\r\n{"%b": "k5x2mdp7q3ra4zte-1"}' % member
        assert calls[0].fault_of(good) == ""
        assert "expected tag-1" in calls[1].fault_of(good)
        assert "expected 201" in calls[0].fault_of(good.replace(b" 201 ", b" 200 "))
        assert "repeated" in calls[0].fault_of(good.replace(b"\r\n\r\n", b"\r\nidempotent-replayed: true\r\n\r\n"))
        assert "k5x2mdp7q3ra4zte" in calls[0].fault_of(good.replace(b"k5x", b"zzz"))


def test_a_call_is_taken_apart_by_stamps_between_its_sending_and_its_answer() -> None:
    stamps: dict[str, dict[str, list[int]]] = {"gateway": {}, "wallet": {}}
    for at, step in enumerate(STEPS, 1):
        # An earlier passage that belongs to nothing, then the call's own.
        stamps[step.process].setdefault(step.stamp, []).extend([0, at * 1_000])
    for own in stamps.values():
        for times in own.values():
            times.sort()
    breakdown = take_apart([(500, (len(STEPS) + 1) * 1_000)], stamps["gateway"], stamps["wallet"])
    assert (breakdown.calls, breakdown.left_out) == (1, 0)
    assert [stage.us for stage in breakdown.stages] == [0.5] + [1.0] * len(STEPS)
    assert take_apart([(500, 2_000)], stamps["gateway"], stamps["wallet"]).left_out == 1


def test_options_come_from_arguments_and_environment_and_wrong_ones_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STAKEWIRE_BENCH_CONNECTIONS", "2,4")
    assert parse(["--seconds", "1.5"]) == Options(seconds=1.5, connections=(2, 4))
    with pytest.raises(SystemExit):
        parse(["--connections", "0"])
    assert "connections must be" in capsys.readouterr().err
