"""Events that never come are fetched from the ledger; what waited for them follows."""

from __future__ import annotations

import asyncpg

from services.backoffice.projections import offsets
from services.backoffice.projections.gaps import PAGE, LedgerError
from services.backoffice.projections.values import Event, read_event
from shared.kafka.topics import EVENTS
from tests.integration.backoffice.stand import EUR, Seed, Story, tables
from tests.integration.backoffice.topics import Topics, running, until


class Books:
    """A ledger of these players. `asked` are the pages that were asked for; while `closed`, nobody answers."""

    def __init__(self, *stories: Story) -> None:
        self._events = {story.player: [read_event(raw) for raw in story.events] for story in stories}
        self._brands = {story.player: story.brand for story in stories}
        self.asked: list[tuple[str, int, int]] = []
        self.closed = False

    async def events(self, player: str, brand: str, after: int, limit: int) -> list[Event]:
        self.asked.append((player, after, limit))
        if self.closed or self._brands.get(player) != brand:
            raise LedgerError("nobody answers")
        return self._events[player][after : after + limit]


def long_life(name: str, rounds: int) -> Story:
    story = Story(name)
    story.deposit(10_000 * EUR)
    for number in range(rounds):
        story.bet_and_win(f"r{number}", EUR, EUR // 2)
    return story


async def expected(pool: asyncpg.Pool, *stories: Story) -> dict[str, list[tuple[object, ...]]]:
    """What the tables are where nothing is missing; they are empty again afterwards."""
    await Seed(pool).stories(*stories)
    found = await tables(pool)
    await pool.execute(
        "TRUNCATE projections.players, projections.balances, projections.operations, projections.rounds, projections.player_days"
    )
    return found


async def test_a_gap_is_fetched(topics: Topics, backoffice_pool: asyncpg.Pool) -> None:
    story = long_life("alice", 10)
    whole = await expected(backoffice_pool, story)
    books = Books(story)
    await topics.events(story.player, story.events[:4] + story.events[7:])
    async with running(topics, backoffice_pool, books):
        await until(lambda: topics.all_read(backoffice_pool, [EVENTS]), "the gap is closed")
    assert await tables(backoffice_pool) == whole
    assert books.asked == [(story.player, 4, 3)]


async def test_a_topic_that_has_lost_its_older_records(topics: Topics, backoffice_pool: asyncpg.Pool) -> None:
    stories = [long_life(f"player{number}", 130) for number in range(3)]
    whole = await expected(backoffice_pool, *stories)
    books = Books(*stories)
    for story in stories:
        await topics.events(story.player, story.events[-2:])
    async with running(topics, backoffice_pool, books):
        await until(lambda: topics.all_read(backoffice_pool, [EVENTS]), "all gaps are closed")
    assert await tables(backoffice_pool) == whole
    assert all(limit <= PAGE for _, _, limit in books.asked)


async def test_a_ledger_that_does_not_answer_is_asked_again(topics: Topics, backoffice_pool: asyncpg.Pool) -> None:
    story, other = long_life("alice", 5), long_life("bob", 5)
    whole = await expected(backoffice_pool, story, other)
    books = Books(story, other)
    books.closed = True
    await topics.events(story.player, story.events[3:])
    await topics.stories(other)
    async with running(topics, backoffice_pool, books) as ingest:

        async def asked() -> bool:
            return len(books.asked) >= 2

        await until(asked, "it is asked more than once")
        assert (await offsets.count_waiting(backoffice_pool)) == (len(story.events) - 3, 1)
        assert await backoffice_pool.fetchval("SELECT seq FROM projections.players WHERE player = $1", other.player) == 7
        assert ingest.not_ready_because() == ""
        books.closed = False
        await until(lambda: topics.all_read(backoffice_pool, [EVENTS]), "the gap is closed")
    assert await tables(backoffice_pool) == whole


async def test_a_ledger_with_another_past_is_a_fork(topics: Topics, backoffice_pool: asyncpg.Pool) -> None:
    story, other = long_life("alice", 5), Story("alice")
    other.deposit(EUR)
    for number in range(6):
        other.bet(f"x{number}", EUR // 100)
    await topics.events(story.player, story.events[:2] + story.events[4:])
    async with running(topics, backoffice_pool, Books(other)):

        async def told() -> bool:
            return "has a fork" in await offsets.fork(backoffice_pool)

        await until(told, "the fork is told")
    assert await backoffice_pool.fetchval("SELECT seq FROM projections.players") == 2


async def test_a_gap_that_the_topic_closes_itself(topics: Topics, backoffice_pool: asyncpg.Pool) -> None:
    story = long_life("alice", 10)
    whole = await expected(backoffice_pool, story)
    books = Books(story)
    books.closed = True
    await topics.events(story.player, story.events[6:])
    async with running(topics, backoffice_pool, books):

        async def waits() -> bool:
            return (await offsets.count_waiting(backoffice_pool))[0] == len(story.events) - 6

        await until(waits, "events wait")
        await topics.events(story.player, story.events)  # republished
        await until(lambda: topics.all_read(backoffice_pool, [EVENTS]), "nothing waits any more")
    assert await tables(backoffice_pool) == whole
