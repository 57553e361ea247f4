"""What the producer wrapper decides without a broker: sizes, and what it says where there is no producer."""

from __future__ import annotations

import pytest
from aiokafka.errors import KafkaTimeoutError

from shared.kafka.producer import Producer, RecordTooLargeError
from shared.kafka.topics import MAX_RECORD_BYTES, TOPICS, TopicNames

NOBODY = "127.0.0.1:1"


async def test_a_record_that_is_too_large_never_reaches_a_producer() -> None:
    producer = Producer(NOBODY)
    with pytest.raises(
        RecordTooLargeError, match=rf"a record of \d+ bytes for t was not sent: at most {MAX_RECORD_BYTES}"
    ) as caught:
        await producer.send("t", bytes(MAX_RECORD_BYTES), partition=0)
    assert caught.value.topic == "t"
    assert caught.value.size > MAX_RECORD_BYTES


async def test_the_key_counts() -> None:
    with pytest.raises(RecordTooLargeError):
        await Producer(NOBODY).send("t", b"", partition=0, key=bytes(MAX_RECORD_BYTES))


async def test_without_a_producer_nothing_is_taken() -> None:
    producer = Producer(NOBODY)
    assert not producer.available
    with pytest.raises(KafkaTimeoutError, match="made anew"):
        await producer.send("t", b"x", partition=0)
    with pytest.raises(KafkaTimeoutError, match="made anew"):
        await producer.send_bundle("t", [(b"k", b"x", 0)], partition=0)
    await producer.stop()


def test_a_prefix_goes_before_every_name() -> None:
    names = TopicNames("other.")
    assert [names.of(topic) for topic in TOPICS] == [
        "other.wallet.commands", "other.wallet.replies", "other.wallet.events", "other.wallet.dead-letters",
        "other.gateway.callbacks", "other.gateway.switches", "other.catalogue.games",
    ]  # fmt: skip
    assert TopicNames().of(TOPICS[0]) == "wallet.commands"
