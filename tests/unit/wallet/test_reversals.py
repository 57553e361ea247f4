"""Rollback: by the stored amounts, by their net at once, once; and the slot of an original that has not arrived."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import pytest
from msgspec.structs import replace

from services.wallet.decisions import decide
from services.wallet.decisions.model import APPLIED, VOID, Decision, Entry, Operation
from shared.contracts import Command, Result
from tests.unit.wallet.builders import (
    ACCOUNT,
    BLOCKED,
    EUR,
    FREE,
    GRANT,
    HOUSE,
    MINUTE,
    NOW,
    PROMO,
    ROUND,
    SESSION,
    TOMBSTONE,
    bet,
    bet_and_win,
    moved,
    rollback,
    stored,
    stored_bet,
    view,
    win,
)
from tests.unit.wallet.till import Till

WON = moved(HOUSE, "player", 2 * EUR)
STAKED = moved("player", HOUSE, 4 * EUR)
WIN = stored("win", win=2 * EUR, movements=(WON,))
BOTH = stored("bet_and_win", stake=4 * EUR, win=2 * EUR, movements=(STAKED, WON))
CHARGED = stored(
    "bet_and_win",
    win=2 * EUR,
    nominal_stake=4 * EUR,
    free_rounds_asked=1,
    free_rounds_charged=1,
    grant_id=GRANT.grant_id,
    movements=(moved(FREE, "player", 2 * EUR),),
)


def undo(target: Operation | None, balance: int = 100 * EUR, *, fields: dict[str, Any] | None = None, **more: Any) -> Decision:
    movements = target.movements if target else ()
    return decide(rollback(**fields or {}), view(target=target, target_movements=movements, balance=balance, **more))


def on_the_way(decision: Decision, balance: int) -> list[int]:
    """The balance after each entry."""
    steps = [entry.amount if entry.credit_account == "player" else -entry.amount for entry in decision.entries]
    return list(accumulate(steps, initial=balance))[1:]


@pytest.mark.parametrize(
    ("target", "stake", "win", "entries"),
    [
        pytest.param(stored_bet(), 0, 4 * EUR, [Entry(HOUSE, "player", 4 * EUR)], id="bet"),
        pytest.param(stored_bet(0, movements=()), 0, 0, [], id="bet of nothing"),
        pytest.param(WIN, 2 * EUR, 0, [Entry("player", HOUSE, 2 * EUR)], id="win"),
        pytest.param(BOTH, 2 * EUR, 4 * EUR, [Entry(HOUSE, "player", 4 * EUR), Entry("player", HOUSE, 2 * EUR)], id="both legs"),
        pytest.param(CHARGED, 2 * EUR, 0, [Entry("player", FREE, 2 * EUR)], id="free round"),
        pytest.param(
            stored("win", win=EUR, promo_class="jackpot", movements=(moved(f"jackpot:{ACCOUNT}", "player", EUR),)),
            EUR, 0, [Entry("player", f"jackpot:{ACCOUNT}", EUR)], id="jackpot",
        ),
        pytest.param(stored("win", win=EUR, movements=(moved(PROMO, "player", EUR),)), EUR, 0, [Entry("player", PROMO, EUR)], id="prize"),
    ],
)  # fmt: skip
def test_the_stored_movements_are_turned_round(target: Operation, stake: int, win: int, entries: list[Entry]) -> None:
    decision = undo(target)
    assert (decision.result, decision.status, decision.target_seq) == (Result.OK, APPLIED, target.seq)
    assert (decision.stake, decision.win, list(decision.entries)) == (stake, win, entries)
    assert (decision.currency, decision.round_id, decision.game_id) == ("EUR", "r1", "riot")
    assert (decision.tombstone, decision.detail) == (False, "")


@pytest.mark.parametrize(
    ("stake", "won", "balance", "way"),
    [
        pytest.param(100, 50, 0, [100, 50], id="net to the player with nothing"),
        pytest.param(100, 50, -70, [30, -20], id="net to the player with an overdraft"),
        pytest.param(100, 100, 0, [100, 0], id="net nothing"),
        pytest.param(50, 100, 50, [100, 0], id="net from the player, the whole balance"),
    ],
)
def test_the_net_is_applied_at_once(stake: int, won: int, balance: int, way: list[int]) -> None:
    target = stored("bet_and_win", stake=stake, win=won, movements=(moved("player", HOUSE, stake), moved(HOUSE, "player", won)))
    decision = undo(target, balance, fields={"overspent": "refuse"})
    assert (decision.result, decision.details) == (Result.OK, "")
    assert on_the_way(decision, balance) == way


@pytest.mark.parametrize("balance", [0, EUR, 2 * EUR - 1])
def test_won_money_that_is_spent_becomes_an_overdraft(balance: int) -> None:
    decision = undo(WIN, balance)
    assert (decision.result, decision.status, decision.details) == (Result.OK, APPLIED, '{"overdraft":true}')
    assert on_the_way(decision, balance) == [balance - 2 * EUR]


@pytest.mark.parametrize("balance", [0, EUR, 2 * EUR - 1])
def test_or_it_is_refused_where_the_account_is_set_so(balance: int) -> None:
    decision = undo(WIN, balance, fields={"overspent": "refuse"})
    # Not stored: the player may win or deposit, and the undo comes again.
    assert (decision.result, decision.status, decision.entries) == (Result.INSUFFICIENT_FUNDS, "", ())


def test_what_is_still_there_is_no_overdraft() -> None:
    decision = undo(WIN, 2 * EUR, fields={"overspent": "refuse"})
    assert (decision.result, decision.details, on_the_way(decision, 2 * EUR)) == (Result.OK, "", [0])


def test_undoing_a_rollback_takes_the_stake_again() -> None:
    undone = stored("rollback", namespace="undo", seq=6, target_seq=5, win=4 * EUR, movements=(moved(HOUSE, "player", 4 * EUR),))
    decision = undo(undone, 10 * EUR, round=replace(ROUND, bets=0, stake=0))
    assert (decision.result, decision.target_seq, decision.stake, decision.win) == (Result.OK, 6, 4 * EUR, 0)
    assert decision.entries == (Entry("player", HOUSE, 4 * EUR),)
    assert decision.round == ROUND
    assert decision.details == '{"restores":true}'
    assert undo(undone, 0).details == '{"overdraft":true,"restores":true}'


def test_undoing_that_too_gives_the_stake_back_again() -> None:
    again = stored(
        "rollback", namespace="undo", seq=7, target_seq=6, stake=4 * EUR, details='{"restores":true}', movements=(STAKED,),
        free_rounds_charged=1, grant_id=GRANT.grant_id,
    )  # fmt: skip
    decision = undo(again, round=ROUND, grant=GRANT)
    assert (decision.win, decision.details, decision.entries) == (4 * EUR, "", (Entry(HOUSE, "player", 4 * EUR),))
    assert decision.round == replace(ROUND, bets=0, stake=0)
    assert decision.grant == replace(GRANT, remaining=4)


@pytest.mark.parametrize(
    ("target", "more", "reason"),
    [
        (None, {}, "original_not_found"),
        (TOMBSTONE, {}, "original_not_found"),
        (stored_bet(status="refused", result=Result.INSUFFICIENT_FUNDS, movements=()), {}, "original_refused"),
        (stored("rollback", status="void"), {}, "original_void"),
        (stored_bet(), {"target_undone": True}, "original_undone"),
    ],
    ids=["unknown", "unknown, asked before", "refused", "void", "undone under another id"],
)
def test_a_rollback_that_moves_nothing_is_a_success_that_says_why(
    target: Operation | None, more: dict[str, Any], reason: str
) -> None:
    decision = undo(target, round=ROUND, grant=GRANT, **more)
    assert (decision.result, decision.status, decision.detail) == (Result.OK, VOID, reason)
    assert decision.details == f'{{"reason":"{reason}"}}'
    assert (decision.entries, decision.round, decision.grant, decision.target_seq) == ((), None, None, 0)
    # The slot of an unknown original is kept once.
    assert decision.tombstone == (target is None)


def test_the_same_rollback_again_says_again_why_it_moved_nothing() -> None:
    first = stored("rollback", status="void", namespace="undo", details='{"reason":"original_not_found"}')
    decision = decide(rollback(), view(stored=first, target=TOMBSTONE))
    assert (decision.result, decision.replay, decision.detail, decision.tombstone) == (
        Result.OK,
        first,
        "original_not_found",
        False,
    )


@pytest.mark.parametrize(
    "target", [None, TOMBSTONE, stored_bet(status="refused", movements=())], ids=["unknown", "tombstone", "refused"]
)
def test_an_undo_with_an_id_of_its_own_names_one_original_for_ever(target: Operation | None) -> None:
    first = decide(rollback("t1", external_id="u1"), view(target=target))
    assert (first.result, first.status) == (Result.OK, VOID)
    kept = stored("rollback", status="void", namespace="undo", external_id="u1", details=first.details)
    again = decide(rollback("t1", external_id="u1"), view(stored=kept, target=TOMBSTONE))
    assert (again.result, again.replay, again.detail) == (Result.OK, kept, first.detail)
    other = decide(rollback("t2", external_id="u1"), view(stored=kept))
    assert (other.result, other.status, other.tombstone) == (Result.DUPLICATE_DIFFERENT, "", False)


def test_an_undo_whose_own_slot_holds_a_tombstone_moves_nothing_and_stores_nothing() -> None:
    decision = decide(rollback("t9", namespace="tx", external_id="t1"), view(stored=TOMBSTONE))
    assert (decision.result, decision.status, decision.detail) == (Result.OK, "", "original_not_found")


@pytest.mark.parametrize(
    ("fields", "more"),
    [({}, {"player": None, "balance": None}), ({"brands": ("other",)}, {})],
    ids=["unknown player", "other brand"],
)
def test_nobody_elses_operations_are_undone(fields: dict[str, Any], more: dict[str, Any]) -> None:
    target = stored_bet()
    decision = decide(rollback(**fields), view(**{"target": target, "target_movements": target.movements, **more}))
    assert (decision.result, decision.status, decision.tombstone) == (Result.PLAYER_NOT_FOUND, "", False)


def test_a_blocked_player_gets_his_stake_back() -> None:
    assert undo(stored_bet(), player=BLOCKED, expired=True, session=replace(SESSION, status="closed")).win == 4 * EUR


@pytest.mark.parametrize(
    ("grant", "left"),
    [
        (GRANT, 4),
        (replace(GRANT, expires_at_ms=NOW - MINUTE), 4),
        (replace(GRANT, remaining=0), 1),
        (replace(GRANT, remaining=5), 5),
    ],
    ids=["restored", "also when expired", "from nothing", "never above the number given"],
)
def test_a_charged_free_round_is_restored(grant: Any, left: int) -> None:
    decision = undo(CHARGED, grant=grant, round=replace(ROUND, free_charged=1))
    assert decision.grant == replace(grant, remaining=left)
    assert (decision.free_rounds_left, decision.free_rounds_charged) == (left, 1)
    assert decision.round is not None
    assert decision.round.free_charged == 0


def test_several_charged_free_rounds_are_restored() -> None:
    decision = undo(replace(CHARGED, free_rounds_charged=2), grant=replace(GRANT, remaining=1))
    assert decision.grant == replace(GRANT, remaining=3)


def test_undoing_the_rollback_of_a_free_round_charges_it_again() -> None:
    undone = replace(CHARGED, kind="rollback", namespace="undo", seq=6, target_seq=5, win=0, stake=0, movements=())
    decision = undo(undone, grant=GRANT, round=replace(ROUND, bets=0, stake=0, free_charged=0))
    assert decision.grant == replace(GRANT, remaining=2)
    assert decision.round is not None
    assert (decision.round.free_charged, decision.round.bets) == (1, 1)


@pytest.mark.parametrize(
    ("target", "after"),
    [
        pytest.param(stored_bet(), {"bets": 0, "stake": 0}, id="bet"),
        pytest.param(stored_bet(0, movements=()), {"bets": 0, "stake": 4 * EUR}, id="bet of nothing"),
        pytest.param(stored_bet(0, nominal_stake=4 * EUR, movements=()), {"bets": 0, "stake": 4 * EUR}, id="bet in a free round"),
        pytest.param(WIN, {"win": 1 * EUR}, id="win"),
        pytest.param(BOTH, {"bets": 0, "stake": 0, "win": 1 * EUR}, id="both legs"),
        pytest.param(stored("bet_and_win"), {}, id="marker"),
    ],
)
def test_the_round_stands_as_if_it_had_not_been(target: Operation, after: dict[str, int]) -> None:
    before = replace(ROUND, win=3 * EUR)
    assert undo(target, round=before).round == replace(before, **after)


@pytest.mark.parametrize(
    "stake",
    [
        pytest.param(bet(0, external_id="a"), id="of nothing"),
        pytest.param(bet(free_round=True, free_round_stake="nominal", external_id="a"), id="in a free round"),
        pytest.param(bet_and_win(4 * EUR, EUR, free_round=True, free_round_stake="nominal", external_id="a"), id="with its win"),
    ],
)
def test_a_bet_that_cost_nothing_is_counted_again_when_its_rollback_is_undone(stake: Command) -> None:
    """Neither money nor free rounds tell that its undo took a bet out of the round: a win that needs one was refused."""
    till = Till()
    till.done(stake)
    chain = [
        rollback("a"),
        rollback("a", external_id="b", target_namespace="undo"),
        rollback("b", external_id="c", target_namespace="undo"),
        rollback("c", external_id="d", target_namespace="undo"),
    ]
    for undo_, bets in zip(chain, (0, 1, 0, 1), strict=True):
        till.done(undo_)
        assert till.round().bets == bets
    assert till.one(win(EUR, external_id="w", bet_required=True)).result == Result.OK


def test_a_closed_round_stays_closed() -> None:
    closed = replace(ROUND, status="closed", closed_at_ms=NOW - MINUTE)
    assert undo(stored_bet(), round=closed).round == replace(closed, bets=0, stake=0)
