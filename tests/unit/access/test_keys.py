"""Tokens and keys as values."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime, timedelta

import pytest

from shared.access import SCOPES, ApiKey, NewKey, hash_token, new_key_id, new_token

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def key(expires_at: datetime | None = None, revoked_at: datetime | None = None) -> ApiKey:
    return ApiKey(
        key_id="key_a", brand="main", scopes=frozenset(SCOPES), created_at=NOW, expires_at=expires_at, revoked_at=revoked_at
    )


def test_a_token_holds_256_random_bits_behind_a_mark() -> None:
    tokens = {new_token() for _ in range(200)}
    assert len(tokens) == 200
    assert all(re.fullmatch(r"sw_[A-Za-z0-9_-]{43}", token) for token in tokens)


def test_a_key_id_is_short_and_plain() -> None:
    ids = {new_key_id() for _ in range(200)}
    assert len(ids) == 200
    assert all(re.fullmatch(r"key_[a-z2-7]{8}", each) for each in ids)


def test_what_is_kept_of_a_token_is_its_sha256() -> None:
    assert hash_token("sw_x") == hashlib.sha256(b"sw_x").digest()
    assert hash_token("\ud800") != hash_token("\ud801")


def test_a_token_is_not_shown_by_accident() -> None:
    assert "secret" not in repr(NewKey(key(), "secret"))


@pytest.mark.parametrize(
    ("expires_at", "revoked_at", "state"),
    [
        (None, None, "active"),
        (NOW + SECOND, None, "active"),
        (NOW, None, "expired"),
        (NOW - SECOND, None, "expired"),
        (None, NOW, "revoked"),
        (NOW - SECOND, NOW - SECOND, "revoked"),
        (NOW - SECOND, NOW + SECOND, "expired"),
    ],
)
def test_state_of_a_key(expires_at: datetime | None, revoked_at: datetime | None, state: str) -> None:
    assert key(expires_at, revoked_at).state_at(NOW) == state
