"""What the back office's tests work with: its database, and rows in the projections made by the real fold and stores.

seed = Seed(pool)
alice = Story("alice"); alice.deposit(); alice.bet("r1", 2 * EUR); alice.win("r1", EUR)
await seed.stories(alice)
await seed.callbacks(callback(player=alice.player, result="OK"))
await seed.games(game("riot", section="slots", rtp=("96.1",)))
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import asyncpg

from services.backoffice.projections.callback_fold import decode_archived
from services.backoffice.projections.callback_store import take_callbacks
from services.backoffice.projections.event_store import take_events
from services.backoffice.projections.game_store import GameTold, take_games
from services.backoffice.projections.values import Changes, read_event
from shared.contracts.games import GameRecord
from shared.identity import partition_of
from shared.kafka.topics import EVENTS
from tests.integration.backoffice.story import ACCOUNT, EUR, GAME, START, Story

__all__ = ["ACCOUNT", "EUR", "GAME", "START", "TABLES", "Seed", "Story", "callback", "game", "table", "tables"]

KEPT_DAYS: Final = 90
BATCH: Final = 1_000
TABLES: Final = (
    "players", "waiting", "balances", "operations", "rounds", "player_days", "games", "callbacks", "finding_hours", "pulse",
)  # fmt: skip
"""All that is made of the topics, but for the offsets."""
_NO_PLACE: Final = {"waiting": ("since",)}
_numbers = itertools.count(1)


class Seed:
    """Writes to the projections of one database, as the ingest does, without a Kafka. `pool` acts in the back office's role."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool

    async def stories(self, *stories: Story) -> None:
        """All events of these players. Those that are there already change nothing."""
        await self.events(*(raw for story in stories for raw in story.events))

    async def events(self, *events: bytes, batch: int = BATCH) -> list[Changes]:
        """Events as they come from the topic, in batches of at most `batch`."""
        changes = []
        for cut in range(0, len(events), batch):
            recorded = [read_event(raw) for raw in events[cut : cut + batch]]
            partitions = {event.player: partition_of(event.player, EVENTS.partitions) for event in recorded}
            async with self.pool.acquire() as connection, connection.transaction():
                changes.append(await take_events(connection, recorded, partitions))
        return changes

    async def callbacks(self, *records: bytes, now: datetime | None = None) -> None:
        """Callbacks as they come from the topic; `callback` makes them. `now` decides what is too old to be kept."""
        decoded = [decode_archived(raw) for raw in records]
        async with self.pool.acquire() as connection, connection.transaction():
            await take_callbacks(connection, decoded, now or datetime.now(UTC), KEPT_DAYS)

    async def games(self, *records: GameRecord) -> None:
        """Games as the catalogue publishes them."""
        told = [GameTold((record.provider_account, record.game_id), record) for record in records]
        async with self.pool.acquire() as connection, connection.transaction():
            await take_games(connection, told)


def callback(at: datetime | None = None, *, body: str = "{}", answer: str = "{}", **facts: Any) -> bytes:
    """A record of `gateway.callbacks`: a success unless `facts` say otherwise; received at `at` (now)."""
    received = at or datetime.now(UTC)
    record = {
        "request_id": f"req-{next(_numbers)}",
        "provider_account": ACCOUNT,
        "dialect": "mascot",
        "received_at_ms": int(received.timestamp() * 1_000),
        "remote_address": "203.0.113.9",
        "request_headers": {"Content-Type": "application/json"},
        "request_body": body,
        "response_status": 200,
        "response_body": answer,
        "verdict": "answered",
        "method": "withdrawAndDeposit",
        "result": "OK",
        "total_us": 7_000,
        **facts,
    }
    return json.dumps(record).encode()


def finding(code: str, severity: str = "error", **facts: Any) -> dict[str, Any]:
    """The fields of a callback that was diagnosed, for `callback(**finding("signature_wrong_key"))`."""
    diagnosis = {
        "code": code,
        "title": code.replace("_", " "),
        "severity": severity,
        "said": "it was refused",
        "evidence": [],
        "advice": "mend it",
        "rule": "",
    }
    told = json.dumps({**diagnosis, **facts})
    return {"verdict": "refused", "result": "", "response_status": 401, "diagnosis": code, "finding": code, "finding_facts": told}


def game(game_id: str = GAME, **facts: Any) -> GameRecord:
    """A live game of the account."""
    known = {"provider_account": ACCOUNT, "name": game_id.title(), "state": "live", "version": 1, "source_hash": "0" * 64}
    return GameRecord(game_id=game_id, **{**known, "first_seen_ms": 0, "changed_at_ms": 0, **facts})


async def table(pool: asyncpg.Pool, name: str) -> list[tuple[Any, ...]]:
    """All rows of a projection, sorted; without columns that tell when a row was written."""
    left_out = _NO_PLACE.get(name, ())
    rows = await pool.fetch(f"SELECT * FROM projections.{name}")  # noqa: S608  # a name of TABLES
    return sorted((tuple(value for column, value in row.items() if column not in left_out) for row in rows), key=repr)


async def tables(pool: asyncpg.Pool, names: Sequence[str] = TABLES) -> dict[str, list[tuple[Any, ...]]]:
    """All projections as they are, to be compared."""
    return {name: await table(pool, name) for name in names}
