"""Sets switches and brings them to every process: first PostgreSQL, then the topic, which follows it in any case.

What could not be published at once is published by the background loop; what the topic has lost or has in an older
state than the database is published again.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass
from typing import Final

import structlog
from aiokafka.errors import KafkaError
from prometheus_client import Counter

from services.gateway.switches.board import SwitchKey, key_of
from services.gateway.switches.reader import SwitchReader
from services.gateway.switches.store import StoredSwitch, SwitchStore
from shared.contracts import SwitchSet, SwitchState, codec
from shared.database.away import DATABASE_AWAY
from shared.kafka.producer import Producer
from shared.kafka.topics import SWITCHES, TopicNames

log = structlog.get_logger(__name__)

PUBLISH_EVERY_S: Final = 1.0
COMPARE_EVERY_S: Final = 10.0
PUBLISH_LIMIT_S: Final = 5.0
SET_LIMIT_S: Final = 2.0
"""Who sets a switch waits at most so long for Kafka to take it."""

SEND_TIMEOUT_MS: Final = 4_000
SEEN_LIMIT_S: Final = 1.0
_AWAY: Final = (*DATABASE_AWAY, KafkaError)

_published = Counter("stakewire_switches_published_total", "Switches that Kafka has taken")
_lost = Counter("stakewire_switches_lost_total", "Switches that the topic had lost or had in an older state")


@dataclass(frozen=True, slots=True)
class Switched:
    """What became of a change: it is kept in any case; `published` says whether Kafka has taken it by now."""

    switch: SwitchSet
    published: bool


class SwitchControl:
    """One for a process that sets switches. With a `reader` it also sees to it that the topic lacks nothing."""

    def __init__(
        self,
        store: SwitchStore,
        bootstrap_servers: str,
        names: TopicNames,
        reader: SwitchReader | None = None,
        *,
        compare_every_s: float = COMPARE_EVERY_S,
    ) -> None:
        self._store = store
        self._bootstrap_servers = bootstrap_servers
        self._topic = names.of(SWITCHES)
        self._reader = reader
        self._compare_every_s = compare_every_s
        self._producer: Producer | None = None
        self._turn = asyncio.Lock()
        self._suspects: frozenset[tuple[SwitchKey, int]] = frozenset()
        self._strangers: frozenset[SwitchKey] = frozenset()
        self._publishing: set[asyncio.Task[bool]] = set()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begins to publish in the background; needs neither Kafka nor the database to be there yet."""
        self._task = asyncio.create_task(self._run(), name="switch-publisher")

    async def stop(self) -> None:
        """Ends publishing and disconnects."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        await asyncio.gather(*self._publishing, return_exceptions=True)
        await self._drop_producer()

    async def set(self, key: SwitchKey, state: SwitchState, *, reason: str, actor: str, request_id: str = "") -> Switched:
        """Sets a switch and publishes it; returns when this process's own reader has seen it, or after a few seconds.

        Raises SwitchRefusedError where it cannot be; errors of asyncpg where it was not kept.
        """
        stored = await self._store.set(key, state, reason=reason, actor=actor, request_id=request_id)
        published = stored.published or await self._publish_soon()
        if published and self._reader is not None:
            await self._reader.wait_for(stored.switch, SEEN_LIMIT_S)
        return Switched(stored.switch, published)

    async def all(self) -> list[StoredSwitch]:
        """All switches as the database has them."""
        return await self._store.all()

    async def _publish_soon(self) -> bool:
        """Publishes, but waits for it no longer than a caller would; it goes on all the same."""
        publishing = asyncio.create_task(self.publish(), name="switch-publish")
        self._publishing.add(publishing)
        publishing.add_done_callback(self._publishing.discard)
        done, _ = await asyncio.wait([publishing], timeout=SET_LIMIT_S)
        return bool(done) and publishing.result()

    async def publish(self) -> bool:
        """Publishes what the topic does not have yet; False where Kafka or the database did not do it in time."""
        try:
            async with asyncio.timeout(PUBLISH_LIMIT_S), self._turn:
                await self._publish()
        except _AWAY as error:
            log.warning("switches are not published yet", cause=repr(error))
            return False
        return True

    async def _publish(self) -> None:
        async with self._store.publishing() as turn:
            switches = await turn.unpublished()
            if not switches:
                return
            try:
                producer = await self._connected()
                sent = [
                    await producer.send(
                        self._topic, codec.encode(switch), partition=0, key=str(key_of(switch)).encode(), timestamp_ms=_now_ms()
                    )
                    for switch in switches
                ]
                await asyncio.gather(*sent)
            except BaseException:
                # With the producer goes what it still holds: it must not come after what others publish next.
                await self._drop_producer()
                raise
            await turn.done(switches)
        _published.inc(len(switches))

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
        compared_at_s = -self._compare_every_s
        while True:
            try:
                now_s = time.monotonic()
                if now_s - compared_at_s >= self._compare_every_s and await self._compare():
                    compared_at_s = now_s
                if await self._store.unpublished():
                    await self.publish()
            except _AWAY as error:
                log.warning("the switches cannot be compared with the topic now", cause=repr(error))
            await asyncio.sleep(PUBLISH_EVERY_S)

    async def _compare(self) -> bool:
        """Marks what the topic lacks or has in an older state; False where the topic is not read to its end yet."""
        on_topic = None if self._reader is None else self._reader.on_topic
        if on_topic is None:
            return False
        seen = dict(on_topic)
        stored = {key_of(each.switch): each for each in await self._store.all()}
        suspects = frozenset(
            (key, each.switch.version) for key, each in stored.items() if each.published and seen.get(key, 0) < each.switch.version
        )
        # Missing in two looks: what was published a moment ago is only not read back yet.
        lost = [key for key, _ in suspects & self._suspects]
        self._suspects = suspects
        if lost:
            _lost.inc(len(lost))
            log.warning(
                "the topic has lost switches; they are published again", keys=[str(key) for key in lost[:20]], lost=len(lost)
            )
            await self._store.forget_published(lost)
        self._tell_of_strangers(
            frozenset(k for k, version in seen.items() if k not in stored or stored[k].switch.version < version)
        )
        return not suspects

    def _tell_of_strangers(self, strangers: frozenset[SwitchKey]) -> None:
        """What only the topic has (the database was restored from a copy) holds on: to open it is not ours to decide."""
        if strangers and strangers != self._strangers:
            log.error(
                "the topic has changes of switches that the database does not know; they hold until they are set anew",
                keys=[str(key) for key in sorted(strangers)[:20]],
            )
        self._strangers = strangers


def _now_ms() -> int:
    return int(time.time() * 1_000)
