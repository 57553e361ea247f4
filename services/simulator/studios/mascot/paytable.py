"""The paytable of the simulated game: what a stake wins, with a return to player that is known exactly."""

from __future__ import annotations

import random
from bisect import bisect_right
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from typing import Final


@dataclass(frozen=True, slots=True)
class Prize:
    """One line of a paytable: `multiplier` times the stake, `weight` times out of the table's total."""

    multiplier: Fraction
    weight: int


class Paytable:
    """Prizes and their weights. Draws are exact: a prize times a stake of `stake_step` is a whole number."""

    def __init__(self, prizes: tuple[Prize, ...]) -> None:
        if not prizes or any(prize.weight < 1 or prize.multiplier < 0 for prize in prizes):
            raise ValueError("a paytable has prizes with weights >= 1 and multipliers >= 0")
        self.prizes = prizes
        self._upper = tuple(accumulate(prize.weight for prize in prizes))

    @property
    def total_weight(self) -> int:
        """How many equally likely stops there are."""
        return self._upper[-1]

    @property
    def rtp(self) -> Fraction:
        """Return to player: the expected win of a stake of 1, exactly."""
        return sum((prize.multiplier * prize.weight for prize in self.prizes), Fraction(0)) / self.total_weight

    @property
    def stake_step(self) -> int:
        """Stakes must be multiples of this many minor units, so that every win is a whole number of them."""
        step = 1
        for prize in self.prizes:
            step *= (prize.multiplier * step).denominator
        return step

    def win_at(self, stop: int, stake: int) -> int:
        """The win in minor units at stop 0..total_weight-1 for a stake in minor units."""
        prize = self.prizes[bisect_right(self._upper, stop)]
        win = prize.multiplier * stake
        if win.denominator != 1:
            raise ValueError(f"a stake of {stake} does not fit the paytable; it must be a multiple of {self.stake_step}")
        return win.numerator

    def draw(self, rng: random.Random, stake: int) -> int:
        """A random win in minor units."""
        return self.win_at(rng.randrange(self.total_weight), stake)


RIOT: Final = Paytable(
    (
        Prize(Fraction(0), 69_161),
        Prize(Fraction(1, 2), 9_000),
        Prize(Fraction(1), 8_000),
        Prize(Fraction(2), 6_500),
        Prize(Fraction(5), 4_000),
        Prize(Fraction(10), 2_500),
        Prize(Fraction(25), 700),
        Prize(Fraction(50), 119),
        Prize(Fraction(100), 19),
        Prize(Fraction(500), 1),
    )
)
"""The paytable of every simulated game: 96.35 % go back to the players."""
