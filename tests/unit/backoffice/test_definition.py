"""The one definition of the reports, from its own text: which movement goes to which column, and what follows from the sums."""

from __future__ import annotations

from decimal import Decimal

import pytest

from services.backoffice.reports.definition import Booked, Totals, begins_round, booked, restores, spread, spread_alone
from shared.contracts.events import Movement, OperationRecorded

HOUSE = "provider:m"
NOTHING = Booked()


def _moved(*sides: tuple[str, str, int]) -> tuple[Movement, ...]:
    return tuple(
        Movement(debit_account=debit, credit_account=credit, amount=amount, currency="EUR", balance_after=0)
        for debit, credit, amount in sides
    )


def _operation(
    kind: str, *, status: str = "applied", details: str = "", round_id: str = "r1", nominal: int = 0, jackpot: int = 0
) -> OperationRecorded:
    return OperationRecorded(
        player="p", seq=1, provider_account="m", namespace="tx", external_id="x", kind=kind, status=status, occurred_at_ms=0,
        gaming_day="2026-01-01", brand="main", details=details, round_id=round_id, nominal_stake=nominal, jackpot_contribution=jackpot,
    )  # fmt: skip


RESTORES = '{"restores":true}'
STAKE = ("player", HOUSE, 100)
WIN = (HOUSE, "player", 30)
STAKE_BACK = (HOUSE, "player", 100)
WIN_BACK = ("player", HOUSE, 30)


@pytest.mark.parametrize(
    ("operation", "sides", "expected"),
    [
        (_operation("bet"), [STAKE], Booked(stake=100, bets=1)),
        (_operation("win"), [WIN], Booked(win=30)),
        (_operation("bet_and_win"), [STAKE, WIN], Booked(stake=100, win=30, bets=1)),
        (_operation("settle_round"), [WIN], Booked(win=30)),
        # A marker of a round, or a stake of nothing, is no bet.
        (_operation("bet_and_win"), [], NOTHING),
        (_operation("bet", jackpot=7), [STAKE], Booked(stake=100, bets=1, jackpot_contribution=7)),
        # Free rounds: nothing is debited, the win comes out of their own purse.
        (_operation("bet", nominal=100), [], Booked(nominal_stake=100)),
        (_operation("win"), [("free_rounds:m", "player", 40)], Booked(free_win=40)),
        (_operation("bet_and_win", nominal=5), [("free_rounds:m", "player", 40)], Booked(free_win=40, nominal_stake=5)),
        # Prizes, as calls of their own and as wins of a class.
        (_operation("promo_win"), [("promo:m", "player", 50)], Booked(promo_win=50)),
        (_operation("promo_win"), [("jackpot:m", "player", 60)], Booked(jackpot_win=60)),
        (_operation("promo_win"), [("free_rounds:m", "player", 70)], Booked(free_win=70)),
        (_operation("win"), [("jackpot:m", "player", 60)], Booked(jackpot_win=60)),
        # No play at all.
        (_operation("deposit"), [("cash", "player", 1_000)], NOTHING),
        (_operation("withdraw"), [("player", "cash", 1_000)], NOTHING),
        (_operation("adjust"), [("adjustments", "player", 1_000)], NOTHING),
        (_operation("rollback", details='{"uncounted":true}'), [("player", "cash", 1_000)], NOTHING),
        # What a rollback gives back and takes back is in columns of its own.
        (_operation("rollback"), [STAKE_BACK], Booked(stake_undone=100, bets=-1)),
        (_operation("rollback"), [WIN_BACK], Booked(win_undone=30)),
        (_operation("rollback"), [STAKE_BACK, WIN_BACK], Booked(stake_undone=100, win_undone=30, bets=-1)),
        (_operation("rollback", details='{"overdraft":true}'), [WIN_BACK], Booked(win_undone=30)),
        # The undo of an undo comes out of them again.
        (_operation("rollback", details=RESTORES), [STAKE], Booked(stake_undone=-100, bets=1)),
        (_operation("rollback", details=RESTORES), [WIN], Booked(win_undone=-30)),
        (_operation("rollback", details=RESTORES), [STAKE, WIN], Booked(stake_undone=-100, win_undone=-30, bets=1)),
        # Prizes that are taken back, and paid once more.
        (_operation("rollback", details='{"uncounted":true}'), [("player", "promo:m", 50)], Booked(promo_win=-50)),
        (_operation("rollback", details='{"restores":true,"uncounted":true}'), [("promo:m", "player", 50)], Booked(promo_win=50)),
        (_operation("rollback"), [("player", "free_rounds:m", 40)], Booked(free_win=-40)),
        (_operation("rollback"), [("player", "jackpot:m", 60)], Booked(jackpot_win=-60)),
        # What moved nothing counts nothing, whatever it says.
        (_operation("bet", status="refused", jackpot=7, nominal=3), [], NOTHING),
        (_operation("promo_win", status="void"), [], NOTHING),
        (_operation("rollback", status="void"), [], NOTHING),
        (_operation("bet", status="tombstone"), [], NOTHING),
        # Only the purse of a house account tells, not its name.
        (_operation("bet"), [("player", "provider:promo:m", 100)], Booked(stake=100, bets=1)),
    ],
)
def test_an_operation_is_booked_by_what_it_moved(
    operation: OperationRecorded, sides: list[tuple[str, str, int]], expected: Booked
) -> None:
    assert booked(operation, _moved(*sides)) == expected


def test_an_undo_takes_nominal_stake_and_contribution_of_its_original_back_and_an_undo_of_it_brings_them_again() -> None:
    bet = _operation("bet", nominal=9, jackpot=2)
    undo = booked(_operation("rollback"), (), bet)
    assert undo == Booked(nominal_stake=-9, jackpot_contribution=-2)
    assert booked(_operation("rollback", details=RESTORES), (), bet) == Booked(nominal_stake=9, jackpot_contribution=2)
    assert booked(_operation("rollback"), ()) == NOTHING, "of an original that is not known nothing can be told"


def test_a_bet_its_undo_and_the_undo_of_that_leave_the_bet() -> None:
    bet = _operation("bet_and_win")
    parts = [
        booked(bet, _moved(STAKE, WIN)),
        booked(_operation("rollback"), _moved(STAKE_BACK, WIN_BACK), bet),
        booked(_operation("rollback", details=RESTORES), _moved(STAKE, WIN), bet),
    ]
    assert sum(part.net_stake for part in parts) == 100
    assert sum(part.net_win for part in parts) == 30
    assert sum(part.bets for part in parts) == 1
    assert restores(_operation("rollback", details=RESTORES))
    assert not restores(_operation("rollback"))
    assert not restores(_operation("adjust", details='{"reason":"\\"restores\\":true"}'))


@pytest.mark.parametrize(
    ("operation", "begins"),
    [
        (_operation("bet"), True),
        (_operation("bet_and_win"), True),
        (_operation("win"), True),
        (_operation("bet", round_id=""), False),
        (_operation("bet", status="refused"), False),
        (_operation("win", status="void"), False),
        (_operation("promo_win"), False),
        (_operation("rollback"), False),
        (_operation("end_round"), False),
        (_operation("void_round"), False),
        (_operation("settle_round"), False),
    ],
)
def test_a_round_begins_with_a_stake_or_a_win(operation: OperationRecorded, begins: bool) -> None:  # noqa: FBT001
    assert begins_round(operation) is begins


def test_squares_are_those_of_the_whole_round_however_it_came_about() -> None:
    steps = [
        Booked(stake=100, bets=1),
        Booked(stake=50, bets=1),
        Booked(win=30),
        Booked(stake_undone=50, bets=-1),
        Booked(stake_undone=-50, bets=1),
    ]
    stake = win = stake2 = stake_win = win2 = 0
    for step in steps:
        change = spread(stake, win, step)
        stake, win = stake + step.net_stake, win + step.net_win
        stake2, stake_win, win2 = stake2 + change.stake2, stake_win + change.stake_win, win2 + change.win2
    assert (stake, win) == (150, 30)
    assert (stake2, stake_win, win2) == (150 * 150, 150 * 30, 30 * 30)


def test_what_names_no_round_is_a_round_of_its_own_and_its_undo_leaves_nothing() -> None:
    play = spread_alone(Booked(stake=100, win=30))
    assert (play.stake2, play.stake_win, play.win2) == (10_000, 3_000, 900)
    undo = spread_alone(Booked(stake_undone=100, win_undone=30))
    assert (undo.stake2, undo.stake_win, undo.win2) == (-10_000, -3_000, -900)
    again = spread_alone(Booked(stake_undone=-100, win_undone=-30))
    assert again == play


def test_revenue_is_what_stayed_of_stakes_and_wins_less_what_the_house_gave() -> None:
    totals = Totals(
        booked=Booked(
            stake=1_000, win=700, stake_undone=100, win_undone=50, free_win=20, promo_win=7, jackpot_win=3, bets=9,
        )
    )  # fmt: skip
    assert (totals.stake, totals.win) == (900, 650)
    assert totals.ggr == 250
    assert totals.ngr == 220
    assert totals.rolled_back == 150
    assert totals.average_stake == 100
    assert totals.rtp == Decimal(650) / Decimal(900)


def test_nothing_has_no_averages() -> None:
    totals = Totals(booked=NOTHING)
    assert (totals.ggr, totals.ngr, totals.average_stake, totals.rtp) == (0, 0, None, None)
    assert (totals.theoretical, totals.corridor, totals.outside, totals.tells) == (None, None, "", False)
    # A day with nothing but rollbacks of other days.
    undone = Totals(booked=Booked(stake_undone=100, bets=-1))
    assert (undone.ggr, undone.average_stake, undone.rtp, undone.corridor) == (-100, None, None, None)


def _even_money(rounds: int, wins: int, *, rtp: str = "50") -> Totals:
    """So many rounds of a stake of 1 each, `wins` of which paid 1."""
    known = Decimal(rounds) * Decimal(rtp)
    return Totals(
        booked=Booked(stake=rounds, win=wins, bets=rounds),
        rounds=rounds,
        stake2=Decimal(rounds),
        stake_win=Decimal(wins),
        win2=Decimal(wins),
        rtp_stake=Decimal(rounds),
        rtp_low=known,
        rtp_high=known,
    )


def test_the_corridor_is_196_standard_deviations_around_the_theoretical_rtp() -> None:
    # 10,000 tosses of a coin: each is 0.5 away from the mean, so s = sqrt(10,000 * 0.25) / 10,000 = 0.005.
    totals = _even_money(10_000, 5_050)
    assert totals.theoretical == (Decimal("0.5"), Decimal("0.5"))
    assert totals.corridor == (Decimal("0.4902"), Decimal("0.5098"))
    assert totals.rtp == Decimal("0.505")
    assert totals.outside == ""
    assert totals.tells


@pytest.mark.parametrize(("wins", "outside"), [(4_901, "below"), (4_902, ""), (5_098, ""), (5_099, "above")])
def test_an_rtp_beyond_the_corridor_is_told(wins: int, outside: str) -> None:
    assert _even_money(10_000, wins).outside == outside


def test_several_variants_make_the_corridor_wider_on_their_side() -> None:
    low = _even_money(10_000, 5_000)
    both = Totals(
        booked=low.booked, rounds=low.rounds, stake2=low.stake2, stake_win=low.stake_win, win2=low.win2,
        rtp_stake=low.rtp_stake, rtp_low=low.rtp_low, rtp_high=Decimal(10_000) * 60,
    )  # fmt: skip
    assert both.theoretical == (Decimal("0.5"), Decimal("0.6"))
    assert both.corridor is not None
    assert low.corridor is not None
    assert both.corridor[0] == low.corridor[0]
    assert both.corridor[1] > Decimal("0.6")


def test_where_a_part_of_the_stakes_has_no_known_rtp_there_is_no_corridor() -> None:
    known = _even_money(10_000, 5_000)
    part = Totals(
        booked=known.booked, rounds=known.rounds, stake2=known.stake2, stake_win=known.stake_win, win2=known.win2,
        rtp_stake=Decimal(9_000), rtp_low=Decimal(9_000) * 50, rtp_high=Decimal(9_000) * 50,
    )  # fmt: skip
    assert part.theoretical == (Decimal("0.5"), Decimal("0.5"))
    assert part.corridor is None
    assert part.outside == ""
