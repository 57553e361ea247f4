"""Access keys in a real PostgreSQL: made, listed, revoked, replaced; what the role may and may not do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from shared.access import ROLE, SCOPES, KeyNotFoundError, KeyRefusedError, KeyRing, KeyStore, hash_token, read_audit
from shared.database import open_pool
from shared.errors import SettingsError

DEMO_TOKEN = "s" * 43


@pytest.fixture
def store(operator_pool: asyncpg.Pool) -> KeyStore:
    return KeyStore(operator_pool)


async def test_a_key_opens_by_its_token_and_only_its_hash_is_stored(store: KeyStore, operator_pool: asyncpg.Pool) -> None:
    made = await store.create("main", ["read", "play"], actor="cli:anna", label="site")
    assert await store.find_by_token_hash(hash_token(made.token)) == made.key
    assert (made.key.brand, made.key.scopes, made.key.label) == ("main", frozenset({"play", "read"}), "site")
    assert (made.key.expires_at, made.key.revoked_at, made.key.created_by) == (None, None, "cli:anna")
    row = await operator_pool.fetchrow("SELECT k::text AS content, token_sha256 FROM operator.api_keys k")
    assert row is not None
    assert (row["token_sha256"], made.token in row["content"]) == (hash_token(made.token), False)
    assert await store.find_by_token_hash(hash_token(made.token + "x")) is None


async def test_keys_are_listed_newest_first_by_brand(store: KeyStore) -> None:
    first, second, other = [await store.create(brand, SCOPES, actor="a") for brand in ("main", "main", "blue")]
    assert await store.list("main") == [second.key, first.key]
    assert await store.list() == [other.key, second.key, first.key]


@pytest.mark.parametrize(
    ("brand", "scopes", "words"),
    [("", ["read"], "brand"), ("main", [], "none given"), ("main", ["read", "root"], "root")],
)
async def test_a_key_that_cannot_be_is_refused_in_words(store: KeyStore, brand: str, scopes: list[str], words: str) -> None:
    with pytest.raises(KeyRefusedError, match=words):
        await store.create(brand, scopes, actor="a")
    with pytest.raises(KeyRefusedError, match="already"):
        await store.create("main", ["read"], actor="a", expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert await store.list() == []


async def test_a_revoked_key_stays_revoked_at_its_first_time(store: KeyStore, operator_pool: asyncpg.Pool) -> None:
    made = await store.create("main", ["money"], actor="a")
    revoked = await store.revoke(made.key.key_id, actor="b", reason="leaked")
    assert revoked.state_at(datetime.now(UTC) + timedelta(seconds=5)) == "revoked"
    assert await store.revoke(made.key.key_id, actor="c") == revoked
    entries = await read_audit(operator_pool, subject=made.key.key_id)
    assert [(entry.change.action, entry.change.actor, entry.change.reason) for entry in entries] == [
        ("key.revoked", "b", "leaked"),
        ("key.created", "a", ""),
    ]
    assert entries[0].change.before["revoked_at"] is None
    assert datetime.fromisoformat(entries[0].change.after["revoked_at"]) == revoked.revoked_at
    assert made.token not in str(entries)


async def test_unknown_keys_cannot_be_revoked_or_replaced(store: KeyStore) -> None:
    with pytest.raises(KeyNotFoundError, match="stakewire keys list"):
        await store.revoke("key_nobody", actor="a")
    with pytest.raises(KeyNotFoundError):
        await store.replace("key_nobody", actor="a")


async def test_both_keys_open_during_the_overlap(store: KeyStore) -> None:
    old = await store.create("main", ["money", "read"], actor="a", label="site")
    new = await store.replace(old.key.key_id, actor="a", overlap=timedelta(hours=24))
    assert (new.key.brand, new.key.scopes, new.key.label, new.key.expires_at) == (
        "main",
        frozenset({"money", "read"}),
        "site",
        None,
    )
    ending = await store.find_by_token_hash(hash_token(old.token))
    assert ending is not None
    assert ending.expires_at is not None
    assert timedelta(hours=23) < ending.expires_at - datetime.now(UTC) <= timedelta(hours=24)
    at_the_end = ending.expires_at
    assert (ending.state_at(at_the_end - timedelta(seconds=1)), ending.state_at(at_the_end)) == ("active", "expired")
    assert new.key.state_at(at_the_end) == "active"


async def test_an_overlap_never_prolongs_a_key(store: KeyStore) -> None:
    soon = datetime.now(UTC) + timedelta(minutes=5)
    old = await store.create("main", ["read"], actor="a", expires_at=soon)
    await store.replace(old.key.key_id, actor="a", scopes=["play"], overlap=timedelta(days=2))
    ending = await store.find_by_token_hash(hash_token(old.token))
    assert ending is not None
    assert ending.expires_at == soon


async def test_a_key_that_has_ended_is_not_replaced(store: KeyStore) -> None:
    old = await store.create("main", ["read"], actor="a")
    await store.replace(old.key.key_id, actor="a", overlap=timedelta(0))
    with pytest.raises(KeyRefusedError, match="expired"):
        await store.replace(old.key.key_id, actor="a")


async def test_a_token_from_outside_is_registered_once_and_not_revived(store: KeyStore) -> None:
    first = await store.register(DEMO_TOKEN, "main", SCOPES, actor="stack", label="demo")
    assert await store.register(DEMO_TOKEN, "main", SCOPES, actor="stack", label="demo") == first
    await store.revoke(first.key_id, actor="a")
    again = await store.register(DEMO_TOKEN, "main", SCOPES, actor="stack", label="demo")
    assert again.revoked_at is not None
    assert len(await store.list()) == 1


@pytest.mark.parametrize("token", ["short", "x" * 31, "a b" * 20, "ü" * 40, "x" * 600])
async def test_a_token_from_outside_must_be_long_and_plain(store: KeyStore, token: str) -> None:
    with pytest.raises(KeyRefusedError, match="32 to 512 visible ASCII"):
        await store.register(token, "main", SCOPES, actor="a")


async def test_the_ring_follows_the_database_within_a_second(store: KeyStore) -> None:
    moment_s = 100.0
    ring = KeyRing(store.find_by_token_hash, clock=lambda: moment_s)
    made = await store.create("main", ["read"], actor="a")
    assert await ring.find(made.token) == made.key
    await store.revoke(made.key.key_id, actor="a")
    moment_s += 1.0
    assert await ring.find(made.token) is None


async def test_the_role_adds_to_the_audit_and_reaches_nothing_of_the_ledger(operator_pool: asyncpg.Pool) -> None:
    assert await operator_pool.fetchval("SELECT current_user") == ROLE
    for statement in (
        "UPDATE operator.audit SET actor = 'x'",
        "DELETE FROM operator.audit",
        "TRUNCATE operator.audit",
        "DELETE FROM operator.api_keys",
        "DELETE FROM operator.switches",
        "SELECT * FROM players",
        "SELECT * FROM balances",
        "INSERT INTO profiles VALUES ('p', 'o')",
        "CREATE TABLE operator.mine (n integer)",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await operator_pool.execute(statement)


async def test_a_database_without_the_schema_is_named(database_url: str) -> None:
    with pytest.raises(SettingsError, match="stakewire migrate"):
        await open_pool(database_url, role="stakewire_nobody", application_name="test")
