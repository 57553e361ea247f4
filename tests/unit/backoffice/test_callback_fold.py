"""Archived callbacks: batches and order change no sum, what cannot be stored is told, a share stands for the whole."""

from __future__ import annotations

import json
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import astuple

from services.backoffice.projections.callback_fold import (
    BUCKETS,
    Archived,
    Callbacks,
    body_bytes,
    decode_archived,
    fold_callbacks,
    month_of,
    next_month,
    weight_of,
)
from services.backoffice.projections.callback_store import oldest_kept
from shared.contracts.archive import CallbackRecord
from shared.contracts.codec import encode
from shared.errors import ContractError
from tests.integration.backoffice.stand import callback, finding

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
OLDEST = oldest_kept(NOW, 90)


def told(*records: bytes, now: datetime = NOW) -> Callbacks:
    return fold_callbacks([decode_archived(raw) for raw in records], now, OLDEST)


def merged(batches: list[Callbacks]) -> dict[str, Any]:
    """What the tables add up to, as the store's statements add it."""
    hours: dict[Any, list[Any]] = {}
    pulse: dict[Any, list[Any]] = {}
    rows: Counter[Any] = Counter()
    for batch in batches:
        rows.update(batch.rows)
        for hour, each in batch.finding_hours.items():
            have = hours.setdefault(hour, [0, each.first_ms, (0, "")])
            hours[hour] = [have[0] + each.count, min(have[1], each.first_ms), max(have[2], (each.last_ms, each.last_request_id))]
        for key, beat in batch.pulse.items():
            was = pulse.setdefault(key, [0, 0, 0, [0] * BUCKETS])
            count, total_us, slowest_us, buckets = astuple(beat)
            added = [one + other for one, other in zip(was[3], buckets, strict=True)]
            pulse[key] = [was[0] + count, was[1] + total_us, max(was[2], slowest_us), added]
    return {"hours": hours, "pulse": pulse, "rows": rows}


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_batches_and_their_order_change_nothing(seed: int) -> None:
    luck = random.Random(seed)
    records = [
        callback(
            NOW - timedelta(seconds=luck.randint(0, 5_000)),
            **(finding(luck.choice(["clock_skew", "wrong_key"])) if luck.random() < 0.4 else {"kept_share": 0.3}),
            total_us=luck.randint(0, 5_000_000),
        )
        for _ in range(30)
    ]
    expected = merged([told(*records)])
    luck.shuffle(records)
    batches = []
    while records:
        cut = luck.randint(1, 8)
        batches.append(told(*records[:cut]))
        records = records[cut:]
    assert merged(batches) == expected


def test_a_record_of_the_gateway_is_read() -> None:
    record = CallbackRecord(
        request_id="r1",
        provider_account="mascot-demo",
        dialect="mascot",
        received_at_ms=1_760_000_000_000,
        remote_address="203.0.113.9",
        request_headers={"X-Signature": "main="},
        request_body="{}",
        response_status=200,
        response_body="{}",
        verdict="answered",
    )
    read = decode_archived(encode(record))
    assert (read.request_id, json.loads(bytes(read.request_headers))) == ("r1", {"X-Signature": "main="})
    assert json.loads(bytes(read.keys)) == []


@pytest.mark.parametrize("raw", [b"", b"{}", b"null", b"\xff\xfe", callback(total_us=-1), callback(total_us=2**40)])
def test_what_is_no_callback(raw: bytes) -> None:
    with pytest.raises(ContractError, match="not a callback record"):
        decode_archived(raw)


def test_times_that_are_not_kept_are_left_out() -> None:
    batch = told(
        callback(OLDEST),
        callback(OLDEST - timedelta(seconds=1)),
        callback(NOW + timedelta(days=80)),
        callback(received_at_ms=2**60),
    )
    assert (len(batch.rows), batch.out_of_range) == (1, 3)


def test_old_callbacks_are_no_part_of_the_pulse() -> None:
    batch = told(callback(NOW - timedelta(hours=2)), callback(NOW))
    assert (len(batch.rows), sum(each.count for each in batch.pulse.values())) == (2, 1)


def test_classes_of_time_hold_their_upper_bound() -> None:
    batch = told(*(callback(NOW, total_us=us) for us in (5_000, 5_001, 2_500_000, 2_500_001)))
    (beat,) = batch.pulse.values()
    assert beat.buckets == [1, 1, 0, 0, 0, 0, 0, 0, 1, 1]
    assert beat.slowest_us == 2_500_001


def test_a_share_of_successes_stands_for_all_of_them() -> None:
    def archived(share: float) -> list[Archived]:
        return [decode_archived(callback(NOW, request_id=f"request-{number}", kept_share=share)) for number in range(3_000)]

    for share in (1.0, 0.5, 0.3, 0.07):
        weights = [weight_of(record) for record in archived(share)]
        assert abs(sum(weights) / (len(weights) / share) - 1) < 0.02
        assert max(weights) - min(weights) <= 1
    assert {weight_of(record) for record in archived(0.0)} == {1}


def test_nul_is_kept_in_bodies_and_replaced_elsewhere() -> None:
    record = decode_archived(callback(NOW, body="a\x00b", answer="fine", external_id="x\x00y"))
    assert body_bytes(record.request_body, is_base64=record.request_base64) == b"a\x00b"
    assert (record.external_id, record.response_body, record.response_base64) == ("x\ufffdy", "fine", False)


def test_months() -> None:
    assert next_month(datetime(2026, 12, 31, tzinfo=UTC).date()).isoformat() == "2027-01-01"
    assert month_of(datetime(2028, 2, 29, tzinfo=UTC).date()).isoformat() == "2028-02-01"
    assert oldest_kept(datetime(2026, 3, 31, tzinfo=UTC), 90).isoformat() == "2025-12-01T00:00:00+00:00"
