"""What the browser tests of live board, findings, watch lists, health and doctor look at: rows in the projections, and pages."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import asyncpg
from fastapi import APIRouter

from services.backoffice.console.frame import Frame
from services.backoffice.console.pages import doctor, findings, health, live, signin, watch
from services.backoffice.findings.accounts import AccountBook
from services.backoffice.findings.health import HealthBook
from services.backoffice.findings.outbox import Outbox
from services.backoffice.findings.store import Findings
from services.backoffice.findings.watch import Watch
from services.backoffice.live.board import Board
from services.backoffice.live.hub import Hub
from services.backoffice.operator import OperatorApi
from tests.browser.console import Office
from tests.integration.backoffice.stand import EUR, Seed, Story, callback, finding, game

CODE: Final = "signature_wrong_key"
EVIL: Final = "<script>alert(1)</script>'; DROP TABLE office.users; --"


@dataclass
class Desk:
    """A running office with these pages; `hub` is that of its live board."""

    office: Office
    seed: Seed
    hub: Hub
    outbox: Outbox
    stuck: Story

    async def beat(self, **facts: Any) -> None:
        """Some callbacks, now."""
        at = datetime.now(UTC) - timedelta(seconds=1)
        await self.seed.callbacks(*(callback(at, **facts) for _ in range(20)))


@asynccontextmanager
async def opened_desk(database_url: str, operator: OperatorApi) -> AsyncIterator[Desk]:
    """Serves the pages; the seed holds something for each of them."""
    hubs: list[Hub] = []

    def routers(frame: Frame, pool: asyncpg.Pool) -> Iterable[APIRouter]:
        board = Board(pool, lambda: {"wallet.events": 3, "gateway.callbacks": 0})
        hub = Hub(board, lambda tokens: board.still_signed_in(tokens, frame.sign_ins.idle_s), every_s=0.3)
        hubs.append(hub)
        of_findings = Findings(pool)
        accounts = AccountBook(operator, of_findings)
        of_health = HealthBook(pool, of_findings, deadline_ms=2_500)
        lists = Watch(pool, stuck_after_h=24, tombstone_after_h=24)
        yield signin.routes(frame)
        yield live.routes(frame, hub)
        yield findings.routes(frame, of_findings, Outbox(pool))
        yield health.routes(frame, of_health, accounts)
        yield watch.routes(frame, lists, accounts, operator, stuck_after_h=24)
        yield doctor.routes(frame, operator, accounts)

    async with Office.running(database_url, routers) as office:
        seed = Seed(office.pool)
        stuck = await _seeded(seed)
        yield Desk(office, seed, hubs[0], Outbox(office.pool), stuck)
        await hubs[0].stop()


async def _seeded(seed: Seed) -> Story:
    now = datetime.now(UTC)
    stuck = Story("stuck", at=now - timedelta(hours=50), step=timedelta(seconds=1))
    stuck.deposit()
    for number in range(60):
        stuck.bet(f"open-{number}", EUR)
    stuck.tombstone("never-came")
    stuck.refused("over", 5 * EUR, result="LIMIT_EXCEEDED", limit="loss_day")
    playing = Story("playing", at=now - timedelta(minutes=4), step=timedelta(seconds=1))
    playing.deposit(1_000 * EUR)
    playing.bet_and_win("p1", 2 * EUR, 700 * EUR)
    playing.bet_and_win("p2", 5 * EUR, 0, game_id="evil")
    await seed.games(game("riot"), game("evil", name=EVIL))
    await seed.stories(stuck, playing)
    first, other = (json.dumps({"method": "withdrawAndDeposit", "params": {"withdraw": amount}}) for amount in (400, 500))
    duplicate = finding("duplicate_different") | {"result": "DUPLICATE_DIFFERENT", "verdict": "answered"}
    facts: dict[str, Any] = {
        "said": "The signature fits the key 'next'.",
        "evidence": ["X-Signature: main=…"],
        "rule": "Choose the key by its id.",
    }
    await seed.callbacks(
        *(callback(now - timedelta(hours=hours), **finding(CODE, **facts)) for hours in (0, 0, 1, 5, 30)),
        callback(now - timedelta(minutes=9), **finding(EVIL, title=EVIL, said=EVIL, advice=EVIL)),
        callback(now - timedelta(minutes=9), body=first, player=playing.player, external_id="p1", request_id="the-first"),
        callback(now - timedelta(minutes=8), body=other, player=playing.player, external_id="p1", **duplicate),
        callback(now - timedelta(minutes=1), provider_account="quiet"),
    )
    return stuck
