"""The keys that this process has seen lately: one look-up a second for each token, however many requests carry it.

A key that was revoked, changed or made is noticed within a second. While the database is away, tokens that it has
vouched for within the last minute go on; all others get AccessUnavailableError, never a false "unknown".
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeVar

import structlog
from prometheus_client import Counter

from shared.access.errors import AccessUnavailableError
from shared.access.keys import ApiKey, hash_token
from shared.database.away import DATABASE_AWAY

log = structlog.get_logger(__name__)

V = TypeVar("V")
LookUp = Callable[[bytes], Awaitable[ApiKey | None]]
"""The key of a token's SHA-256, whatever its state; None where there is none (`KeyStore.find_by_token_hash`)."""

_AWAY: Final = DATABASE_AWAY
_away = Counter("stakewire_access_database_away_total", "Look-ups of keys that the database did not answer")


@dataclass(frozen=True, slots=True)
class RingLimits:
    """Seconds and counts. `fresh_s` is how old an answer may be, `stale_s` how old while the database is away."""

    fresh_s: float = 1.0
    stale_s: float = 60.0
    look_up_s: float = 2.0
    keys_max: int = 10_000
    unknown_max: int = 10_000
    look_ups_max: int = 64


@dataclass(slots=True)
class _Known:
    key: ApiKey
    read_at_s: float
    fresh_until_s: float


class KeyRing:
    """Finds the key of a token. `clock` is monotonic seconds, `now` the time of day that expiry is compared with."""

    def __init__(
        self,
        look_up: LookUp,
        limits: RingLimits | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._look_up = look_up
        self._limits = limits or RingLimits()
        self._clock = clock
        self._now = now
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        # Apart from the known ones: guessing must not push them out.
        self._unknown: OrderedDict[bytes, float] = OrderedDict()
        self._under_way: dict[bytes, asyncio.Task[ApiKey | None]] = {}

    async def find(self, token: str) -> ApiKey | None:
        """The key of a token, or None where it is unknown, expired or revoked.

        Raises AccessUnavailableError where the database does not say and has not vouched for it within a minute.
        """
        digest, clock_s = hash_token(token), self._clock()
        known = self._known.get(digest)
        if known is not None and clock_s < known.fresh_until_s:
            return self._valid(known.key)
        if self._unknown.get(digest, 0.0) > clock_s:
            return None
        looking = self._under_way.get(digest)
        if looking is None:
            looking = self._begin(digest)
        # Shielded: the look-up belongs to all who wait for it, not to the first.
        return self._valid(await asyncio.shield(looking))

    def _begin(self, digest: bytes) -> asyncio.Task[ApiKey | None]:
        if len(self._under_way) >= self._limits.look_ups_max:
            raise AccessUnavailableError(f"{len(self._under_way)} keys are being looked up already; try again in a moment")
        looking = asyncio.create_task(self._read(digest), name="key-look-up")
        self._under_way[digest] = looking

        def ended(task: asyncio.Task[ApiKey | None]) -> None:
            self._under_way.pop(digest, None)
            if not task.cancelled():
                task.exception()  # seen, even if all who waited have gone

        looking.add_done_callback(ended)
        return looking

    async def _read(self, digest: bytes) -> ApiKey | None:
        asked_at_s = self._clock()
        try:
            async with asyncio.timeout(self._limits.look_up_s):
                key = await self._look_up(digest)
        except _AWAY as error:
            _away.inc()
            return self._vouched(digest, error)
        fresh_until_s = asked_at_s + self._limits.fresh_s
        if key is None:
            self._known.pop(digest, None)
            _put(self._unknown, digest, fresh_until_s, self._limits.unknown_max)
        else:
            _put(self._known, digest, _Known(key, asked_at_s, fresh_until_s), self._limits.keys_max)
        return key

    def _vouched(self, digest: bytes, error: Exception) -> ApiKey:
        """What the database said within the last minute; asked again in a second."""
        known, clock_s = self._known.get(digest), self._clock()
        if known is None or clock_s - known.read_at_s > self._limits.stale_s:
            raise AccessUnavailableError(f"the database that knows the keys does not answer: {error!r}") from error
        log.warning("a key goes on without the database", key_id=known.key.key_id, cause=repr(error))
        known.fresh_until_s = min(clock_s + self._limits.fresh_s, known.read_at_s + self._limits.stale_s)
        return known.key

    def _valid(self, key: ApiKey | None) -> ApiKey | None:
        return key if key is not None and key.state_at(self._now()) == "active" else None


def _put(table: OrderedDict[bytes, V], digest: bytes, value: V, size_max: int) -> None:
    """Adds at the young end and drops the oldest beyond the limit."""
    table[digest] = value
    table.move_to_end(digest)
    while len(table) > size_max:
        table.popitem(last=False)
