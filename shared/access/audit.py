"""The record of changes made by hand: written in the transaction of the change, only ever added to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import asyncpg
import msgspec

from shared.database import load_queries

QUERIES: Final = load_queries(Path(__file__).parent / "sql" / "audit.sql")
PAGE_MAX: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What was done: `action` as `switch.set`, `subject` what it was done to, both states, who, why, in which request.

    `before` and `after` are plain values that JSON can hold; they must not carry secrets or personal data.
    """

    action: str
    subject: str
    actor: str
    brand: str = ""
    before: Any = None
    after: Any = None
    reason: str = ""
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """A change as it was recorded."""

    entry_id: int
    at: datetime
    change: Change


async def write_audit(connection: asyncpg.Connection, change: Change) -> None:
    """Adds a change on the connection that makes it, so that both are kept or neither."""
    await connection.execute(
        QUERIES["write"],
        change.brand,
        change.actor,
        change.action,
        change.subject,
        _json(change.before),
        _json(change.after),
        change.reason,
        change.request_id,
    )


async def read_audit(
    connection: asyncpg.Connection | asyncpg.Pool, *, brand: str = "", subject: str = "", before_id: int = 0, limit: int = 100
) -> list[AuditEntry]:
    """The newest changes first, older than entry `before_id` (0 = from the newest).

    `subject` leaves only the changes of one thing, `brand` only those of one brand and of all brands together.
    """
    rows = await connection.fetch(QUERIES["read"], subject, before_id, min(limit, PAGE_MAX), brand)
    return [AuditEntry(row["id"], row["at"], _change(row)) for row in rows]


async def audit_as_of(connection: asyncpg.Connection | asyncpg.Pool, subject: str, moment: datetime) -> AuditEntry | None:
    """The last change of one thing up to a moment; None where there was none yet."""
    row = await connection.fetchrow(QUERIES["as_of"], subject, moment)
    return None if row is None else AuditEntry(row["id"], row["at"], _change(row))


def _change(row: asyncpg.Record) -> Change:
    return Change(
        action=row["action"],
        subject=row["subject"],
        actor=row["actor"],
        brand=row["brand"],
        before=_value(row["before"]),
        after=_value(row["after"]),
        reason=row["reason"],
        request_id=row["request_id"],
    )


def _json(value: Any) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()


def _value(text: str | None) -> Any:
    return None if text is None else msgspec.json.decode(text)
