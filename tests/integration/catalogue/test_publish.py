"""Games on `catalogue.games`: what was stored comes, in the newest state, and comes again where the topic has lost it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from services.catalogue.publish import Publisher, PublishError
from services.catalogue.sync.store import SyncStore
from services.catalogue.sync.syncer import Syncer
from shared.contracts import GameRecord, codec
from shared.kafka.admin import admin_client, apply_topics
from shared.kafka.topics import GAMES, TopicNames
from tests.integration.catalogue.conftest import settings
from tests.integration.catalogue.stand import ACCOUNT, Stand, listed


async def read(bootstrap_servers: str, names: TopicNames) -> list[tuple[str, GameRecord]]:
    """All records of the topic with their keys, oldest first."""
    partition = TopicPartition(names.of(GAMES), 0)
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap_servers, enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign([partition])
        await consumer.seek_to_beginning(partition)
        end = (await consumer.end_offsets([partition]))[partition]
        found: list[tuple[str, GameRecord]] = []
        while await consumer.position(partition) < end:
            for records in (await consumer.getmany(partition, timeout_ms=500)).values():
                found += [(record.key.decode(), codec.decode_game(record.value)) for record in records]
        return found
    finally:
        await consumer.stop()


@asynccontextmanager
async def publishing(pool: asyncpg.Pool, bootstrap_servers: str, names: TopicNames, **options: float) -> AsyncIterator[Publisher]:
    """A publisher, not started; what it connected is closed at the end."""
    publisher = Publisher(pool, bootstrap_servers, names, **options)
    try:
        yield publisher
    finally:
        await publisher.stop()


async def test_what_is_stored_is_published_once_in_its_newest_state(
    stand: Stand, kafka_bootstrap_servers: str, names: TopicNames
) -> None:
    await stand.sync("riot", "aurora", "desk", "mermaid")
    async with publishing(stand.pool, kafka_bootstrap_servers, names) as publisher:
        assert await publisher.publish() == 4
        assert await publisher.publish() == 0
        await stand.sync(listed("riot", Name="Riot II"), "aurora", "desk")
        assert await publisher.publish() == 2
    records = await read(kafka_bootstrap_servers, names)
    assert len(records) == 6
    newest = dict(records)
    assert newest == {f"{ACCOUNT}|{game_id}": game for game_id, game in (await stand.games()).items()}
    assert newest[f"{ACCOUNT}|mermaid"].state == "withdrawn"
    assert newest[f"{ACCOUNT}|riot"].name == "Riot II"


async def test_an_overlay_is_published_with_its_game(stand: Stand, kafka_bootstrap_servers: str, names: TopicNames) -> None:
    await stand.sync("riot", "aurora")
    async with publishing(stand.pool, kafka_bootstrap_servers, names) as publisher:
        await publisher.publish()
        async with stand.pool.acquire() as connection, connection.transaction():
            await connection.execute(
                "INSERT INTO catalogue.overlays (provider_account, game_id, name, off, changed_by)"
                """ VALUES ($1, 'riot', 'Uproar', '[{"brand": "main", "currency": "EUR"}]', 'key:k')""",
                ACCOUNT,
            )
            await connection.execute("UPDATE catalogue.games SET version = version + 1 WHERE game_id = 'riot'")
        assert await publisher.publish() == 1
    key, record = (await read(kafka_bootstrap_servers, names))[-1]
    assert (key, record.name, record.off[0].currency) == (f"{ACCOUNT}|riot", "Uproar", "EUR")


async def test_the_background_publishes_what_syncs_store(stand: Stand, kafka_bootstrap_servers: str, names: TopicNames) -> None:
    async with publishing(stand.pool, kafka_bootstrap_servers, names) as publisher:
        await publisher.start()
        syncer = Syncer(SyncStore(stand.pool), stand.syncer._clients, settings(), publisher.wake)
        stand.lists("riot", "aurora")
        await syncer.sync(ACCOUNT, "test")
        await _all_published(publisher)
    assert len(await read(kafka_bootstrap_servers, names)) == 2


async def test_everything_comes_again_on_command(stand: Stand, kafka_bootstrap_servers: str, names: TopicNames) -> None:
    await stand.sync("riot", "aurora")
    async with publishing(stand.pool, kafka_bootstrap_servers, names) as publisher:
        await publisher.publish()
        assert await publisher.forget_published(ACCOUNT) == 2
        assert await publisher.publish() == 2
        assert await publisher.forget_published("other") == 0
    assert len(await read(kafka_bootstrap_servers, names)) == 4


async def test_a_topic_made_anew_gets_everything_again(stand: Stand, kafka_bootstrap_servers: str, names: TopicNames) -> None:
    await stand.sync("riot", "aurora")
    async with publishing(stand.pool, kafka_bootstrap_servers, names, check_topic_s=0.2) as publisher:
        await publisher.publish()
        await asyncio.to_thread(_lose_topic, kafka_bootstrap_servers, names)
        await publisher.start()
        async with asyncio.timeout(60):
            while len(await read(kafka_bootstrap_servers, names)) < 2:  # noqa: ASYNC110 - seen from outside
                await asyncio.sleep(0.1)
    assert dict(await read(kafka_bootstrap_servers, names)).keys() == {f"{ACCOUNT}|riot", f"{ACCOUNT}|aurora"}


async def test_two_publishers_send_every_version_once(stand: Stand, kafka_bootstrap_servers: str, names: TopicNames) -> None:
    await stand.sync(*(f"game{number}" for number in range(50)))
    async with (
        publishing(stand.pool, kafka_bootstrap_servers, names) as one,
        publishing(stand.pool, kafka_bootstrap_servers, names) as other,
    ):
        assert sum(await asyncio.gather(one.publish(), other.publish())) == 50
    assert len(await read(kafka_bootstrap_servers, names)) == 50


async def test_without_kafka_games_are_stored_and_wait(stand: Stand) -> None:
    await stand.sync("riot")
    async with publishing(stand.pool, "127.0.0.1:9", TopicNames()) as publisher:
        with pytest.raises(PublishError, match="could not all be published"):
            await publisher.publish()
        assert await publisher.unpublished() == 1


async def _all_published(publisher: Publisher) -> None:
    async with asyncio.timeout(60):
        while await publisher.unpublished():  # noqa: ASYNC110 - a state, not an event
            await asyncio.sleep(0.05)


def _lose_topic(bootstrap_servers: str, names: TopicNames) -> None:
    client = admin_client(bootstrap_servers)
    for future in client.delete_topics([names.of(GAMES)], operation_timeout=30).values():
        future.result()
    apply_topics(bootstrap_servers, names, topics=[GAMES])
