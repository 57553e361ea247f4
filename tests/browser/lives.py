"""An office with the pages of history and reports over a few lives that were seeded."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

import asyncpg
from fastapi import APIRouter

from services.backoffice.api.history import Turns
from services.backoffice.console.frame import Frame
from services.backoffice.console.pages import history, reports
from services.backoffice.history.store import History
from services.backoffice.reports.collections import Collections
from services.backoffice.reports.store import Reports
from shared.contracts.accounts import Brand
from tests.browser.console import Office
from tests.integration.backoffice.stand import EUR, Seed, Story, callback, finding, game

BEGAN: Final = datetime.now(UTC).replace(hour=9, minute=0, second=0, microsecond=0) - timedelta(days=4)
NASTY: Final = "<img src=x onerror=alert(1)>"


def routers(frame: Frame, pool: asyncpg.Pool) -> Iterable[APIRouter]:
    """The pages."""
    told, made, turns = Reports(pool), History(pool), Turns()
    collections = Collections(pool, "", {})
    brands = {"main": Brand(brand="main", time_zone="Europe/Malta", gaming_day_start="06:00")}
    return history.routes(frame, made, told, turns), reports.routes(frame, told, collections, brands, turns)


@asynccontextmanager
async def office_with_lives(database_url: str) -> AsyncIterator[tuple[Office, Story]]:
    """The office, and the player whose life it shows."""
    async with Office.running(database_url, routers) as office:
        alice = Story("alice", at=BEGAN)
        alice.deposit(1_000 * EUR)
        bet = alice.bet("r1", 5 * EUR)
        alice.win("r1", 12 * EUR, closes_round=True)
        alice.at += timedelta(days=1)
        alice.rollback(bet)
        alice.free_round("f1", 2 * EUR, 4 * EUR)
        alice.bet(NASTY, EUR)
        for number in range(60):
            alice.bet_and_win(f"many-{number}", EUR, EUR * (number % 3))
        dora = Story("dora", at=BEGAN, currency="USD")
        dora.deposit()
        dora.bet("r1", 11 * EUR)
        seed = Seed(office.pool)
        await seed.stories(alice, dora)
        await seed.games(game(name="Riot at Night", section="slots", rtp=("96.1",), tags=("hot",)))
        at = BEGAN + timedelta(minutes=2)
        await seed.callbacks(
            callback(at, request_id="q1", player=alice.player, external_id="r1", body=f'{{"name": "{NASTY}"}}'),
            callback(at, request_id="q2", body=NASTY, **finding("wrong_key", advice=NASTY, evidence=["the key id is unknown"])),
        )
        yield office, alice
