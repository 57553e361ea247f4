"""Histories of players: filters, pages both ways, rounds opened down to callbacks and movements, files, bounds."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.backoffice.history.ask import HistoryAsk, OperationsAsk, RoundsAsk
from services.backoffice.history.export import lines
from services.backoffice.history.store import History, Page
from shared.identity import player_key
from shared.web.problems import Problem
from tests.integration.backoffice.stand import EUR, START, Seed, Story, callback, finding, game

NOW = START + timedelta(days=20)


def played(name: str = "alice", **facts: Any) -> Story:
    story = Story(name, **facts)
    story.deposit()
    return story


@pytest.fixture
def history(seed: Seed) -> History:
    return History(seed.pool)


async def seqs(history: History, story: Story, **wanted: Any) -> list[int]:
    page = await history.operations(story.player, OperationsAsk(**wanted), NOW)
    return [each.seq for each in page.entries]


async def test_operations_the_newest_first_with_the_balance_after_each(seed: Seed, history: History) -> None:
    story = played()
    story.bet("r1", 5 * EUR)
    story.refused("r2", 500 * EUR)
    story.win("r1", 2 * EUR)
    await seed.stories(story, played("somebody else"))
    await seed.games(game(name="Riot at Night"))
    page = await history.operations(story.player, OperationsAsk(), NOW)
    told = [(each.seq, each.kind, each.status, each.stake, each.win, each.balance_after) for each in page.entries]
    assert told == [
        (5, "win", "applied", 0, 2 * EUR, 97 * EUR),
        (4, "bet", "refused", 500 * EUR, 0, 95 * EUR),
        (3, "bet", "applied", 5 * EUR, 0, 95 * EUR),
        (2, "deposit", "applied", 0, 100 * EUR, 100 * EUR),
        (1, "create_player", "applied", 0, 0, 0),
    ]
    assert page.entries[0].game_name == "Riot at Night"
    assert (page.older, page.newer) == ("", "")


async def test_filters(seed: Seed, history: History) -> None:
    story = played()
    one = story.bet("r1", EUR, game_id="one")
    two = story.bet("r2", 3 * EUR, game_id="two")
    won = story.win("r2", 9 * EUR, game_id="two")
    no = story.refused("r3", 300 * EUR)
    await seed.stories(story)
    await seed.games(game("one", section="slots", studio="Ruby", tags=("new",)), game("two", section="table", tags=("hot", "new")))
    await seed.pool.execute("INSERT INTO projections.collections VALUES ('main', 'best', 'Best', $1, 'two')", story.account)
    for wanted, expected in (
        ({"kind": "bet"}, [no, two, one]),
        ({"kind": "bet", "status": "applied"}, [two, one]),
        ({"game_id": "two"}, [won, two]),
        ({"section": "slots"}, [one]),
        ({"studio": "Ruby"}, [one]),
        ({"tag": "new"}, [won, two, one]),
        ({"tag": "hot", "kind": "win"}, [won]),
        ({"collection": "best"}, [won, two]),
        ({"collection": "-", "kind": "bet"}, [no, one]),
        ({"section": "-", "kind": "bet"}, [no]),
        ({"currency": "EUR", "amount_min": "3", "amount_max": "9.00"}, [won, two]),
        ({"currency": "EUR", "amount_max": "1", "kind": "bet"}, [one]),
        ({"provider_account": "operator"}, [2, 1]),
        ({"provider_account": "none-such"}, []),
        ({"currency": "USD"}, []),
    ):  # fmt: skip
        assert await seqs(history, story, **wanted) == expected, wanted


async def test_a_stretch_of_time_has_exactly_what_happened_in_it(seed: Seed, history: History) -> None:
    story = played(step=timedelta(minutes=1))
    for number in range(30):
        story.bet(f"r{number}")
    await seed.stories(story)
    moments = [each.occurred_at_ms for each in story.recorded]
    for first, last in ((3, 9), (0, 1), (0, 32), (31, 32), (12, 13)):
        since = datetime.fromtimestamp(moments[first] / 1_000, UTC)
        until = datetime.fromtimestamp(moments[last] / 1_000, UTC) if last < 32 else NOW
        assert await seqs(history, story, since=since, until=until) == list(range(last, first, -1))
    before, behind = START - timedelta(days=3), NOW + timedelta(days=3)
    assert await seqs(history, story, since=before, until=START) == []
    assert await seqs(history, story, since=NOW, until=behind) == []


async def test_clocks_of_wallets_differ(seed: Seed, history: History) -> None:
    story = played(step=timedelta(0))
    moments = [0, 60, 30, 200, 100, 260, 150]
    for number, seconds in enumerate(moments):
        story.at = START + timedelta(seconds=seconds)
        story.bet(f"r{number}")
    await seed.stories(story)
    found = await seqs(history, story, since=START + timedelta(seconds=50), until=START + timedelta(seconds=201))
    assert found == [9, 7, 6, 4], "by number, each by its own time"


async def test_operations_before_what_was_read_are_older(seed: Seed, history: History) -> None:
    story = played()
    for number in range(20):
        story.bet(f"r{number}")
    await seed.stories(story)
    await seed.pool.execute("DELETE FROM projections.operations WHERE seq <= 10")
    assert await seqs(history, story) == list(range(22, 10, -1))
    since = datetime.fromtimestamp(story.recorded[14].occurred_at_ms / 1_000, UTC)
    assert await seqs(history, story, since=since) == list(range(22, 14, -1))


async def walked(history: History, story: Story, ask: HistoryAsk) -> list[list[int]]:
    """The pages from the newest to the oldest, walked there and back: both ways they are the same."""

    async def page(cursor: str) -> Page[Any]:
        asked = ask.model_copy(update={"cursor": cursor})
        if isinstance(asked, RoundsAsk):
            return await history.rounds(story.player, asked, NOW)
        return await history.operations(story.player, asked, NOW)

    there = [await page("")]
    while there[-1].older:
        there.append(await page(there[-1].older))
    back = [there[-1]]
    while back[-1].newer:
        back.append(await page(back[-1].newer))
    pages = [[each.seq for each in one.entries] for one in there]
    again = [seq for one in reversed(back) for seq in (each.seq for each in one.entries)]
    assert again == list(itertools.chain(*pages))
    return pages


async def test_pages_both_ways(seed: Seed, history: History) -> None:
    story = played()
    for number in range(11):
        story.bet(f"r{number}", EUR)
        story.win(f"r{number}", EUR)
    await seed.stories(story)
    assert await walked(history, story, OperationsAsk(limit=10)) == [
        list(range(24, 14, -1)),
        list(range(14, 4, -1)),
        [4, 3, 2, 1],
    ]
    assert await walked(history, story, OperationsAsk(limit=5, kind="win")) == [[24, 22, 20, 18, 16], [14, 12, 10, 8, 6], [4]]
    assert await walked(history, story, RoundsAsk(limit=4)) == [[23, 21, 19, 17], [15, 13, 11, 9], [7, 5, 3]]
    assert await walked(history, story, RoundsAsk(limit=11)) == [list(range(23, 2, -2))]


async def test_a_page_stays_where_it_is_when_more_is_played(seed: Seed, history: History) -> None:
    story = played()
    for number in range(8):
        story.bet(f"r{number}")
    await seed.stories(story)
    first = await history.operations(story.player, OperationsAsk(limit=4), NOW)
    story.bet("later")
    await seed.stories(story)
    second = await history.operations(story.player, OperationsAsk(limit=4, cursor=first.older), NOW + timedelta(hours=1))
    assert [each.seq for each in second.entries] == [6, 5, 4, 3]
    assert second.until == NOW, "the end of the range is that of the first page"


@pytest.mark.parametrize(
    "cursor", ["x", "AAAA", "W10", "bnVsbA", "WyJhIiwib2xkZXIiLDFd", "W1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tb", "eyJhIjoxfQ"]
)
async def test_a_cursor_that_is_none(history: History, cursor: str) -> None:
    with pytest.raises(Problem, match="cannot be read"):
        await history.operations("a" * 16, OperationsAsk(cursor=cursor), NOW)


async def test_a_cursor_holds_for_its_own_list_alone(seed: Seed, history: History) -> None:
    story = played()
    for number in range(8):
        story.bet(f"r{number}")
    await seed.stories(story)
    cursor = (await history.operations(story.player, OperationsAsk(limit=4), NOW)).older
    with pytest.raises(Problem, match="other filters"):
        await history.operations(story.player, OperationsAsk(limit=4, kind="bet", cursor=cursor), NOW)
    with pytest.raises(Problem, match="other filters"):
        await history.rounds(story.player, RoundsAsk(limit=4, cursor=cursor), NOW)
    assert (await history.operations(story.player, OperationsAsk(limit=2, cursor=cursor), NOW)).entries[0].seq == 6


async def test_rounds_with_their_money(seed: Seed, history: History) -> None:
    story = played()
    story.bet("r1", 5 * EUR)
    story.win("r1", 2 * EUR, closes_round=True)
    story.rollback(story.bet("r1", 3 * EUR, external_id="second"))
    story.free_round("f1", 2 * EUR, 4 * EUR)
    story.bet("open", EUR)
    await seed.stories(story)
    page = await history.rounds(story.player, RoundsAsk(), NOW)
    assert [(each.round_id, each.status, each.stake, each.win, each.free_win) for each in page.entries] == [
        ("open", "open", EUR, 0, 0),
        ("f1", "closed", 0, 0, 4 * EUR),
        ("r1", "closed", 5 * EUR, 2 * EUR, 0),
    ]
    assert [each.balance_after for each in page.entries] == [100 * EUR, 101 * EUR, 97 * EUR]
    for wanted, expected in (
        ({"status": "open"}, ["open"]),
        ({"currency": "EUR", "amount_min": "4"}, ["f1", "r1"]),
        ({"currency": "EUR", "amount_max": "1.5"}, ["open"]),
    ):
        page = await history.rounds(story.player, RoundsAsk(**wanted), NOW)
        assert [each.round_id for each in page.entries] == expected


async def test_a_round_opens_to_all_that_names_it(seed: Seed, history: History) -> None:
    story = played()
    bet = story.bet("r1", 5 * EUR)
    no = story.refused("r1", 500 * EUR)
    undo = story.rollback(bet)
    story.bet("r2")
    await seed.stories(story)
    found, operations = await history.round(story.player, story.account, "r1")
    assert (found.stake, found.bets, found.operations) == (0, 0, 2)
    assert [each.seq for each in operations] == [bet, no, undo]
    with pytest.raises(Problem) as refused:
        await history.round(story.player, story.account, "r9")
    assert refused.value.kind.status == 404


async def test_an_operation_opens_to_its_movements_its_undo_and_its_callbacks(seed: Seed, history: History) -> None:
    story = played()
    bet = story.bet("r1", 5 * EUR, jackpot_contribution=3, closes_round=True)
    undo = story.rollback(bet)
    again = story.rollback(undo)
    await seed.stories(story)
    at = datetime.fromtimestamp(story.recorded[bet - 1].occurred_at_ms / 1_000, UTC)
    keys = [{"kind": "bet", "namespace": "tx", "external_id": "r1"}]
    await seed.callbacks(
        callback(at, request_id="first", player=story.player, external_id="r1", keys=keys),
        callback(at + timedelta(hours=20), request_id="retry", player=story.player, external_id="r1"),
        callback(at, request_id="in-a-batch", player=story.player, external_id="batch", keys=keys),
        callback(at, request_id="other-id", player=story.player, external_id="r11"),
        callback(at, request_id="other-player", player="z" * 16, external_id="r1"),
        callback(at, request_id="other-account", player=story.player, external_id="r1", provider_account="elsewhere"),
        callback(at + timedelta(days=9), request_id="much-later", player=story.player, external_id="r1"),
        now=NOW,
    )
    found = await history.operation(story.player, bet)
    assert [(each.debit_account, each.credit_account, each.amount) for each in found.movements] == [
        ("player", f"provider:{story.account}", 5 * EUR)
    ]
    assert sorted(each.request_id for each in found.callbacks) == ["first", "in-a-batch", "retry"]
    assert (found.undone_by, found.jackpot_contribution, found.closes_round) == (undo, 3, True)
    assert (await history.operation(story.player, undo)).undone_by == again
    assert (await history.operation(story.player, again)).undone_by == 0
    assert (await history.operation(story.player, again)).operation.target_seq == undo
    with pytest.raises(Problem) as refused:
        await history.operation(story.player, 99)
    assert refused.value.kind.status == 404


async def test_a_callback_with_its_diagnosis_and_what_it_led_to(seed: Seed, history: History) -> None:
    story = played()
    bet = story.bet("r1")
    await seed.stories(story)
    await seed.callbacks(
        callback(request_id="q1", player=story.player, external_id="r1", body='{"a":"<script>"}'),
        callback(request_id="q2", **finding("wrong_key")),
    )
    found, named = await history.callback("q1")
    assert (found.request_body, [each.seq for each in named]) == ('{"a":"<script>"}', [bet])
    found, named = await history.callback("q2")
    assert (found.finding, found.response_status, named) == ("wrong_key", 401, ())
    with pytest.raises(Problem):
        await history.callback("q3")


async def test_a_player_by_his_key_or_the_operators_id(seed: Seed, history: History) -> None:
    # The operator's id of one player has the form of a key, but is none.
    await seed.stories(played("alice"), played("abcdefghijklmnop"), played("bob", brand="second"))
    alice = player_key("main", "alice")
    assert (await history.player(alice, None)).player == alice
    assert (await history.player(alice, "main")).player == alice
    assert (await history.player("alice", "main")).player == alice
    assert (await history.player("abcdefghijklmnop", "main")).player == player_key("main", "abcdefghijklmnop")
    for name, brand in (
        ("alice", None),
        (alice, "second"),
        ("bob", "main"),
        ("nobody", "main"),
        ("'; --", "main"),
        ("x" * 500, "main"),
    ):
        with pytest.raises(Problem) as refused:
            await history.player(name, brand)
        assert refused.value.kind.status == 404


async def test_a_file_has_all_pages_and_no_formula(seed: Seed, history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.backoffice.history.store.EXPORT_PAGE", 7)
    story = played()
    for number in range(20):
        story.bet(f"=cmd|{number}", EUR)
    story.withdraw(EUR)
    await seed.stories(story)
    ask = OperationsAsk(limit=2)
    text = "".join([part async for part in lines("operations", await history.export("operations", story.player, ask, NOW))])
    rows = [line.split(",") for line in text.strip().split("\r\n")]
    assert [int(row[0]) for row in rows[1:]] == list(range(23, 0, -1))
    named = dict(zip(rows[0], rows[2], strict=True))
    assert (named["round_id"], named["external_id"]) == ("'=cmd|19", "'=cmd|19")
    assert (named["stake"], named["balance_after"], named["occurred_at"]) == ("1.00", "80.00", "2026-11-02T12:21:00.000+00:00")
    text = "".join([part async for part in lines("rounds", await history.export("rounds", story.player, RoundsAsk(), NOW))])
    assert text.count("\r\n") == 21


async def test_a_file_of_too_much_is_refused_before_it_begins(
    seed: Seed, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.backoffice.history.store.EXPORT_OPERATIONS_MAX", 5)
    story = played()
    for number in range(9):
        story.bet(f"r{number}")
    await seed.stories(story)
    with pytest.raises(Problem, match="at most 5"):
        await history.export("operations", story.player, OperationsAsk(), NOW)


async def test_what_takes_too_long_is_told_so(seed: Seed) -> None:
    story = played()
    await seed.stories(story)
    async with seed.pool.acquire() as other, other.transaction():
        await other.execute("LOCK TABLE projections.operations")
        with pytest.raises(Problem, match=r"given up after 0\.2 s"):
            await History(seed.pool, timeout_ms=200).operations(story.player, OperationsAsk(), NOW)


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        ({"since": NOW, "until": START}, "begins no earlier"),
        ({"since": NOW, "until": NOW}, "begins no earlier"),
        ({"since": NOW - timedelta(days=367), "until": NOW}, "at most 366"),
        ({"until": datetime(9999, 12, 31, tzinfo=UTC)}, "between 2000 and 2200"),
        ({"since": datetime(1, 1, 1, tzinfo=UTC), "until": NOW}, "between 2000 and 2200"),
        ({"amount_min": "5"}, "without a currency"),
        ({"amount_min": "5", "amount_max": "4", "currency": "EUR"}, "above the most"),
        ({"amount_min": "0.000001", "currency": "EUR"}, "digits"),
        ({"amount_min": "9999999999999999", "currency": "BTC"}, "largest"),
    ],
)
def test_what_cannot_be_asked_for(wanted: dict[str, Any], why: str) -> None:
    with pytest.raises(Problem, match=why) as refused:
        OperationsAsk(**wanted).wanted(NOW)
    assert refused.value.kind.status == 422


async def test_kinds_and_currencies_for_a_filter(seed: Seed, history: History) -> None:
    story = played()
    story.bet("r1")
    await seed.stories(story)
    assert await history.kinds(story.player) == (("bet", "create_player", "deposit"), ("EUR",))
