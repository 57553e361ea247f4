"""A line to a wallet for very many commands at once: librdkafka both ways, so that the driver costs little of the cores.

All records are bytes before the clock starts. It counts answers, each command's first; what is not as expected is a fault.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from shared.contracts import Command, Result
from shared.contracts.codec import encode
from shared.identity import partition_of
from shared.kafka.topics import COMMANDS, REPLIES, TopicNames
from tests.bench.wallet.order import Say, Tally

START_SHARE: Final = 0.2
"""The answers before this share of them are warming up."""

END_SHARE: Final = 0.95
"""What comes after this share is left out: with several wallets one has finished before the other."""

SILENCE_LIMIT_S: Final = 30.0
POLL_S: Final = 0.05
METADATA_LIMIT_S: Final = 15.0
FAULTS_KEPT: Final = 5
BUFFER_KIB: Final = 1_048_576

Record = tuple[int, bytes, bytes]
"""(partition, key, value)."""


class _Reply(msgspec.Struct):
    command_id: str
    caller: str
    result: str
    replayed: bool = False
    detail: str = ""


class _Bundle(msgspec.Struct):
    replies: list[_Reply]


_read: Final = msgspec.json.Decoder(_Bundle).decode


def records_of(commands: Iterator[Command]) -> list[Record]:
    """The commands as a requester sends them."""
    return [(partition_of(command.player, COMMANDS.partitions), command.player.encode(), encode(command)) for command in commands]


class Line:
    """A producer, and a consumer of the replies to `caller` on `partition` from now on."""

    def __init__(self, bootstrap_servers: str, topic_prefix: str, caller: str, partition: int) -> None:
        names = TopicNames(topic_prefix)
        self._topic = names.of(COMMANDS)
        self._caller = caller
        common = {"bootstrap.servers": bootstrap_servers, "log_level": 2}
        self._producer = Producer(
            {
                **common,
                "acks": "1",
                "linger.ms": 5,
                "batch.num.messages": 10_000,
                "queue.buffering.max.messages": 2_000_000,
                "queue.buffering.max.kbytes": BUFFER_KIB,
            }
        )
        self._consumer = Consumer({**common, "group.id": "unused", "enable.auto.commit": False, "fetch.wait.max.ms": 100})
        replies = TopicPartition(names.of(REPLIES), partition)
        _, replies.offset = self._consumer.get_watermark_offsets(replies, timeout=METADATA_LIMIT_S)
        self._consumer.assign([replies])
        # The first send must not wait for what is to be known of the topic.
        self._producer.list_topics(self._topic, timeout=METADATA_LIMIT_S)

    def close(self) -> None:
        """Disconnects."""
        self._producer.flush(METADATA_LIMIT_S)
        self._consumer.close()

    def run(self, records: Sequence[Record], *, again: bool, say: Say) -> Tally:
        """Sends everything and counts the answers to the end, or until nothing has come for a long while."""
        tally, topic, count = Tally(), self._topic, len(records)
        seen = bytearray(count)
        start_at, end_at = int(count * START_SHARE), int(count * END_SHARE)
        for partition, key, value in records:
            self._producer.produce(topic, value, key, partition)
        heard_s, started_s, started_cpu_s, before = time.monotonic(), 0.0, 0.0, 0
        while (done := tally.answered + tally.refused) < count:
            self._producer.poll(0)
            new = self._take(seen, tally, again=again)
            if new:
                heard_s = time.monotonic()
            elif time.monotonic() - heard_s > SILENCE_LIMIT_S:
                tally.faults.append(f"{count - done} of {count} commands have no answer after {SILENCE_LIMIT_S:g} s of silence")
                break
            done += new
            if not started_s and done >= start_at:
                started_s, started_cpu_s, before = time.perf_counter(), time.process_time(), done
                say("start")
            elif started_s and not tally.seconds and done >= end_at:
                tally.seconds, tally.measured = time.perf_counter() - started_s, done - before
                tally.cpu_s = time.process_time() - started_cpu_s
                say("end")
        tally.unanswered = count - tally.answered - tally.refused
        return tally

    def _take(self, seen: bytearray, tally: Tally, *, again: bool) -> int:
        """Counts what has arrived; returns how many commands were answered for the first time."""
        before = tally.answered + tally.refused
        for message in self._consumer.consume(200, POLL_S):
            error, value = message.error(), message.value()
            if error is not None:
                if error.code() != KafkaError._PARTITION_EOF:
                    raise KafkaException(error)
                continue
            for reply in _read(value or b"{}").replies:
                if reply.caller != self._caller:
                    continue
                number = int(reply.command_id.rpartition(".")[2], 16)
                if seen[number]:
                    continue
                seen[number] = 1
                good = reply.result == Result.OK and reply.replayed == again
                tally.answered += good
                tally.refused += not good
                if not good and len(tally.faults) < FAULTS_KEPT:
                    tally.faults.append(
                        f"{reply.command_id} was answered {reply.result} (replayed: {reply.replayed}) {reply.detail}"
                    )
        return tally.answered + tally.refused - before
