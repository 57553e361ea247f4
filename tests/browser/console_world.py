"""What the console's browser tests look at: players, rounds, games and callbacks in the projections, and an operator API.

The operator API and the wallet behind it are the real ones of `tests.operator_api.stand`; what events would have told of
the player is written to the projections by the real fold.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import asyncpg
from fastapi import APIRouter
from pydantic import SecretStr

from services.backoffice.console.frame import Frame
from services.backoffice.console.pages import accounts, audit, games, home, players, preferences, signin, users
from services.backoffice.findings.health import HealthBook
from services.backoffice.findings.store import Findings
from services.backoffice.findings.watch import Watch
from services.backoffice.office.directory import Directory
from services.backoffice.operator import OperatorApi
from services.backoffice.reports.store import Reports
from tests.browser.console import Office
from tests.integration.backoffice.stand import EUR, Seed, Story, callback, game
from tests.operator_api.api import Api
from tests.operator_api.stand import Stand

ACCOUNT: Final = "mascot"
GAMES: Final = 120
EVIL: Final = "<script>alert(1)</script>'; DROP TABLE office.users; --"
"""What people with bad intentions type; it must be seen as it is."""


@dataclass
class World:
    """A back office with pages of its own, and a player who has played. `api` is the operator API, None where there is none."""

    office: Office
    story: Story
    player_id: str
    api: Api | None

    @property
    def player(self) -> str:
        """The player's page."""
        return f"/players/{self.story.player}"

    def balance(self) -> str:
        """What the wallet says."""
        assert self.api is not None
        return self.api.balance(self.player_id)


@asynccontextmanager
async def world(database_url: str, running: Stand | None) -> AsyncIterator[World]:
    """Serves the console's own pages; with `running` they reach its operator API."""
    api = await asyncio.to_thread(running.api) if running else None
    player_id = await asyncio.to_thread(api.player, money="100.00") if api else "alice"
    keys = {"main": SecretStr(api.token or "")} if api else {}
    operator = OperatorApi(f"http://127.0.0.1:{api.port}" if api else "", keys)
    await operator.start()

    def routers(frame: Frame, pool: asyncpg.Pool) -> Iterable[APIRouter]:
        health = HealthBook(pool, Findings(pool), deadline_ms=2_500)
        watch = Watch(pool, stuck_after_h=24, tombstone_after_h=24)
        directory, reports = Directory(pool, ("main", "second")), Reports(pool)
        return (
            *(part.routes(frame) for part in (signin, preferences, users, audit)),
            home.routes(frame, directory, reports, health, watch),
            players.routes(frame, directory, operator),
            games.routes(frame, directory, reports),
            accounts.routes(frame, directory, operator, health),
        )

    async with Office.running(database_url, routers) as office:
        yield World(office, await _seeded(office.pool, player_id), player_id, api)
    await operator.close()


async def _seeded(pool: asyncpg.Pool, player_id: str) -> Story:
    """The player with rounds, games (one with a bad name), and callbacks of the account."""
    seed = Seed(pool)
    story = Story(player_id, at=datetime.now(UTC) - timedelta(minutes=40), account=ACCOUNT)
    story.deposit(100 * EUR)
    for number in range(12):
        story.bet(f"1-{number}", 2 * EUR)
        story.win(f"1-{number}", number * EUR // 3)
    await seed.stories(story)
    await seed.games(
        game(
            "riot",
            provider_account=ACCOUNT,
            name="Riot",
            section="slots",
            studio="Mascot",
            tags=("new", "FR"),
            rtp=("95.1", "94.0"),
        ),
        game("evil", provider_account=ACCOUNT, name=EVIL, section="slots", studio="Mascot", state="off"),
        *(
            game(f"game-{number:03}", provider_account=ACCOUNT, name=f"Game {number:03}", section="table", rtp=("97.5",))
            for number in range(GAMES)
        ),
    )
    await seed.callbacks(*(callback(player=story.player, provider_account=ACCOUNT) for _ in range(5)))
    return story
