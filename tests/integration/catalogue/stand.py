"""What the catalogue's tests work with: a syncer, its database, and a provider whose list they write."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import asyncpg
import msgspec

from services.catalogue.records import merged
from services.catalogue.sync.store import Sync
from services.catalogue.sync.syncer import Syncer
from shared.contracts import GameRecord
from tests.unit.providers.mascot.provider_side import ProviderSide

ACCOUNT = "mascot-demo"
TESTER = "test"


def listed(game_id: str, **fields: Any) -> dict[str, Any]:
    """A record of the provider's list."""
    return {
        "Id": game_id,
        "Name": game_id.title(),
        "SectionId": "mascot",
        "Type": "slots",
        "Tags": ["FR"],
        "LinesCount": "25",
        **fields,
    }


@dataclass
class Stand:
    """One account of one provider."""

    syncer: Syncer
    pool: asyncpg.Pool
    provider: ProviderSide

    def lists(self, *games: str | dict[str, Any]) -> None:
        """From now on the provider lists these games: ids, or whole records."""
        records = [listed(each) if isinstance(each, str) else each for each in games]
        self.provider.tell("Game.List", lambda call: call.result({"Games": records}))

    async def sync(self, *games: str | dict[str, Any]) -> Sync:
        """Syncs a list."""
        self.lists(*games)
        return await self.syncer.sync(ACCOUNT, TESTER)

    async def games(self) -> dict[str, GameRecord]:
        """All games as everybody sees them, by id."""
        return {row["game_id"]: merged(row) for row in await self.pool.fetch("SELECT * FROM catalogue.shown")}

    async def live(self) -> set[str]:
        """The ids of the live games."""
        return {game_id for game_id, game in (await self.games()).items() if game.state == "live"}

    async def history(self, game_id: str) -> list[tuple[str, Any, Any]]:
        """What happened to a game: change, former values, record from then on."""
        rows = await self.pool.fetch(
            "SELECT change, before, after FROM catalogue.history WHERE game_id = $1 ORDER BY at, id", game_id
        )
        return [(row["change"], _value(row["before"]), _value(row["after"])) for row in rows]


def counts(sync: Sync) -> tuple[int, int, int, int, int]:
    """Added, changed, returned, withdrawn, unchanged."""
    return sync.added, sync.changed, sync.returned, sync.withdrawn, sync.unchanged


def _value(text: str | None) -> Any:
    return None if text is None else msgspec.json.decode(text)
