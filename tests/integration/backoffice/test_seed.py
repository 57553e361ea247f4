"""What the events of a few lives become in the tables: the numbers are worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest

from shared.contracts.codec import decode_event
from shared.kafka.event_chain import ForkError
from tests.integration.backoffice.stand import EUR, GAME, Seed, Story, callback, finding, game, table, tables


async def day_of(seed: Seed, story: Story) -> dict[str, Any]:
    rows = await seed.pool.fetch("SELECT * FROM projections.player_days WHERE player = $1", story.player)
    assert len(rows) == 1
    return dict(rows[0])


async def test_a_bet_and_its_win(seed: Seed) -> None:
    story = Story(country="DE")
    story.deposit(100 * EUR)
    story.bet("r1", 2 * EUR)
    story.win("r1", 5 * EUR, closes_round=True)
    await seed.stories(story)
    day = await day_of(seed, story)
    assert (day["stake"], day["win"], day["bets"], day["rounds"]) == (2 * EUR, 5 * EUR, 1, 1)
    assert (day["stake2"], day["stake_win"], day["win2"]) == ((2 * EUR) ** 2, 10 * EUR * EUR, (5 * EUR) ** 2)
    assert (day["country"], day["game_id"], day["gaming_day"].isoformat()) == ("DE", GAME, "2026-11-02")
    round_ = (await seed.pool.fetch("SELECT * FROM projections.rounds"))[0]
    assert (round_["status"], round_["stake"], round_["win"], round_["bets"]) == ("closed", 2 * EUR, 5 * EUR, 1)
    assert (round_["first_seq"], round_["last_seq"], round_["operations"]) == (3, 4, 2)
    assert await table(seed.pool, "balances") == [(story.player, "EUR", 103 * EUR)]
    player = await seed.pool.fetchrow("SELECT * FROM projections.players")
    assert (player["seq"], player["brand"], player["status"]) == (4, "main", "active")


async def test_an_undo_and_the_undo_of_an_undo(seed: Seed) -> None:
    story = Story()
    story.deposit()
    bet = story.bet_and_win("r1", 3 * EUR, EUR, jackpot_contribution=7)
    undo = story.rollback(bet)
    await seed.stories(story)
    day = await day_of(seed, story)
    assert (day["stake_undone"], day["win_undone"], day["bets"], day["rounds"]) == (3 * EUR, EUR, 0, 1)
    assert (day["jackpot_contribution"], day["stake2"], day["stake_win"], day["win2"]) == (0, 0, 0, 0)
    story.rollback(undo)
    await seed.stories(story)
    day = await day_of(seed, story)
    assert (day["stake"] - day["stake_undone"], day["win"] - day["win_undone"], day["bets"]) == (3 * EUR, EUR, 1)
    assert (day["jackpot_contribution"], day["stake2"]) == (7, (3 * EUR) ** 2)


async def test_prizes_free_rounds_and_corrections(seed: Seed) -> None:
    story = Story()
    story.deposit()
    free = story.free_round("f1", 2 * EUR, 4 * EUR)
    prize = story.promo("p1", 6 * EUR)
    story.promo("p2", 9 * EUR, "jackpot")
    story.adjust(-EUR)
    story.rollback(prize)
    await seed.stories(story)
    day = await day_of(seed, story)
    assert (day["stake"], day["win"], day["free_win"], day["promo_win"], day["jackpot_win"]) == (0, 0, 4 * EUR, 0, 9 * EUR)
    assert (day["nominal_stake"], day["bets"], day["rounds"]) == (2 * EUR, 0, 1)
    story.rollback(free)
    await seed.stories(story)
    day = await day_of(seed, story)
    assert (day["free_win"], day["nominal_stake"]) == (0, 0)


async def test_rounds_that_people_ended(seed: Seed) -> None:
    story = Story()
    story.deposit()
    story.bet("r1", EUR)
    story.void_round("r1")
    story.bet("r2", EUR)
    story.settle_round("r2", 3 * EUR)
    story.bet("r3", EUR)
    story.end_round("r3")
    await seed.stories(story)
    rounds = {row["round_id"]: row for row in await seed.pool.fetch("SELECT * FROM projections.rounds")}
    assert {ref: row["status"] for ref, row in rounds.items()} == {"r1": "voided", "r2": "settled", "r3": "closed"}
    assert (rounds["r1"]["stake"], rounds["r1"]["bets"]) == (0, 0)
    assert (rounds["r2"]["stake"], rounds["r2"]["win"]) == (EUR, 3 * EUR)


async def test_a_player_who_was_blocked_and_excluded(seed: Seed) -> None:
    story = Story()
    story.status("blocked")
    story.exclude(1_800_000_000_000)
    await seed.stories(story)
    player = await seed.pool.fetchrow("SELECT * FROM projections.players")
    assert (player["status"], player["excluded_until_ms"]) == ("blocked", 1_800_000_000_000)


async def test_events_that_come_again_change_nothing(seed: Seed) -> None:
    story = Story()
    story.deposit()
    story.bet("r1")
    await seed.stories(story)
    before = await tables(seed.pool)
    changes = await seed.events(*story.events, *story.events, batch=2)
    assert sum(change.known for change in changes) == 6
    assert await tables(seed.pool) == before


async def test_another_event_under_a_known_number_is_a_fork(seed: Seed) -> None:
    story, other = Story(), Story()
    story.deposit(EUR)
    other.deposit(2 * EUR)
    await seed.stories(story)
    before = await tables(seed.pool)
    with pytest.raises(ForkError, match="operation 2"):
        await seed.stories(other)
    assert await tables(seed.pool) == before


async def test_an_early_event_waits(seed: Seed) -> None:
    story = Story()
    story.deposit()
    story.bet("r1")
    await seed.events(story.events[0], story.events[2])
    waiting = await seed.pool.fetchrow("SELECT * FROM projections.waiting")
    assert (waiting["seq"], decode_event(waiting["event"].encode())) == (3, decode_event(story.events[2]))
    assert await seed.pool.fetchval("SELECT seq FROM projections.players") == 1


async def test_callbacks_findings_and_pulse(seed: Seed) -> None:
    await seed.callbacks(callback(total_us=4_000), callback(total_us=60_000, kept_share=0.5), callback(**finding("wrong_key")))
    assert await seed.pool.fetchval("SELECT count(*) FROM projections.callbacks") == 3
    row = await seed.pool.fetchrow("SELECT * FROM projections.finding_hours")
    assert (row["finding"], row["count"]) == ("wrong_key", 1)
    assert await seed.pool.fetchval("SELECT sum(count) FROM projections.pulse WHERE result = 'OK'") == 3


async def test_texts_that_no_column_holds(seed: Seed) -> None:
    await seed.callbacks(callback(body="a\x00b", external_id="x\x00y", result=""))
    row = await seed.pool.fetchrow("SELECT * FROM projections.callbacks")
    assert (row["request_body"], row["request_base64"], row["external_id"]) == ("YQBi", True, "x\ufffdy")


async def test_games(seed: Seed) -> None:
    await seed.games(game(rtp=("94.1", "96.2"), tags=("FR", 'a"b')), game("other"))
    await seed.games(game(version=0, name="an older one"))
    row = await seed.pool.fetchrow("SELECT * FROM projections.games WHERE game_id = $1", GAME)
    assert (row["name"], row["rtp"], row["tags"]) == ("Riot", ["94.1", "96.2"], ["FR", 'a"b'])
