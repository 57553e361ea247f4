"""The office's audit log and its notes: added to only, read by pages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import asyncpg

from shared.database import load_queries

_SQL: Final = load_queries(Path(__file__).parent / "sql" / "audit.sql")
_NOTES: Final = load_queries(Path(__file__).parent / "sql" / "notes.sql")
TEXT_CHARS_MAX: Final = 4_000
WORDS_CHARS_MAX: Final = 2_000
NOTES_SHOWN: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """Who did what, or tried to. `outcome`: done, refused, failed, unknown. `object` as in `office.notes`."""

    login: str
    action: str
    object: str
    before: str = ""
    after: str = ""
    reason: str = ""
    outcome: str = "done"
    address: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the log."""

    id: int
    at: datetime
    deed: Deed


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """What to show; empty is everything. `action` finds what begins with it, such as `player`."""

    login: str = ""
    object: str = ""
    action: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """What somebody wrote about something."""

    id: int
    at: datetime
    login: str
    words: str


class AuditLog:
    """One for the process."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def note(self, deed: Deed, connection: asyncpg.Connection | None = None) -> None:
        """Adds a line; with `connection` in its transaction."""
        texts = (deed.before, deed.after, deed.reason)
        before, after, reason = (storable(text)[:TEXT_CHARS_MAX] for text in texts)
        values = (deed.login, deed.action, storable(deed.object)[:300], before, after, reason, deed.outcome, deed.address)
        await (connection or self._pool).execute(_SQL["note"], *values)

    async def read(self, wanted: AuditFilter, *, before_id: int = 0, limit: int = 50) -> list[Entry]:
        """A page, newest first, of what is older than the entry `before_id` (0: the newest)."""
        rows = await self._pool.fetch(
            _SQL["read"], before_id, wanted.login, wanted.object, wanted.action, wanted.since, wanted.until, limit
        )
        return [Entry(row["id"], row["at"], Deed(**{name: row[name] for name in _DEED})) for row in rows]

    async def add_note(self, login: str, subject: str, words: str) -> None:
        """Keeps a note."""
        await self._pool.execute(_NOTES["add"], login, subject, storable(words)[:WORDS_CHARS_MAX])

    async def notes(self, subject: str) -> list[Note]:
        """The newest notes on something, newest first."""
        rows = await self._pool.fetch(_NOTES["read"], subject, NOTES_SHOWN)
        return [Note(row["id"], row["at"], row["login"], row["words"]) for row in rows]


_DEED: Final = ("login", "action", "object", "before", "after", "reason", "outcome", "address")


def storable(text: str) -> str:
    """Text without what PostgreSQL cannot keep."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")
