"""The book of games on a real Kafka: read before it counts as complete, followed, kept when the topic is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from services.gateway.games import GameBook, GameReader
from shared.contracts import codec
from shared.kafka.admin import apply_topics
from shared.kafka.topics import GAMES, TopicNames
from tests.catalogue_games import game, key_of, publish
from tests.integration.remaking import remake

LIMIT_S = 60.0


@pytest.fixture
def names(kafka_bootstrap_servers: str, topic_prefix: str) -> TopicNames:
    found = TopicNames(topic_prefix)
    apply_topics(kafka_bootstrap_servers, found, topics=(GAMES,))
    return found


@asynccontextmanager
async def reading(kafka: str, names: TopicNames) -> AsyncIterator[GameReader]:
    """A process that has read the games."""
    reader = GameReader(kafka, names, GameBook(), check_topic_s=0.2)
    try:
        async with asyncio.timeout(LIMIT_S):
            await reader.start()
        assert reader.book.complete
        yield reader
    finally:
        await reader.stop()


def states(reader: GameReader, *game_ids: str) -> list[str]:
    return [reader.book.states_of("mascot-demo", game_id)[0] for game_id in game_ids]


async def test_a_process_that_starts_knows_all_games_before_it_is_ready(kafka_bootstrap_servers: str, names: TopicNames) -> None:
    """Each start of a process reads the whole topic: the newest record of each key counts, purged ones are gone."""
    kafka = kafka_bootstrap_servers
    many = [game("mascot-demo", f"g{number}") for number in range(3_000)]
    gone = [game("mascot-demo", f"g{number}", state="withdrawn") for number in range(1_000)]
    await publish(kafka, names, *many)
    await publish(kafka, names, *gone, (key_of(many[-1]), None), (b"broken", b"no game"), (b"a|b", codec.encode(many[0])))
    for _ in range(2):
        async with reading(kafka, names) as reader:
            assert len(reader.book) == 2_999
            assert states(reader, "g0", "g999", "g1000", "g2999") == ["off", "off", "live", "unknown"]
            assert reader.book.listed("mascot-demo") == 1_999


async def test_a_process_that_runs_follows(kafka_bootstrap_servers: str, names: TopicNames) -> None:
    kafka = kafka_bootstrap_servers
    async with reading(kafka, names) as reader:
        assert len(reader.book) == 0
        live = game("mascot-demo", "riot")
        withdrawn = game("mascot-demo", "riot", state="withdrawn")
        for content, expected in ((live, "live"), (withdrawn, "off"), (live, "off"), ((key_of(live), None), "unknown")):
            marker = game("mascot-demo", "marker")
            await publish(kafka, names, content, marker)

            def arrived(version: int = marker.version) -> bool:
                return reader.book.version_of("mascot-demo", "marker") == version

            assert await reader.wait_for_it(arrived, LIMIT_S)
            assert states(reader, "riot") == [expected], "an older record that comes late is passed over"


async def test_a_topic_that_was_lost_is_read_again_once_it_is_refilled(kafka_bootstrap_servers: str, names: TopicNames) -> None:
    kafka = kafka_bootstrap_servers
    riot, zeus = game("mascot-demo", "riot", state="withdrawn"), game("mascot-demo", "zeus")
    await publish(kafka, names, riot, zeus)
    async with reading(kafka, names) as running:
        await asyncio.to_thread(remake, kafka, names, GAMES)
        assert states(running, "riot", "zeus") == ["off", "live"], "what is known stays known"
        async with reading(kafka, names) as empty:
            assert states(empty, "riot", "zeus") == ["unknown", "unknown"]
            venga = game("mascot-demo", "venga")
            await publish(kafka, names, riot, zeus, venga)
            for reader in (running, empty):

                def refilled(reader: GameReader = reader) -> bool:
                    return reader.book.version_of("mascot-demo", "venga") == venga.version

                assert await reader.wait_for_it(refilled, LIMIT_S)
                assert states(reader, "riot", "zeus", "venga") == ["off", "live", "live"]
        await publish(kafka, names, game("mascot-demo", "zeus", state="withdrawn"))
        assert await running.wait_for_it(lambda: states(running, "zeus") == ["off"], LIMIT_S)


async def test_a_reader_waits_for_a_topic_that_is_not_there_yet(kafka_bootstrap_servers: str, topic_prefix: str) -> None:
    names = TopicNames(topic_prefix)
    reader = GameReader(kafka_bootstrap_servers, names, GameBook())
    starting = asyncio.create_task(reader.start())
    try:
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(starting), 1.0)
        assert (reader.caught_up, reader.book.complete) == (False, False)
        await asyncio.to_thread(apply_topics, kafka_bootstrap_servers, names, topics=(GAMES,))
        async with asyncio.timeout(LIMIT_S):
            await starting
        assert (reader.caught_up, reader.book.complete) == (True, True)
    finally:
        starting.cancel()
        await reader.stop()
