"""Findings: repeated failures by provider account and code, what people decided about them, and their latest examples.

The only user of sql/findings.sql. What was found is in the projections; what is decided is the office's and outlives them.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Literal

import asyncpg
import msgspec

from services.backoffice.findings.evidence import Compared, compare_bodies, missing_values
from shared.database import load_queries
from shared.providers.diagnosis.compare import similar_ids

QUERIES: Final = load_queries(Path(__file__).parent / "sql" / "findings.sql")
GROUPS_MAX: Final = 500
BACK_DAYS: Final = 30
HOURS, DAYS = 24, 7
EXAMPLES: Final = 20
RECENT_IDS: Final = 500
SIMILAR_MAX: Final = 5
NOTE_CHARS_MAX: Final = 2_000
RETRY_WINDOW: Final = timedelta(days=3)
"""How long before a repetition its first callback is looked for."""

State = Literal["open", "known", "resolved"]
STATES: Final[tuple[State, ...]] = ("open", "known", "resolved")


class Facts(msgspec.Struct, frozen=True):
    """A diagnosis as the gateway wrote it; empty where it had nothing to say."""

    code: str = ""
    title: str = ""
    severity: str = ""
    said: str = ""
    evidence: list[str] = []
    advice: str = ""
    rule: str = ""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A failure that repeats itself. Counts are of the last 30 days; `hours` and `days` end with the present one."""

    provider_account: str
    code: str
    count: int
    last_day: int
    first_at: datetime
    last_at: datetime
    last_request_id: str
    state: State
    came_back: bool
    changed_by: str
    changed_at: datetime | None
    facts: Facts
    hours: list[int] = []
    days: list[int] = []


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """A callback that failed so."""

    received_at: datetime
    request_id: str
    method: str
    player: str
    external_id: str
    verdict: str
    result: str
    response_status: int
    diagnosis: str
    facts: Facts


class Enriched(msgspec.Struct, frozen=True, kw_only=True):
    """What the projections know besides: fields that differ from the first call (`first_request_id`), ids that are similar."""

    example: Example
    differing: list[Compared]
    first_request_id: str
    stored_seq: int
    similar: list[str]


class Findings:
    """Reads and decides. `clock`: Unix seconds."""

    def __init__(self, pool: asyncpg.Pool, clock: Callable[[], float] = time.time) -> None:
        self._pool = pool
        self._clock = clock

    async def groups(self, *, account: str = "", code: str = "", state: State | Literal[""] = "") -> list[Finding]:
        """All findings of the last 30 days, open ones first; at most 500."""
        rows = await self._pool.fetch(QUERIES["groups"], self._now() - timedelta(days=BACK_DAYS), account, code, state, GROUPS_MAX)
        trends = await self._trends(account, code)
        return [_finding(row, trends.get((row["provider_account"], row["finding"]))) for row in rows]

    async def find(self, account: str, code: str) -> Finding | None:
        """One finding; None where it was not met in the last 30 days."""
        if not account or not code:
            return None
        found = await self.groups(account=account, code=code)
        return found[0] if found else None

    async def examples(self, account: str, code: str, limit: int = EXAMPLES) -> list[Example]:
        """The latest callbacks of a finding, newest first."""
        return [_example(row) for row in await self._examples(account, code, limit)]

    async def enriched(self, account: str, code: str) -> Enriched | None:
        """The latest example with what the projections know of it; None where there is nothing to add."""
        rows = await self._examples(account, code, 1)
        if not rows or not rows[0]["player"] or not rows[0]["external_id"]:
            return None
        row = rows[0]
        if row["result"] == "DUPLICATE_DIFFERENT":
            return await self._against_first(row)
        if row["kind"] == "rollback":
            return await self._against_known(row)
        return None

    async def decide(self, account: str, code: str, state: State, login: str) -> State:
        """Keeps what somebody has decided; gives the state before."""
        before: State = await self._pool.fetchval(QUERIES["decide"], account, code, state, login)
        return before

    async def accounts(self) -> list[str]:
        """Provider accounts that were met: for where the configuration cannot be asked."""
        return [row["provider_account"] for row in await self._pool.fetch(QUERIES["accounts"])]

    async def _examples(self, account: str, code: str, limit: int) -> list[asyncpg.Record]:
        since = self._now() - timedelta(days=BACK_DAYS)
        found: list[asyncpg.Record] = await self._pool.fetch(QUERIES["examples"], account, code, since, min(limit, EXAMPLES))
        return found

    async def _against_first(self, row: asyncpg.Record) -> Enriched | None:
        """A repetition with other content: beside the first call where it is archived, and the operation that it made."""
        key = (row["player"], row["provider_account"], row["external_id"])
        received = row["received_at"]
        first = await self._pool.fetchrow(
            QUERIES["first_with_id"], *key, row["method"], received - RETRY_WINDOW, received, row["request_id"]
        )
        stored = await self._pool.fetch(QUERIES["stored_with_id"], *key)
        differing = compare_bodies(_body(row), _body(first)) if first else []
        if not differing and stored:
            differing = missing_values(_body(row), stored[0])
        if not differing and not stored:
            return None
        return Enriched(
            example=_example(row),
            differing=differing,
            first_request_id=first["request_id"] if first else "",
            stored_seq=stored[0]["seq"] if stored else 0,
            similar=[],
        )

    async def _against_known(self, row: asyncpg.Record) -> Enriched | None:
        """A rollback of what was never seen: beside ids that were."""
        key = (row["player"], row["provider_account"])
        stored = await self._pool.fetch(QUERIES["stored_with_id"], *key, row["external_id"])
        if any(each["status"] == "applied" for each in stored):
            return None
        recent = await self._pool.fetch(QUERIES["recent_ids"], *key, RECENT_IDS)
        known = [each["external_id"] for each in recent]
        # In a thread: looking for what is like a long text takes a while.
        similar = await asyncio.to_thread(similar_ids, row["external_id"], known, SIMILAR_MAX)
        return Enriched(example=_example(row), differing=[], first_request_id="", stored_seq=0, similar=similar)

    async def _trends(self, account: str, code: str) -> dict[tuple[str, str], tuple[list[int], list[int]]]:
        now = self._now()
        rows = await self._pool.fetch(QUERIES["hours"], now - timedelta(days=DAYS), account, code)
        found: defaultdict[tuple[str, str], list[tuple[datetime, int]]] = defaultdict(list)
        for row in rows:
            found[row["provider_account"], row["finding"]].append((row["hour"], row["count"]))
        return {key: (binned(counts, now, HOURS, 3_600), binned(counts, now, DAYS, 86_400)) for key, counts in found.items()}

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)


def binned(counts: Iterable[tuple[datetime, int]], now: datetime, bins: int, width_s: int) -> list[int]:
    """Counts of hours in bins of `width_s` that end with the present hour, oldest first."""
    end = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    sums = [0] * bins
    for hour, count in counts:
        place = int((end - hour - timedelta(hours=1)).total_seconds()) // width_s
        if 0 <= place < bins:
            sums[bins - 1 - place] += count
    return sums


def facts_of(text: str) -> Facts:
    """A stored diagnosis; what cannot be read is as good as none."""
    if not text:
        return Facts()
    try:
        return msgspec.json.decode(text, type=Facts)
    except msgspec.MsgspecError:
        return Facts()


def _finding(row: asyncpg.Record, trend: tuple[list[int], list[int]] | None) -> Finding:
    hours, days = trend or ([0] * HOURS, [0] * DAYS)
    return Finding(
        provider_account=row["provider_account"],
        code=row["finding"],
        count=row["count"],
        last_day=row["last_day"],
        first_at=row["first_at"],
        last_at=row["last_at"],
        last_request_id=row["last_request_id"],
        state=row["state"],
        came_back=row["came_back"],
        changed_by=row["changed_by"],
        changed_at=row["changed_at"],
        facts=facts_of(row["facts"]),
        hours=hours,
        days=days,
    )


def _example(row: asyncpg.Record) -> Example:
    return Example(
        received_at=row["received_at"],
        request_id=row["request_id"],
        method=row["method"],
        player=row["player"],
        external_id=row["external_id"],
        verdict=row["verdict"],
        result=row["result"],
        response_status=row["response_status"],
        diagnosis=row["diagnosis"],
        facts=facts_of(row["finding_facts"]),
    )


def _body(row: asyncpg.Record) -> bytes:
    text: str = row["request_body"]
    if not row["request_base64"]:
        return text.encode()
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return b""
