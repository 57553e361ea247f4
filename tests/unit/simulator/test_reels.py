"""What the reels show is what the paytable has given: not more, not less."""

import itertools
import random
from fractions import Fraction

import pytest

from services.simulator.studios.mascot.art.symbols import SYMBOLS
from services.simulator.studios.mascot.paytable import RIOT
from services.simulator.studios.mascot.reels import LINES, PAYS, REELS, ROWS, land, wins_of

PRIZES = [prize.multiplier for prize in RIOT.prizes]


@pytest.mark.parametrize("multiplier", PRIZES, ids=str)
def test_every_prize_of_the_paytable_lands_as_one_line_of_that_worth(multiplier: Fraction) -> None:
    rng = random.Random(5)
    for _ in range(200):
        landing = land(rng, multiplier)

        assert [len(reel) for reel in landing.grid] == [ROWS] * REELS
        assert {symbol for reel in landing.grid for symbol in reel} <= set(SYMBOLS)
        assert landing.wins == wins_of(landing.grid)
        assert [Fraction(win.pays) for win in landing.wins] == ([multiplier] if multiplier else [])


def test_the_cells_of_a_win_hold_its_symbol_on_its_line() -> None:
    rng = random.Random(6)
    for multiplier in PRIZES[1:] * 20:
        landing = land(rng, multiplier)
        [win] = landing.wins

        assert win.cells == tuple((reel, LINES[win.line][reel]) for reel in range(win.count))
        assert {landing.grid[reel][row] for reel, row in win.cells} == {win.symbol}


def test_lines_pay_from_the_left_and_three_at_least() -> None:
    filler = ("stone1", "stone2", "stone3")
    two = (("top", "low", "low"), ("top", "high", "middle"), filler, ("top", "low", "high"), ("top", "low", "high"))
    three_right = (filler, ("stone2", "stone3", "stone4"), *[("top", "low", "high")] * 3)
    full = (("top", "low", "high"),) * 5

    assert wins_of(two) == ()
    assert wins_of(three_right) == ()
    assert [(win.line, win.symbol, win.count, win.pays) for win in wins_of(full)] == [
        (0, "low", 5, "25"),
        (1, "top", 5, "500"),
        (2, "high", 5, "50"),
    ]


def test_a_worth_that_no_line_pays_is_refused() -> None:
    with pytest.raises(ValueError, match="no line of the reels pays 3 stakes"):
        land(random.Random(1), Fraction(3))


def test_dearer_symbols_pay_at_least_as_much_and_more_of_a_kind_pay_more() -> None:
    assert tuple(PAYS) == SYMBOLS
    rows = list(PAYS.values())
    for row in rows:
        assert row[0] < row[1] < row[2]
    for dearer, cheaper in itertools.pairwise(rows):
        assert all(first >= second for first, second in zip(dearer, cheaper, strict=True))
