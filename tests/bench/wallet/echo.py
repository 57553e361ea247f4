"""Two bare Kafka hops and one bare commit: `python -m tests.bench.wallet.echo`, its settings in the environment.

What a lone command cannot be quicker than with the wallet's own client libraries: consume it as the wallet does, commit
one row, send the answer as the wallet does. It looks at nothing but whom to answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from typing import Final

import asyncpg
import uvloop
from aiokafka import AIOKafkaConsumer, TopicPartition

from services.wallet.health import serve_health
from shared.contracts import Reply, ReplyBundle, Result
from shared.contracts.codec import decode_header, encode
from shared.kafka.producer import Producer
from shared.kafka.topics import COMMANDS, REPLIES, TopicNames
from shared.settings import ServiceSettings, load_settings

POLL_MS: Final = 200
FETCH_WAIT_MS: Final = 500
TABLE: Final = "CREATE TABLE IF NOT EXISTS bare_commits (n bigint NOT NULL)"
COMMIT: Final = "UPDATE bare_commits SET n = n + 1"


async def serve(settings: ServiceSettings) -> None:
    """Echoes until a signal."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    names = TopicNames(settings.topic_prefix)
    pool = await asyncpg.create_pool(settings.database_url, min_size=1, max_size=1)
    await pool.execute(TABLE)
    await pool.execute("INSERT INTO bare_commits VALUES (0)")
    producer = Producer(settings.kafka_bootstrap_servers, idempotent=False, acks=1)
    await producer.start()
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap_servers, enable_auto_commit=False, fetch_max_wait_ms=FETCH_WAIT_MS
    )
    await consumer.start()
    parts = [TopicPartition(names.of(COMMANDS), number) for number in range(COMMANDS.partitions)]
    consumer.assign(parts)
    await consumer.seek_to_beginning(*parts)
    runner = await serve_health(settings.host, settings.listen_port(0), lambda: (True, "echo"))
    echoing = asyncio.create_task(_echo(consumer, pool, producer, names.of(REPLIES)))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([echoing, stopping], return_when=asyncio.FIRST_COMPLETED)
    if echoing.done():
        echoing.result()
    echoing.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await echoing
    await runner.cleanup()
    await consumer.stop()
    await producer.stop()
    pool.terminate()


async def _echo(consumer: AIOKafkaConsumer, pool: asyncpg.Pool, producer: Producer, topic: str) -> None:
    while True:
        fetched = await consumer.getmany(timeout_ms=POLL_MS)
        headers = [decode_header(record.value) for records in fetched.values() for record in records]
        if not headers:
            continue
        began_ns = time.perf_counter_ns()
        await pool.execute(COMMIT)
        commit_ns = time.perf_counter_ns() - began_ns
        for header in headers:
            assert header is not None, "the bench sends commands alone"
            reply = Reply(command_id=header.command_id, caller=header.caller, result=Result.OK, data=str(commit_ns))
            await producer.send(topic, encode(ReplyBundle(replies=(reply,))), partition=header.reply_partition)


if __name__ == "__main__":
    uvloop.run(serve(load_settings(ServiceSettings)))
