"""Wallets that are broken on purpose: each must be found by the same comparison, or the comparison proves little."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from services.wallet.chain import seal
from services.wallet.decisions import decide
from services.wallet.decisions.model import GENESIS, VOID, Decision, Operation, View
from services.wallet.working_set import WorkingSet
from shared.contracts import NO_LIMIT, Bet, BetAndWin, Command, Reply, Result, Rollback
from tests.model.machine import prove

EXAMPLES = 500
"""The budget of `make test`."""
SEEDS = (2_027, 2_028, 2_029, 2_030)
"""One after the other, until one finds it: which of them does must not hang on luck."""
STEPS = 50
Break = Callable[[pytest.MonkeyPatch], None]
_replay, _note_changes = WorkingSet._replay, WorkingSet._note_changes


def seeing(change: Callable[[Command, View], View]) -> Break:
    """A wallet whose decisions look at something else than what is."""

    def break_it(patch: pytest.MonkeyPatch) -> None:
        patch.setattr("services.wallet.working_set.decide", lambda command, view: decide(command, change(command, view)))

    return break_it


def deciding(change: Callable[[Command, Decision], Decision]) -> Break:
    """A wallet that books something else than was decided."""

    def break_it(patch: pytest.MonkeyPatch) -> None:
        patch.setattr("services.wallet.working_set.decide", lambda command, view: change(command, decide(command, view)))

    return break_it


def a_duplicate_debits_again(patch: pytest.MonkeyPatch) -> None:
    def replay(self: WorkingSet, command: Command, decision: Decision, stored: Operation) -> Reply:
        if stored.stake:
            self.balances[stored.player, stored.currency] -= stored.stake
            self.changed_balances.add((stored.player, stored.currency))
        return _replay(self, command, decision, stored)

    patch.setattr(WorkingSet, "_replay", replay)


def no_tombstone_is_left(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(WorkingSet, "_entomb", lambda *_: None)


def a_refused_batch_keeps_its_first_items(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("services.wallet.working_set.Journal.undo", lambda *_: None)


def grants_are_forgotten_at_the_end_of_a_batch(patch: pytest.MonkeyPatch) -> None:
    def note_changes(self: WorkingSet, *args: Any) -> None:
        _note_changes(self, *args)
        self.changed_grants.clear()

    patch.setattr(WorkingSet, "_note_changes", note_changes)


def the_chain_begins_anew_with_each_operation(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("services.wallet.working_set.seal", lambda _, operation: seal(GENESIS, operation))


def _limits_one_too_high(_: Command, view: View) -> View:
    higher = [replace(limit, value=limit.value + 1) if limit.value != NO_LIMIT else limit for limit in view.limits]
    return replace(view, limits=tuple(higher))


def _usage_of_today_alone(_: Command, view: View) -> View:
    return replace(view, usage=tuple(each for each in view.usage if each.gaming_day == view.gaming_day))


def _nobody_excluded(_: Command, view: View) -> View:
    return view if view.player is None else replace(view, player=replace(view.player, excluded_until_ms=0))


def _win_finances_the_bet(command: Command, view: View) -> View:
    if isinstance(command, BetAndWin) and view.balance is not None:
        return replace(view, balance=view.balance + command.win)
    return view


def _late_wins_are_paid(_: Command, view: View) -> View:
    by_hand = view.round is not None and view.round.status in {"voided", "settled"}
    return replace(view, round=replace(view.round, status="closed")) if by_hand and view.round is not None else view


def _the_win_is_not_taken_back(command: Command, decision: Decision) -> Decision:
    if isinstance(command, Rollback) and decision.stake and decision.win:
        given = tuple(entry for entry in decision.entries if entry.credit_account == "player")
        return replace(decision, stake=0, entries=given)
    return decision


def _undo_leaves_the_usage(command: Command, decision: Decision) -> Decision:
    return replace(decision, counts=None) if isinstance(command, Rollback) else decision


def _laxer_at_once(_: Command, decision: Decision) -> Decision:
    waiting = [replace(limit, value=limit.next_value) if limit.next_from_ms else limit for limit in decision.limits]
    return replace(decision, limits=tuple(waiting))


def _refusals_are_not_kept(command: Command, decision: Decision) -> Decision:
    return replace(decision, status="") if isinstance(command, Bet) and decision.result != Result.OK else decision


def _undo_moves_nothing(command: Command, decision: Decision) -> Decision:
    if isinstance(command, Rollback) and decision.target_seq:
        return replace(decision, status=VOID, entries=(), stake=0, win=0)
    return decision


MUTANTS: dict[str, Break] = {
    "a duplicate debits again": a_duplicate_debits_again,
    "no tombstone is left": no_tombstone_is_left,
    "a refused batch keeps its first items": a_refused_batch_keeps_its_first_items,
    "grants are forgotten at the end of a batch": grants_are_forgotten_at_the_end_of_a_batch,
    "the chain begins anew with each operation": the_chain_begins_anew_with_each_operation,
    "limits are off by one": seeing(_limits_one_too_high),
    "weeks and months are today": seeing(_usage_of_today_alone),
    "an exclusion is not looked at": seeing(_nobody_excluded),
    "the win finances the bet": seeing(_win_finances_the_bet),
    "late calls of a round ended by hand count": seeing(_late_wins_are_paid),
    "expired stakes are taken": seeing(lambda _, view: replace(view, expired=False)),
    "an undo gives the stake back and leaves the win": deciding(_the_win_is_not_taken_back),
    "an undo leaves the usage as it is": deciding(_undo_leaves_the_usage),
    "a laxer limit holds at once": deciding(_laxer_at_once),
    "refusals are not kept": deciding(_refusals_are_not_kept),
    "an undo is told and moves nothing": deciding(_undo_moves_nothing),
}


LIMITED = ("bet", "spin", "win", "undo", "limit")
ABOUT = {
    "limits are off by one": LIMITED,
    "weeks and months are today": LIMITED,
    "an undo leaves the usage as it is": LIMITED,
    "a laxer limit holds at once": ("bet", "limit"),
}
"""What hangs on limits, stakes and days together is rare among all that may happen: histories about nothing else."""


def search(about: tuple[str, ...]) -> None:
    """Raises what is found, if anything is."""
    for seed in SEEDS:
        prove(seed, examples=EXAMPLES, steps=STEPS, about=about, shrink=False)


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_broken_wallet_is_found(mutant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    MUTANTS[mutant](monkeypatch)
    with pytest.raises(Exception) as caught:  # noqa: PT011  # whichever comparison finds it
        search(ABOUT.get(mutant, ()))
    assert any("the history:" in note for note in caught.value.__notes__), "it died of something else than a comparison"
