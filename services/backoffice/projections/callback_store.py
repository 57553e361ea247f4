"""Archived callbacks into tables, and their months made and dropped. The only user of sql/callbacks.sql.

A month of the table is a partition of it: made ahead, and dropped whole once all of it is older than what is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import asyncpg

from services.backoffice.projections.callback_fold import (
    PULSE_KEPT_S,
    Archived,
    Callbacks,
    fold_callbacks,
    month_of,
    next_month,
)
from services.backoffice.projections.event_store import moment
from shared.database import load_queries

QUERIES: Final = load_queries(Path(__file__).parent / "sql" / "callbacks.sql")
COLUMNS: Final = (
    "received_at", "request_id", "provider_account", "dialect", "method", "kind", "player", "external_id", "verdict", "result",
    "response_status", "remote_address", "diagnosis", "finding", "finding_facts", "request_headers", "request_body",
    "request_base64", "response_body", "response_base64", "verify_us", "parse_us", "wallet_us", "total_us", "keys",
)  # fmt: skip


def oldest_kept(now: datetime, kept_days: int) -> datetime:
    """The beginning of the oldest month that is kept: months that ended `kept_days` ago go."""
    day = (now - timedelta(days=kept_days)).date()
    return datetime.combine(month_of(day), datetime.min.time(), tzinfo=UTC)


async def take_callbacks(connection: asyncpg.Connection, records: Sequence[Archived], now: datetime, kept_days: int) -> Callbacks:
    """Takes callbacks in, in the caller's transaction; makes the months they need."""
    told = fold_callbacks(records, now, oldest_kept(now, kept_days))
    if told.rows:
        await connection.execute(QUERIES["make_months"], sorted(told.months))
        await connection.copy_records_to_table("callbacks", schema_name="projections", columns=COLUMNS, records=told.rows)
    if told.finding_hours:
        hours = (
            (
                account,
                finding,
                moment(hour_s * 1_000),
                each.count,
                moment(each.first_ms),
                moment(each.last_ms),
                each.last_request_id,
            )
            for (account, finding, hour_s), each in sorted(told.finding_hours.items(), key=_key)
        )
        await connection.execute(QUERIES["add_finding_hours"], *_columns(hours))
    if told.pulse:
        beats = (
            (moment(second * 1_000), *rest, each.count, each.total_us, each.slowest_us, _array(each.buckets))
            for (second, *rest), each in told.pulse.items()
        )
        await connection.execute(QUERIES["add_pulse"], *_columns(beats))
    return told


async def keep_house(pool: asyncpg.Pool, now: datetime, kept_days: int) -> list[str]:
    """Makes this month and the next, drops months and seconds that are not kept; returns the names of what was dropped."""
    this = month_of(now.date())
    await pool.execute(QUERIES["make_months"], [this, next_month(this)])
    await pool.execute(QUERIES["forget_pulse"], now - timedelta(seconds=PULSE_KEPT_S))
    return [row[0] for row in await pool.fetch(QUERIES["drop_months"], oldest_kept(now, kept_days).date())]


def _key(item: tuple[tuple[Any, ...], Any]) -> tuple[Any, ...]:
    return item[0]


def _columns(rows: Iterable[Sequence[Any]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _array(numbers: Sequence[int]) -> str:
    return "{" + ",".join(map(str, numbers)) + "}"
