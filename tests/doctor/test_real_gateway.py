"""The proof: every broken request through a real gateway, wallet and Kafka, and what the archive says of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from shared.contracts.archive import CallbackRecord
from tests.doctor.cases import Case, judge, load_cases, summary
from tests.doctor.stand import Clinic, clinic
from tests.servers import Servers

CASES = [case for case in load_cases() if not case.only_here]
SENT_MIN = 60
HEX_MAC = re.compile(r"[0-9a-fA-F]{64}")


@pytest.fixture(scope="module")
def running(servers: Servers) -> Iterator[Clinic]:
    with clinic(servers) as started:
        yield started


async def test_every_broken_request_is_diagnosed_in_the_archive(running: Clinic) -> None:
    assert len(CASES) >= SENT_MIN
    asked: dict[str, Case] = {}
    async with running.faults() as stand:
        for case in sorted(CASES, key=lambda each: each.last):
            if case.last:
                running.kill_the_wallet()
            done = await stand.send(case.fault, case.account)
            assert all(each.status for each in done.exchanges), done
            asked[done.exchanges[-1].request_id] = case
    records = await running.records(set(asked))
    verdicts = [judge(case, facts_of(records[request_id])) for request_id, case in asked.items()]
    assert summary(verdicts) == f"right {len(CASES)}, missed 0, wrong 0\n"
    assert_no_secrets(running, [records[request_id] for request_id in asked])
    healthy = [record for request_id, record in records.items() if request_id not in asked and record.result == "OK"]
    assert healthy, "the first requests of several faults are good ones"
    # A rollback before its bet is worth a remark; nothing else is said of what went well.
    assert {record.finding for record in healthy} <= {"", "rollback_unknown"}


def facts_of(record: CallbackRecord) -> dict[str, object] | None:
    """The finding of a record; its code stands twice."""
    if not record.finding:
        assert not record.finding_facts
        return None
    facts: dict[str, object] = json.loads(record.finding_facts)
    assert facts["code"] == record.finding
    assert facts["rule"]
    assert facts["advice"]
    return facts


def assert_no_secrets(running: Clinic, records: list[CallbackRecord]) -> None:
    """No key, and no signature that would be accepted: findings hold nothing that looks like one."""
    for record in records:
        assert not HEX_MAC.search(record.finding_facts), record.finding_facts
        for secret in running.estate.secrets():
            assert secret not in record.finding_facts
            assert secret not in json.dumps(record.request_headers)
