"""The outbox of alerts: one for each turn of a subject for the worse, taken by one process at a time.

The only user of sql/alerts.sql. It neither knows what alerts are about nor how they are sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import asyncpg
import msgspec

from shared.database import load_queries

QUERIES: Final = load_queries(Path(__file__).parent / "sql" / "alerts.sql")
KEPT_DAYS: Final = 400
"""Longer than a turn lasts: a subject is told once a turn as long as its alert is known."""

ERROR_CHARS_MAX: Final = 300
PAGE: Final = 50


class Due(msgspec.Struct, frozen=True):
    """An alert that this process is to send. `attempt` counts from 1."""

    id: int
    subject: str
    body: str
    attempt: int


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """An alert as the page shows it."""

    id: int
    at: datetime
    subject: str
    kind: str
    title: str
    attempts: int
    next_at: datetime
    delivered_at: datetime | None
    given_up_at: datetime | None
    last_error: str


class Outbox:
    """Keeps alerts until they are delivered or given up."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def bad(self, bodies: Mapping[str, Mapping[str, Any]]) -> int:
        """These subjects are bad now; those that were not get an alert with their body. Returns how many new alerts there are.

        Harmless in any number of processes at once: a turn has one alert.
        """
        if not bodies:
            return 0
        async with self._pool.acquire() as connection, connection.transaction():
            rows = await connection.fetch(QUERIES["turned_bad"], sorted(bodies))
            subjects = [f"{row['subject']}#{row['turn']}" for row in rows]
            texts = [_body(bodies[row["subject"]], row["turn"]) for row in rows]
            return len(await connection.fetch(QUERIES["enqueue"], subjects, texts))

    async def calm(self, subjects: Sequence[str], calm_s: float) -> None:
        """These subjects are well now; after `calm_s` seconds without a relapse a relapse is a new turn."""
        if subjects:
            await self._pool.execute(QUERIES["turned_calm"], list(subjects), calm_s)

    async def bad_subjects(self, prefix: str) -> set[str]:
        """The subjects with a prefix that were bad when they were looked at last."""
        return {row["subject"] for row in await self._pool.fetch(QUERIES["bad_subjects"], prefix)}

    async def take(self, limit: int, lease_s: float) -> list[Due]:
        """Alerts that are due; no other process gets them for `lease_s` seconds."""
        rows = await self._pool.fetch(QUERIES["take"], limit, lease_s)
        return [Due(row["id"], row["subject"], row["body"], row["attempts"]) for row in rows]

    async def delivered(self, alert_id: int) -> None:
        """The receiver has it."""
        await self._pool.execute(QUERIES["delivered"], alert_id)

    async def failed(self, alert_id: int, error: str, again_s: float, *, give_up: bool) -> None:
        """The receiver does not have it, or we do not know."""
        await self._pool.execute(QUERIES["failed"], alert_id, error[:ERROR_CHARS_MAX], again_s, give_up)

    async def try_again(self, alert_id: int) -> str:
        """Sends an alert after all that was given up; its subject, empty where there is none such."""
        return str(await self._pool.fetchval(QUERIES["try_again"], alert_id) or "")

    async def page(self, before_id: int = 0, limit: int = PAGE) -> list[Listed]:
        """Alerts, newest first, older than the alert `before_id` (0: the newest)."""
        return [_listed(row) for row in await self._pool.fetch(QUERIES["listed"], before_id, limit)]

    async def waiting(self) -> tuple[int, int]:
        """How many alerts wait to be delivered, and how many were given up."""
        row = await self._pool.fetchrow(QUERIES["waiting"])
        return (row["waiting"], row["given_up"])

    async def forget_old(self) -> None:
        """Alerts that are long done go."""
        await self._pool.execute(QUERIES["forget"], KEPT_DAYS)


def _body(told: Mapping[str, Any], turn: int) -> str:
    return msgspec.json.encode({**told, "turn": turn}).decode()


def _listed(row: asyncpg.Record) -> Listed:
    told = msgspec.json.decode(row["body"])
    names = ("id", "at", "subject", "attempts", "next_at", "delivered_at", "given_up_at", "last_error")
    return Listed(**{name: row[name] for name in names}, kind=str(told.get("kind", "")), title=str(told.get("title", "")))
