"""Every broken request past dialect and doctor in this process; the answers of a wallet are given by the data."""

from __future__ import annotations

import json
import time

import pytest

from services.simulator.studios.mascot.faults import FAULTS, Bench, Sent
from shared.providers.diagnosis import Finding, Seen, encode_finding
from shared.providers.diagnosis.doctor import REFUSED_METHOD, REFUSED_PATH
from shared.providers.dialect import Callback, Refusal, Stamp
from shared.providers.registry import open_dialect, open_doctor
from tests.doctor.cases import LOCAL, Case, Estate, judge, load_cases, summary

CASES = load_cases()
LIMIT_BYTES = 65_536


def callback_of(sent: Sent) -> Callback:
    """A request as the listener hands it on."""
    headers = {name.lower().encode(): value.encode("latin-1") for name, value in sent.headers}
    return Callback({**headers, b"content-length": b"%d" % len(sent.body)}, sent.body, sent.suffix, peer=LOCAL)


def seen_of(case: Case, sent: Sent, estate: Estate) -> Seen:
    """What the gateway would know of a request: the road of `CallbacksApp`, with the wallet's answer from the data."""
    dialect, callback, now_s = open_dialect(estate.accounts[case.account]), callback_of(sent), time.time()
    address = dialect.edge.caller(callback.peer, callback.headers)

    def seen(result: str, detail: str = "", claim: str = "") -> Seen:
        return Seen(
            callback=callback, at_s=now_s, result=result, detail=detail, claim=claim, http_method=sent.http_method, address=address
        )

    if callback.path not in dialect.paths:
        return seen(REFUSED_PATH)
    if sent.http_method != "POST":
        return seen(REFUSED_METHOD)
    if not dialect.edge.admits(address):
        return seen("refused_address")
    if len(sent.body) > LIMIT_BYTES:
        return seen("refused_size")
    verified = dialect.verify(callback, now_s)
    if isinstance(verified, Refusal):
        return seen("refused_authentication", verified.detail)
    if case.fault.startswith("nonce_re") and case.fault != "nonce_rounded":
        return seen("refused_authentication", "nonce not accepted", "conflicting" if case.fault == "nonce_reused" else "repeated")
    call = dialect.parse(callback, Stamp("c", "test", 0))
    if isinstance(call, Refusal):
        return seen(f"refused_{call.cause}", call.detail)
    assert case.wallet, f"{case.fault} was accepted: {call}"
    if case.stage:
        return Seen(callback=callback, at_s=now_s, result=case.wallet, stage=case.stage, command=call.command, wallet_us=5_000_000)
    return Seen(callback=callback, at_s=now_s, result=call.result or case.wallet, detail=case.detail, command=call.command)


def diagnosed(case: Case, estate: Estate, bench: Bench) -> Finding | None:
    sent = FAULTS[case.fault].make(bench)[-1]
    doctor = open_doctor(estate.accounts[case.account], estate.accounts)
    assert doctor is not None
    return doctor.diagnose(seen_of(case, sent, estate))


@pytest.fixture(scope="module")
def estate() -> Estate:
    return Estate.new()


@pytest.mark.parametrize("case", CASES, ids=[case.fault for case in CASES])
def test_the_cause_is_found(case: Case, estate: Estate) -> None:
    finding = diagnosed(case, estate, estate.bench(case.account, int(time.time())))
    verdict, told = judge(case, json.loads(encode_finding(finding)) if finding is not None else None)
    assert verdict == "right", told


def test_no_advice_is_wrong_and_nothing_is_missed(estate: Estate) -> None:
    """The measure as the issue has it: right, missed, and wrong counted apart."""
    verdicts = []
    for case in CASES:
        finding = diagnosed(case, estate, estate.bench(case.account, int(time.time())))
        verdicts.append(judge(case, json.loads(encode_finding(finding)) if finding is not None else None))
    assert len(verdicts) >= 60
    assert summary(verdicts) == f"right {len(CASES)}, missed 0, wrong 0\n"
