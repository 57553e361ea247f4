"""Wallets join, leave, die and are rolled over while bets go on: every bet is answered in the end, none is taken twice."""

from __future__ import annotations

from tests.bench.stalls import measure
from tests.integration.wallet.stand import WalletStand

WATCHED_S = 0.3
"""Bets after each event; `python -m tests.bench.stalls` watches longer and tells the waits."""


async def test_every_bet_is_answered_and_taken_once(stand: WalletStand) -> None:
    waits = await measure(stand, WATCHED_S, static=False)
    assert len(waits) == 5
    assert all(longest >= median > 0 for longest, median in waits.values())
