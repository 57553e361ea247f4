"""What a game round looks like on the wire: the ways in which this provider deals a round into calls. Pure."""

from __future__ import annotations

import random
from typing import Final

from msgspec import Struct

from services.simulator.studios.mascot.paytable import RIOT

GAMES: Final = ("riot", "aurora", "neon_koi")
STAKES: Final = (20, 40, 100, 200, 500)
"""Minor units; multiples of the paytable's step."""
STAKE_MAX: Final = STAKES[-1]
_SINGLE_SHARE: Final = 0.55
_SPLIT_SHARE: Final = 0.35
_UNNAMED_SHARE: Final = 0.1
_WINS_MAX: Final = 3


class Step(Struct, frozen=True, kw_only=True):
    """One withdrawAndDeposit: amounts in minor units, `charge` free rounds to charge, `free` for later calls of one."""

    withdraw: int = 0
    deposit: int = 0
    charge: int = 0
    free: bool = False
    final: bool = False


class GameRound(Struct, frozen=True, kw_only=True):
    """A round: its steps in order. An unnamed one is sent without gameRoundRef and has one step."""

    game_id: str
    steps: tuple[Step, ...]
    stake: int
    win: int
    named: bool = True
    with_grant: bool = False


def deal(rng: random.Random) -> GameRound:
    """An ordinary round with the player's own money."""
    stake = rng.choice(STAKES)
    win = RIOT.draw(rng, stake)
    game_id = rng.choice(GAMES)
    shape = rng.random()
    if shape < _SINGLE_SHARE:
        steps: tuple[Step, ...] = (Step(withdraw=stake, deposit=win, final=True),)
        return GameRound(game_id=game_id, steps=steps, stake=stake, win=win, named=rng.random() >= _UNNAMED_SHARE)
    bet = Step(withdraw=stake)
    wins = _wins(rng, win)
    if shape < _SINGLE_SHARE + _SPLIT_SHARE:
        return GameRound(game_id=game_id, steps=(bet, *wins), stake=stake, win=win)
    # With markers: calls that move nothing, at the start and between stake and wins.
    return GameRound(game_id=game_id, steps=(Step(), bet, Step(), *wins), stake=stake, win=win)


def deal_free(rng: random.Random, left: int) -> GameRound:
    """A round paid by a free-round counter with `left` rounds; now and then it asks for more than is left."""
    stake = rng.choice(STAKES)
    win = RIOT.draw(rng, stake)
    game_id = rng.choice(GAMES)
    shape = rng.random()
    if shape < 0.1:  # noqa: PLR2004  # one in ten
        # More than the counter holds: the stake is debited as usual.
        steps: tuple[Step, ...] = (Step(withdraw=stake, deposit=win, charge=left + 1, final=True),)
    elif shape < 0.4:  # noqa: PLR2004
        steps = (Step(withdraw=stake, deposit=win, charge=1, final=True),)
    elif shape < 0.8:  # noqa: PLR2004
        steps = (Step(withdraw=stake, charge=1), Step(deposit=win, free=True, final=True))
    else:
        # One free round of several stakes: only the first charges the counter, no later one is debited.
        steps = (Step(withdraw=stake, charge=1), Step(withdraw=stake, free=True), Step(deposit=win, free=True, final=True))
    return GameRound(game_id=game_id, steps=steps, stake=stake, win=win, with_grant=True)


def _wins(rng: random.Random, win: int) -> tuple[Step, ...]:
    """The win in one to three calls, the last one final; without a win a final marker."""
    if win == 0:
        return (Step(final=True),)
    parts = []
    left = win
    for _ in range(rng.randrange(_WINS_MAX)):
        if left < 2:  # noqa: PLR2004  # a part is at least one minor unit
            break
        part = rng.randrange(1, left)
        parts.append(part)
        left -= part
    parts.append(left)
    return (*(Step(deposit=part) for part in parts[:-1]), Step(deposit=parts[-1], final=True))
