"""The nonce book: behaviour rule 11, bounded, for the whole window."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.callbacks.nonces import Claim, NonceBook

NOW = 1_790_000_000
WINDOW_S = 300


def book(limit: int = 1_000) -> NonceBook:
    return NonceBook(WINDOW_S, limit)


def test_fresh_then_repeated_then_conflicting() -> None:
    nonces = book()
    assert nonces.claim(1, NOW, b"a", NOW) is Claim.FRESH
    assert nonces.claim(1, NOW, b"a", NOW) is Claim.REPEATED
    assert nonces.claim(1, NOW, b"b", NOW) is Claim.CONFLICTING
    assert nonces.claim(1, NOW, b"a", NOW) is Claim.REPEATED
    assert nonces.claim(2, NOW, b"b", NOW) is Claim.FRESH


def test_same_nonce_under_another_timestamp_is_found() -> None:
    nonces = book()
    nonces.claim(1, NOW - WINDOW_S, b"a", NOW)
    assert nonces.claim(1, NOW + WINDOW_S, b"b", NOW) is Claim.CONFLICTING
    assert nonces.claim(1, NOW + WINDOW_S, b"a", NOW) is Claim.REPEATED


@pytest.mark.parametrize("nonce", [0, 2**63, 2**64 - 1, "any text"])
def test_nonces_of_all_kinds(nonce: int | str) -> None:
    nonces = book()
    assert nonces.claim(nonce, NOW, b"a", NOW) is Claim.FRESH
    assert nonces.claim(nonce, NOW, b"b", NOW) is Claim.CONFLICTING


@given(st.integers(-WINDOW_S, WINDOW_S), st.integers(0, 2 * WINDOW_S))
def test_a_nonce_is_remembered_as_long_as_its_timestamp_is_accepted(off_s: int, later_s: int) -> None:
    nonces = book()
    timestamp = NOW + off_s
    nonces.claim(1, timestamp, b"a", NOW)
    if abs(NOW + later_s - timestamp) <= WINDOW_S:
        assert nonces.claim(1, timestamp, b"b", NOW + later_s) is Claim.CONFLICTING


def test_a_nonce_is_forgotten_after_its_window() -> None:
    nonces = book()
    for number in range(100):
        nonces.claim(number, NOW, b"a", NOW)
    later = NOW + 2 * WINDOW_S
    assert nonces.claim("other", later, b"a", later) is Claim.FRESH
    assert len(nonces) == 1
    assert nonces.forgotten == 0


def test_a_full_book_forgets_the_oldest_and_counts_them() -> None:
    nonces = book(limit=100)
    for number in range(100):
        nonces.claim(("old", number), NOW - 200, b"a", NOW)
    assert nonces.claim("new", NOW, b"a", NOW) is Claim.FRESH
    assert nonces.claim("new", NOW, b"b", NOW) is Claim.CONFLICTING
    assert len(nonces) <= 100
    assert nonces.forgotten == 100


def test_the_book_never_grows_over_its_limit() -> None:
    nonces = book(limit=50)
    for number in range(5_000):
        nonces.claim(number, NOW + number % 7 * 40, b"a", NOW + number // 100)
        assert len(nonces) <= 50


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.integers(-WINDOW_S, WINDOW_S), st.sampled_from([b"a", b"b"]), st.integers(0, 30)),
        max_size=60,
    )
)
def test_like_a_plain_dictionary_while_nothing_expires(claims: list[tuple[int, int, bytes, int]]) -> None:
    nonces = book()
    plain: dict[int, bytes] = {}
    for nonce, off_s, content, _ in claims:
        expected = Claim.FRESH if nonce not in plain else Claim.REPEATED if plain[nonce] == content else Claim.CONFLICTING
        assert nonces.claim(nonce, NOW + off_s, content, NOW) is expected
        plain.setdefault(nonce, content)
