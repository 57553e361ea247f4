"""Making the projections anew gives the same tables; months of callbacks come and go whole."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from services.backoffice.projections.callback_store import keep_house
from services.backoffice.projections.rebuild import Watch, rebuild
from services.cli.main import app
from tests.integration.backoffice.stand import KEPT_DAYS, Seed, callback, finding, game, tables
from tests.integration.backoffice.test_ingest import lives
from tests.integration.backoffice.topics import Topics, running, until

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


async def fill(topics: Topics) -> None:
    await topics.stories(*lives(10))
    now = datetime.now(UTC)
    for partition in range(4):
        records = [callback(now - timedelta(minutes=each), total_us=each * 1_000) for each in range(40)]
        records += [callback(now - timedelta(minutes=each), **finding("clock_skew")) for each in range(5)]
        await topics.callbacks(*records, partition=partition)
    await topics.games(game("a", rtp=("96.1",)), game("b"), game("a", version=2, name="A again"))


@pytest.mark.parametrize("while_it_runs", [True, False])
async def test_the_same_tables_again(topics: Topics, backoffice_pool: asyncpg.Pool, *, while_it_runs: bool) -> None:
    await fill(topics)
    async with running(topics, backoffice_pool):
        await until(lambda: topics.all_read(backoffice_pool), "everything is taken in")
        before = await tables(backoffice_pool)
        if while_it_runs:
            assert await rebuild(backoffice_pool, topics.names) == 2
            await until(lambda: topics.all_read(backoffice_pool), "everything is taken in again")
    if not while_it_runs:
        await rebuild(backoffice_pool, topics.names)
        assert not any((await tables(backoffice_pool)).values())
        async with running(topics, backoffice_pool):
            await until(lambda: topics.all_read(backoffice_pool), "everything is taken in again")
    assert await tables(backoffice_pool) == before


async def test_again_and_again_while_more_comes(topics: Topics, backoffice_pool: asyncpg.Pool) -> None:
    stories = lives(20)
    async with running(topics, backoffice_pool), running(topics, backoffice_pool):
        for number, story in enumerate(stories):
            await topics.stories(story)
            await topics.callbacks(callback(), partition=number % 4)
            if number % 5 == 4:
                await rebuild(backoffice_pool, topics.names)
        await until(lambda: topics.all_read(backoffice_pool), "everything is taken in")
    found = await tables(backoffice_pool)
    assert len(found["operations"]) == sum(len(story.events) for story in stories)
    assert len(found["callbacks"]) == len(stories)


async def test_callbacks_may_be_kept(topics: Topics, backoffice_pool: asyncpg.Pool) -> None:
    await fill(topics)
    seed = Seed(backoffice_pool)
    await seed.callbacks(callback(request_id="older than the topic"))
    async with running(topics, backoffice_pool):
        await until(lambda: topics.all_read(backoffice_pool), "everything is taken in")
        before = await tables(backoffice_pool)
        await rebuild(backoffice_pool, topics.names, keep_callbacks=True)
        await until(lambda: topics.all_read(backoffice_pool), "everything is taken in again")
    assert await tables(backoffice_pool) == before


async def test_the_office_stays(backoffice_pool: asyncpg.Pool, topics: Topics) -> None:
    await backoffice_pool.execute("INSERT INTO office.notes (login, object, words) VALUES ('ann', 'player:x', 'called')")
    await rebuild(backoffice_pool, topics.names)
    assert await backoffice_pool.fetchval("SELECT words FROM office.notes") == "called"


async def test_how_far_it_is(topics: Topics, backoffice_pool: asyncpg.Pool) -> None:
    await fill(topics)
    watch = Watch(backoffice_pool, topics.bootstrap_servers, topics.names)
    await watch.start()
    try:
        begun = await watch.standing()
        assert {each.topic: (each.read, each.behind) for each in begun.topics}["gateway.callbacks"] == (0, 180)
        assert not begun.complete
        async with running(topics, backoffice_pool) as ingest:
            await until(lambda: topics.all_read(backoffice_pool), "everything is taken in")

            async def nothing_behind() -> bool:
                return set(ingest.lag().values()) == {0}

            await until(nothing_behind, "the lag is 0")
        assert (await watch.standing()).complete
    finally:
        await watch.stop()


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as ended:
        app(["backoffice", *arguments])
    assert not ended.value.code, capsys.readouterr()
    return capsys.readouterr().out


def test_the_commands(
    kafka_bootstrap_servers: str,
    backoffice_url: str,
    command_topics: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("DATABASE_URL", backoffice_url)
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", kafka_bootstrap_servers)
    monkeypatch.setenv("STAKEWIRE_TOPIC_PREFIX", command_topics)
    assert "wallet.events" in run(capsys, "status")
    told = json.loads(run(capsys, "status", "--json"))
    assert (told["generation"], [each["there"] for each in told["topics"]]) == (1, [0, 0, 0])
    assert "number 2" in run(capsys, "rebuild", "--yes")
    assert "0 records are taken in" in run(capsys, "rebuild", "--yes", "--wait", "--keep-callbacks")


async def months(pool: asyncpg.Pool) -> list[str]:
    rows = await pool.fetch(
        "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'projections.callbacks'::regclass"
    )
    return sorted(row["name"].partition(".")[2] for row in rows)


async def test_months_are_made_ahead_and_dropped_whole(backoffice_pool: asyncpg.Pool) -> None:
    seed = Seed(backoffice_pool)
    assert await keep_house(backoffice_pool, NOW, KEPT_DAYS) == []
    assert await months(backoffice_pool) == ["callbacks_2026_11", "callbacks_2026_12"]
    # Late ones have a month of their own; what is older than anything that is kept is left out.
    await seed.callbacks(callback(NOW - timedelta(days=60)), callback(NOW - timedelta(days=200)), callback(NOW), now=NOW)
    assert await months(backoffice_pool) == ["callbacks_2026_09", "callbacks_2026_11", "callbacks_2026_12"]
    assert await backoffice_pool.fetchval("SELECT count(*) FROM projections.callbacks") == 2
    assert await keep_house(backoffice_pool, NOW, KEPT_DAYS) == []
    later = datetime(2027, 1, 1, tzinfo=UTC)
    assert await keep_house(backoffice_pool, later, KEPT_DAYS) == ["callbacks_2026_09"]
    assert await keep_house(backoffice_pool, later, KEPT_DAYS) == []
    assert await months(backoffice_pool) == [
        "callbacks_2026_11", "callbacks_2026_12", "callbacks_2027_01", "callbacks_2027_02",
    ]  # fmt: skip
    assert await backoffice_pool.fetchval("SELECT count(*) FROM projections.callbacks") == 1


async def test_the_pulse_is_kept_for_an_hour(backoffice_pool: asyncpg.Pool) -> None:
    await Seed(backoffice_pool).callbacks(callback(NOW), callback(NOW - timedelta(minutes=50)), now=NOW)
    await keep_house(backoffice_pool, NOW + timedelta(minutes=30), KEPT_DAYS)
    assert await backoffice_pool.fetchval("SELECT count(*) FROM projections.pulse") == 1
