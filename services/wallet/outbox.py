"""What a committed batch says to the world: replies in bundles, events in order, dead letters before anything else.

Replies go without idempotence (a lost one is an UNKNOWN that the provider repeats), events with it.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator, Sequence
from typing import Final

import structlog
from aiokafka.errors import KafkaError

from services.wallet.batch import Published, SendError
from services.wallet.intake import Taken, now_ms
from shared.contracts import DeadLetter, Reply, ReplyBundle, Result
from shared.contracts.codec import encode
from shared.identity import partition_of
from shared.kafka.producer import Producer
from shared.kafka.topics import COMMANDS, DEAD_LETTERS, EVENTS, MAX_RECORD_BYTES, REPLIES, TopicNames

log = structlog.get_logger(__name__)

REPLIES_A_RECORD: Final = 500
BUNDLE_BYTES_MAX: Final = MAX_RECORD_BYTES - 10_000
"""With room for what the producer and the broker put around a record."""
DEAD_LETTER_BYTES_MAX: Final = 400_000
SEND_LIMIT_S: Final = 15.0


class Outbox:
    """The wallet's producers."""

    def __init__(self, bootstrap_servers: str, names: TopicNames) -> None:
        self._names = names
        self._replies = Producer(bootstrap_servers, idempotent=False, acks=1, topics=[names.of(REPLIES)])
        self._events = Producer(bootstrap_servers, idempotent=True, acks="all", topics=[names.of(EVENTS), names.of(DEAD_LETTERS)])

    async def start(self) -> None:
        """Connects both producers."""
        await self._replies.start()
        await self._events.start()

    async def stop(self) -> None:
        """Sends what is left and closes."""
        await self._replies.stop()
        await self._events.stop()

    async def reply(self, published: Published) -> None:
        """Hands the replies over; does not wait for Kafka, and a reply that gets lost is asked for again."""
        topic = self._names.of(REPLIES)
        for partition, replies in published.replies.items():
            for bundle in _bundles(replies):
                try:
                    await self._replies.send(topic, bundle, partition=partition % REPLIES.partitions)
                except KafkaError:
                    continue

    async def publish(self, published: Published) -> list[asyncio.Future[object]]:
        """Hands the events over in their order; the futures end when Kafka has them. Raises KafkaError."""
        topic, at_ms = self._names.of(EVENTS), now_ms()
        futures: list[asyncio.Future[object]] = []
        for partition, events in published.events.items():
            records = [(player.encode(), event, at_ms) for player, event in events]
            futures += await self._events.send_bundle(topic, records, partition=partition)
        return futures

    async def bury(self, item: Taken, cause: str, detail: str) -> None:
        """Stores a dead letter; SendError where Kafka did not take it."""
        letter = DeadLetter(
            cause=cause,
            detail=detail[:2_000],
            origin_topic=self._names.of(COMMANDS),
            origin_partition=item.partition,
            origin_offset=item.offset,
            record_key=item.key[:256],
            record_base64=base64.b64encode(item.raw[:DEAD_LETTER_BYTES_MAX]).decode(),
            at_ms=now_ms(),
        )
        try:
            future = await self._events.send(
                self._names.of(DEAD_LETTERS),
                encode(letter),
                key=item.key.encode()[:256],
                partition=partition_of(item.key, DEAD_LETTERS.partitions),
            )
            await asyncio.wait_for(future, SEND_LIMIT_S)
        except (KafkaError, TimeoutError) as error:
            raise SendError(f"the dead letter was not taken: {error!r}") from error


def _bundles(replies: Sequence[Reply]) -> Iterator[bytes]:
    """The replies in records that Kafka takes. Almost always the first cut fits; pages of queries may need another."""
    for start in range(0, len(replies), REPLIES_A_RECORD):
        yield from _fitting(replies[start : start + REPLIES_A_RECORD])


def _fitting(replies: Sequence[Reply]) -> Iterator[bytes]:
    record = encode(ReplyBundle(replies=tuple(replies)))
    if len(record) <= BUNDLE_BYTES_MAX:
        yield record
    elif len(replies) > 1:
        middle = len(replies) // 2
        yield from _fitting(replies[:middle])
        yield from _fitting(replies[middle:])
    else:
        # No page is that long; but a caller who hears nothing at all would wait for his whole deadline.
        (reply,) = replies
        log.error("a reply does not fit a record; UNKNOWN is told", command_id=reply.command_id, size=len(record))
        unknown = Reply(command_id=reply.command_id, caller=reply.caller, result=Result.UNKNOWN, detail="the answer is too long")
        yield encode(ReplyBundle(replies=(unknown,)))
