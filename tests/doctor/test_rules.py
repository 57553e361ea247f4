"""The doctor beyond the cases: nothing secret gets out, work is bounded, healthy calls are left alone, oddities do not break it."""

from __future__ import annotations

import base64
import json
import random
import re
import time
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from services.simulator.studios.mascot.faults import FAULTS
from shared.providers.diagnosis import Seen, encode_finding
from shared.providers.diagnosis.budget import TRIES_MAX, Budget
from shared.providers.diagnosis.finding import EVIDENCE_MAX, TEXT_CHARS_MAX
from shared.providers.dialect import Callback, Refusal, Stamp
from shared.providers.mascot.diagnosis.doctor import WORDS
from shared.providers.mascot.diagnosis.keyring import Keyring
from shared.providers.mascot.diagnosis.shapes import shapes_of
from shared.providers.mascot.diagnosis.signing import Claimed, solve
from shared.providers.registry import open_dialect, open_doctor
from shared.scenarios import load_catalogue
from tests.doctor.cases import Estate, General, load_cases
from tests.doctor.test_cases import callback_of, diagnosed, seen_of
from tests.scenarios.mascot_driver import MascotDriver, MascotSide
from tests.scenarios.mutations import NASTY
from tests.scenarios.world import World

CASES = load_cases()
HEX_MAC = re.compile(r"[0-9a-fA-F]{32,}|[A-Za-z0-9+/_-]{43,}")
LONGEST_S = 2.0
RANDOM = random.Random(20_261_123)


@pytest.fixture(scope="module")
def estate() -> Estate:
    return Estate.new()


def test_no_key_and_no_signature_is_in_any_finding(estate: Estate) -> None:
    for case in CASES:
        bench = estate.bench(case.account, int(time.time()))
        finding = diagnosed(case, estate, bench)
        assert finding is not None
        told = encode_finding(finding)
        for secret in estate.secrets():
            assert secret not in told, case.fault
        hidden = {each.partition("=")[2] for name, each in FAULTS[case.fault].make(bench)[-1].headers if name == "X-Signature"}
        assert not any(each and each in told for each in hidden), case.fault
        # A reference of many letters is the only long run of letters that a finding may show.
        assert case.fault == "ref_too_long" or not HEX_MAC.search(told), told


@pytest.mark.parametrize(
    "place", ["key id", "subject", "timestamp", "nonce", "method", "transactionRef", "param", "currency", "gameId"]
)
@pytest.mark.parametrize("form", ["text", "hex", "base64"])
def test_a_key_that_was_put_into_the_wrong_field_is_hidden(estate: Estate, place: str, form: str) -> None:
    key = estate.accounts["mascot-plain"].keys["main"]
    slip = {"text": key.decode(), "hex": key.hex(), "base64": base64.b64encode(key).decode()}[form]
    bench = estate.bench("mascot-plain", int(time.time()))
    headers = {"key id": "signature", "subject": "subject", "timestamp": "timestamp_text", "nonce": "nonce_text"}
    if place in headers:
        shown: dict[str, Any] = {headers[place]: f"{slip}=00" if place == "key id" else slip}
        sent = bench.send(**shown)
    elif place == "method":
        sent = bench.send(bench.call(slip))
    elif place == "param":
        sent = bench.send(bench.call(params=bench.params(callerId=slip)))
    else:
        sent = bench.send(bench.call(params=bench.params(**{place: slip})))
    case = next(each for each in CASES if each.fault == "currency_unknown")
    doctor = open_doctor(estate.accounts["mascot-plain"], estate.accounts)
    assert doctor is not None
    finding = doctor.diagnose(seen_of(case, sent, estate))
    examined = doctor.examine(callback_of(sent), at_s=time.time())
    told = [encode_finding(each) for each in (finding, *examined.findings) if each is not None]
    assert told
    for text in [*told, *(each.said for each in examined.checks)]:
        assert slip not in text
        assert slip[:40] not in text


def test_every_code_that_the_cases_expect_has_words_and_every_rule_is_told() -> None:
    assert {case.code for case in CASES} <= WORDS.keys()
    for code, words in WORDS.items():
        assert len(words.advice) > 20, code
        assert len(words.rule) > 20, code


def test_the_general_codes_are_real_ones() -> None:
    assert General <= WORDS.keys()


def test_the_document_lists_every_code() -> None:
    document = (Path(__file__).parents[2] / "docs" / "doctor.md").read_text(encoding="utf-8")
    assert not [code for code in WORDS if f"`{code}`" not in document]


def test_work_is_bounded_whatever_is_sent(estate: Estate) -> None:
    """The budget is never exceeded, and the worst body costs little."""
    account = estate.accounts["mascot-plain"]
    ring = Keyring(account, estate.accounts)
    values: list[object] = [{"a": RANDOM.random(), "\u00e9/": [1, 2, {"b": None}]} for _ in range(100)]
    for size in (0, 300, 4_000, 16_000, 65_000):
        body = json.dumps({"jsonrpc": "2.0", "method": "x", "params": values, "id": 1}, ensure_ascii=False).encode()
        body = body[:size] if size < len(body) else body.ljust(size)
        for value in (b"main=" + b"0" * 64, b"0" * 64, b"main=" + b"0" * 128, b"a" * 40):
            budget, since = Budget(), time.process_time()
            assert solve(shapes_of(value, ring.key_ids), Claimed(2**63 + 5, 1_790_000_000, body), ring, budget) is None
            assert budget.used <= TRIES_MAX
            assert time.process_time() - since < LONGEST_S


def test_brief_diagnoses_try_no_signature(estate: Estate) -> None:
    case = next(each for each in CASES if each.fault == "little_endian")
    bench = estate.bench(case.account, int(time.time()))
    doctor = open_doctor(estate.accounts[case.account], estate.accounts)
    assert doctor is not None
    seen = seen_of(case, FAULTS[case.fault].make(bench)[-1], estate)
    thorough, brief = doctor.diagnose(seen), doctor.diagnose(seen, thorough=False)
    assert thorough is not None
    assert brief is not None
    assert (thorough.code, brief.code) == ("byte_order", "signature_mismatch")
    assert "not looked into" in brief.evidence[0]


def test_texts_of_a_finding_are_short_and_on_one_line(estate: Estate) -> None:
    bench = estate.bench("mascot-plain", int(time.time()))
    evil = "\u202e<script>alert(1)</script>\r\n" + "x" * 60_000
    case = next(each for each in CASES if each.fault == "method_foreign")
    doctor = open_doctor(estate.accounts["mascot-plain"], estate.accounts)
    assert doctor is not None
    finding = doctor.diagnose(seen_of(case, bench.send(bench.call(evil)), estate))
    assert finding is not None
    assert len(finding.evidence) <= EVIDENCE_MAX
    for text in (finding.said, *finding.evidence):
        assert text.isprintable()
        assert len(text) <= TEXT_CHARS_MAX


def test_nothing_that_can_be_sent_breaks_the_doctor(estate: Estate) -> None:
    """Nasty JSON in every place, signed and accepted or not, and rubbish in every header."""
    doctor = open_doctor(estate.accounts["mascot-plain"], estate.accounts)
    assert doctor is not None
    dialect = open_dialect(estate.accounts["mascot-plain"])
    for nasty in NASTY:
        bench = estate.bench("mascot-plain", int(time.time()))
        good = bench.send()
        for old in (b'"withdraw":400', b'"callerId":7', b'"jsonrpc":"2.0"', b'"gameId":"riot"', b'"currency":"EUR"'):
            name = old.partition(b":")[0]
            body = good.body.replace(old, name + b":" + nasty.encode("utf-8", "surrogatepass"))
            callback = callback_of(bench.send(body))
            parsed = dialect.parse(callback, Stamp("c", "t", 0))
            result = f"refused_{parsed.cause}" if isinstance(parsed, Refusal) else "OK"
            command = None if isinstance(parsed, Refusal) else parsed.command
            finding = doctor.diagnose(Seen(callback=callback, at_s=time.time(), result=result, command=command))
            assert (finding is not None) == (result != "OK") or (finding is not None and finding.severity == "info"), (
                nasty,
                old,
                result,
            )
            doctor.examine(callback, at_s=None)
        headers = {name: nasty.encode("utf-8", "replace")[:4_000] for name in callback_of(good).headers}
        for name, value in headers.items():
            callback = Callback({**callback_of(good).headers, name: value}, good.body, peer="127.0.0.1")
            doctor.diagnose(Seen(callback=callback, at_s=time.time(), result="refused_authentication"))


def test_a_good_request_is_accepted_by_the_examination(estate: Estate) -> None:
    bench = estate.bench("mascot-plain", int(time.time()))
    doctor = open_doctor(estate.accounts["mascot-plain"], estate.accounts)
    assert doctor is not None
    examined = doctor.examine(callback_of(bench.send()), at_s=time.time())
    assert examined.findings == ()
    assert {each.state for each in examined.checks} == {"ok", "skipped"}


def test_the_examination_finds_what_the_archive_would(estate: Estate) -> None:
    """Every case that the request alone shows: the same code first, nothing claimed, nobody asked."""
    of_others = {"nonce_reused", "nonce_repeated", "body_too_large", "player_unknown", "player_of_other_brand", "session_unknown"}
    of_others |= {"session_ended", "game_unknown"}
    for case in CASES:
        if case.fault in of_others or (case.wallet and case.code not in {"currency_case", "currency_unknown", "player_form"}):
            continue
        sent = FAULTS[case.fault].make(estate.bench(case.account, int(time.time())))[-1]
        doctor = open_doctor(estate.accounts[case.account], estate.accounts)
        assert doctor is not None
        examined = doctor.examine(callback_of(sent), at_s=time.time(), http_method=sent.http_method)
        assert case.code in [each.code for each in examined.findings], (case.fault, examined.findings)


def test_an_old_paste_is_not_blamed_for_its_age(estate: Estate) -> None:
    bench = replace(estate.bench("mascot-plain", int(time.time())), now=1_700_000_000)
    doctor = open_doctor(estate.accounts["mascot-plain"], estate.accounts)
    assert doctor is not None
    assert doctor.examine(callback_of(bench.send()), at_s=None).findings == ()
    assert doctor.examine(callback_of(bench.send()), at_s=time.time()).findings[0].code == "clock_skew"


def test_healthy_traffic_has_no_finding() -> None:
    """All of the scenario catalogue that Mascot expects an OK for: nothing is said but that a game or an original is not known."""
    catalogue = load_catalogue()
    estate = Estate.new()
    account = estate.accounts["mascot-plain"]
    side = MascotSide(7, dict(account.keys), "main", "next", frozenset())
    driver, looked = MascotDriver(None, {}, side), 0
    dialect, doctor = open_dialect(account), open_doctor(account, estate.accounts)
    assert doctor is not None
    for scenario in catalogue.of_dialect("mascot"):
        section = scenario.dialect["mascot"]
        world = World(scenario, account.name)
        for label in world.labels():
            world.new_player(label)
            world.new_session("current", label)
            world.players[label].grant_id = f"{world.players[label].key}.grant0000000000000000"
        for step in scenario.steps:
            expected = section.alternatives(step.step) if step.sends and step.step and step.do != "repeat" else ()
            if not expected or any(each.answer is None or "error" in each.answer for each in expected):
                continue
            request = driver.make(step.all_calls()[0], world, section.send.get(step.step or "", {}))
            headers = {name.lower().encode(): value.encode("latin-1") for name, value in request.headers.items()}
            callback = Callback(headers, request.body, peer="192.0.2.1")
            if isinstance(dialect.verify(callback, time.time()), Refusal):
                continue  # it is meant for an account with other settings
            parsed = dialect.parse(callback, Stamp("c", "t", 0))
            assert not isinstance(parsed, Refusal), (scenario.id, step.step, parsed)
            finding = doctor.diagnose(Seen(callback=callback, at_s=time.time(), result="OK", command=parsed.command))
            assert finding is None or finding.code == "game_unknown", (scenario.id, step.step, finding)
            assert (finding is None) == (getattr(parsed.command, "game_state", "") != "unknown" or not parsed.command.game_id)
            codes = [each.code for each in doctor.examine(callback, at_s=time.time()).findings]
            assert not codes, (scenario.id, step.step, codes)
            looked += 1
    assert looked >= 60
