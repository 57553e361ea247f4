"""The wallet dies as by kill -9 at each step between fetch and offset commit; a fresh one goes on, and nothing is lost."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from services.wallet.audit.verify import verify
from services.wallet.failpoints import STEPS
from tests.faults.story import ROUNDS, assert_balances, tell
from tests.integration.wallet.books import assert_books
from tests.integration.wallet.line import Line
from tests.integration.wallet.stand import WalletStand

STATIC: dict[str, Any] = {"wallet_instance_id": "the-one"}
"""A static member: the fresh wallet takes the partitions back at once."""


@pytest.mark.parametrize("fault_round", range(ROUNDS))
@pytest.mark.parametrize("step", STEPS)
async def test_wallet_killed_at(step: str, fault_round: int, stand: WalletStand, line: Line) -> None:
    if not stand.alive():
        stand.start(**STATIC)
    stories = await tell(line, 4)
    stand.stop()
    # Offsets are told a few times a second, whatever the batches: the first time must do there.
    count = 1 if step in {"published", "offsets"} else 2 + fault_round % 5
    stand.start(wait=False, wallet_failpoint=f"{step}:{count}", **STATIC)
    playing = [asyncio.create_task(story.play(line)) for story in stories]
    await stand.wait_dead()
    stand.start(**STATIC)
    await asyncio.gather(*playing)
    await assert_balances(line, stories)
    for story in stories:
        await story.again(line)
    await assert_balances(line, stories)
    stand.stop()
    await assert_books(stand.database_url, stand.kafka_bootstrap_servers, stand.names)
    report = await verify(stand.database_url)
    assert report.agree, report.problems
    assert not stand.trouble()
