"""Findings: grouped, decided, back again, enriched; and the health of accounts, read from the projections."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from services.backoffice.findings.evidence import Compared
from services.backoffice.findings.health import Health, HealthBook, health_of
from services.backoffice.findings.store import Findings
from tests.integration.backoffice.stand import ACCOUNT, EUR, Seed, Story, callback, finding

CODE = "signature_wrong_key"


@pytest.fixture
def findings(backoffice_pool: asyncpg.Pool) -> Findings:
    return Findings(backoffice_pool)


def failed(ago: timedelta, code: str = CODE, **facts: Any) -> bytes:
    return callback(datetime.now(UTC) - ago, **(finding(code) | facts))


async def test_failures_are_grouped_by_account_and_code_with_their_trend(findings: Findings, seed: Seed) -> None:
    await seed.callbacks(
        failed(timedelta(days=2)),
        failed(timedelta(days=2)),
        failed(timedelta(hours=2)),
        failed(timedelta(minutes=1), request_id="newest"),
        failed(timedelta(minutes=1), "amount_as_text"),
        failed(timedelta(minutes=1), provider_account="other"),
        failed(timedelta(days=40)),
        callback(),
    )
    found = {(each.provider_account, each.code): each for each in await findings.groups()}
    assert set(found) == {(ACCOUNT, CODE), (ACCOUNT, "amount_as_text"), ("other", CODE)}
    one = found[ACCOUNT, CODE]
    assert (one.count, one.last_day, one.state, one.came_back, one.last_request_id) == (4, 2, "open", False, "newest")
    assert (sum(one.hours), sum(one.days), one.hours[-1] + one.hours[-2]) == (2, 4, 1)
    assert (one.facts.title, one.facts.severity, one.facts.advice) == ("signature wrong key", "error", "mend it")
    assert (await findings.examples(ACCOUNT, CODE))[0].request_id == "newest"


async def test_a_finding_is_found_by_its_code_whatever_its_name(findings: Findings, seed: Seed) -> None:
    await seed.callbacks(failed(timedelta(minutes=1), "<script>alert(1)</script>"), failed(timedelta(minutes=1), "x' OR 1=1 --"))
    assert await findings.find(ACCOUNT, "x' OR 1=1 --") is not None
    assert await findings.find(ACCOUNT, "x") is None
    assert await findings.find("", "x' OR 1=1 --") is None
    assert await findings.find(ACCOUNT, "") is None


async def test_what_was_resolved_is_open_again_when_it_comes_back(findings: Findings, seed: Seed) -> None:
    await seed.callbacks(failed(timedelta(minutes=5)))
    assert await findings.decide(ACCOUNT, CODE, "known", "anna") == "open"
    assert await findings.decide(ACCOUNT, CODE, "resolved", "ben") == "known"
    resolved = await findings.find(ACCOUNT, CODE)
    assert resolved is not None
    assert (resolved.state, resolved.changed_by) == ("resolved", "ben")
    assert await findings.groups(state="open") == []
    await seed.callbacks(callback(datetime.now(UTC) + timedelta(seconds=2), **finding(CODE)))
    back = await findings.find(ACCOUNT, CODE)
    assert back is not None
    assert (back.state, back.came_back, back.count) == ("open", True, 2)
    await findings.decide(ACCOUNT, CODE, "known", "anna")
    known = await findings.find(ACCOUNT, CODE)
    assert known is not None
    assert (known.state, known.came_back) == ("known", False)


def body(**params: Any) -> str:
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": "withdrawAndDeposit", "params": params})


async def test_a_repetition_with_other_content_is_compared_with_the_first_call(findings: Findings, seed: Seed) -> None:
    alice = Story("alice")
    alice.deposit()
    alice.bet("x1", 4 * EUR)
    await seed.stories(alice)
    same = {"player": alice.player, "external_id": "x1"}
    other = finding("duplicate_different") | {"result": "DUPLICATE_DIFFERENT", "verdict": "answered"} | same
    at = datetime.now(UTC)
    await seed.callbacks(
        callback(at - timedelta(minutes=2), body=body(withdraw=400, currency="EUR"), request_id="first", **same),
        callback(at, body=body(withdraw=500, currency="EUR"), **other),
    )
    found = await findings.enriched(ACCOUNT, "duplicate_different")
    assert found is not None
    assert found.differing == [Compared("withdraw", "500", "400")]
    assert (found.first_request_id, found.stored_seq) == ("first", 3)


async def test_without_the_first_call_the_stored_operation_tells_what_is_missing(findings: Findings, seed: Seed) -> None:
    alice = Story("alice")
    alice.deposit()
    alice.bet("x1", 4 * EUR, round_id="round-1")
    await seed.stories(alice)
    facts = finding("duplicate_different") | {"result": "DUPLICATE_DIFFERENT", "player": alice.player, "external_id": "x1"}
    await seed.callbacks(callback(body=body(withdraw=400, currency="EUR", gameId="riot", gameRoundRef="round-2"), **facts))
    found = await findings.enriched(ACCOUNT, "duplicate_different")
    assert found is not None
    assert found.differing == [Compared("round_id", "", "round-1")]
    assert (found.first_request_id, found.stored_seq) == ("", 3)


async def test_a_rollback_of_what_was_never_seen_is_shown_beside_ids_that_are_like_it(findings: Findings, seed: Seed) -> None:
    alice = Story("alice")
    alice.deposit()
    alice.bet("1:UOwGgNHPgq3OkqRE")
    alice.bet("1:ZZZZZZZZZZZZZZZZ")
    alice.tombstone("1:uowggnhpgq3okqre")
    await seed.stories(alice)
    facts = finding("rollback_never_seen", "warning") | {"player": alice.player, "kind": "rollback"}
    await seed.callbacks(callback(external_id="1:uowggnhpgq3okqre", **facts))
    found = await findings.enriched(ACCOUNT, "rollback_never_seen")
    assert found is not None
    assert found.similar == ["1:UOwGgNHPgq3OkqRE"]
    assert await findings.enriched(ACCOUNT, "no-such-code") is None


async def test_a_diagnosis_that_cannot_be_read_harms_nobody(findings: Findings, seed: Seed) -> None:
    await seed.callbacks(callback(**(finding(CODE) | {"finding_facts": "{broken"})))
    found = await findings.find(ACCOUNT, CODE)
    assert found is not None
    assert found.facts.title == ""


async def healths(pool: asyncpg.Pool, *accounts: str, **options: Any) -> dict[str, Health]:
    book = HealthBook(pool, Findings(pool), deadline_ms=2_500)
    return {each.account: each for each in await book.all(accounts, **options)}


async def test_health_is_read_from_what_the_provider_sends(backoffice_pool: asyncpg.Pool, seed: Seed) -> None:
    at = datetime.now(UTC) - timedelta(seconds=5)
    await seed.callbacks(
        *(callback(at, provider_account="fine") for _ in range(30)),
        *(callback(at, provider_account="slow", total_us=2_700_000) for _ in range(30)),
        *(callback(at, **(finding(CODE) | {"provider_account": "strange", "result": "refused_authentication"})) for _ in range(25)),
    )
    found = await healths(backoffice_pool, "strange", "fine", "slow", "never")
    assert {name: each.level for name, each in found.items()} == {"strange": "red", "fine": "green", "slow": "red", "never": "none"}
    assert [reason.finding for reason in found["strange"].reasons] == ["", CODE]
    assert found["slow"].facts.p99_ms is not None
    assert found["slow"].facts.p99_ms > 2_500
    assert found["never"].last_at is None
    failing = await healths(backoffice_pool, "fine", outbound={"fine": ("failing", "no route")})
    assert failing["fine"].level == "amber"
    assert (await health_of(backoffice_pool, "fine")).level == "green"


async def test_silence_is_noticed_where_there_used_to_be_traffic(backoffice_pool: asyncpg.Pool, seed: Seed) -> None:
    now = datetime.now(UTC)
    await seed.callbacks(
        *(callback(now - timedelta(days=day, minutes=10), provider_account="daily") for day in range(1, 8)),
        callback(now - timedelta(days=1), provider_account="rare"),
        *(callback(now - timedelta(minutes=minute), provider_account="stopped") for minute in range(12, 50)),
    )
    found = await healths(backoffice_pool, "daily", "rare", "stopped")
    assert {name: each.level for name, each in found.items()} == {"daily": "red", "rare": "green", "stopped": "amber"}
    assert "on 7 of the last 7 days" in found["daily"].reasons[0].words


async def test_accounts_are_those_that_were_met(findings: Findings, seed: Seed) -> None:
    await seed.callbacks(failed(timedelta(minutes=1)), callback(provider_account="b"))
    assert await findings.accounts() == ["b", ACCOUNT]
