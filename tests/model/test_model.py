"""Random histories, both wallets side by side: equal answers, equal balances, and sound books after each batch.

A fresh seed is taken each time and printed; `STAKEWIRE_MODEL_SEED=<seed>` plays the same again. `make prove` plays longer:
STAKEWIRE_MODEL_EXAMPLES and STAKEWIRE_MODEL_STEPS say how many histories, and how long.
"""

from __future__ import annotations

import os
from collections import Counter

import pytest

from tests.model.machine import chosen_seed, prove

EXAMPLES = int(os.environ.get("STAKEWIRE_MODEL_EXAMPLES", "500"))
STEPS = int(os.environ.get("STAKEWIRE_MODEL_STEPS", "50"))
KINDS = (
    "bet", "win", "bet_and_win", "rollback", "end_round", "promo_win", "batch", "rollback_list", "adjust", "void_round",
    "settle_round", "get_balance", "create_player", "deposit", "withdraw", "set_player_status", "erase_player", "close_account",
    "set_limits", "exclude", "lift_exclusion", "grant_free_rounds", "cancel_free_rounds", "open_session", "activate_session",
    "close_session",
)  # fmt: skip
RESULTS = (
    "OK", "INSUFFICIENT_FUNDS", "PLAYER_NOT_FOUND", "PLAYER_BLOCKED", "TOKEN_UNKNOWN", "TOKEN_EXPIRED", "WRONG_CURRENCY",
    "GAME_FORBIDDEN", "LIMIT_EXCEEDED", "ORIGINAL_NOT_FOUND", "ORIGINAL_CANCELLED", "ORIGINAL_SETTLED", "DUPLICATE_DIFFERENT",
    "BAD_REQUEST", "NOT_DONE",
)  # fmt: skip
"""The vocabulary; UNKNOWN is what is said where the wallet was not asked."""
WAYS = (
    "bet OK", "bet INSUFFICIENT_FUNDS", "bet PLAYER_BLOCKED", "bet GAME_FORBIDDEN", "bet LIMIT_EXCEEDED", "bet ORIGINAL_CANCELLED",
    "bet DUPLICATE_DIFFERENT", "bet NOT_DONE", "win OK", "bet_and_win OK", "rollback OK", "batch OK", "batch INSUFFICIENT_FUNDS",
    "rollback_list OK", "void_round OK", "settle_round OK", "adjust OK", "promo_win OK", "deposit PLAYER_BLOCKED",
    "limit exclusion", "limit stake", "limit loss", "limit wager", "limit deposit", "limit free_rounds", "replayed", "clock",
    "stored rollback applied", "stored rollback void", "stored tombstone tombstone", "stored win void", "overdraft",
)  # fmt: skip
"""Meetings that matter; each must have come about at all."""


SELDOM = (("limit", "exclusion", "cash", "bet", "win", "batch"), ("bet", "win", "round", "undo"))
"""Kinds that rarely come together in a history of chosen ones; some histories more are about just them."""


@pytest.fixture(scope="module")
def met() -> Counter[str]:
    """The run itself: every answer is compared on the way. What was met, and how often."""
    number = chosen_seed()
    runs = [prove(number, examples=EXAMPLES, steps=STEPS)]
    runs += [prove(number, examples=EXAMPLES // 8, steps=STEPS, about=about) for about in SELDOM]
    return sum(runs, Counter())


def test_both_wallets_answer_alike(met: Counter[str]) -> None:
    assert met["answers"] > EXAMPLES * STEPS // 3


def test_every_kind_of_command_was_sent_often_enough(met: Counter[str]) -> None:
    seldom = {kind: count for kind in KINDS if (count := _of(met, kind, place=0)) < EXAMPLES // 25}
    assert not seldom


def test_every_result_was_answered_often_enough(met: Counter[str]) -> None:
    seldom = {result: count for result in RESULTS if (count := _of(met, result, place=1)) < EXAMPLES // 250}
    assert not seldom


def test_what_matters_was_met(met: Counter[str]) -> None:
    assert [way for way in WAYS if not met[way]] == []


def _of(met: Counter[str], word: str, *, place: int) -> int:
    """How often a word stands at a place of "kind result"."""
    return sum(count for words, count in met.items() if len(parts := words.split()) == 2 and parts[place] == word)
