"""Brings the games to `catalogue.games`: PostgreSQL is true, the topic follows it, in one process at a time.

Every change of a game is noted in `catalogue.unpublished` in its own transaction, and stays there until Kafka has taken it.
A topic that was deleted and made anew gets everything again.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import asyncpg
import structlog
from aiokafka.errors import KafkaError
from prometheus_client import Counter, Gauge

from services.catalogue.records import merged
from shared.contracts import GameRecord, codec
from shared.database import load_queries
from shared.database.away import DATABASE_AWAY
from shared.errors import StakewireError, TopicError
from shared.kafka.admin import topic_id
from shared.kafka.producer import Producer
from shared.kafka.topics import GAMES, TopicNames

log = structlog.get_logger(__name__)

QUERIES: Final = load_queries(Path(__file__).parent / "sql" / "publish.sql")
LOCK: Final = 7_210_512_201
PUBLISH_EVERY_S: Final = 1.0
CHECK_TOPIC_EVERY_S: Final = 10.0
FAULT_PAUSE_S: Final = 10.0
CHUNK: Final = 1_000
"""Games published between two notes of how far it has come."""

CHUNK_LIMIT_S: Final = 20.0
SEND_TIMEOUT_MS: Final = 10_000
TOPIC_ID_LIMIT_S: Final = 5.0
AWAY: Final = (*DATABASE_AWAY, KafkaError, TopicError)

_published = Counter("stakewire_catalogue_published_total", "Records of games that Kafka has taken")
_behind = Gauge("stakewire_catalogue_unpublished", "Games that the topic does not have as they are")


class PublishError(StakewireError):
    """The games could not be published now; they are by the next try."""


def key_of(record: GameRecord) -> bytes:
    """The record key: provider accounts hold no "|", so no two keys are alike."""
    return f"{record.provider_account}|{record.game_id}".encode()


class Publisher:
    """One for a process. `start` makes it publish in the background; `publish` does it once."""

    def __init__(
        self, pool: asyncpg.Pool, bootstrap_servers: str, names: TopicNames, *, check_topic_s: float = CHECK_TOPIC_EVERY_S
    ) -> None:
        self._pool = pool
        self._bootstrap_servers = bootstrap_servers
        self._topic = names.of(GAMES)
        self._check_topic_s = check_topic_s
        self._producer: Producer | None = None
        self._wanted = asyncio.Event()
        self._turn = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begins to publish in the background; needs neither Kafka nor the database to be there yet."""
        self._task = asyncio.create_task(self._run(), name="games-publisher")

    async def stop(self) -> None:
        """Ends publishing and disconnects."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        await self._drop_producer()

    def wake(self) -> None:
        """There may be something to publish: the background need not wait for its next look."""
        self._wanted.set()

    async def publish(self, progress: Callable[[int], None] | None = None) -> int:
        """Publishes what the topic does not have yet; returns how many records Kafka took.

        PublishError where Kafka or the database did not do it in time; what was taken until then is noted.
        """
        done = 0
        try:
            async with self._turn:
                await self._check_topic()
                while taken := await self._publish_chunk():
                    done += taken
                    if progress is not None:
                        progress(done)
        except AWAY as error:
            raise PublishError(f"the games could not all be published: {error!r}; {done:,} were, the others follow") from error
        return done

    async def forget_published(self, account: str = "") -> int:
        """Everything (of one account) is to be published again; returns how many games that are, beside those that wait anyway."""
        outcome: str = await self._pool.execute(QUERIES["forget_published"], account, timeout=CHUNK_LIMIT_S)
        return int(outcome.rpartition(" ")[2])

    async def unpublished(self) -> int:
        """How many games the topic does not have as they are."""
        count: int = await self._pool.fetchval(QUERIES["count_unpublished"])
        return count

    async def _publish_chunk(self) -> int:
        async with asyncio.timeout(CHUNK_LIMIT_S), self._pool.acquire() as connection:
            await connection.execute(QUERIES["take_turn"], LOCK)
            try:
                records = [merged(row) for row in await connection.fetch(QUERIES["unpublished"], CHUNK)]
                if records:
                    await self._send(records)
                    await connection.execute(QUERIES["published"], *_columns(records))
                    _published.inc(len(records))
            finally:
                if not connection.is_closed():
                    await connection.execute(QUERIES["give_turn"], LOCK)
        return len(records)

    async def _send(self, records: Sequence[GameRecord]) -> None:
        now_ms = int(time.time() * 1_000)
        try:
            producer = await self._connected()
            bundle = ((key_of(record), codec.encode(record), now_ms) for record in records)
            await asyncio.gather(*await producer.send_bundle(self._topic, bundle, partition=0))
        except BaseException:
            # With the producer goes what it still holds: it must not come after what others publish next.
            await self._drop_producer()
            raise

    async def _check_topic(self) -> None:
        """Another topic in the place of the one that has the games gets all of them."""
        now = await asyncio.to_thread(topic_id, self._bootstrap_servers, self._topic, timeout_s=TOPIC_ID_LIMIT_S)
        known = await self._pool.fetchval(QUERIES["topic"])
        if now == known:
            return
        again = await self.forget_published()
        await self._pool.execute(QUERIES["set_topic"], now)
        if known:
            log.warning("the topic of the games is another one than before; all games are published again", games=again)

    async def _connected(self) -> Producer:
        if self._producer is None or not self._producer.available:
            await self._drop_producer()
            # Not idempotent: such a producer would hold on to a record for minutes while no broker answers.
            producer = Producer(self._bootstrap_servers, idempotent=False, request_timeout_ms=SEND_TIMEOUT_MS, topics=[self._topic])
            await producer.start()
            self._producer = producer
        return self._producer

    async def _drop_producer(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()

    async def _run(self) -> None:
        checked_at_s = -self._check_topic_s
        while True:
            self._wanted.clear()
            try:
                behind = await self.unpublished()
                _behind.set(behind)
                if behind or time.monotonic() - checked_at_s >= self._check_topic_s:
                    checked_at_s = time.monotonic()
                    await self.publish()
            except (*AWAY, PublishError) as error:
                log.warning("the games cannot be published now", cause=str(error) or repr(error), again_in_s=PUBLISH_EVERY_S)
                await asyncio.sleep(PUBLISH_EVERY_S)
            except Exception:
                log.exception("the games are not published because of a fault of ours", again_in_s=FAULT_PAUSE_S)
                await asyncio.sleep(FAULT_PAUSE_S)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wanted.wait(), PUBLISH_EVERY_S)


def _columns(records: Sequence[GameRecord]) -> tuple[list[str], list[str], list[int]]:
    return (
        [record.provider_account for record in records],
        [record.game_id for record in records],
        [record.version for record in records],
    )
