"""The ring: one look-up a second and token, what a gone database leaves in force, and its limits."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.access import AccessUnavailableError, ApiKey, KeyRing, RingLimits, hash_token

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
KEY = ApiKey(key_id="key_a", brand="main", scopes=frozenset({"read"}), created_at=NOW)


@dataclass
class Keys:
    """A table of keys that can be away or slow, and a clock that is set by hand."""

    rows: dict[bytes, ApiKey] = field(default_factory=dict)
    asked: list[bytes] = field(default_factory=list)
    error: Exception | None = None
    gate: asyncio.Event | None = None
    clock_s: float = 1_000.0

    async def look_up(self, digest: bytes) -> ApiKey | None:
        self.asked.append(digest)
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        return self.rows.get(digest)

    def ring(self, **limits: float) -> KeyRing:
        return KeyRing(
            self.look_up,
            replace(RingLimits(), **limits),  # type: ignore[arg-type]  # numbers, checked by each test
            clock=lambda: self.clock_s,
            now=lambda: NOW + timedelta(seconds=self.clock_s - 1_000),
        )


@pytest.fixture
def keys() -> Keys:
    return Keys({hash_token("token"): KEY})


async def test_a_key_is_asked_for_once_a_second(keys: Keys) -> None:
    ring = keys.ring()
    for _ in range(5):
        assert await ring.find("token") == KEY
    assert len(keys.asked) == 1
    keys.clock_s += 0.999
    await ring.find("token")
    assert len(keys.asked) == 1
    keys.clock_s += 0.001
    await ring.find("token")
    assert len(keys.asked) == 2


async def test_a_revoked_key_is_refused_within_a_second(keys: Keys) -> None:
    ring = keys.ring()
    await ring.find("token")
    keys.rows[hash_token("token")] = replace(KEY, revoked_at=NOW)
    keys.clock_s += 1
    assert await ring.find("token") is None


async def test_a_key_expires_on_time_without_being_asked_for(keys: Keys) -> None:
    keys.rows[hash_token("token")] = replace(KEY, expires_at=NOW + timedelta(seconds=0.5))
    ring = keys.ring()
    assert await ring.find("token") is not None
    keys.clock_s += 0.5
    assert await ring.find("token") is None
    assert len(keys.asked) == 1


async def test_an_unknown_token_is_asked_for_once_a_second_and_known_as_soon_as_it_is_made(keys: Keys) -> None:
    ring = keys.ring()
    assert [await ring.find("other") for _ in range(3)] == [None] * 3
    assert len(keys.asked) == 1
    keys.rows[hash_token("other")] = KEY
    keys.clock_s += 1
    assert await ring.find("other") == KEY


async def test_many_at_once_share_one_look_up(keys: Keys) -> None:
    keys.gate = asyncio.Event()
    ring = keys.ring()
    waiting = [asyncio.create_task(ring.find("token")) for _ in range(20)]
    while not keys.asked:  # noqa: ASYNC110 - the tasks run in this loop
        await asyncio.sleep(0)
    waiting[0].cancel()  # the one that began it goes: the others still get their answer
    keys.gate.set()
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(answers[0], asyncio.CancelledError)
    assert answers[1:] == [KEY] * 19
    assert len(keys.asked) == 1


async def test_known_keys_go_on_for_a_minute_without_the_database(keys: Keys) -> None:
    ring = keys.ring()
    await ring.find("token")
    keys.error = OSError("gone")
    keys.clock_s += 30
    assert await ring.find("token") == KEY
    assert await ring.find("token") == KEY
    assert len(keys.asked) == 2, "the database is asked again only after a second"
    keys.clock_s += 30
    assert await ring.find("token") == KEY
    keys.clock_s += 0.1
    with pytest.raises(AccessUnavailableError, match="does not answer"):
        await ring.find("token")
    keys.error = None
    assert await ring.find("token") == KEY


async def test_without_the_database_a_key_still_expires(keys: Keys) -> None:
    keys.rows[hash_token("token")] = replace(KEY, expires_at=NOW + timedelta(seconds=10))
    ring = keys.ring()
    await ring.find("token")
    keys.error = OSError("gone")
    keys.clock_s += 10
    assert await ring.find("token") is None


async def test_without_the_database_an_unknown_token_is_not_called_unknown(keys: Keys) -> None:
    ring = keys.ring()
    assert await ring.find("other") is None
    keys.error = TimeoutError()
    keys.clock_s += 1
    with pytest.raises(AccessUnavailableError):
        await ring.find("other")


async def test_a_database_that_hangs_counts_as_away(keys: Keys) -> None:
    keys.gate = asyncio.Event()
    with pytest.raises(AccessUnavailableError):
        await keys.ring(look_up_s=0.01).find("token")


async def test_guesses_push_no_known_key_out_and_memory_is_bounded(keys: Keys) -> None:
    ring = keys.ring(unknown_max=10, keys_max=3)
    await ring.find("token")
    for number in range(50):
        await ring.find(f"guess {number}")
    before = len(keys.asked)
    await ring.find("token")
    assert len(keys.asked) == before
    for number in range(5):
        keys.rows[hash_token(f"key {number}")] = KEY
        await ring.find(f"key {number}")
    assert (len(ring._known), len(ring._unknown)) == (3, 10)


async def test_look_ups_at_once_are_bounded(keys: Keys) -> None:
    keys.gate = asyncio.Event()
    ring = keys.ring(look_ups_max=2)
    waiting = [asyncio.create_task(ring.find(f"token {number}")) for number in range(2)]
    while len(keys.asked) < 2:  # noqa: ASYNC110 - the tasks run in this loop
        await asyncio.sleep(0)
    with pytest.raises(AccessUnavailableError, match="looked up already"):
        await ring.find("one more")
    keys.gate.set()
    assert await asyncio.gather(*waiting) == [None, None]
