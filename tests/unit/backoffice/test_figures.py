"""The numbers of the live board: latencies from buckets, the games and wins of an hour from its minutes."""

from __future__ import annotations

import pytest

from services.backoffice.live.figures import Play, Win, quantile, top_games, top_wins

NOTHING = [0] * 10


def buckets(**counts: int) -> list[int]:
    found = [0] * 10
    for place, count in counts.items():
        found[int(place[1:])] = count
    return found


@pytest.mark.parametrize(
    ("counted", "percent", "slowest_ms", "expected"),
    [
        (NOTHING, 50, 0.0, None),
        (buckets(b0=10), 50, 5.0, 2.5),
        (buckets(b0=50, b1=50), 50, 10.0, 5.0),
        (buckets(b0=50, b1=50), 99, 10.0, 9.9),
        (buckets(b0=98, b9=2), 99, 4_500.0, 3_500.0),
        (buckets(b0=1), 99, 3.0, 3.0),
        (buckets(b3=100), 100, 31.0, 31.0),
    ],
)
def test_latencies_are_read_from_buckets(counted: list[int], percent: int, slowest_ms: float, expected: float | None) -> None:
    assert quantile(counted, percent, slowest_ms) == expected


def play(minute: int, game: str, stake: int, currency: str = "EUR", bets: int = 1) -> Play:
    return Play(minute, "mascot-demo", game, currency, game.title(), stake, bets)


def test_games_are_summed_over_minutes_and_ranked_within_their_currency() -> None:
    plays = [play(0, "riot", 9), play(60, "riot", 5), play(60, "aurora", 7), play(120, "aurora", 1), play(120, "riot", 1, "SEK", 9)]
    found = [(each.currency, each.game_id, each.stake, each.bets) for each in top_games(plays, 60)]
    assert found == [("SEK", "riot", 1, 9), ("EUR", "aurora", 8, 2), ("EUR", "riot", 5, 1)]


def test_no_more_than_ten_games_of_four_currencies() -> None:
    plays = [
        play(0, f"g{number:02}", number, currency) for number in range(1, 30) for currency in ("EUR", "SEK", "NOK", "USD", "CAD")
    ]
    found = top_games(plays, 0)
    assert len(found) == 40
    assert [each.game_id for each in found[:3]] == ["g29", "g28", "g27"]


def win(seq: int, amount: int, stake: int, minute: int = 0, currency: str = "EUR") -> Win:
    return Win(minute, seq * 1_000, "p" * 16, seq, "mascot-demo", "riot", "Riot", currency, stake, amount)


def test_notable_wins_are_the_large_ones_and_the_large_multiples_newest_first() -> None:
    small = [win(seq, 10, 10) for seq in range(1, 40)]
    found = top_wins([*small, win(50, 9_000, 9_000), win(60, 500, 1), win(70, 90_000, 1, minute=-60)], 0)
    assert [each.seq for each in found[:2]] == [60, 50]
    assert 70 not in {each.seq for each in found}


def test_a_win_without_a_known_stake_has_no_multiple() -> None:
    assert win(1, 500, 0).multiple == 0
    assert win(1, 525, 200).multiple == 262
