"""The ingest on a real Kafka and a real PostgreSQL: everything once, whatever comes twice, late, broken or not at all."""

from __future__ import annotations

import asyncio
import random
import sys

import asyncpg
import psycopg
import pytest
from psycopg import sql

from deploy.local.parts import CHECKOUT
from services.backoffice.projections import metrics, offsets
from services.backoffice.projections.values import read_event
from shared.identity import partition_of
from shared.kafka.topics import CALLBACKS, EVENTS, GAMES
from tests.integration.backoffice.stand import EUR, Seed, Story, callback, game, tables
from tests.integration.backoffice.topics import TOPICS, Topics, commit, joined, running, until
from tests.servers import Servers, database_name
from tests.unit.backoffice.fold_tables import Tables


def lives(count: int, rounds: int = 6) -> list[Story]:
    """Players who do a bit of everything."""
    stories = []
    for number in range(count):
        story, luck = Story(f"player{number}", country="DE" if number % 2 else "MT"), random.Random(number)
        story.deposit(1_000 * EUR)
        undone = 0
        for each in range(rounds):
            bet = story.bet(f"r{each}", luck.randint(1, 9) * EUR)
            story.win(f"r{each}", luck.randint(0, 9) * EUR, closes_round=True)
            if luck.random() < 0.3:
                undone = story.rollback(bet)
        if undone:
            story.rollback(undone)
        story.free_round("free", EUR, 2 * EUR)
        story.promo("prize", 3 * EUR)
        stories.append(story)
    return stories


async def test_all_topics_are_taken_in(topics: Topics, backoffice_pool: asyncpg.Pool) -> None:
    stories = lives(5)
    await topics.stories(*stories)
    await topics.callbacks(*(callback() for _ in range(20)))
    await topics.games(game("a"), game("b"))
    async with running(topics, backoffice_pool) as ingest:
        await until(lambda: topics.all_read(backoffice_pool), "everything is taken in")
        assert ingest.not_ready_because() == ""
        # What comes while it runs.
        late = Story("late")
        await topics.stories(late)
        await until(lambda: topics.all_read(backoffice_pool), "so is what comes later")
    found = await tables(backoffice_pool)
    assert len(found["operations"]) == sum(len(story.events) for story in (*stories, late))
    assert (len(found["callbacks"]), len(found["games"]), len(found["players"])) == (20, 2, 6)


async def test_the_same_as_without_kafka(topics: Topics, backoffice_pool: asyncpg.Pool) -> None:
    stories = lives(8)
    await Seed(backoffice_pool).stories(*stories)
    expected = await tables(backoffice_pool)
    await backoffice_pool.execute(
        "TRUNCATE projections.players, projections.balances, projections.operations, projections.rounds, projections.player_days"
    )
    await topics.stories(*stories)
    await topics.stories(*stories)  # published again
    async with running(topics, backoffice_pool):
        await until(lambda: topics.all_read(backoffice_pool), "everything is taken in")
    assert await tables(backoffice_pool) == expected


async def test_it_goes_on_where_it_was(topics: Topics, backoffice_pool: asyncpg.Pool) -> None:
    for count in (10, 10, 15):
        there = await backoffice_pool.fetchval("SELECT count(*) FROM projections.callbacks")
        await topics.callbacks(*(callback() for _ in range(count - there)))
        async with running(topics, backoffice_pool) as ingest:
            await until(joined(ingest), "it reads")
            await until(lambda: topics.all_read(backoffice_pool), "everything is taken in")
        assert await backoffice_pool.fetchval("SELECT count(*) FROM projections.callbacks") == count


@pytest.mark.parametrize("told", ["nothing", "the end"])
async def test_what_kafka_believes_does_not_matter(topics: Topics, backoffice_pool: asyncpg.Pool, told: str) -> None:
    """Killed between its own commit and Kafka's, or with a group whose offsets are those of a projection that is gone."""
    await topics.callbacks(*(callback() for _ in range(20)))
    if told == "nothing":
        async with running(topics, backoffice_pool):
            await until(lambda: topics.all_read(backoffice_pool), "everything is taken in")
    await commit(topics, dict.fromkeys(range(CALLBACKS.partitions), 0 if told == "nothing" else 20))
    async with running(topics, backoffice_pool) as ingest:
        await until(joined(ingest), "it reads")
        await topics.callbacks(callback(), partition=0)
        await until(lambda: topics.all_read(backoffice_pool), "everything is taken in")
    assert await backoffice_pool.fetchval("SELECT count(*) FROM projections.callbacks") == 21


async def test_two_at_once_and_a_third_that_comes_and_goes(topics: Topics, backoffice_pool: asyncpg.Pool) -> None:
    stories = lives(12, rounds=10)
    expected = Tables()
    for story in stories:
        expected.take([read_event(raw) for raw in story.events])

    async def produce() -> None:
        for start in range(0, max(len(story.events) for story in stories), 4):
            for story in stories:
                await topics.events(story.player, story.events[start : start + 4])
            await topics.callbacks(*(callback() for _ in range(10)), partition=start % 4)
            await asyncio.sleep(0.1)  # a while of play, not a wait for anything

    async with running(topics, backoffice_pool), running(topics, backoffice_pool):
        playing = asyncio.create_task(produce())
        async with running(topics, backoffice_pool) as third:
            await until(joined(third), "the third has joined")
        await playing
        await until(lambda: topics.all_read(backoffice_pool), "everything is taken in")
    found = await tables(backoffice_pool)
    assert len(found["operations"]) == len(expected.operations)
    assert len(found["rounds"]) == len(expected.rounds)
    days = await backoffice_pool.fetchrow("SELECT sum(stake), sum(win), sum(stake2), sum(rounds) FROM projections.player_days")
    assert tuple(days) == tuple(sum(day[name] for day in expected.days.values()) for name in ("stake", "win", "stake2", "rounds"))
    assert len(found["callbacks"]) == 10 * len(range(0, max(len(story.events) for story in stories), 4))


async def test_killed_again_and_again(topics: Topics, backoffice_url: str, backoffice_pool: asyncpg.Pool) -> None:
    stories = lives(30, rounds=20)
    await topics.stories(*stories)
    for partition in range(CALLBACKS.partitions):
        await topics.callbacks(*(callback() for _ in range(500)), partition=partition)
    arguments = (backoffice_url, topics.bootstrap_servers, topics.names.prefix)

    async def progress() -> int:
        return sum(place.next_offset for place in await offsets.places(backoffice_pool))

    for _ in range(3):
        before = await progress()
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.integration.backoffice.ingest_process", *arguments, cwd=CHECKOUT,
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip

        async def moved(before: int = before) -> bool:
            return await progress() > before or await topics.all_read(backoffice_pool)

        await until(moved, "it has begun")
        process.kill()
        await process.wait()
    async with running(topics, backoffice_pool):
        await until(lambda: topics.all_read(backoffice_pool), "everything is taken in")
    found = await tables(backoffice_pool)
    assert len(found["operations"]) == sum(len(story.events) for story in stories)
    assert len(found["callbacks"]) == 500 * CALLBACKS.partitions
    expected = Tables()
    for story in stories:
        expected.take([read_event(raw) for raw in story.events])
    assert await backoffice_pool.fetchval("SELECT sum(stake) FROM projections.player_days") == sum(
        day["stake"] for day in expected.days.values()
    )


async def test_a_database_that_goes_away_and_comes_back(
    servers: Servers, topics: Topics, backoffice_url: str, backoffice_pool: asyncpg.Pool
) -> None:
    name = database_name(backoffice_url)
    await topics.callbacks(*(callback() for _ in range(10)))
    async with running(topics, backoffice_pool) as ingest:
        await until(lambda: topics.all_read(backoffice_pool), "everything is taken in")
        with psycopg.connect(servers.database_url, autocommit=True) as owner:
            owner.execute(sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS false").format(sql.Identifier(name)))
            owner.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
            away = metrics.retries.labels(CALLBACKS.name, "away")
            before = away._value.get()
            await topics.callbacks(*(callback() for _ in range(10)))

            async def tried() -> bool:
                return bool(away._value.get() > before)

            await until(tried, "it has tried")
            owner.execute(sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS true").format(sql.Identifier(name)))
        await until(lambda: topics.all_read(backoffice_pool), "what came meanwhile is taken in")
        assert ingest.not_ready_because() == ""
    assert await backoffice_pool.fetchval("SELECT count(*) FROM projections.callbacks") == 20


async def test_records_that_cannot_be_read_or_stored_are_left_out(topics: Topics, backoffice_pool: asyncpg.Pool) -> None:
    story = lives(1)[0]
    partition = partition_of(story.player, EVENTS.partitions)
    await topics.events(story.player, story.events[:3])
    await topics.send(EVENTS, partition, [b"", b"{", b'{"player":"x"}'])
    await topics.events(story.player, story.events[3:])
    # A day that no calendar has: it decodes, and no column takes it.
    await topics.send(EVENTS, partition, [Story("odd").events[0].replace(b"2026-11-02", b"2026-02-31")])
    await topics.callbacks(callback(), b"\xff", callback(), b"[]")
    await topics.games(game("a"))
    await topics.producer.send_and_wait(topics.names.of(GAMES), b"{}", key=b"no key", partition=0)
    skipped = [metrics.skipped.labels(each.name)._value for each in TOPICS]
    before = [each.get() for each in skipped]
    async with running(topics, backoffice_pool) as ingest:
        await until(lambda: topics.all_read(backoffice_pool), "everything is taken in")
        assert ingest.not_ready_because() == ""
    found = await tables(backoffice_pool)
    assert (len(found["operations"]), len(found["callbacks"]), len(found["games"])) == (len(story.events), 2, 1)
    assert [each.get() - was for each, was in zip(skipped, before, strict=True)] == [4, 2, 1]


async def test_a_fork_stops_the_events_alone(topics: Topics, backoffice_pool: asyncpg.Pool) -> None:
    story, other = Story(), Story()
    story.deposit(EUR)
    other.deposit(2 * EUR)
    await topics.stories(story)
    async with running(topics, backoffice_pool) as ingest:
        await until(lambda: topics.all_read(backoffice_pool), "everything is taken in")
        await topics.stories(other)

        async def told() -> bool:
            return "has a fork" in await offsets.fork(backoffice_pool)

        await until(told, "the fork is told")
        assert "events are taken in no more" in ingest.not_ready_because()
        assert metrics.forked._value.get() == 1
        await topics.callbacks(callback())
        await until(lambda: topics.all_read(backoffice_pool, [CALLBACKS]), "callbacks go on")
        late = Story("late")
        await topics.stories(late)
    assert await backoffice_pool.fetchval("SELECT count(*) FROM projections.operations") == len(story.events)
    metrics.forked.set(0)


async def test_a_topic_made_anew_is_read_from_its_beginning(topics: Topics, backoffice_pool: asyncpg.Pool) -> None:
    await topics.callbacks(*(callback() for _ in range(30)))
    async with running(topics, backoffice_pool):
        await until(lambda: topics.all_read(backoffice_pool), "everything is taken in")
    # As if the topic had been longer: what is stored lies beyond its end.
    await backoffice_pool.execute(
        "UPDATE projections.offsets SET next_offset = 1000 WHERE partition = 0 AND topic LIKE '%callbacks'"
    )
    async with running(topics, backoffice_pool):

        async def again() -> bool:
            count: int = await backoffice_pool.fetchval("SELECT count(*) FROM projections.callbacks")
            return count == 60

        await until(again, "the topic is read from its beginning")
    at = await backoffice_pool.fetchval(
        "SELECT next_offset FROM projections.offsets WHERE partition = 0 AND topic LIKE '%callbacks'"
    )
    assert at == 30
