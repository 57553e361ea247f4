"""Hypothesis plays the histories: one rule a kind of command, and the clock."""

from __future__ import annotations

import os
import secrets
from collections import Counter
from collections.abc import Callable
from typing import ClassVar

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tests.model.commands import Writer
from tests.model.duel import DAY_MS, MINUTE_MS, Duel

SEED_SETTING = "STAKEWIRE_MODEL_SEED"
CHOICES = st.binary(min_size=64, max_size=64)
"""A command's choices; zeros make the plainest."""
KINDS = Writer().kinds
OFTEN = ("bet", "win", "spin", "undo", "again")
TICKS = (
    MINUTE_MS, 10 * MINUTE_MS, 60 * MINUTE_MS, 6 * 60 * MINUTE_MS, DAY_MS - 1, DAY_MS, 2 * DAY_MS, 7 * DAY_MS, 31 * DAY_MS,
)  # fmt: skip
"""Over hours of exclusion, idle sessions, the border of days, weeks and months, and the 24 hours that laxer limits wait."""
CLOCK_FROM = 256 - 2 * len(TICKS)
"""One in fourteen steps moves the clock."""


class Wallets(RuleBasedStateMachine):
    """Both wallets. `met` is shared by all histories of a run."""

    met: ClassVar[Counter[str]] = Counter()
    make_duel: Callable[[], Duel] = Duel
    about: ClassVar[tuple[str, ...]] = ()
    """Kinds that all histories of a run are about, instead of some chosen for each."""

    @initialize(chosen=st.sets(st.sampled_from(KINDS), min_size=3))
    def begin(self, chosen: set[str]) -> None:
        """Two players; and the kinds of commands that this history is about."""
        self.duel = type(self).make_duel()
        self.duel.met = type(self).met
        wanted = type(self).about or (*chosen, *OFTEN)
        self.kinds = [kind for kind in KINDS if kind in wanted]
        self.duel.open()

    @rule(number=st.integers(0, 255), data=CHOICES)
    def step(self, number: int, data: bytes) -> None:
        """One command more, or some time that goes by: one rule, since choosing among many costs more than both wallets."""
        if number < CLOCK_FROM:
            self.duel.step(self.kinds[number % len(self.kinds)], data)
        else:
            self.met["clock"] += 1
            self.duel.tick(TICKS[(number - CLOCK_FROM) % len(TICKS)])

    def teardown(self) -> None:
        """What was not sent yet goes out."""
        if hasattr(self, "duel"):
            self.duel.cut()


def chosen_seed() -> int:
    """The seed of this run: a fresh one, unless one is asked for. It is printed, so that a failure can be played again."""
    asked = os.environ.get(SEED_SETTING)
    number = int(asked) if asked else secrets.randbits(48)
    print(f"\nplayed again by {SEED_SETTING}={number}")  # noqa: T201  # pytest shows it with a failure, -s always
    return number


def prove(
    number: int,
    *,
    examples: int,
    steps: int,
    make_duel: Callable[[], Duel] = Duel,
    about: tuple[str, ...] = (),
    shrink: bool = True,
) -> Counter[str]:
    """Plays histories; raises what the first that fails raised, made as short as may be. What was met on the way."""
    phases = (Phase.generate, Phase.shrink) if shrink else (Phase.generate,)
    met: Counter[str] = Counter()
    machine = type("Wallets", (Wallets,), {"met": met, "make_duel": staticmethod(make_duel), "about": about})
    run_state_machine_as_test(
        seed(number)(machine),
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            phases=phases,
            deadline=None,
            database=None,
            print_blob=False,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
    return met
