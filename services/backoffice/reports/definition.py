"""What every number of a report means: the one definition. Pure: no clock, no database, no float.

An operation is booked by what it moved, house account by house account, so that sums equal the ledger's to the last unit:

- `provider:<account>`: `stake` is what went there from the player, `win` what came from there. Of a rollback they go to
  `stake_undone` and `win_undone`; of a rollback that undoes a rollback they come out of these again.
- `free_rounds:<account>`, `promo:<account>`, `jackpot:<account>`: what they paid, less what was taken back.
- `cash` and `adjustments` are no play and are not in the reports.

Everything counts on the gaming day of its own operation, a rollback on its own and not on its original's. What moved
nothing (refused, void, tombstone) counts nothing. The ingest books by `booked`, the reports read by `Totals`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Final, Protocol

PLAYER: Final = "player"
"""The player's side of a movement."""

PROVIDER, FREE_ROUNDS, PROMO, JACKPOT = "provider", "free_rounds", "promo", "jackpot"
"""Purses: what the name of a house account begins with, before the provider account."""

ROLLBACK: Final = "rollback"
APPLIED: Final = "applied"
_BEGINS_A_ROUND: Final = frozenset({"bet", "bet_and_win", "win"})
_RESTORES: Final = '"restores":true'

CORRIDOR_SIGMAS: Final = Decimal("1.96")
"""Half the width of the corridor, in standard deviations: 95 of 100 honest games lie within."""

ROUNDS_THAT_TELL: Final = 1_000
"""With fewer rounds the corridor is a poor guide: a single large win makes it, or is missing from it."""


class Told(Protocol):
    """An operation as its event tells it."""

    @property
    def kind(self) -> str:
        """Such as `bet` or `rollback`."""
        ...

    @property
    def status(self) -> str:
        """`applied` where it had an effect."""
        ...

    @property
    def details(self) -> str:
        """A JSON object, or empty."""
        ...

    @property
    def round_id(self) -> str:
        """Empty where it names no round."""
        ...

    @property
    def nominal_stake(self) -> int:
        """Of a free round, in units."""
        ...

    @property
    def jackpot_contribution(self) -> int:
        """As the provider told it, in units."""
        ...


class Transfer(Protocol):
    """A movement as its event tells it; `amount` above 0 in units."""

    @property
    def debit_account(self) -> str:
        """Who pays; `player` or a house account."""
        ...

    @property
    def credit_account(self) -> str:
        """Who gets."""
        ...

    @property
    def amount(self) -> int:
        """Units, above 0."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Booked:
    """What one operation adds to its day; the columns of `projections.player_days`. Money in units."""

    stake: int = 0
    win: int = 0
    stake_undone: int = 0
    win_undone: int = 0
    free_win: int = 0
    promo_win: int = 0
    jackpot_win: int = 0
    nominal_stake: int = 0
    jackpot_contribution: int = 0
    bets: int = 0

    @property
    def net_stake(self) -> int:
        """What stays of the stakes."""
        return self.stake - self.stake_undone

    @property
    def net_win(self) -> int:
        """What stays of the wins that the provider's account paid."""
        return self.win - self.win_undone


NOTHING: Final = Booked()


def booked(operation: Told, movements: Iterable[Transfer], original: Told | None = None) -> Booked:
    """What an operation adds to its day.

    Args:
        operation: as recorded.
        movements: its own.
        original: of a rollback, the operation that it goes back to: the first along `target_seq` that is no rollback.
            It takes the nominal stake and the jackpot contribution back (or brings them again); None where it is unknown.
    """
    if operation.status != APPLIED:
        return NOTHING
    paid = got = free = promo = jackpot = 0
    for movement in movements:
        to_house = movement.credit_account != PLAYER
        purse = (movement.credit_account if to_house else movement.debit_account).partition(":")[0]
        gained = -movement.amount if to_house else movement.amount
        if purse == PROVIDER:
            paid, got = (paid + movement.amount, got) if to_house else (paid, got + movement.amount)
        elif purse == FREE_ROUNDS:
            free += gained
        elif purse == PROMO:
            promo += gained
        elif purse == JACKPOT:
            jackpot += gained
    if operation.kind != ROLLBACK:
        return Booked(
            stake=paid,
            win=got,
            free_win=free,
            promo_win=promo,
            jackpot_win=jackpot,
            nominal_stake=operation.nominal_stake,
            jackpot_contribution=operation.jackpot_contribution,
            bets=int(paid > 0),
        )
    # An undo pays the stake back and takes the win; an undo of an undo takes the stake once more and pays the win again.
    again = restores(operation)
    sign = 1 if again else -1
    return Booked(
        stake_undone=-paid if again else got,
        win_undone=-got if again else paid,
        bets=sign * int((paid if again else got) > 0),
        nominal_stake=sign * original.nominal_stake if original else 0,
        jackpot_contribution=sign * original.jackpot_contribution if original else 0,
        free_win=free,
        promo_win=promo,
        jackpot_win=jackpot,
    )


def restores(operation: Told) -> bool:
    """Whether an operation is the undo of an undo: it has the effect of the original again."""
    return operation.kind == ROLLBACK and _RESTORES in operation.details


def begins_round(operation: Told) -> bool:
    """Whether an operation begins its round, if it is the first of it that does. Prizes and undos begin none."""
    return operation.status == APPLIED and bool(operation.round_id) and operation.kind in _BEGINS_A_ROUND


@dataclass(frozen=True, slots=True)
class Spread:
    """What a round adds to the sums of squares, of which the corridor is made. In units squared."""

    stake2: int
    stake_win: int
    win2: int


def spread(stake: int, win: int, change: Booked) -> Spread:
    """How an operation changes the squares of its round, which stood at `stake` and `win` (of the provider's account, net)."""
    after_stake, after_win = stake + change.net_stake, win + change.net_win
    return Spread(
        after_stake * after_stake - stake * stake, after_stake * after_win - stake * win, after_win * after_win - win * win
    )


def spread_alone(change: Booked) -> Spread:
    """The same for an operation that names no round: it is a round of its own, and its undo leaves nothing of it."""
    undone = change.stake_undone > 0 or change.win_undone > 0
    return spread(change.stake_undone, change.win_undone, change) if undone else spread(0, 0, change)


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """The sums of any group of `projections.player_days` in one currency, and what follows from them. Money in units.

    `rtp_stake` is the net stake of games whose theoretical RTP is known; `rtp_low` and `rtp_high` are sums of that stake
    times the lowest and the highest variant's percentage.
    """

    booked: Booked
    rounds: int = 0
    players: int = 0
    stake2: Decimal = Decimal(0)
    stake_win: Decimal = Decimal(0)
    win2: Decimal = Decimal(0)
    rtp_stake: Decimal = Decimal(0)
    rtp_low: Decimal = Decimal(0)
    rtp_high: Decimal = Decimal(0)

    @property
    def stake(self) -> int:
        """Stakes less those that were given back."""
        return self.booked.net_stake

    @property
    def win(self) -> int:
        """Wins of the game less those that were taken back."""
        return self.booked.net_win

    @property
    def ggr(self) -> int:
        """Gross gaming revenue: the net of the providers' house accounts."""
        return self.stake - self.win

    @property
    def ngr(self) -> int:
        """Net gaming revenue: GGR less the wins of free rounds, promotions and jackpots that the house paid."""
        return self.ggr - self.booked.free_win - self.booked.promo_win - self.booked.jackpot_win

    @property
    def rolled_back(self) -> int:
        """Stakes given back and wins taken back, both as they are: how much was turned round."""
        return self.booked.stake_undone + self.booked.win_undone

    @property
    def average_stake(self) -> int | None:
        """Of a cash bet, truncated to a unit; None without bets."""
        return self.stake // self.booked.bets if self.booked.bets > 0 else None

    @property
    def rtp(self) -> Decimal | None:
        """Return to player of cash rounds, a share; None without stakes."""
        return _ratio(Decimal(self.win), Decimal(self.stake))

    @property
    def theoretical(self) -> tuple[Decimal, Decimal] | None:
        """The games' own RTP weighted by their stakes, of their lowest and highest variants; None where none is known."""
        low, high = _ratio(self.rtp_low, self.rtp_stake), _ratio(self.rtp_high, self.rtp_stake)
        return None if low is None or high is None else (low / 100, high / 100)

    @property
    def corridor(self) -> tuple[Decimal, Decimal] | None:
        """Where 95 of 100 actual RTPs lie, from the spread of the rounds themselves.

        None without stakes, and where the theoretical RTP of a part of the stakes is unknown: it would compare other games.
        """
        told = self.theoretical
        if told is None or self.rtp_stake != self.stake:
            return None
        low, high = told
        # No RTP is below 0: where the spread reaches further, the corridor ends there.
        lowest = max(low - CORRIDOR_SIGMAS * self._deviation(low), Decimal(0))
        return lowest, high + CORRIDOR_SIGMAS * self._deviation(high)

    @property
    def outside(self) -> str:
        """`below` or `above` the corridor, empty within it or where there is none."""
        corridor, actual = self.corridor, self.rtp
        if corridor is None or actual is None:
            return ""
        if actual < corridor[0]:
            return "below"
        return "above" if actual > corridor[1] else ""

    @property
    def tells(self) -> bool:
        """Whether there are enough rounds for the corridor to say something."""
        return self.rounds >= ROUNDS_THAT_TELL

    def _deviation(self, rtp: Decimal) -> Decimal:
        """The standard deviation of the actual RTP around `rtp`: sqrt(sum of (win - rtp * stake) ** 2) / sum of stakes."""
        with localcontext() as context:
            context.prec = 60
            squares = self.win2 - 2 * rtp * self.stake_win + rtp * rtp * self.stake2
            return max(squares, Decimal(0)).sqrt() / self.stake


def _ratio(part: Decimal, whole: Decimal) -> Decimal | None:
    """None where there is nothing to be a share of."""
    return part / whole if whole > 0 else None
