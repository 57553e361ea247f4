"""The producer wrapper on a real broker: it heals from what an idempotent producer does not heal from."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from confluent_kafka.admin import NewTopic
from prometheus_client import REGISTRY

from shared.kafka.admin import admin_client
from shared.kafka.producer import Producer, RecordTooLargeError
from shared.kafka.topics import MAX_RECORD_BYTES, Topic, TopicNames
from tests.integration.wallet.topics import read_topic
from tests.waiting import wait_until

SMALL_BYTES = 2_000
"""What the broker takes on this topic: less than the wrapper knows."""


def new_topic(kafka_bootstrap_servers: str, name: str, **config: str) -> str:
    """A topic with two partitions; its name."""
    client = admin_client(kafka_bootstrap_servers)
    client.create_topics([NewTopic(name, 2, 1, config=config)])[name].result(30)
    return name


@pytest.fixture
def narrow(kafka_bootstrap_servers: str, topic_prefix: str) -> str:
    """A topic whose limit is lower than that of the wrapper."""
    return new_topic(kafka_bootstrap_servers, f"{topic_prefix}narrow", **{"max.message.bytes": str(SMALL_BYTES)})


@pytest.fixture
async def producer(kafka_bootstrap_servers: str) -> AsyncIterator[Producer]:
    made = Producer(kafka_bootstrap_servers)
    await made.start()
    yield made
    await made.stop()


def values(kafka_bootstrap_servers: str, topic: str) -> list[bytes]:
    definition = Topic(topic, 2, {}, "of a test")
    return [record.value for record in read_topic(kafka_bootstrap_servers, TopicNames(), definition)]


async def test_after_a_record_that_the_broker_refuses_others_go_through(
    producer: Producer, narrow: str, kafka_bootstrap_servers: str
) -> None:
    before = REGISTRY.get_sample_value("stakewire_kafka_producer_replaced_total") or 0
    await (await producer.send(narrow, b"before", partition=0))
    with pytest.raises(MessageSizeTooLargeError):
        await (await producer.send(narrow, bytes(SMALL_BYTES * 2), partition=0))
    await asyncio.to_thread(wait_until, lambda: producer.available, "the producer was made anew")
    await (await producer.send(narrow, b"after", partition=0))
    await (await producer.send(narrow, b"beside", partition=1))
    assert values(kafka_bootstrap_servers, narrow) == [b"before", b"after", b"beside"]
    assert REGISTRY.get_sample_value("stakewire_kafka_producer_replaced_total") == before + 1
    assert REGISTRY.get_sample_value("stakewire_kafka_send_errors_total", {"topic": narrow}) == 1


async def test_while_it_is_made_anew_nothing_is_taken_and_nothing_hangs(producer: Producer, narrow: str) -> None:
    refused = await producer.send(narrow, bytes(SMALL_BYTES * 2), partition=0)
    await asyncio.wait([refused])
    with pytest.raises(KafkaError, match="made anew"):
        await producer.send(narrow, b"x", partition=0)


async def test_a_bundle_keeps_its_order(producer: Producer, narrow: str, kafka_bootstrap_servers: str) -> None:
    await asyncio.gather(*await producer.send_bundle(narrow, [(b"k", b"%d" % n, n) for n in range(5)], partition=1))
    assert values(kafka_bootstrap_servers, narrow) == [b"0", b"1", b"2", b"3", b"4"]


async def test_a_bundle_larger_than_a_batch_becomes_several(kafka_bootstrap_servers: str, topic_prefix: str) -> None:
    name = new_topic(kafka_bootstrap_servers, f"{topic_prefix}wide")
    producer = Producer(kafka_bootstrap_servers, batch_bytes=10_000)
    await producer.start()
    try:
        records = [(b"k", b"%04d" % number + bytes(1_000), number) for number in range(40)]
        futures = await producer.send_bundle(name, records, partition=0)
        assert len(futures) > 1
        await asyncio.gather(*futures)
        with pytest.raises(RecordTooLargeError):
            await producer.send_bundle(name, [(b"k", bytes(MAX_RECORD_BYTES), 0)], partition=0)
    finally:
        await producer.stop()
    assert [value[:4] for value in values(kafka_bootstrap_servers, name)] == [b"%04d" % number for number in range(40)]
