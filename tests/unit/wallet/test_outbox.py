"""Replies in bundles: every one goes out, once, in records that Kafka takes."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from services.wallet.ledger.reads import PAGE_BYTES_MAX
from services.wallet.outbox import BUNDLE_BYTES_MAX, REPLIES_A_RECORD, _bundles
from shared.contracts import Reply, Result
from shared.contracts.codec import decode_replies
from shared.kafka.topics import MAX_RECORD_BYTES

PRODUCERS_ALLOWANCE = 200


def reply(number: int, data: str = "") -> Reply:
    return Reply(command_id=f"c{number}", caller="api", result=Result.OK, data=data)


def told(replies: Sequence[Reply]) -> list[Reply]:
    """What a reader of the records hears, in order; each record is one that the producer sends."""
    records = list(_bundles(replies))
    assert all(len(record) + PRODUCERS_ALLOWANCE <= MAX_RECORD_BYTES for record in records)
    return [each for record in records for each in decode_replies(record).replies]


@pytest.mark.parametrize("count", [0, 1, REPLIES_A_RECORD, REPLIES_A_RECORD + 1, 3 * REPLIES_A_RECORD])
def test_ordinary_replies_are_as_few_records_as_can_be(count: int) -> None:
    replies = [reply(number) for number in range(count)]
    assert told(replies) == replies
    assert len(list(_bundles(replies))) == -(-count // REPLIES_A_RECORD)


@pytest.mark.parametrize(("count", "size"), [(20, 100_000), (500, 10_000), (3, 450_000), (2, BUNDLE_BYTES_MAX - 1_000)])
def test_long_replies_are_cut_by_their_bytes(count: int, size: int) -> None:
    replies = [reply(number, "x" * size) for number in range(count)]
    assert told(replies) == replies


def test_long_and_short_replies_together_lose_none() -> None:
    replies = [reply(number, "x" * 300_000 if number % 7 == 0 else "") for number in range(100)]
    assert told(replies) == replies


def test_a_page_that_is_all_quotes_still_fits_a_record() -> None:
    """In a reply a page is text within text: each quotation mark takes two bytes there."""
    page = json.dumps('"' * (PAGE_BYTES_MAX // 2))
    replies = [reply(1, page), reply(2)]
    assert told(replies) == replies


def test_a_reply_that_fits_no_record_is_told_to_be_unknown_and_harms_no_other() -> None:
    first, unknown, last = told([reply(1), reply(2, "x" * MAX_RECORD_BYTES), reply(3)])
    assert (first, last) == (reply(1), reply(3))
    assert (unknown.command_id, unknown.caller, unknown.result, unknown.data) == ("c2", "api", Result.UNKNOWN, "")
