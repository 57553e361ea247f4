"""A report as a table: the same columns, with the same numbers, for the API's answer and the CSV file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from services.backoffice.reports.definition import Totals
from services.backoffice.reports.store import Line, Report
from services.backoffice.spreadsheet import Cell, amount, csv_lines

SHARE_DIGITS: Final = Decimal("0.000001")
PORTION: Final = 500
MONEY: Final = (
    "stake", "win", "ggr", "ngr", "free_round_wins", "promo_paid", "jackpot_paid", "rolled_back_stakes", "rolled_back_wins",
    "nominal_stake", "jackpot_contribution",
)  # fmt: skip
"""Columns in units of the line's currency; stake and win are what stayed of them."""

COLUMNS: Final = (
    *MONEY, "average_stake", "bets", "rounds", "players", "rtp", "rtp_theoretical_low", "rtp_theoretical_high", "rtp_corridor_low",
    "rtp_corridor_high", "rtp_outside",
)  # fmt: skip


def money_of(totals: Totals) -> dict[str, int]:
    """The columns of money, in units."""
    booked = totals.booked
    values = (
        totals.stake,
        totals.win,
        totals.ggr,
        totals.ngr,
        booked.free_win,
        booked.promo_win,
        booked.jackpot_win,
        booked.stake_undone,
        booked.win_undone,
        booked.nominal_stake,
        booked.jackpot_contribution,
    )
    return dict(zip(MONEY, values, strict=True))


def share(value: Decimal | None) -> Decimal | None:
    """A share as it is shown: six digits (1 = 100 %)."""
    return None if value is None else value.quantize(SHARE_DIGITS, ROUND_HALF_EVEN)


def shares_of(totals: Totals) -> dict[str, Decimal | None]:
    """The columns of shares."""
    theoretical, corridor = totals.theoretical or (None, None), totals.corridor or (None, None)
    return {
        "rtp": share(totals.rtp),
        "rtp_theoretical_low": share(theoretical[0]),
        "rtp_theoretical_high": share(theoretical[1]),
        "rtp_corridor_low": share(corridor[0]),
        "rtp_corridor_high": share(corridor[1]),
    }


def csv_of(report: Report) -> Iterator[str]:
    """The file: its heading, the lines, and the totals under the key `total`, a portion at a time."""
    yield csv_lines([(*report.dimensions, *(f"{each}_name" for each in _named(report)), "currency", *COLUMNS)])
    for start in range(0, len(report.lines), PORTION):
        yield csv_lines(_row(report, line) for line in report.lines[start : start + PORTION])
    if report.dimensions:
        blanks = ("",) * (len(report.dimensions) - 1 + len(_named(report)))
        yield csv_lines(("total", *blanks, line.currency, *_values(line)) for line in report.totals)


def _named(report: Report) -> tuple[str, ...]:
    """The dimensions whose keys have names."""
    return tuple(each for each in report.dimensions if each in {"game", "collection"})


def _row(report: Report, line: Line) -> Sequence[Cell]:
    named = tuple(name for each, name in zip(report.dimensions, line.names, strict=True) if each in _named(report))
    return (*line.keys, *named, line.currency, *_values(line))


def _values(line: Line) -> tuple[Cell, ...]:
    totals, currency = line.totals, line.currency
    return (
        *(amount(units, currency) for units in money_of(totals).values()),
        None if totals.average_stake is None else amount(totals.average_stake, currency),
        totals.booked.bets,
        totals.rounds,
        totals.players,
        *shares_of(totals).values(),
        totals.outside,
    )
