"""The reels of the simulated slot: five of three rows, five lines, and a landing that fits what the paytable has given. Pure.

The paytable decides what is won; the reels only show it. Nothing here moves money.
"""

from __future__ import annotations

import random
from decimal import Decimal
from fractions import Fraction
from typing import Final

from msgspec import Struct

REELS: Final = 5
ROWS: Final = 3
LINES: Final = ((1, 1, 1, 1, 1), (0, 0, 0, 0, 0), (2, 2, 2, 2, 2), (0, 1, 2, 1, 0), (2, 1, 0, 1, 2))
"""The row of each reel on each line."""
ALIKE_MIN: Final = 3
_TRIES_MAX: Final = 10_000

_HALF: Final = Fraction(1, 2)
PAYS: Final[dict[str, tuple[Fraction, Fraction, Fraction]]] = {
    "top": (Fraction(10), Fraction(100), Fraction(500)),
    "high": (Fraction(5), Fraction(25), Fraction(50)),
    "middle": (Fraction(5), Fraction(10), Fraction(50)),
    "low": (Fraction(2), Fraction(5), Fraction(25)),
    "stone1": (Fraction(1), Fraction(2), Fraction(10)),
    "stone2": (Fraction(1), Fraction(2), Fraction(10)),
    "stone3": (_HALF, Fraction(2), Fraction(10)),
    "stone4": (_HALF, Fraction(2), Fraction(10)),
}
"""What 3, 4 and 5 alike from the left pay on a line, in stakes."""
_SYMBOLS: Final = tuple(PAYS)

Grid = tuple[tuple[str, ...], ...]
"""Symbols reel by reel, each from top to bottom."""


class LineWin(Struct, frozen=True):
    """A line that pays: `count` alike from the left, `pays` stakes as a decimal text, `cells` as (reel, row)."""

    line: int
    symbol: str
    count: int
    pays: str
    cells: tuple[tuple[int, int], ...]


class Landing(Struct, frozen=True):
    """Where the reels stand, and the lines that pay there."""

    grid: Grid
    wins: tuple[LineWin, ...]


def wins_of(grid: Grid) -> tuple[LineWin, ...]:
    """All lines of a grid that pay."""
    found = []
    for line, rows in enumerate(LINES):
        symbols = [grid[reel][row] for reel, row in enumerate(rows)]
        count = next((reel for reel, symbol in enumerate(symbols) if symbol != symbols[0]), REELS)
        if count >= ALIKE_MIN:
            cells = tuple(enumerate(rows[:count]))
            found.append(LineWin(line, symbols[0], count, decimal_of(PAYS[symbols[0]][count - ALIKE_MIN]), cells))
    return tuple(found)


def land(rng: random.Random, multiplier: Fraction) -> Landing:
    """Reels that show a win of `multiplier` stakes on one line, or none for 0. ValueError where no line pays that much."""
    ways = [(symbol, ALIKE_MIN + step) for symbol, pays in PAYS.items() for step, pay in enumerate(pays) if pay == multiplier]
    if multiplier and not ways:
        raise ValueError(f"no line of the reels pays {multiplier} stakes; the reels' table must have every prize of the paytable")
    for _ in range(_TRIES_MAX):
        reels = [[rng.choice(_SYMBOLS) for _ in range(ROWS)] for _ in range(REELS)]
        if multiplier:
            symbol, count = rng.choice(ways)
            for reel, row in tuple(enumerate(rng.choice(LINES)))[:count]:
                reels[reel][row] = symbol
        grid = tuple(map(tuple, reels))
        wins = wins_of(grid)
        if len(wins) == (1 if multiplier else 0) and all(Fraction(win.pays) == multiplier for win in wins):
            return Landing(grid, wins)
    raise AssertionError(f"{_TRIES_MAX} random grids in a row did not show {multiplier} stakes")  # about one in ten does not


def decimal_of(pays: Fraction) -> str:
    """Stakes as a decimal text."""
    return str(Decimal(pays.numerator) / pays.denominator)
