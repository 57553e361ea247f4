"""A wallet killed as by kill -9 between any two steps of a batch: every command takes effect once, and is answered."""

from __future__ import annotations

import asyncio

import pytest

from services.wallet.failpoints import STEPS
from tests.faults.crowd import Crowd
from tests.integration.wallet.books import assert_books
from tests.integration.wallet.line import open_line
from tests.integration.wallet.stand import WalletStand

PLAYERS = 6


@pytest.mark.parametrize("step", STEPS)
async def test_killed_at_a_step_and_started_again(step: str, stand: WalletStand, rounds: int) -> None:
    # A static member's place in the group is taken over at once; a dynamic one's after the session timeout.
    member = {"wallet_instance_id": "the-one", "wallet_batch_max": 20}
    for turn in range(rounds):
        stand.start(wait=False, wallet_failpoint=f"{step}:{2 + turn * 3}", **member)
        async with open_line(stand) as line:
            crowd = Crowd(line, PLAYERS, seed=turn)
            playing = asyncio.create_task(_play(crowd, stand))
            await stand.wait_dead()
            stand.start(**member)
            await playing
            await crowd.play(2)
            await crowd.check()
        stand.stop()
        await assert_books(stand.database_url, stand.kafka_bootstrap_servers, stand.names)
    assert stand.trouble() == []


async def _play(crowd: Crowd, stand: WalletStand) -> None:
    await crowd.enter()
    await crowd.play_until(lambda: not stand.alive())
