"""The wallet's side of the topics, reduced to a function: for tests of the gateway's side alone.

It reads `wallet.commands` of a topic prefix from the end and answers on `wallet.replies` in bundles, as the wallet does.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition

from shared.contracts import codec
from shared.contracts.commands import Command
from shared.contracts.replies import Reply, ReplyBundle, Result
from shared.kafka.topics import COMMANDS, REPLIES, TopicNames

Answering = Callable[[Command], Reply | None]


def ok(command: Command) -> Reply:
    """Every command succeeds, with a balance of 98.00 EUR."""
    return Reply(
        command_id=command.command_id,
        caller=command.caller,
        result=Result.OK,
        balance=9_800_000,
        balance_now=9_800_000,
        currency="EUR",
        transaction_id=f"{command.player}-1",
    )


def silent(_: Command) -> None:
    """No command gets a reply."""


@dataclass
class Responder:
    """What it saw, and how it answers (may be changed at any time)."""

    answering: Answering
    commands: list[Command] = field(default_factory=list)
    records: list[ConsumerRecord] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)


@contextlib.asynccontextmanager
async def responding(bootstrap_servers: str, prefix: str, answering: Answering = ok) -> AsyncIterator[Responder]:
    """A responder that is ready when the block begins."""
    names = TopicNames(prefix)
    partitions = [TopicPartition(names.of(COMMANDS), number) for number in range(COMMANDS.partitions)]
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap_servers, enable_auto_commit=False)
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap_servers)
    await consumer.start()
    await producer.start()
    consumer.assign(partitions)
    await consumer.seek_to_end(*partitions)
    for partition in partitions:
        await consumer.position(partition)
    responder = Responder(answering)
    task = asyncio.create_task(_run(responder, consumer, producer, names.of(REPLIES)))
    try:
        yield responder
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await consumer.stop()
        await producer.stop()


async def _run(responder: Responder, consumer: AIOKafkaConsumer, producer: AIOKafkaProducer, topic: str) -> None:
    while True:
        fetched = await consumer.getmany(timeout_ms=1_000)
        replies: defaultdict[int, list[Reply]] = defaultdict(list)
        for record in (record for records in fetched.values() for record in records):
            command = codec.decode_command(record.value)
            responder.commands.append(command)
            responder.records.append(record)
            reply = responder.answering(command)
            if reply is not None:
                replies[command.reply_partition].append(reply)
        if fetched:
            responder.arrived.set()
        for partition, bundle in replies.items():
            await producer.send(topic, codec.encode(ReplyBundle(replies=tuple(bundle))), partition=partition)
