"""Reports over projections: dimensions, sets of games, currencies, days, bounds. The numbers are worked out by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from services.backoffice.reports.ask import ReportAsk, from_form
from services.backoffice.reports.store import Line, Report, Reports
from services.backoffice.reports.table import csv_of, money_of
from shared.web.problems import Problem
from tests.integration.backoffice.stand import EUR, Seed, Story, game

DAY = date(2026, 11, 2)


def ask(**wanted: Any) -> ReportAsk:
    return ReportAsk(**{"first": DAY, "last": DAY + timedelta(days=30), **wanted})


async def report(seed: Seed, brand: str | None = None, **wanted: Any) -> Report:
    return await Reports(seed.pool).report(ask(**wanted), brand)


def by_key(found: Report) -> dict[tuple[str, ...], Line]:
    return {(*line.keys, line.currency): line for line in found.lines}


def ggr(found: Report) -> dict[tuple[str, ...], int]:
    return {key: line.totals.ggr for key, line in by_key(found).items()}


def played(name: str = "alice", **facts: Any) -> Story:
    story = Story(name, **facts)
    story.deposit()
    return story


async def test_days_weeks_and_months(seed: Seed) -> None:
    story = played()
    story.bet("r1", 5 * EUR)
    story.at = datetime(2026, 11, 8, 12, tzinfo=UTC)
    story.bet("r2", 7 * EUR)
    story.at = datetime(2026, 12, 1, 12, tzinfo=UTC)
    story.win("r2", 2 * EUR)
    await seed.stories(story)
    days = await report(seed, by="day")
    assert ggr(days) == {("2026-11-02", "EUR"): 5 * EUR, ("2026-11-08", "EUR"): 7 * EUR, ("2026-12-01", "EUR"): -2 * EUR}
    assert [line.keys[0] for line in days.lines] == ["2026-11-02", "2026-11-08", "2026-12-01"]
    assert ggr(await report(seed, by="week")) == {("2026-W45", "EUR"): 12 * EUR, ("2026-W49", "EUR"): -2 * EUR}
    assert ggr(await report(seed, by="month")) == {("2026-11", "EUR"): 12 * EUR, ("2026-12", "EUR"): -2 * EUR}
    assert [line.totals.ggr for line in days.totals] == [10 * EUR]


async def test_a_rollback_counts_on_its_own_day_and_names_its_original(seed: Seed) -> None:
    story = played()
    bet = story.bet("r1", 5 * EUR)
    story.at += timedelta(days=2)
    undo = story.rollback(bet)
    await seed.stories(story)
    assert ggr(await report(seed, by="day")) == {("2026-11-02", "EUR"): 5 * EUR, ("2026-11-04", "EUR"): -5 * EUR}
    undone = await Reports(seed.pool).undone(ask(), None, None, 10)
    assert [(each.gaming_day, each.seq, each.original_day, each.target_seq) for each in undone] == [
        (date(2026, 11, 4), undo, DAY, bet)
    ]
    assert (undone[0].given_back, undone[0].taken_back, undone[0].original_stake) == (5 * EUR, 0, 5 * EUR)
    assert await Reports(seed.pool).undone(ask(last=DAY), None, None, 10) == []
    assert await Reports(seed.pool).undone(ask(game_id="other"), None, None, 10) == []


async def test_pages_of_rollbacks_neither_repeat_nor_leave_out(seed: Seed) -> None:
    story = played()
    for number in range(7):
        story.rollback(story.bet(f"r{number}"))
    await seed.stories(story)
    found, after = [], None
    while page := await Reports(seed.pool).undone(ask(), None, after, 3):
        found += [each.seq for each in page]
        day, player, seq = page[-1].key
        after = date.fromisoformat(day), player, seq
    assert len(found) == len(set(found)) == 7


async def test_currencies_are_never_added(seed: Seed) -> None:
    euro, dollar = played("e"), played("d", currency="USD")
    euro.bet("r1", 5 * EUR)
    dollar.bet("r1", 9 * EUR)
    await seed.stories(euro, dollar)
    for by in ("", "currency", "game", "brand"):
        found = await report(seed, by=by)
        assert sorted((line.currency, line.totals.ggr) for line in found.lines) == [("EUR", 5 * EUR), ("USD", 9 * EUR)]
        assert sorted((line.currency, line.totals.ggr) for line in found.totals) == [("EUR", 5 * EUR), ("USD", 9 * EUR)]
    assert [line.currency for line in (await report(seed, currency="USD")).totals] == ["USD"]


async def test_test_players_are_left_out_unless_they_are_asked_for(seed: Seed) -> None:
    real, test = played("real"), played("test", test=True)
    real.bet("r1", 5 * EUR)
    test.bet("r1", 90 * EUR)
    await seed.stories(real, test)
    assert ggr(await report(seed, by="")) == {("EUR",): 5 * EUR}
    assert ggr(await report(seed, by="", test=True)) == {("EUR",): 95 * EUR}


async def test_sets_of_games(seed: Seed) -> None:
    story = played()
    for name, stake in (("one", 1), ("two", 2), ("unknown", 4)):
        story.bet(name, stake * EUR, game_id=name)
    await seed.stories(story)
    await seed.games(
        game("one", section="slots", studio="Ruby", tags=("new", "hot"), name="=Game One"),
        game("two", section="table", tags=("hot",)),
    )
    for title, collection, name in (("Best", "best", "one"), ("Best", "best", "two"), ("Wild", "wild", "one")):
        await seed.pool.execute(
            "INSERT INTO projections.collections VALUES ('main', $1, $2, $3, $4)", collection, title, story.account, name
        )
    assert ggr(await report(seed, by="section")) == {("slots", "EUR"): EUR, ("table", "EUR"): 2 * EUR, ("", "EUR"): 4 * EUR}
    assert ggr(await report(seed, by="studio")) == {("Ruby", "EUR"): EUR, ("", "EUR"): 6 * EUR}
    tags = await report(seed, by="tag")
    assert ggr(tags) == {("new", "EUR"): EUR, ("hot", "EUR"): 3 * EUR, ("", "EUR"): 4 * EUR}
    assert [line.totals.ggr for line in tags.totals] == [7 * EUR], "a total is no sum of overlapping lines"
    collections = await report(seed, by="collection")
    assert ggr(collections) == {("best", "EUR"): 3 * EUR, ("wild", "EUR"): EUR, ("", "EUR"): 4 * EUR}
    assert {line.names[0] for line in collections.lines} == {"Best", "Wild", ""}
    for wanted, expected in (
        ({"section": "slots"}, 1), ({"section": "-"}, 4), ({"studio": "-"}, 6), ({"tag": "hot"}, 3), ({"tag": "-"}, 4),
        ({"collection": "best"}, 3), ({"collection": "-"}, 4), ({"game_id": "two"}, 2), ({"collection": "best", "tag": "new"}, 1),
        ({"provider_account": story.account}, 7),
    ):  # fmt: skip
        assert ggr(await report(seed, by="", **wanted)) == {("EUR",): expected * EUR}, wanted
    assert (await report(seed, section="none-such")).lines == ()
    games = await report(seed, by="game")
    assert {line.names[0] for line in games.lines} == {"=Game One", "Two", f"{story.account}/unknown"}


async def test_the_collection_of_another_brand_is_another_one(seed: Seed) -> None:
    here, there = played("a"), played("b", brand="second")
    here.bet("r1", EUR)
    there.bet("r1", 2 * EUR)
    await seed.stories(here, there)
    await seed.pool.execute("INSERT INTO projections.collections VALUES ('second', 'best', 'Best', $1, 'riot')", here.account)
    assert ggr(await report(seed, by="collection")) == {("best", "EUR"): 2 * EUR, ("", "EUR"): EUR}
    assert ggr(await report(seed, by="", collection="best")) == {("EUR",): 2 * EUR}


async def test_two_dimensions_crossed(seed: Seed) -> None:
    for name, country, stake in (("a", "DE", 1), ("b", "MT", 2), ("c", "DE", 4)):
        story = played(name, country=country)
        story.bet("r1", stake * EUR)
        story.at += timedelta(days=1)
        story.bet("r2", 10 * stake * EUR)
        await seed.stories(story)
    found = await report(seed, by="country", across="day")
    assert ggr(found) == {
        ("DE", "2026-11-02", "EUR"): 5 * EUR,
        ("MT", "2026-11-02", "EUR"): 2 * EUR,
        ("DE", "2026-11-03", "EUR"): 50 * EUR,
        ("MT", "2026-11-03", "EUR"): 20 * EUR,
    }
    assert by_key(found)["DE", "2026-11-02", "EUR"].totals.players == 2
    assert found.totals[0].totals.players == 3, "who plays on two days is one player"
    assert found.totals[0].totals.rounds == 6
    assert list(ggr(await report(seed, by="player", country="MT")).values()) == [22 * EUR]
    assert (await report(seed, by="day", across="day")).dimensions == ("day",)


async def test_a_brand_sees_its_own(seed: Seed) -> None:
    main, second = played("a"), played("a", brand="second")
    main.bet("r1", EUR)
    second.rollback(second.bet("r1", 2 * EUR))
    await seed.stories(main, second)
    assert set(ggr(await report(seed, by="brand"))) == {("main", "EUR"), ("second", "EUR")}
    assert set(ggr(await report(seed, "main", by="brand"))) == {("main", "EUR")}
    assert await Reports(seed.pool).undone(ask(), "main", None, 10) == []


async def test_what_a_line_is_made_of(seed: Seed) -> None:
    story = played()
    story.bet("r1", 4 * EUR, jackpot_contribution=3)
    story.win("r1", EUR)
    story.rollback(story.bet("r2", 2 * EUR))
    story.free_round("f1", 2 * EUR, 5 * EUR)
    story.promo("p1", 6 * EUR)
    story.promo("p2", 7 * EUR, "jackpot")
    await seed.stories(story)
    await seed.games(game(rtp=("94", "96.5", "no number")))
    (line,) = (await report(seed, by="")).lines
    assert money_of(line.totals) == {
        "stake": 4 * EUR,
        "win": EUR,
        "ggr": 3 * EUR,
        "ngr": 3 * EUR - 18 * EUR,
        "free_round_wins": 5 * EUR,
        "promo_paid": 6 * EUR,
        "jackpot_paid": 7 * EUR,
        "rolled_back_stakes": 2 * EUR,
        "rolled_back_wins": 0,
        "nominal_stake": 2 * EUR,
        "jackpot_contribution": 3,
    }
    totals = line.totals
    assert (totals.rounds, totals.booked.bets, totals.players, totals.average_stake) == (3, 1, 1, 4 * EUR)
    assert totals.rtp == Decimal("0.25")
    assert totals.theoretical == (Decimal("0.94"), Decimal("0.965"))
    assert totals.corridor is not None


async def test_the_file_has_the_numbers_of_the_page_and_no_formula(seed: Seed) -> None:
    story = played()
    story.bet("r1", 4 * EUR)
    story.win("r1", 10 * EUR)
    await seed.stories(story)
    await seed.games(game(name='=HYPERLINK("x")'))
    lines = "".join(csv_of(await report(seed, by="game"))).split("\r\n")
    assert lines[0].startswith("game,game_name,currency,stake,win,ggr,ngr")
    assert lines[1].startswith(f'{story.account}/riot,"\'=HYPERLINK(""x"")",EUR,4.00,10.00,-6.00,-6.00')
    assert lines[2].startswith("total,,EUR,4.00,10.00,-6.00")


async def test_what_asks_for_too_much_is_told_so(seed: Seed) -> None:
    days = "SELECT DATE '2026-11-02', 'p' || n, 'a', 'g', 'EUR', 'main', '', false, 1 FROM generate_series(1, 10001) AS n"
    await seed.pool.execute(
        "INSERT INTO projections.player_days (gaming_day, player, provider_account, game_id, currency, brand, country, test, stake) "
        + days
    )
    with pytest.raises(Problem, match="10,000 lines"):
        await report(seed, by="player")
    assert len((await report(seed, by="day")).lines) == 1
    with pytest.raises(Problem, match="given up"):
        await Reports(seed.pool, timeout_ms=1).report(ask(by="player"), None)


@pytest.mark.parametrize(
    ("first", "last", "why"),
    [
        ("2026-11-03", "2026-11-02", "is after the last one"),
        ("2025-01-01", "2026-11-02", "671 days"),
        ("1999-12-31", "2000-01-02", "is before 2000-01-01"),
    ],
)
def test_a_range_that_cannot_be(first: str, last: str, why: str) -> None:
    with pytest.raises(Problem, match=why):
        ReportAsk(first=date.fromisoformat(first), last=date.fromisoformat(last)).days(DAY)


def test_the_longest_range_and_the_usual_one() -> None:
    assert ReportAsk(first=date(2025, 9, 29), last=DAY).days(DAY) == (date(2025, 9, 29), DAY)
    assert ReportAsk().days(DAY) == (date(2026, 10, 27), DAY)


@pytest.mark.parametrize(
    "values",
    [
        {"first": "2026-02-30"},
        {"first": "yesterday"},
        {"first": "2026-11-02T00:00:00Z; DROP TABLE x"},
        {"by": "hour"},
        {"by": "'; DROP TABLE projections.operations; --"},
        {"section": "a\x00b"},
        {"section": "x" * 101},
        {"game_id": "x" * 200},
        {"player": "<script>"},
        {"country": "Malta"},
        {"currency": "EURO"},
        {"test": "perhaps"},
        {"unknown": "1"},
    ],
)
def test_a_form_that_makes_no_sense_is_refused_with_its_fields(values: dict[str, str]) -> None:
    with pytest.raises(Problem) as refused:
        from_form(ReportAsk, values)
    assert refused.value.kind.status == 422
    assert refused.value.facts["errors"][0]["field"] == next(iter(values))
    assert max(map(len, values.values())) < 50 or next(iter(values.values())) not in refused.value.detail


async def test_words_of_sql_are_words(seed: Seed) -> None:
    story = played()
    story.bet("r1")
    await seed.stories(story)
    for words in (
        "'; DROP TABLE projections.player_days; --",
        "%",
        "\\",
        '"',
        "${7*7}",
        "<script>alert(1)</script>",
        "пример",
        "-1 OR 1=1",
    ):
        assert (await report(seed, section=words, tag=words, studio=words, collection=words, game_id=words)).lines == ()
    assert ggr(await report(seed, by="")) == {("EUR",): EUR}


async def test_no_report_changes_anything(backoffice_pool: asyncpg.Pool) -> None:
    reports = Reports(backoffice_pool)
    async with reports._reading() as connection:  # what every report runs in
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await connection.execute("DELETE FROM projections.player_days")
